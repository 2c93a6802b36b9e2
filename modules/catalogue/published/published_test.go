package published

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// sample is a manifest the server itself made.
func sample(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// broken returns sample with one member set by its path ("townhall/stage"), or removed when value is nil.
func broken(t testing.TB, path string, value any) []byte {
	t.Helper()
	var m any
	if err := json.Unmarshal(sample(t), &m); err != nil {
		t.Fatal(err)
	}
	at := m
	steps := strings.Split(path, "/")
	for i, step := range steps {
		last := i == len(steps)-1
		switch v := at.(type) {
		case map[string]any:
			switch {
			case last && value == nil:
				delete(v, step)
			case last:
				v[step] = value
			}
			at = v[step]
		case []any:
			var n int
			if _, err := fmt.Sscan(step, &n); err != nil || n >= len(v) {
				t.Fatalf("%s: no such element", path)
			}
			if last {
				v[n] = value
			}
			at = v[n]
		default:
			t.Fatalf("%s leads nowhere", path)
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestTheSampleKeepsTheSchema(t *testing.T) {
	t.Parallel()
	if err := Validate(sample(t)); err != nil {
		t.Error(err)
	}
}

// What a release says about itself is part of what is signed.
func TestAManifestThatIsPausedOrSeasonalKeepsTheSchema(t *testing.T) {
	t.Parallel()
	for member, value := range map[string]any{
		"stage": "paused", "share": 10, "closed": true, "reason": map[string]any{"en": "Paused.\nBack soon.", "ru": "Приостановлено.", "zh": "已暂停。"},
		"paused_reason": map[string]any{"ru": "Переезд реестра."}, "back_on": "2026-12-24", "season": map[string]any{"from": "11-01", "until": "03-31"}, "min_host_version": "2.1",
	} {
		if err := Validate(broken(t, "townhall/"+member, value)); err != nil {
			t.Errorf("%s: %v", member, err)
		}
	}
}

func TestABrokenManifestIsRefusedAndTheMemberNamed(t *testing.T) {
	t.Parallel()
	type list = []any
	type object = map[string]any
	long := strings.Repeat("a", 2001)
	for _, c := range []struct {
		path  string
		value any
		want  string // in the refusal
	}{
		{"pages", nil, "'pages'"},
		{"pages", list{}, "pages:"},
		{"pages", "apps/x", "pages:"},
		{"pages", list{"a", "a"}, "pages:"},
		{"pages/0", "/apps/x", "pages/0:"},
		{"pages/0", "apps/../staff", "pages/0:"},
		{"pages/0", "..", "pages/0:"},
		{"pages/0", "apps//x", "pages/0:"},
		{"pages/0", "apps/%2e%2e/x", "pages/0:"},
		{"pages/0", `apps\x`, "pages/0:"},
		{"pages/0", "https://evil.example/x", "pages/0:"},
		{"pages/0", "apps/x?y=1", "pages/0:"},
		{"pages/0", "apps/x\n", "pages/0:"},
		{"pages/0", 7, "pages/0:"},
		{"pages/0", "", "pages/0:"},
		{"app_id", nil, "'app_id'"},
		{"app_id", "Residence Certificate", "app_id:"},
		{"app_id", strings.Repeat("a", 64), "app_id:"},
		{"name", nil, "'name'"},
		{"name", "", "name:"},
		{"name", "   ", "name:"},
		{"name", "two\nlines", "name:"},
		{"name", long, "name:"},
		{"name_localized", nil, "'name_localized'"},
		{"name_localized/zh-Hans", nil, "name_localized:"},
		{"name_localized/ru/value", "", "name_localized/ru/value:"},
		{"name_localized/ru/lang", "en", "name_localized/ru/lang:"},
		{"name_localized/ru/dir", "up", "name_localized/ru/dir:"},
		{"name_localized/ru", "Справка", "name_localized/ru:"},
		{"name_localized/русский", object{"value": "x", "lang": "ru", "dir": "ltr"}, "'русский'"},
		{"description_localized/en/value", nil, "description_localized/en:"},
		{"lang", "ru", "lang:"},
		{"dir", "sideways", "dir:"},
		{"icons", nil, "'icons'"},
		{"icons", list{}, "icons:"},
		{"icons/0/src", nil, "icons/0:"},
		{"icons/0/src", "http://northwick.example/icon.svg", "icons/0/src:"},
		{"icons/0/src", "javascript:alert(1)", "icons/0/src:"},
		{"icons/0/src", "https://user@evil.example/", "icons/0/src:"},
		{"icons/0/sizes", "large", "icons/0/sizes:"},
		{"icons/0/type", "text/html", "icons/0/type:"},
		{"version", nil, "'version'"},
		{"version", "1.0.0", "version:"},
		{"version/code", 0, "version/code:"},
		{"version/code", 1.5, "version/code:"},
		{"version/name", "1.0", "version/name:"},
		{"version/name", nil, "version:"},
		{"platform_version", nil, "'platform_version'"},
		{"platform_version/min_code", 0, "platform_version/min_code:"},
		{"platform_version/min_code", nil, "platform_version:"},
		{"color_scheme", "mauve", "color_scheme:"},
		{"categories", list{"x", "x"}, "categories:"},
		{"categories/0", "Two Words", "categories/0:"},
		{"req_permissions", list{object{"reason": "why"}}, "req_permissions/0:"},
		{"widgets", list{object{"name": "x", "path": "/x"}}, "widgets/0/path:"},
		{"start_url", "/", "'start_url'"},
		{"townhall", nil, "'townhall'"},
		{"townhall", "x", "townhall:"},
		{"townhall/backdoor", true, "'backdoor'"},
		{"townhall/client_id", nil, "'client_id'"},
		{"townhall/client_id", "residence-certificate", "townhall/client_id:"},
		{"townhall/application_type", "native", "townhall/application_type:"},
		{"townhall/redirect_uris", list{}, "townhall/redirect_uris:"},
		{"townhall/redirect_uris/0", "https://a.example/#x", "townhall/redirect_uris/0:"},
		{"townhall/initiate_login_uri", "/launch", "townhall/initiate_login_uri:"},
		{"townhall/jwks_uri", nil, "'jwks_uri'"},
		{"townhall/token_endpoint_auth_method", "none", "townhall/token_endpoint_auth_method:"},
		{"townhall/subject_type", "public", "townhall/subject_type:"},
		{"townhall/municipality/ru", nil, "townhall/municipality:"},
		{"townhall/agency/zh", "", "townhall/agency/zh:"},
		{"townhall/agency/fr", "x", "'fr'"},
		{"townhall/publisher", nil, "'publisher'"},
		{"townhall/publisher/agency", "../x", "townhall/publisher/agency:"},
		{"townhall/publisher/kind", "person", "townhall/publisher/kind:"},
		{"townhall/publisher/kind", "", "townhall/publisher/kind:"},
		{"townhall/publisher/jwks_uri", "ftp://x", "townhall/publisher/jwks_uri:"},
		{"townhall/category", "", "townhall/category:"},
		{"townhall/stage", "In Review", "townhall/stage:"},
		{"townhall/share", 100, "townhall/share:"},
		{"townhall/closed", "yes", "townhall/closed:"},
		{"townhall/reason", object{}, "townhall/reason:"},
		{"townhall/reason", object{"en": " \n"}, "townhall/reason/en:"},
		{"townhall/paused_reason", object{"fr": "x"}, "'fr'"},
		{"townhall/back_on", "2026-02-30", "townhall/back_on:"},
		{"townhall/season", object{"from": "13-01", "until": "10-31"}, "townhall/season/from:"},
		{"townhall/season", object{"from": "04-15"}, "townhall/season:"},
		{"townhall/min_host_version", "latest", "townhall/min_host_version:"},
		{"townhall/places", list{""}, "townhall/places/0:"},
		{"townhall/services", list{}, "townhall/services:"},
		{"townhall/services/0/level", "extreme", "townhall/services/0/level:"},
		{"townhall/services/0/max_age", -1, "townhall/services/0/max_age:"},
		{"townhall/services/0/retention_days", "long", "townhall/services/0/retention_days:"},
		{"townhall/services/0/claims/0/purpose/ru", nil, "townhall/services/0/claims/0/purpose:"},
		{"townhall/services/0/claims/0/name", "<b>", "townhall/services/0/claims/0/name:"},
		{"townhall/services/0/claims/0/essential", "yes", "townhall/services/0/claims/0/essential:"},
		{"townhall/publication", object{}, "townhall/publication:"},
		{"townhall/publication", object{"hash": "md5:1", "signature": "a..b", "log_index": 0, "log_uri": "https://a.example/x"}, "townhall/publication/hash:"},
		{"townhall/publication", object{"hash": "sha256:" + strings.Repeat("0", 64), "signature": "a.b.c", "log_index": 0, "log_uri": "https://a.example/x"}, "townhall/publication/signature:"},
		{"townhall/publication", object{"hash": "sha256:" + strings.Repeat("0", 64), "signature": "a..b", "log_index": -1, "log_uri": "https://a.example/x"}, "townhall/publication/log_index:"},
	} {
		if err := Validate(broken(t, c.path, c.value)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: want a refusal naming %s, got %v", c.path, c.value, c.want, err)
		}
	}
	for _, raw := range []string{"", "[]", "null", "7", "{", `{"a":1}{}`} {
		if Validate([]byte(raw)) == nil {
			t.Errorf("%q is taken", raw)
		}
	}
}

// The examples of RFC 8785: §3.2.2 and §3.2.3, and numbers of appendix B.
func TestTheCanonicalFormIsThatOfRFC8785(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`:                                                                                  `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		"{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\",\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}":        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		`[-0,5e-324,-5e-324,1.7976931348623157e308,9007199254740992,-9007199254740992,295147905179352830000,9.999999999999997e22,1e23,1.0000000000000001e23,999999999999999700000,999999999999999900000,1e21,9.999999999999997e-7,0.000001,333333333.3333332]`: `[0,5e-324,-5e-324,1.7976931348623157e+308,9007199254740992,-9007199254740992,295147905179352830000,9.999999999999997e+22,1e+23,1.0000000000000001e+23,999999999999999700000,999999999999999900000,1e+21,9.999999999999997e-7,0.000001,333333333.3333332]`,
	} {
		if got, err := jcs.Transform([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s\n got %s, %v\nwant %s", in, got, err, want)
		}
	}
}

func TestTheHashCoversEverythingButThePublication(t *testing.T) {
	t.Parallel()
	canonical, err := Canonical(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Canonical(canonical); err != nil || string(again) != string(canonical) {
		t.Errorf("not its own canonical form: %v", err)
	}
	same, err := Canonical(broken(t, "townhall/publication", map[string]any{"hash": "x"}))
	if err != nil || Hash(same) != Hash(canonical) {
		t.Errorf("the publication changes the hash: %v", err)
	}
	for path, value := range map[string]any{
		"name": "Residence Certificate", "townhall/services/0/max_age": 1, "version/code": 2, "townhall/redirect_uris/0": "https://evil.example/", "more": 1, "townhall/more": 1,
		"name_localized/ru/value": "Справка", "townhall/stage": "beta", "pages": []any{"cases"},
	} {
		if other, err := Canonical(broken(t, path, value)); err != nil || Hash(other) == Hash(canonical) {
			t.Errorf("%s does not change the hash: %v", path, err)
		}
	}
	for _, raw := range []string{
		`{"name":"a","name":"b","townhall":{}}`, `{"townhall":{"stage":"a","stage":"b"}}`, `{"townhall":{},"townhall":{"a":1}}`, `{}`, `[]`, `{"townhall":[]}`, `{"townhall":null}`,
		`{"townhall":{"x":"\ud800"}}`, `{"townhall":{}} x`,
	} {
		if got, err := Canonical([]byte(raw)); err == nil {
			t.Errorf("%s is taken as %s", raw, got)
		}
	}
}

func newKey(t testing.TB) (*ecdsa.PrivateKey, jose.JSONWebKeySet) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := PublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}
}

func TestOnlyTheAgencysOwnSignatureOverThisManifestIsTaken(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"a":1}`)
	key, keys := newKey(t)
	stranger, _ := newKey(t)
	good, err := Sign(payload, key)
	if err != nil {
		t.Fatal(err)
	}
	kid := keys.Keys[0].KeyID
	if got, err := CheckSignature(payload, good, keys); err != nil || got != kid {
		t.Fatalf("%s %v", got, err)
	}
	sign := func(alg jose.SignatureAlgorithm, with any, typ string, embed bool) string {
		t.Helper()
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: with}, (&jose.SignerOptions{EmbedJWK: embed}).WithType(jose.ContentType(typ)))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		detached, err := signed.DetachedCompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return detached
	}
	as := func(k any) jose.JSONWebKey { return jose.JSONWebKey{Key: k, KeyID: kid} }
	whole := func() string {
		jws, err := jose.ParseDetached(good, payload, algorithms)
		if err != nil {
			t.Fatal(err)
		}
		full, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return full
	}()
	header, rest, _ := strings.Cut(good, "..")
	for name, bad := range map[string]string{
		"none": "", "cut": good[:len(good)-2], "another key with this kid": sign(jose.ES256, as(stranger), signatureType, false),
		"another typ": sign(jose.ES256, as(key), "JWT", false), "no typ": sign(jose.ES256, as(key), "", false),
		"a key of its own": sign(jose.ES256, stranger, signatureType, true), "no kid": sign(jose.ES256, key, signatureType, false),
		"a shared secret":    sign(jose.HS256, as([]byte(strings.Repeat("k", 32))), signatureType, false),
		"with its payload":   whole,
		"alg none":           "eyJhbGciOiJub25lIn0..",
		"changed signature":  header + ".." + strings.Map(func(r rune) rune { return map[rune]rune{'A': 'B'}[r] + map[bool]rune{true: r}[r != 'A'] }, rest) + "A",
		"header of another":  strings.Split(sign(jose.ES256, as(stranger), signatureType, true), "..")[0] + ".." + rest,
		"unknown crit":       "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdLCJ4IjoxfQ.." + rest,
		"JSON serialization": `{"payload":"","signatures":[]}`,
	} {
		if _, err := CheckSignature(payload, bad, keys); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := CheckSignature([]byte(`{"a":2}`), good, keys); err == nil {
		t.Error("taken for another manifest")
	}
	if _, err := CheckSignature(payload, good, jose.JSONWebKeySet{}); err == nil {
		t.Error("taken without a key")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys.Keys = append(keys.Keys, jose.JSONWebKey{Key: public, KeyID: "ed"})
	if got, err := CheckSignature(payload, sign(jose.EdDSA, jose.JSONWebKey{Key: private, KeyID: "ed"}, signatureType, false), keys); err != nil || got != "ed" {
		t.Errorf("EdDSA: %s %v", got, err)
	}
}

func TestATreeHeadOfAnotherKeyOrLogIsRefused(t *testing.T) {
	t.Parallel()
	private, public, err := note.GenerateKey(rand.Reader, LogName)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	head := Head{N: 7, Hash: tlog.RecordHash([]byte("x"))}
	good, err := SignHead(head, signer)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenHead(good, public); err != nil || got != head {
		t.Fatalf("%+v %v", got, err)
	}
	_, other, err := note.GenerateKey(rand.Reader, LogName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHead(good, other); err == nil {
		t.Error("another key opens it")
	}
	if _, err := OpenHead(strings.Replace(good, "\n7\n", "\n8\n", 1), public); err == nil {
		t.Error("another size is taken")
	}
	for _, text := range []string{"another/log\n7\n" + head.Hash.String() + "\n", LogName + "\n07\n" + head.Hash.String() + "\n", LogName + "\n-1\n" + head.Hash.String() + "\n", LogName + "\n7\nAAAA\n", LogName + "\n", LogName + "\n7\n"} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenHead(string(signed), public); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestALogGrowsFromItsRightEdgeAlone(t *testing.T) {
	t.Parallel()
	all := map[int64]tlog.Hash{}
	edge := map[int64]tlog.Hash{}
	for n := range int64(130) {
		leaf := fmt.Appendf(nil, "record %d", n)
		if _, err := Grow(n, all, leaf); err != nil {
			t.Fatal(err)
		}
		if _, err := Grow(n, edge, leaf); err != nil {
			t.Fatal(err)
		}
		var err error
		if edge, err = RightEdge(n+1, edge); err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(n+1, Edge(all))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tlog.TreeHash(n+1, Edge(edge)); err != nil || got != want || len(edge) > 8 {
			t.Fatalf("size %d: %s of %d hashes, %v; want %s", n+1, got, len(edge), err, want)
		}
	}
}

func TestALeafIsReadInOneWayOnly(t *testing.T) {
	t.Parallel()
	r := Record{Tenant: "northwick", AppID: "x", Version: Version{1, "1.0.0"}, Hash: "sha256:0", Signature: "a..b", At: "2026-01-05T08:00:00Z"}
	leaf, err := r.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLeaf(leaf); err != nil || got != r {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "{}", string(leaf) + " ", strings.Replace(string(leaf), `"app_id"`, `"APP_ID"`, 1), strings.Replace(string(leaf), "{", `{"a":1,`, 1), strings.Replace(string(leaf), "2026", "now", 1)} {
		if _, err := ReadLeaf([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
