package published

import (
	"strings"
	"testing"
)

func TestAWithdrawalIsTheAgencysOwnAndSaysOneThingOnly(t *testing.T) {
	t.Parallel()
	key, keys := newKey(t)
	stranger, _ := newKey(t)
	r := Record{Tenant: "northwick", AppID: "residence-certificate", Version: Version{4, "1.0.0+8f14e45f"}, Agency: "civil-registry", At: "2026-12-01T08:00:00Z"}
	good, err := Withdraw(r, key)
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := CheckWithdrawal(good, keys); err != nil || kid != keys.Keys[0].KeyID || kid != KeyOf(good.Signature) {
		t.Fatalf("%s %v", kid, err)
	}
	leaf, err := good.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLeaf(leaf); err != nil || got != good {
		t.Fatalf("%+v %v", got, err)
	}
	statement, err := good.Statement()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckSignature(statement, good.Signature, keys); err == nil {
		t.Error("a withdrawal's signature is taken for a manifest's")
	}
	asManifest := good
	if asManifest.Signature, err = Sign(statement, key); err != nil {
		t.Fatal(err)
	}
	foreign, err := Withdraw(r, stranger)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(*Record)) Record {
		c := good
		change(&c)
		return c
	}
	for name, bad := range map[string]Record{
		"a manifest's signature": asManifest, "a stranger's": foreign,
		"of another mini-app": changed(func(r *Record) { r.AppID = "vaccination" }),
		"of another town":     changed(func(r *Record) { r.Tenant = "eastmere" }),
		"of another agency":   changed(func(r *Record) { r.Agency = "health-services" }),
		"of another version":  changed(func(r *Record) { r.Version.Code = 9 }),
		"of another time":     changed(func(r *Record) { r.At = "2027-12-01T08:00:00Z" }),
		"with another hash":   changed(func(r *Record) { r.Hash = Hash([]byte("x")) }),
		"a publication":       changed(func(r *Record) { r.Withdrawn = false }),
	} {
		if _, err := CheckWithdrawal(bad, keys); err == nil {
			t.Errorf("%s: taken", name)
		}
		if bad == asManifest || bad == foreign {
			continue // the log's own business ends at the hash
		}
		leaf, err := bad.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLeaf(leaf); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// What was written before there were withdrawals reads as it did, byte for byte.
func TestALeafOfAPublicationIsAsItWas(t *testing.T) {
	t.Parallel()
	const old = `{"app_id":"residence-certificate","at":"2026-01-05T08:00:00Z","hash":"sha256:6f0a7c1b0d6f3d0b8b8f5c7d3b6f9e2a4c1d8e7f6a5b4c3d2e1f0a9b8c7d6e5f","signature":"eyJhbGciOiJFUzI1NiJ9..c2ln","tenant":"northwick","version":{"code":1,"name":"1.0.0+8f14e45f"}}`
	r, err := ReadLeaf([]byte(old))
	if err != nil || r.Withdrawn {
		t.Fatalf("%+v %v", r, err)
	}
	if leaf, err := r.Leaf(); err != nil || string(leaf) != old {
		t.Errorf("%s %v", leaf, err)
	}
	for _, bad := range []string{`"withdrawn":false,`, `"agency":"x",`, `"withdrawn":true,`} {
		leaf := strings.Replace(old, `"version"`, bad+`"version"`, 1)
		if bad == `"agency":"x",` {
			leaf = strings.Replace(old, `{"app_id"`, `{`+bad+`"app_id"`, 1)
		}
		if bad == `"withdrawn":true,` {
			leaf = strings.Replace(old, `"}}`, `"},"withdrawn":true}`, 1)
		}
		if _, err := ReadLeaf([]byte(leaf)); err == nil {
			t.Errorf("read: %s", leaf)
		}
	}
}
