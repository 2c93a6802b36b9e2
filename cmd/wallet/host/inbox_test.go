package host

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// send posts a notice as a municipality does; change edits payload and headers after signing.
func send(h *house, id, secret string, at time.Time, payload []byte, change func(*http.Request)) int {
	h.t.Helper()
	wh, err := webhooks.NewWebhook(secret)
	if err != nil {
		h.t.Fatal(err)
	}
	signature, err := wh.Sign(id, at, payload)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, h.url+"/webhooks/townhall", bytes.NewReader(payload))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", jsonNumber(at))
	req.Header.Set("webhook-signature", signature)
	if change != nil {
		change(req)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func jsonNumber(at time.Time) string {
	b, _ := json.Marshal(at.Unix())
	return string(b)
}

func (h *house) notice(change func(map[string]any)) []byte {
	h.t.Helper()
	a, ok := h.w.book.app(h.t.Context(), "northwick.residence-certificate")
	if !ok {
		h.t.Fatal("catalogue not read")
	}
	data := map[string]any{"iss": h.url, "sub": h.w.citizens.subject(a.Client, "maria"), "client_id": "northwick.residence-certificate", "number": "RC-2026-7K4M",
		"title": map[string]string{"en": "A question", "ru": "Есть вопрос", "zh": "有一个问题"}, "body": map[string]string{"en": "Please answer.", "ru": "Пожалуйста, ответьте.", "zh": "请回复。"},
		"path": h.northwick.URL + "/cases/1"}
	if change != nil {
		change(data)
	}
	b, err := json.Marshal(map[string]any{"type": "case.notice", "timestamp": h.clock.Now(), "data": data})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *house) inbox(persona string) []Message {
	h.t.Helper()
	var out struct{ Messages []Message }
	if a := h.browser().get("/demo/inbox?persona=" + persona); a.status != 200 || json.Unmarshal([]byte(a.body), &out) != nil {
		h.t.Fatalf("inbox: %d %s", a.status, a.body)
	}
	return out.Messages
}

func TestANoticeReachesTheRightPersonOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for range 3 {
		if s := send(h, "msg-1", testSecret, time.Now(), h.notice(nil), nil); s != http.StatusNoContent {
			t.Fatalf("status %d", s)
		}
	}
	list := h.inbox("maria")
	if len(list) != 1 || list[0].Path != "/cases/1" || list[0].Number != "RC-2026-7K4M" || len(h.inbox("anna")) != 0 {
		t.Fatalf("inbox %v", list)
	}
	b := h.browser().signIn("maria")
	if a := b.get("/inbox"); !strings.Contains(a.body, "Есть вопрос") || !strings.Contains(a.body, "непрочитанных: 1") {
		t.Errorf("inbox page: %s", a.body)
	}
	if a := b.get("/inbox/msg-1"); !strings.Contains(a.body, "Пожалуйста, ответьте.") || !strings.Contains(a.body, `value="push"`) || !strings.Contains(a.body, `value="/cases/1"`) {
		t.Errorf("message page: %s", a.body)
	}
	if a := b.get("/inbox"); strings.Contains(a.body, "непрочитанных") {
		t.Error("still unread after it was read")
	}
	if a := h.browser().signIn("anna").get("/inbox/msg-1"); a.status != http.StatusNotFound {
		t.Errorf("somebody else reads it: %d", a.status)
	}
}

func TestANoticeIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	other := "whsec_" + strings.Repeat("QUFB", 8)
	for name, c := range map[string]struct {
		secret string
		at     time.Time
		edit   func(map[string]any)
		change func(*http.Request)
		want   int
	}{
		"signed with another secret":    {secret: other, want: 401},
		"six minutes old":               {at: time.Now().Add(-6 * time.Minute), want: 401},
		"from the future":               {at: time.Now().Add(6 * time.Minute), want: 401},
		"without signature":             {change: func(r *http.Request) { r.Header.Del("webhook-signature") }, want: 401},
		"with another id than signed":   {change: func(r *http.Request) { r.Header.Set("webhook-id", "other") }, want: 401},
		"for a subject nobody has":      {edit: func(d map[string]any) { d["sub"] = "x" }, want: 404},
		"for another issuer":            {edit: func(d map[string]any) { d["iss"] = "https://other.example" }, want: 404},
		"for a client nobody has":       {edit: func(d map[string]any) { d["client_id"] = "x.y" }, want: 503},
		"leading to another origin":     {edit: func(d map[string]any) { d["path"] = "https://evil.example/" }, want: 400},
		"leading to a look-alike":       {edit: func(d map[string]any) { d["path"] = "//evil.example/" }, want: 400},
		"of a sector that is not ours":  {edit: func(d map[string]any) { d["client_id"] = "eastmere.dog-licence" }, want: 404},
		"without a title":               {edit: func(d map[string]any) { delete(d, "title") }, want: 400},
		"signed, but larger than 256 k": {edit: func(d map[string]any) { d["number"] = strings.Repeat("x", 300<<10) }, want: 413},
	} {
		if c.secret == "" {
			c.secret = testSecret
		}
		if c.at.IsZero() {
			c.at = time.Now()
		}
		if s := send(h, "msg-"+name, c.secret, c.at, h.notice(c.edit), c.change); s != c.want {
			t.Errorf("%s: %d, want %d", name, s, c.want)
		}
	}
	if n := len(h.inbox("maria")); n != 0 {
		t.Errorf("%d messages got through", n)
	}
}

func TestWhatWasAcknowledgedSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := dataWithKeys(t)
	h := newHouse(t, func(c *Config) { c.DataDir = dir })
	if s := send(h, "msg-1", testSecret, time.Now(), h.notice(nil), nil); s != http.StatusNoContent {
		t.Fatalf("status %d", s)
	}
	h.browser().signIn("maria").code()
	before := h.browser().get("/jwks.json").body
	// The machine stops in the middle of a line.
	f, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"persona":"maria","message":{"id":"torn`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for range 2 {
		again, err := New(Config{Issuer: h.url, Catalogues: []string{h.northwick.URL}, WebhookSecret: testSecret, DataDir: dir, Clock: h.clock})
		if err != nil {
			t.Fatal(err)
		}
		if list := again.journal.inbox("maria"); len(list) != 1 || list[0].ID != "msg-1" || !again.journal.knows("msg-1") {
			t.Errorf("inbox %v", list)
		}
		if got := again.journal.recent("maria"); len(got) != 1 || again.journal.consent("maria", got[0]).Digest == "" {
			t.Errorf("recents %v", got)
		}
		b, err := json.Marshal(publicSet(again.citizens.keys))
		if err != nil || string(b) != before {
			t.Error("the keys changed")
		}
		if err := again.journal.write(entry{Persona: "anna", Recent: "after"}); err != nil {
			t.Error(err)
		}
		again.Close()
	}
}

func TestAWalletWithoutASecretTakesNoNotice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.WebhookSecret = "" })
	if s := send(h, "msg-1", testSecret, time.Now(), h.notice(nil), nil); s != http.StatusUnauthorized {
		t.Errorf("status %d", s)
	}
}

func TestTheDemoInboxIsNotReadThroughAnotherName(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, host := range []string{"evil.example", "evil.example:8090"} {
		r := httptest.NewRequest(http.MethodGet, h.url+"/demo/inbox?persona=maria", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", host
		a := httptest.NewRecorder()
		h.w.Handler().ServeHTTP(a, r)
		if a.Code != http.StatusNotFound {
			t.Errorf("%s: %d", host, a.Code)
		}
	}
}
