package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
)

// again is the same installation, started again with changed settings; what it does not offer any more is withdrawn.
func again(t *testing.T, a *apptest.App, change func(*modules.Options)) *apptest.App {
	t.Helper()
	out := apptest.Start(t, func(o *modules.Options) {
		o.DB, o.Data = a.DB, a.Data
		change(o)
	})
	out.RunJob("publish-manifests")
	return out
}

func drop(app string) func(*modules.Options) {
	return func(o *modules.Options) {
		t := &o.Settings.Tenants[0]
		t.Services = slices.DeleteFunc(slices.Clone(t.Services), func(s string) bool { return s == app })
	}
}

// leaveOut is somebody in between who does not show a mini-app.
func leaveOut(t *testing.T, client string) func(string, []byte) []byte {
	return on("/.well-known/miniapps.json", func(body []byte) []byte {
		var list struct {
			MiniApps []map[string]any `json:"miniapps"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Error(err)
		}
		list.MiniApps = slices.DeleteFunc(list.MiniApps, func(m map[string]any) bool { return own(m)["client_id"] == client })
		out, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
		}
		return out
	})
}

func TestVerifyCatalogueTellsWithdrawnFromLeftOut(t *testing.T) {
	t.Parallel()
	const vaccination = "northwick.vaccination"
	a := apptest.Start(t)
	state := filepath.Join(t.TempDir(), "seen.json")
	if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state); code != 0 {
		t.Fatalf("%d\n%s", code, out)
	}
	b := stand(t, a.Origin("northwick"))
	b.does(leaveOut(t, vaccination))
	if code, out := townhall(t, "verify-catalogue", b.URL); code != 1 || !strings.Contains("\n"+out, "\n"+vaccination+": left out of the list") || strings.Count(out, "  good") != 2 {
		t.Errorf("left out: %d\n%s", code, out)
	}
	b.does(on("/.well-known/miniapps.json", func([]byte) []byte { return []byte(`{"miniapps":[]}`) }))
	seen, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	emptied := filepath.Join(t.TempDir(), "emptied.json") // asked at the same address as before
	if err := os.WriteFile(emptied, bytes.ReplaceAll(seen, []byte(`"`+a.Origin("northwick")+`":`), []byte(`"`+b.URL+`":`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := townhall(t, "verify-catalogue", b.URL, "--state", emptied); code != 1 || strings.Count(out, ": left out of the list") != 3 {
		t.Errorf("everything left out: %d\n%s", code, out)
	}

	old := a.Do(apptest.Call{Method: "GET", Path: "/.well-known/miniapps.json"})
	later := again(t, a, drop("vaccination"))
	code, out := townhall(t, "verify-catalogue", later.Origin("northwick"), "--state", state)
	if code != 0 || strings.Count(out, "  good") != 2 || !strings.Contains(out, "  withdrawn") || strings.Contains(out, "left out") {
		t.Fatalf("withdrawn: %d\n%s", code, out)
	}
	c := stand(t, later.Origin("northwick"))
	c.does(on("/.well-known/miniapps.json", func([]byte) []byte { return old.Body })) // somebody still shows it
	if code, out := townhall(t, "verify-catalogue", c.URL); code != 1 || !strings.Contains(out, vaccination+": out of date: record") || !strings.Contains(out, "withdrew it") {
		t.Errorf("still shown: %d\n%s", code, out)
	}
	c.does(func(path string, body []byte) []byte { // somebody makes a publication of it
		if strings.HasPrefix(path, "/wallet/v1/log/records") {
			return bytes.ReplaceAll(body, []byte(`,\"withdrawn\":true`), nil)
		}
		return body
	})
	if code, out := townhall(t, "verify-catalogue", c.URL); code != 1 || !strings.Contains(out, "log: record ") && !strings.Contains(out, "log: its records give the root") {
		t.Errorf("changed in the log: %d\n%s", code, out)
	}

	back := again(t, a, func(*modules.Options) {})
	if code, out := townhall(t, "verify-catalogue", back.Origin("northwick"), "--state", state); code != 0 || strings.Count(out, "  good") != 3 || strings.Contains(out, "withdrawn") {
		t.Errorf("back again: %d\n%s", code, out)
	}
}

func TestVerifyCatalogueTakesAWithdrawalFromTheAgencyAlone(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	state := filepath.Join(t.TempDir(), "seen.json")
	if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state); code != 0 {
		t.Fatalf("%d\n%s", code, out)
	}
	later := again(t, a, drop("residence-certificate"))
	if code, out := townhall(t, "verify-catalogue", later.Origin("northwick"), "--state", state); code != 0 || !strings.Contains(out, "  withdrawn") {
		t.Fatalf("%d\n%s", code, out)
	}
	// The agency's key is another one now, and it does not own up to the old one.
	if err := os.Remove(filepath.Join(a.Data, "catalogue", "northwick", "civil-registry.pem")); err != nil {
		t.Fatal(err)
	}
	other := again(t, a, drop("residence-certificate"))
	if code, out := townhall(t, "verify-catalogue", other.Origin("northwick"), "--state", state); code != 1 || !strings.Contains(out, "northwick.residence-certificate: withdrawn, but not by its agency") && !strings.Contains(out, "northwick.residence-certificate: withdrawn, but the agency's keys") {
		t.Errorf("%d\n%s", code, out)
	}
	// Another agency than the one that published it.
	seen, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, bytes.ReplaceAll(seen, []byte(`"northwick.residence-certificate": "civil-registry"`), []byte(`"northwick.residence-certificate": "health-services"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := townhall(t, "verify-catalogue", later.Origin("northwick"), "--state", state); code != 1 || !strings.Contains(out, "withdrawn by civil-registry, which did not publish it") {
		t.Errorf("%d\n%s", code, out)
	}
}

// A mini-app on its way from everybody's to a draft, to beta, and to its end.
func TestVerifyCatalogueKnowsWhatIsHeldBackAndWhatHasEnded(t *testing.T) {
	t.Parallel()
	const app = "residence-certificate"
	a := apptest.Start(t)
	a.Know("northwick", apptest.Sofia, apptest.Marcus)
	state := filepath.Join(t.TempDir(), "seen.json")
	check := func(want string) {
		t.Helper()
		a.RunJob("publish-manifests")
		code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state)
		i := strings.Index(out, "northwick."+app)
		line, _, _ := strings.Cut(out[max(i, 0):], "\n")
		if code != 0 || !strings.HasSuffix(line, "  "+want) {
			t.Errorf("want %s: %d\n%s", want, code, out)
		}
	}
	version := 0
	change := func(who apptest.Who, action, stage string) {
		t.Helper()
		body := map[string]any{"version": version, "reason": "It is time for it."}
		if stage != "" {
			body["stage"] = stage
		}
		r := a.Do(apptest.Call{Who: &who, Method: "POST", Path: "/releases/v1/mini-apps/" + app + "/" + action, Key: apptest.Key(), Body: body})
		var now struct{ Version int }
		if r.JSON(t, &now); r.Status != 200 {
			t.Fatalf("%s: %d %s", action, r.Status, r.Body)
		}
		version = now.Version
	}
	to := func(stage string) {
		t.Helper()
		change(apptest.Sofia, "propose", stage)
		change(apptest.Marcus, "approve", "")
	}
	check("good")
	change(apptest.Sofia, "begin", "")
	check("withdrawn")
	to("review") // and on to beta
	check("good")
	to("retired")
	check("retired")
	b := stand(t, a.Origin("northwick")) // somebody who lets it look as if it were gone
	b.does(func(path string, body []byte) []byte {
		if strings.HasPrefix(path, "/wallet/v1/miniapps/"+app) {
			return bytes.ReplaceAll(body, []byte(`"retired"`), []byte(`"beta"`))
		}
		return body
	})
	if code, out := townhall(t, "verify-catalogue", b.URL); code != 1 || !strings.Contains(out, "northwick."+app+": left out of the list") {
		t.Errorf("%d\n%s", code, out)
	}
}
