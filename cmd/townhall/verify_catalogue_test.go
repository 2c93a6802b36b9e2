package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/note"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// between stands between a municipality and whoever reads its catalogue, and may change each answer.
type between struct {
	*httptest.Server
	mu     sync.Mutex
	change func(path string, body []byte) []byte
}

func stand(t *testing.T, origin string) *between {
	t.Helper()
	target, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{}
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Transport: &http.Transport{DialContext: kernel.DialLoopbackNames},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Accept-Encoding") },
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			b.mu.Lock()
			if b.change != nil {
				body = b.change(r.Request.URL.RequestURI(), body)
			}
			b.mu.Unlock()
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Del("Content-Length")
			return nil
		},
	})
	t.Cleanup(b.Close)
	return b
}

func (b *between) does(change func(path string, body []byte) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.change = change
}

// onManifest changes the first manifest of the catalogue.
func onManifest(t *testing.T, change func(m map[string]any)) func(string, []byte) []byte {
	return func(path string, body []byte) []byte {
		if path != "/.well-known/miniapps.json" {
			return body
		}
		var list struct {
			MiniApps []map[string]any `json:"miniapps"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Errorf("%v: %s", err, body)
			return body
		}
		change(list.MiniApps[0])
		out, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
		}
		return out
	}
}

// on changes the answers to paths that begin like this.
func on(prefix string, change func([]byte) []byte) func(string, []byte) []byte {
	return func(path string, body []byte) []byte {
		if strings.HasPrefix(path, prefix) {
			return change(body)
		}
		return body
	}
}

func own(m map[string]any) map[string]any { return m["townhall"].(map[string]any) }

func proof(m map[string]any) map[string]any { return own(m)["publication"].(map[string]any) }

// publishAs gives a manifest a publication that fits it, signed with an agency's own key: all but the record in the log.
func publishAs(t *testing.T, a *apptest.App, agency string, m map[string]any) {
	publication := proof(m)
	delete(own(m), "publication")
	raw, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile(filepath.Join(a.Data, "catalogue", "northwick", agency+".pem"))
	if err != nil {
		t.Error(err)
		return
	}
	block, _ := pem.Decode(content)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Error(err)
	}
	thumb, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Error(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: base64.RawURLEncoding.EncodeToString(thumb)}},
		(&jose.SignerOptions{}).WithType("miniapp-manifest+jws"))
	if err != nil {
		t.Error(err)
	}
	signed, err := signer.Sign(canonical)
	if err != nil {
		t.Error(err)
	}
	if publication["signature"], err = signed.DetachedCompactSerialize(); err != nil {
		t.Error(err)
	}
	sum := sha256.Sum256(canonical)
	publication["hash"] = "sha256:" + hex.EncodeToString(sum[:])
	own(m)["publication"] = publication
}

func TestVerifyCatalogueTakesWhatWasPublished(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	state := filepath.Join(t.TempDir(), "seen.json")
	code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state)
	if code != 0 || !strings.Contains(out, "log: 3 records") || strings.Count(out, "good") != 3 || !strings.Contains(out, "northwick.residence-certificate") ||
		!strings.Contains(out, "compare it with the operator's") {
		t.Fatalf("%d\n%s", code, out)
	}
	code, out = townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state) // nothing new
	if code != 0 || strings.Contains(out, "compare it") {
		t.Errorf("%d\n%s", code, out)
	}
	code, out = townhall(t, "verify-catalogue", "--state", state, a.Origin("eastmere")) // the same log, longer
	if code != 0 || !strings.Contains(out, "log: 6 records") || !strings.Contains(out, "eastmere.vaccination") {
		t.Errorf("%d\n%s", code, out)
	}
	code, out = townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state)
	if code != 0 || !strings.Contains(out, "log: 6 records") {
		t.Errorf("%d\n%s", code, out)
	}
	b := stand(t, a.Origin("northwick")) // whoever changes nothing is no matter
	if code, out := townhall(t, "verify-catalogue", b.URL, "--state", state); code != 0 {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestVerifyCatalogueFindsWhatSomebodyInBetweenChanged(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	b := stand(t, a.Origin("northwick"))
	state := filepath.Join(t.TempDir(), "seen.json")
	if code, out := townhall(t, "verify-catalogue", b.URL, "--state", state); code != 0 {
		t.Fatalf("%d\n%s", code, out)
	}
	remembered, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	const app = "northwick.residence-certificate: "
	replace := func(old, new string) func([]byte) []byte {
		return func(body []byte) []byte {
			if !bytes.Contains(body, []byte(old)) {
				t.Errorf("nothing to change: no %q in %s", old, body)
			}
			return bytes.ReplaceAll(body, []byte(old), []byte(new))
		}
	}
	for _, c := range []struct {
		name   string
		change func(string, []byte) []byte
		want   string
	}{
		{"one member", onManifest(t, func(m map[string]any) { m["name"] = "Residence Certificate" }), app + "changed after it was published"},
		{"a redirect address", onManifest(t, func(m map[string]any) { own(m)["redirect_uris"] = []string{"https://evil.example/callback"} }), app + "changed after it was published"},
		{"how fresh a sign-in must be", onManifest(t, func(m map[string]any) {
			own(m)["services"].([]any)[0].(map[string]any)["max_age"] = 86400
		}), app + "changed after it was published"},
		{"one member and the hash", onManifest(t, func(m map[string]any) {
			m["name"] = "Residence Certificate"
			publication, signature := proof(m), proof(m)["signature"]
			publishAs(t, a, "civil-registry", m)
			publication["signature"] = signature
		}), app + "signature does not fit"},
		{"left out of the log", onManifest(t, func(m map[string]any) {
			m["name"] = "Residence Certificate"
			publishAs(t, a, "civil-registry", m)
		}), app + "not in the log: record 0 is of northwick.residence-certificate"},
		{"left out of the log, record to come", onManifest(t, func(m map[string]any) {
			m["name"] = "Residence Certificate"
			publishAs(t, a, "civil-registry", m)
			proof(m)["log_index"] = 3
		}), app + "not in the log: it names record 3, the log has 3"},
		{"the record of another", onManifest(t, func(m map[string]any) { proof(m)["log_index"] = 1 }), app + "not in the log: record 1 is of northwick.doctor-appointment"},
		{"signed by another agency", onManifest(t, func(m map[string]any) { publishAs(t, a, "health-services", m) }), app + "signature names the key"},
		{"keys of somebody else", onManifest(t, func(m map[string]any) {
			own(m)["publisher"].(map[string]any)["jwks_uri"] = "https://evil.example/.well-known/agencies/civil-registry/jwks.json"
		}), app + "names keys at https://evil.example"},
		{"unsigned", onManifest(t, func(m map[string]any) { delete(own(m), "publication") }), app + "not published"},
		{"no pages", onManifest(t, func(m map[string]any) { m["pages"] = []string{} }), app + "breaks the schema: pages:"},
		{"a member of its own", onManifest(t, func(m map[string]any) { m["start_url"] = "https://evil.example" }), app + "breaks the schema:"},
		{"listed twice", on("/.well-known/miniapps.json", func(body []byte) []byte {
			var list struct {
				MiniApps []json.RawMessage `json:"miniapps"`
			}
			if err := json.Unmarshal(body, &list); err != nil {
				t.Error(err)
			}
			list.MiniApps = append(list.MiniApps, list.MiniApps[0])
			out, err := json.Marshal(list)
			if err != nil {
				t.Error(err)
			}
			return out
		}), app + "listed twice"},
		{"a member named twice", on("/.well-known/miniapps.json", func(body []byte) []byte {
			return bytes.Replace(body, []byte(`"lang": "en",`), []byte(`"lang": "en", "lang": "en",`), 1)
		}), app},
		{"another record", func(path string, body []byte) []byte {
			if path == "/wallet/v1/log/records/0" {
				return replace(`\"code\":1`, `\"code\":2`)(body)
			}
			return body
		}, app + "not in the log: the proof of record 0"},
		{"no proof", on("/wallet/v1/log/records/0/proof", func([]byte) []byte { return []byte(`{"hashes":[]}`) }), app + "not in the log: the proof of record 0"},
		{"another size", on("/wallet/v1/log/head", replace(`catalogue\n3\n`, `catalogue\n4\n`)), "log: the tree head is not signed by the log's key"},
		{"no head", on("/wallet/v1/log/head", func([]byte) []byte { return []byte(`{}`) }), "log: the tree head is not signed by the log's key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.does(c.change)
			code, out := townhall(t, "verify-catalogue", b.URL, "--state", state)
			if code != 1 || !strings.Contains("\n"+out, "\n"+c.want) {
				t.Errorf("%d\n%s\nwant %s", code, out, c.want)
			}
			if now, err := os.ReadFile(state); err != nil || !bytes.Equal(now, remembered) {
				t.Errorf("what was remembered has changed: %v\n%s", err, now)
			}
		})
	}
	b.does(on("/wallet/v1/log/records?", replace(`\"code\":1`, `\"code\":2`)))
	if code, out := townhall(t, "verify-catalogue", b.URL); code != 1 || !strings.Contains(out, "log: its records give the root") {
		t.Errorf("other records: %d\n%s", code, out)
	}
	b.does(on("/wallet/v1/log/records?", func([]byte) []byte { return []byte(`{"records":[]}`) }))
	if code, out := townhall(t, "verify-catalogue", b.URL); code != 1 || !strings.Contains(out, "log: record 0 is missing") {
		t.Errorf("no records: %d\n%s", code, out)
	}
}

func TestVerifyCatalogueKnowsTheLogsKey(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code, out := townhall(t, "verify-catalogue", a.Origin("northwick"))
	_, key, ok := strings.Cut(out, "signed by ")
	if key, _, _ = strings.Cut(key, "\n"); code != 0 || !ok {
		t.Fatalf("%d\n%s", code, out)
	}
	if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--log-key", key); code != 0 || strings.Contains(out, "compare it") {
		t.Errorf("its own key: %d\n%s", code, out)
	}
	_, other, err := note.GenerateKey(rand.Reader, "townhall/catalogue")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{other, "townhall/catalogue", strings.Replace(key, "townhall", "village", 1)} {
		if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--log-key", wrong); code != 1 || !strings.Contains("\n"+out, "\nlog: the ") || strings.Contains(out, "  good") {
			t.Errorf("%s: %d\n%s", wrong, code, out)
		}
	}
	// A log that begins anew with a key of its own is not the one that was remembered.
	state := filepath.Join(t.TempDir(), "seen.json")
	if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state); code != 0 {
		t.Fatalf("%d\n%s", code, out)
	}
	if code, out := townhall(t, "verify-catalogue", apptest.Start(t).Origin("northwick"), "--state", state); code != 1 || !strings.Contains(out, "log: the tree head is not signed by the log's key") {
		t.Errorf("%d\n%s", code, out)
	}
}

// twin is another town that has the first one's log key: only whoever runs the log could rewrite it.
func twin(t *testing.T, a *apptest.App) *apptest.App {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(a.Data, "catalogue", "log.key"))
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "catalogue"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "catalogue", "log.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return apptest.Start(t, func(o *modules.Options) { o.Data = data })
}

func TestVerifyCatalogueFindsALogThatWasRewritten(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	state := filepath.Join(t.TempDir(), "seen.json")
	if code, out := townhall(t, "verify-catalogue", a.Origin("northwick"), "--state", state); code != 0 {
		t.Fatalf("%d\n%s", code, out)
	}
	b := twin(t, a)
	check := func(origin, want string) {
		t.Helper()
		if code, out := townhall(t, "verify-catalogue", origin, "--state", state); code != 1 || !strings.Contains("\n"+out, "\nlog: "+want) || strings.Contains(out, "  good") {
			t.Errorf("%d\n%s\nwant %s", code, out, want)
		}
		if code, out := townhall(t, "verify-catalogue", origin); code != 0 { // by itself it is without fault
			t.Errorf("%d\n%s", code, out)
		}
	}
	check(b.Origin("northwick"), "forked: two signed tree heads of size 3")
	check(b.Origin("eastmere"), "rewritten: the tree of size 6 is not the continuation of the one of size 3")
	if code, out := townhall(t, "verify-catalogue", a.Origin("eastmere"), "--state", state); code != 0 || !strings.Contains(out, "6 records") {
		t.Fatalf("%d\n%s", code, out)
	}
	check(twin(t, a).Origin("northwick"), "rewritten, or an old copy: it had 6 records, now it has 3")
	check(b.Origin("northwick"), "forked: two signed tree heads of size 6")
}

func TestVerifyCatalogueFindsAManifestThatIsOutOfDate(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	old := a.Do(apptest.Call{Method: "GET", Path: "/.well-known/miniapps.json"})
	later := apptest.Start(t, func(o *modules.Options) { // the same installation, started again with other addresses
		o.DB, o.Data = a.DB, a.Data
	})
	if code, out := townhall(t, "verify-catalogue", later.Origin("northwick")); code != 0 || !strings.Contains(out, "log: 6 records") {
		t.Fatalf("%d\n%s", code, out)
	}
	b := stand(t, later.Origin("northwick"))
	b.does(on("/.well-known/miniapps.json", func([]byte) []byte { return old.Body }))
	code, out := townhall(t, "verify-catalogue", b.URL)
	for _, app := range []string{"residence-certificate", "doctor-appointment", "vaccination"} {
		if code != 1 || !strings.Contains("\n"+out, "\nnorthwick."+app+": out of date: record ") {
			t.Errorf("%s: %d\n%s", app, code, out)
		}
	}
}

func TestVerifyCatalogueSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "seen.json")
	if err := os.WriteFile(state, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	for _, args := range [][]string{{}, {"northwick"}, {"ftp://northwick.example"}, {empty.URL}, {empty.URL, "--state", state}} {
		if code, out := townhall(t, append([]string{"verify-catalogue"}, args...)...); code != 1 || !strings.Contains(out, "townhall verify-catalogue: ") {
			t.Errorf("%q: %d\n%s", args, code, out)
		}
	}
}
