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

// till is the reference wallet in this process: people pay in it, and it is not always well.
type till struct {
	*host.Wallet
	faults *host.Faults
	server *httptest.Server
	client *http.Client

	paid, declined, late atomic.Int64
}

// newTill starts a wallet for the citizens of the municipalities at origins.
func newTill(t *testing.T, citizens int, origins ...string) *till {
	t.Helper()
	x := &till{faults: &host.Faults{}, server: httptest.NewUnstartedServer(nil)}
	x.client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cfg := host.Config{Issuer: "http://" + x.server.Listener.Addr().String(), Faults: x.faults, EventPause: 100 * time.Millisecond,
		Towns: []host.Town{{Origins: origins, Secrets: []string{secret}, EventSecrets: []string{eventSecret}}}}
	for i := range citizens {
		p := host.DemoPersonas()[0]
		p.ID, p.Level = persona(i), kernel.High // no sum asks for their card again
		cfg.Personas = append(cfg.Personas, p)
	}
	var err error
	if x.Wallet, err = host.New(cfg); err != nil {
		t.Fatal(err)
	}
	pay := x.Handler()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notices", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // the other drill's part
	mux.Handle("/", pay)
	x.server.Config.Handler = mux
	x.server.Start()
	t.Cleanup(func() { x.server.Close(); _ = x.Close(); x.client.CloseIdleConnections() })
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
	till   *till
	cookie *http.Cookie
}

func (x *till) signIn(ctx context.Context, i int, origin string) (*citizen, error) {
	c := &citizen{Who: apptest.Who{Subject: x.Subject(origin, persona(i)), Name: fmt.Sprintf("Citizen %d Мария 小明", i), ACR: "substantial", Client: "northwick.coach-ticket"}, till: x}
	resp, err := c.post(ctx, x.server.URL+"/sign-in", url.Values{"persona": {persona(i)}})
	if err != nil {
		return nil, err
	}
	for _, k := range resp.Cookies() {
		if k.Value != "" && strings.HasPrefix(k.Name, "__Host-") {
			c.cookie = k
		}
	}
	if c.cookie == nil {
		return nil, fmt.Errorf("sign in: %d without a session", resp.StatusCode)
	}
	return c, nil
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
		resp, err := c.post(ctx, page, url.Values{"do": {"pay"}, "means": {means}})
		if err != nil {
			return err
		}
		switch resp.StatusCode {
		case http.StatusSeeOther:
			c.till.paid.Add(1)
			return nil
		case http.StatusUnprocessableEntity:
			c.till.declined.Add(1)
			time.Sleep(200 * time.Millisecond)
		case http.StatusOK: // it is over
			return nil
		default:
			return fmt.Errorf("pay at %s: %d", page, resp.StatusCode)
		}
	}
	return nil
}

// cancel gives the payment up at the wallet, and pays it all the same: which goes through while the wallet lets late money in.
func (c *citizen) cancel(ctx context.Context, page string) error {
	if _, err := c.post(ctx, page, url.Values{"do": {"cancel"}}); err != nil {
		return err
	}
	c.till.late.Add(1)
	time.Sleep(300 * time.Millisecond)
	return c.pay(ctx, page)
}

// beUnwell changes what goes wrong between the wallet and the town, until ctx ends; then nothing does.
func (x *till) beUnwell(ctx context.Context) {
	for i := 0; ; i++ {
		all := []host.Fault{{}, {Twice: true, Reverse: true}, {Late: 400 * time.Millisecond, Reverse: true}, {LatePaid: true}, {Decline: true}, {LatePaid: true, Twice: true}, {HoldBack: true}}
		x.faults.Set(all[i%len(all)])
		select {
		case <-ctx.Done():
			x.faults.Set(host.Fault{})
			return
		case <-time.After(600 * time.Millisecond):
		}
	}
}
