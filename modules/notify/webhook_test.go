package notify

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

func TestAReceiverThatFailsAtRandomLosesNothingAndGetsNothingTwiceUnderAnotherId(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	taken := map[string]bool{} // webhook-id → took effect at the receiver
	rec := newReceiver(t, func(n int, w http.ResponseWriter, r *http.Request) {
		accept := func() {
			mu.Lock()
			taken[r.Header.Get("webhook-id")] = true
			mu.Unlock()
		}
		switch dice := rand.IntN(10); {
		case dice < 2:
			w.WriteHeader(http.StatusInternalServerError)
		case dice < 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case dice < 4: // takes it, but says that it has not
			accept()
			w.WriteHeader(http.StatusBadGateway)
		case dice < 5: // takes it and hangs up
			accept()
			panic(http.ErrAbortHandler)
		default:
			accept()
			w.WriteHeader(http.StatusOK)
		}
	})
	h := newHouse(t, rec.wallet(secret(1)))
	anna := h.resident("", "en")
	const sent = 40
	for i := range sent {
		h.tell(t, anna, number(i))
	}
	h.settle(t)

	byID := map[string]string{}
	numbers := map[string]string{}
	verifier, _ := standardwebhooks.NewWebhook(secret(1))
	for _, c := range rec.all() {
		id := c.Headers["webhook-id"]
		if err := verifier.Verify([]byte(c.Body), c.header()); err != nil {
			t.Fatalf("webhook %s: %v", id, err)
		}
		if body, again := byID[id]; again && body != c.Body {
			t.Errorf("webhook %s came with another body", id)
		}
		byID[id] = c.Body
		var w Webhook
		if err := json.Unmarshal([]byte(c.Body), &w); err != nil {
			t.Fatal(err)
		}
		if other, again := numbers[w.Data.Number]; again && other != id {
			t.Errorf("notice %s came under two ids", w.Data.Number)
		}
		numbers[w.Data.Number] = id
	}
	if lost := sent - len(taken); lost != 0 {
		t.Errorf("lost %d notices", lost)
	}
	if phantom := len(numbers) - sent; phantom != 0 {
		t.Errorf("%d phantom notices", phantom)
	}
	if n := h.count(t, `SELECT count(*) FROM notify.delivery WHERE tenant_id = 'northwick' AND channel = 'webhook' AND outcome = 'delivered'`); n != sent {
		t.Errorf("want %d deliveries on record, got %d", sent, n)
	}
	if n := h.count(t, `SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick'`); n != sent {
		t.Errorf("want %d messages in the inbox, got %d", sent, n)
	}
	if len(rec.all()) == sent {
		t.Error("the receiver never failed: the test showed nothing")
	}
}

func TestAWebhookNamesThePersonByPseudonymAndTheCaseByNumberAndAddress(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, nil)
	h := newHouse(t, rec.wallet(secret(1)))
	anna := h.resident("anna@example.org", "en")
	c := h.tell(t, anna, number(1))
	h.settle(t)
	calls := rec.all()
	if len(calls) != 1 {
		t.Fatalf("want 1 call, got %d", len(calls))
	}
	var w Webhook
	if err := json.Unmarshal([]byte(calls[0].Body), &w); err != nil {
		t.Fatal(err)
	}
	want := WebhookData{
		Issuer: issuer, Subject: h.people[anna].Subject, ClientID: "northwick.residence-certificate", Service: "residence-certificate",
		Number: number(1), Path: "http://northwick.localhost:8080/cases/" + string(c),
	}
	got := w.Data
	got.Title, got.Body = nil, nil
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("data is\n%s\nwant\n%s", a, b)
	}
	if w.Type != "case.notice" || w.Data.Title["zh"] != "我们有一个问题" || w.Data.Body["ru"] == "" || w.Timestamp.IsZero() {
		t.Errorf("type, texts or timestamp: %+v", w)
	}
	for _, private := range []string{"Anna", "Whitfield", "anna@example.org", string(anna)} {
		if strings.Contains(calls[0].Body, private) {
			t.Errorf("%q leaves the house", private)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPeopleOfAnotherIssuerAreNotToldThroughThisWallet(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, nil)
	h := newHouse(t, rec.wallet(secret(1)))
	id := h.resident("", "en")
	p := h.people[id]
	p.Issuer = issuer + "/"
	h.people[id] = p
	h.tell(t, id, number(1))
	h.settle(t)
	if n := len(rec.all()); n != 0 {
		t.Errorf("the wallet was told %d times", n)
	}
	if n := h.count(t, `SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("the inbox holds %d messages, want 1", n)
	}
}

func TestGoneIsTheEndAndEveryOtherRefusalIsNot(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{
		http.StatusOK: false, http.StatusAccepted: false, http.StatusNoContent: false, http.StatusGone: false,
		http.StatusMovedPermanently: true, http.StatusFound: true, http.StatusTemporaryRedirect: true, http.StatusBadRequest: true,
		http.StatusUnauthorized: true, http.StatusNotFound: true, http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true,
	} {
		rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		w, err := newWallet(rec.wallet(secret(1)).Wallets[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.post(t.Context(), kernel.NewID(), time.Now(), []byte(`{}`))
		if (err != nil) != again {
			t.Errorf("status %d: again = %v, error %v", status, again, err)
		}
		var e *kernel.Error
		if again && (!errors.As(err, &e) || e.RetryAfter != 7*time.Second) {
			t.Errorf("status %d: Retry-After is not passed on: %v", status, err)
		}
		if n := len(rec.all()); n != 1 {
			t.Errorf("status %d: %d calls; a redirect must not be followed", status, n)
		}
	}
}

func TestOneChannelThatFailsDoesNotRepeatAnother(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n <= 5 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mailbox := newMailServer(t, nil)
	c := rec.wallet(secret(1))
	c.SMTP = mailbox.config()
	h := newHouse(t, c)
	h.tell(t, h.resident("anna@example.org", "en"), number(1))
	h.settle(t)
	if n := len(rec.all()); n != 6 {
		t.Errorf("want 6 webhook calls, got %d", n)
	}
	if n := len(mailbox.all()); n != 1 {
		t.Errorf("want 1 e-mail, got %d", n)
	}
	if n := h.count(t, `SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("want 1 message, got %d", n)
	}
}

// judged are webhooks and whether a receiver with that secret must accept them.
func judged(t *testing.T) (cases []received, accept []bool) {
	t.Helper()
	old, fresh, stranger := secret(1), secret(2), secret(3)
	capture := func(at time.Time, secrets ...string) received {
		rec := newReceiver(t, nil)
		w, err := newWallet(rec.wallet(secrets...).Wallets[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.post(t.Context(), kernel.NewID(), at, []byte(`{"type":"case.notice","data":{"title":{"zh":"我们有一个问题"}}}`)); err != nil {
			t.Fatal(err)
		}
		return rec.all()[0]
	}
	now := time.Now()
	add := func(r received, secret string, ok bool) {
		r.Secret = secret
		cases, accept = append(cases, r), append(accept, ok)
	}
	one, both := capture(now, old), capture(now, fresh, old)
	add(one, old, true)
	add(one, fresh, false)
	add(both, old, true) // in a rotation both receivers, the early and the late one, are served
	add(both, fresh, true)
	add(both, stranger, false)
	add(capture(now.Add(-6*time.Minute), old), old, false)
	add(capture(now.Add(6*time.Minute), old), old, false)
	tampered := one
	tampered.Body = strings.Replace(one.Body, "case", "cash", 1)
	add(tampered, old, false)
	for header, value := range map[string]string{
		"webhook-id":        kernel.NewID(),
		"webhook-timestamp": strconv.FormatInt(now.Unix()+1, 10),
		"webhook-signature": "v1,AAAA",
	} {
		forged := one
		forged.Headers = map[string]string{}
		for k, v := range one.Headers {
			forged.Headers[k] = v
		}
		forged.Headers[header] = value
		add(forged, old, false)
	}
	return cases, accept
}

func TestSignaturesHoldUnderRotationTamperingAndAge(t *testing.T) {
	t.Parallel()
	cases, accept := judged(t)
	for i, c := range cases {
		v, err := standardwebhooks.NewWebhook(c.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify([]byte(c.Body), c.header()); (err == nil) != accept[i] {
			t.Errorf("case %d: accept = %v, got %v", i, accept[i], err)
		}
	}
}

func TestTheNpmLibraryAgreesWithEverySignature(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs npm")
	}
	cases, accept := judged(t)
	cmd := exec.Command("node", "testdata/standardwebhooks/verify.mjs", npmInstalled(t))
	cmd.Stdin = strings.NewReader(asJSON(t, cases))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(cases) {
		t.Fatalf("the judge said %s, %v", out, err)
	}
	for i, v := range verdicts {
		if (v == "accepted") != accept[i] {
			t.Errorf("case %d: accept = %v, npm says %s", i, accept[i], v)
		}
	}
}

// npmInstalled installs the pinned package into the ignored cache folder, once per lock file.
func npmInstalled(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(root, ".cache", "npm", "standardwebhooks")
	cmd := exec.Command(filepath.Join(root, ".ci", "npm-install"), filepath.Join(root, "modules/notify/testdata/standardwebhooks"), into)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	return into
}

func TestAWalletIsConfiguredSafelyOrNotAtAll(t *testing.T) {
	t.Parallel()
	good := Wallet{Issuer: issuer, WebhookURL: "https://wallet.example/hook", Secrets: []string{secret(1)}}
	if err := (Config{Wallets: []Wallet{good}}).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Wallet){
		"clear text":           func(w *Wallet) { w.WebhookURL = "http://wallet.example/hook" },
		"clear text, loopback": func(w *Wallet) { w.WebhookURL = "http://127.0.0.1:1/hook" },
		"clear text, not loopback although allowed": func(w *Wallet) { w.WebhookURL, w.AllowLoopback = "http://10.0.0.1/hook", true },
		"a user in the address":                     func(w *Wallet) { w.WebhookURL = "https://a:b@wallet.example/" },
		"another scheme":                            func(w *Wallet) { w.WebhookURL = "file:///etc/passwd" },
		"no secret":                                 func(w *Wallet) { w.Secrets = nil },
		"a short secret":                            func(w *Wallet) { w.Secrets = []string{"whsec_c2hvcnQ="} },
		"a secret not in base64":                    func(w *Wallet) { w.Secrets = []string{"whsec_!"} },
		"no issuer":                                 func(w *Wallet) { w.Issuer = "" },
	} {
		bad := good
		spoil(&bad)
		err := Config{Wallets: []Wallet{bad}}.Validate()
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), secret(1)) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	if err := (Config{Wallets: []Wallet{good, good}}).Validate(); err == nil {
		t.Error("one issuer twice: accepted")
	}
}

func TestANoticeIsInTheInboxOfItsPersonAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, Config{})
	anna, other := h.resident("", "en"), h.resident("", "ru")
	h.tell(t, anna, number(1))
	h.tell(t, anna, number(2))
	h.settle(t)
	list, err := h.inbox(h.as(anna))
	if err != nil || len(list) != 2 {
		t.Fatalf("want 2 messages, got %d, %v", len(list), err)
	}
	if none, err := h.inbox(h.as(other)); err != nil || len(none) != 0 {
		t.Errorf("somebody else sees %d messages, %v", len(none), err)
	}
	if n, _ := h.Unread(h.as(anna)); n != 2 {
		t.Errorf("want 2 unread, got %d", n)
	}
	if err := h.read(h.as(other), list[0].ID); err != nil { // changes nothing
		t.Error(err)
	}
	if n, _ := h.Unread(h.as(anna)); n != 2 {
		t.Errorf("somebody else marked messages as read: %d unread", n)
	}
	h.tell(t, anna, number(3)) // arrives after the page was shown
	h.settle(t)
	if err := h.read(h.as(anna), list[0].ID); err != nil {
		t.Error(err)
	}
	if n, _ := h.Unread(h.as(anna)); n != 1 {
		t.Errorf("want the message that was not shown to stay unread, got %d", n)
	}
	if n := h.count(t, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND name LIKE 'notice.%'`); n != 0 {
		t.Errorf("%d effects for channels nobody configured", n)
	}
	if got := kerneltest.Tenant(kerneltest.Northwick).ID; got != "northwick" {
		t.Error(got)
	}
}
