package host

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A handed out token is what the wallet itself would give: the same person by the same key, for one contract.
func TestAHandoutIsSignedAsTheWalletSigns(t *testing.T) {
	dir := t.TempDir()
	const issuer, origin = "http://127.0.0.1:8090", "http://northwick.localhost:8080"
	if _, err := Handout(dir, issuer, "anna", origin+"/travel/v1"); err == nil {
		t.Error("a token without a wallet")
	}
	if _, err := os.Stat(filepath.Join(dir, "keys.json")); err == nil {
		t.Error("keys were made that no wallet has")
	}
	w, err := New(Config{Issuer: issuer, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	for _, who := range []struct {
		person, issuer, subject string
		keys                    jose.JSONWebKeySet
		group                   string
	}{
		{"anna", issuer, w.Subject(origin, "anna"), w.citizens.keys, ""},
		{"carl", issuer + "/staff", w.staff.subject(Client{Sector: origin}, "carl"), w.staff.keys, "coast-coaches-conductors"},
	} {
		raw, err := Handout(dir, issuer, who.person, origin+"/travel/v1")
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Issuer   string   `json:"iss"`
			Subject  string   `json:"sub"`
			Audience string   `json:"aud"`
			Groups   []string `json:"groups"`
		}
		if err := token.Claims(publicSet(who.keys), &c); err != nil {
			t.Fatalf("%s: %v", who.person, err)
		}
		if c.Issuer != who.issuer || c.Subject != who.subject || c.Audience != origin+"/travel/v1" || who.group != "" && !slices.Contains(c.Groups, who.group) {
			t.Errorf("%s: %+v", who.person, c)
		}
	}
	for _, wrong := range [][2]string{{"nobody", origin + "/travel/v1"}, {"anna", "travel"}} {
		if _, err := Handout(dir, issuer, wrong[0], wrong[1]); err == nil {
			t.Errorf("a token for %v", wrong)
		}
	}
}
