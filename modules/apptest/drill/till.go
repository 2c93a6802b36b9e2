package drill

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"townhall/cmd/wallet/host"
	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// What town and wallets sign with.
const (
	secret      = "whsec_ZHJpbGwtZHJpbGwtZHJpbGwtZHJpbGwtMDAwMQ=="
	eventSecret = "whsec_ZHJpbGwtZHJpbGwtZHJpbGwtZHJpbGwtMDAwMg=="
)

// till is the reference wallet in this process: people pay in it, it is not always well, and it is started anew while they do.
type till struct {
	now    atomic.Pointer[opened] // nil while it is away
	config host.Config
	faults *host.Faults
	server *httptest.Server
	client *http.Client

	paid, declined, late, restarts atomic.Int64
}

// opened is the wallet between two of its ends.
type opened struct {
	*host.Wallet
	handler http.Handler
}

// start begins the wallet from what it has on disk.
func (x *till) start() error {
	w, err := host.New(x.config)
	if err == nil {
		x.now.Store(&opened{w, w.Handler()})
	}
	return err
}

// restart ends the wallet while people pay in it and the town asks it things, and starts it anew. What was under way is cut off;
// everybody is signed out.
func (x *till) restart() error {
	w := x.now.Swap(nil)
	if err := w.Close(); err != nil {
		return err
	}
	x.restarts.Add(1)
	return x.start()
}

// newTill starts a wallet for the citizens of the municipalities at origins.
func newTill(t *testing.T, citizens int, origins ...string) *till {
	t.Helper()
	x := &till{faults: &host.Faults{}, server: httptest.NewUnstartedServer(nil)}
	x.client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	x.config = host.Config{Issuer: "http://" + x.server.Listener.Addr().String(), Faults: x.faults, EventPause: 100 * time.Millisecond, DataDir: t.TempDir(),
		Towns: []host.Town{{Origins: origins, Secrets: []string{secret}, EventSecrets: []string{eventSecret}}}}
	for i := range citizens {
		p := host.DemoPersonas()[0]
		p.ID, p.Level = persona(i), kernel.High // no sum asks for their card again
		x.config.Personas = append(x.config.Personas, p)
	}
	if err := x.start(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notices", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // the other drill's part
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if now := x.now.Load(); now != nil {
			now.handler.ServeHTTP(w, r)
			return
		}
		http.Error(w, "starting", http.StatusServiceUnavailable)
	})
	x.server.Config.Handler = mux
	x.server.Start()
	t.Cleanup(func() { x.server.Close(); _ = x.now.Load().Close(); x.client.CloseIdleConnections() })
	return x
}

func persona(i int) string { return fmt.Sprintf("citizen-%d", i) }

// settings are the wallet's in the server's settings.
func (x *till) settings(issuer string) modules.WalletSettings {
	return modules.WalletSettings{Issuer: issuer, Webhook: x.server.URL + "/notices", Secrets: []modules.Secret{secret}, AllowLoopback: true,
		Payments: &modules.PaymentSettings{URL: x.server.URL + "/payments/v1", Secrets: []modules.Secret{secret}, EventSecrets: []modules.Secret{eventSecret}}}
}

// citizen is somebody who is signed in at the wallet.
type citizen struct {
	apptest.Who
	till    *till
	persona string
	cookie  *http.Cookie
}

// citizen makes somebody who is signed in at the wallet.
func (x *till) citizen(ctx context.Context, i int, origin string) (*citizen, error) {
	c := &citizen{Who: apptest.Who{Subject: x.now.Load().Subject(origin, persona(i)), Name: fmt.Sprintf("Citizen %d Мария 小明", i), ACR: "substantial", Client: "northwick.coach-ticket"}, till: x, persona: persona(i)}
	return c, c.signIn(ctx)
}

func (c *citizen) signIn(ctx context.Context) error {
	c.cookie = nil
	resp, err := c.post(ctx, c.till.server.URL+"/sign-in", url.Values{"persona": {c.persona}})
	if err != nil {
		return err
	}
	for _, k := range resp.Cookies() {
		if k.Value != "" && strings.HasPrefix(k.Name, "__Host-") {
			c.cookie = k
		}
	}
	if c.cookie == nil {
		return fmt.Errorf("sign in: %d without a session", resp.StatusCode)
	}
	return nil
}

// press presses a button of the payment sheet until the wallet answers: who was signed out by its restart signs in again.
func (c *citizen) press(ctx context.Context, page string, form url.Values) (int, error) {
	for {
		resp, err := c.post(ctx, page, form)
		switch {
		case err != nil:
			return 0, err
		case resp.StatusCode == http.StatusSeeOther && strings.HasPrefix(resp.Header.Get("Location"), "/sign-in"):
			if err := c.signIn(ctx); err != nil && c.cookie != nil {
				return 0, err
			}
		case resp.StatusCode < 500:
			return resp.StatusCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *citizen) post(ctx context.Context, address string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	}
	resp, err := c.till.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// pay presses the button of the payment sheet until a means is accepted: the account first, the card when it is empty or
// declined. One that is over stays so.
func (c *citizen) pay(ctx context.Context, page string) error {
	for i := range 6 {
		means := "everyday"
		if i > 0 {
			means = "card"
		}
		status, err := c.press(ctx, page, url.Values{"do": {"pay"}, "means": {means}})
		if err != nil {
			return err
		}
		switch status {
		case http.StatusSeeOther:
			c.till.paid.Add(1)
			return nil
		case http.StatusUnprocessableEntity:
			c.till.declined.Add(1)
			time.Sleep(200 * time.Millisecond)
		case http.StatusOK: // it is over
			return nil
		default:
			return fmt.Errorf("pay at %s: %d", page, status)
		}
	}
	return nil
}

// cancel gives the payment up at the wallet, and pays it all the same: which goes through while the wallet lets late money in.
func (c *citizen) cancel(ctx context.Context, page string) error {
	if _, err := c.press(ctx, page, url.Values{"do": {"cancel"}}); err != nil {
		return err
	}
	c.till.late.Add(1)
	time.Sleep(300 * time.Millisecond)
	return c.pay(ctx, page)
}

// beUnwell changes what goes wrong between the wallet and the town, and now and then starts the wallet anew, until ctx ends;
// then nothing goes wrong.
func (x *till) beUnwell(ctx context.Context) error {
	for i := 0; ; i++ {
		all := []host.Fault{{}, {Twice: true, Reverse: true}, {Late: 400 * time.Millisecond, Reverse: true}, {LatePaid: true}, {Decline: true}, {LatePaid: true, Twice: true}, {HoldBack: true}, {NoRefund: true}}
		x.faults.Set(all[i%len(all)])
		select {
		case <-ctx.Done():
			x.faults.Set(host.Fault{})
			return nil
		case <-time.After(600 * time.Millisecond):
		}
		if i%12 == 6 {
			if err := x.restart(); err != nil {
				return err
			}
		}
	}
}
