package apptest_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"townhall/modules/apptest"
)

// evidence is what a host collects before it checks anything.
type evidence struct {
	Catalogue json.RawMessage            `json:"catalogue"`
	Keys      map[string]json.RawMessage `json:"keys"`
	Head      json.RawMessage            `json:"head"`
	Records   json.RawMessage            `json:"records"`
}

func collect(t *testing.T, a *apptest.App) evidence {
	t.Helper()
	get := func(path string) json.RawMessage {
		t.Helper()
		answer := a.Do(apptest.Call{Method: "GET", Path: path})
		if answer.Status != 200 {
			t.Fatalf("%s: %d %s", path, answer.Status, answer.Body)
		}
		return answer.Body
	}
	e := evidence{Catalogue: get("/.well-known/miniapps.json"), Keys: map[string]json.RawMessage{}}
	var list struct {
		MiniApps []struct {
			Townhall struct {
				Publisher struct {
					JWKSURI string `json:"jwks_uri"`
				}
			}
		}
	}
	if err := json.Unmarshal(e.Catalogue, &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list.MiniApps {
		address := m.Townhall.Publisher.JWKSURI
		path, ok := strings.CutPrefix(address, a.Origin("northwick"))
		if !ok {
			t.Fatalf("keys at %s", address)
		}
		e.Keys[address] = get(path)
	}
	e.Head = get("/wallet/v1/log/head")
	var records struct{ Records json.RawMessage }
	if err := json.Unmarshal(get("/wallet/v1/log/records"), &records); err != nil {
		t.Fatal(err)
	}
	e.Records = records.Records
	return e
}

func TestAnotherProgramFindsEverythingAsPublished(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Do(apptest.Call{Tenant: "eastmere", Method: "GET", Path: "/.well-known/miniapps.json"})
	e := collect(t, a)
	judge := func(e evidence) (string, error) {
		t.Helper()
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", "testdata/catalogue.mjs")
		cmd.Stdin = bytes.NewReader(raw)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := judge(e)
	if err != nil || strings.Count(out, " sha256:") != 3 || !strings.Contains(out, "log 6\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	for what, change := range map[string]func(*evidence){
		"hash of residence-certificate": func(e *evidence) {
			e.Catalogue = bytes.Replace(e.Catalogue, []byte("Residence certificate"), []byte("Residence Certificate"), 1)
		},
		"signature of residence-certificate": func(e *evidence) {
			e.Catalogue = bytes.Replace(e.Catalogue, []byte(`"signature": "eyJ`), []byte(`"signature": "ey J`), 1)
		},
		"root": func(e *evidence) {
			e.Records = bytes.Replace(e.Records, []byte(`\"code\":1`), []byte(`\"code\":2`), 1)
		},
		"signature of the tree head": func(e *evidence) {
			e.Head = bytes.Replace(e.Head, []byte(`catalogue\n6\n`), []byte(`catalogue\n7\n`), 1)
		},
	} {
		bad := e
		change(&bad)
		if out, err := judge(bad); err == nil || !strings.Contains(out, "Error: "+what) {
			t.Errorf("%s: not noticed: %v\n%s", what, err, out)
		}
	}
}

// Every language has the publication of the one form that is signed.
func TestAManifestInAnotherLanguageHasThePublicationOfTheSignedForm(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	type manifest struct {
		Name     string
		Townhall struct{ Publication json.RawMessage }
	}
	seen := map[string]bool{}
	var want string
	for _, lang := range []string{"en", "ru", "zh"} {
		var m manifest
		a.Do(apptest.Call{Method: "GET", Path: "/wallet/v1/miniapps/residence-certificate?lang=" + lang}).JSON(t, &m)
		if want == "" {
			want = string(m.Townhall.Publication)
		}
		if seen[m.Name] || want == "" || string(m.Townhall.Publication) != want {
			t.Errorf("%s: %q %s, want %s", lang, m.Name, m.Townhall.Publication, want)
		}
		seen[m.Name] = true
	}
}

func TestTheLogRefusesSizesItNeverHad(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	if got := a.Do(apptest.Call{Method: "GET", Path: "/wallet/v1/log/head"}).Status; got != 404 {
		t.Errorf("an empty log has a head: %d", got)
	}
	a.Do(apptest.Call{Method: "GET", Path: "/.well-known/miniapps.json"}) // three records
	for path, want := range map[string]string{
		"/records/0/proof?size=4": "query.size", "/records/0/proof?size=0": "query.size", "/records/0/proof": "query.size", "/records/-1": "path.index",
		"/consistency?from=3&to=4": "query.to", "/consistency?from=3&to=2": "query.from", "/consistency?from=0&to=2": "query.from", "/records?limit=1001": "query.limit",
		"/records?from=-1": "query.from",
	} {
		answer := a.Do(apptest.Call{Method: "GET", Path: "/wallet/v1/log" + path, Headers: map[string]string{"Accept-Language": "ru"}})
		if answer.Status != 422 || !strings.Contains(string(answer.Body), want) {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
		if want == "query.to" && !strings.Contains(string(answer.Body), "Укажите размер") {
			t.Errorf("%s: not in the reader's language: %s", path, answer.Body)
		}
	}
	for _, path := range []string{"/records/3", "/records/3/proof?size=3", "/records/9223372036854775807"} {
		if answer := a.Do(apptest.Call{Method: "GET", Path: "/wallet/v1/log" + path}); answer.Status != 404 {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	for _, path := range []string{"/records?from=3", "/records?from=9223372036854775807"} {
		if answer := a.Do(apptest.Call{Method: "GET", Path: "/wallet/v1/log" + path}); answer.Status != 200 || !strings.Contains(string(answer.Body), `"records":[]`) {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	if answer := a.Do(apptest.Call{Method: "GET", Path: "/.well-known/agencies/nobody/jwks.json"}); answer.Status != 404 {
		t.Errorf("an agency there is none of has keys: %d %s", answer.Status, answer.Body)
	}
	if answer := a.Do(apptest.Call{Method: "GET", Path: "/.well-known/agencies/civil-registry/jwks.json"}); answer.Status != 200 || strings.Contains(string(answer.Body), `"d"`) {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
}
