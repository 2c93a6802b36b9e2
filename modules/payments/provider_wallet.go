package payments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// wallet is the payment interface of a host wallet. Both sides sign by Standard Webhooks 1.0; one secret, or several while
// they are changed, per direction. The page /developers/paying describes it for whoever builds one.
type wallet struct {
	name   string
	url    string
	signs  outside.Keys // ours
	reads  outside.Keys // the wallet's
	client *http.Client
	clock  kernel.Clock
}

// statementLimit bounds what a day may have: about a hundred thousand lines.
const statementLimit = 32 << 20

func newWallet(w Wallet, clock kernel.Clock, r *net.Resolver) (*wallet, error) {
	signs, err := outside.NewKeys(w.Secrets)
	if err != nil {
		return nil, fmt.Errorf("payments: wallet %q: %w", w.Name, err)
	}
	reads, err := outside.NewKeys(w.EventSecrets)
	if err != nil {
		return nil, fmt.Errorf("payments: wallet %q: events: %w", w.Name, err)
	}
	return &wallet{name: w.Name, url: w.URL, signs: signs, reads: reads, client: outside.Client(w.AllowLoopback, r), clock: clock}, nil
}

func (w *wallet) Name() string { return w.name }

// The bodies of the interface.
type (
	walletPayment struct {
		ID        kernel.PaymentID `json:"id"`
		Town      string           `json:"town"`
		Payee     kernel.Text      `json:"payee"`
		Title     kernel.Text      `json:"title"`
		Lines     []walletLine     `json:"lines"`
		Amount    int64            `json:"amount"`
		Currency  string           `json:"currency"`
		Capture   string           `json:"capture"`
		Subject   string           `json:"subject"`
		ReturnURL string           `json:"return_url"`
		EventsURL string           `json:"events_url"`
		ExpiresAt time.Time        `json:"expires_at"`
	}
	walletLine struct {
		Name   string      `json:"name"`
		Title  kernel.Text `json:"title"`
		Payee  kernel.Text `json:"payee"`
		Amount int64       `json:"amount"`
	}
	walletBegun struct {
		Reference string `json:"reference"`
		URL       string `json:"url"`
	}
	walletOrder struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
		Reason   string `json:"reason,omitempty"`
	}
	walletEvent struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			Payment   string `json:"payment"`
			Reference string `json:"reference"`
			Order     string `json:"order"`
			Amount    int64  `json:"amount"`
			Currency  string `json:"currency"`
			Reason    string `json:"reason"`
		} `json:"data"`
	}
	walletEntry struct {
		Reference string    `json:"reference"`
		Payment   string    `json:"payment"`
		Order     string    `json:"order"`
		Type      string    `json:"type"`
		Amount    int64     `json:"amount"`
		Currency  string    `json:"currency"`
		At        time.Time `json:"at"`
	}
)

func (w *wallet) Begin(ctx context.Context, n beginning) (begun, error) {
	body := walletPayment{
		ID: n.ID, Town: n.Tenant.Origin, Payee: n.Tenant.Name, Title: n.Title, Amount: n.Amount.Amount, Currency: n.Amount.Currency, Capture: "manual",
		Subject: n.Subject, ReturnURL: n.Return, EventsURL: n.Events, ExpiresAt: n.Until,
	}
	for _, l := range n.Lines {
		body.Lines = append(body.Lines, walletLine(l))
	}
	answer, err := w.call(ctx, http.MethodPost, "/payments", string(n.ID), body, outside.AnswerLimit)
	if err != nil {
		return begun{}, err
	}
	var b walletBegun
	if err := json.Unmarshal(answer, &b); err != nil || b.Reference == "" || len(b.Reference) > 255 || len(b.URL) > 2000 {
		return begun{}, errAway.Wrap(fmt.Errorf("payments: %s began %s with an answer that cannot be used", w.name, n.ID))
	}
	// The citizen's browser is sent there: to the wallet and nowhere else.
	to, err := url.Parse(b.URL)
	own, ownErr := url.Parse(w.url)
	if err != nil || ownErr != nil || to.Scheme != own.Scheme || to.Host != own.Host || to.User != nil {
		return begun{}, errAway.Wrap(fmt.Errorf("payments: %s sends people elsewhere", w.name))
	}
	return begun(b), nil
}

func (w *wallet) Execute(ctx context.Context, o instruction) error {
	path := "/payments/" + url.PathEscape(o.Reference)
	_, err := w.call(ctx, http.MethodPost, path+"/orders", o.ID, walletOrder{ID: o.ID, Type: o.Kind, Amount: o.Amount.Amount, Currency: o.Amount.Currency, Reason: o.Reason}, outside.AnswerLimit)
	if o.Kind != kernel.OrderVoid || !errors.Is(err, errRefused) {
		return err
	}
	answer, looked := w.call(ctx, http.MethodGet, path, kernel.NewID(), nil, outside.AnswerLimit)
	if looked != nil {
		return err
	}
	var now struct {
		State string `json:"state"`
	}
	if json.Unmarshal(answer, &now) == nil && now.State == kernel.PaymentVoided {
		return nil
	}
	return err
}

func (w *wallet) Read(h http.Header, body []byte) (event, error) {
	id, err := w.reads.Verify(h, body)
	if err != nil {
		return event{}, errSignature.Wrap(err)
	}
	var m walletEvent
	if err := json.Unmarshal(body, &m); err != nil {
		return event{}, errMessage.Wrap(fmt.Errorf("payments: event of %s cannot be read", w.name))
	}
	if !slices.Contains(sayings, m.Type) {
		return event{ID: id}, nil // a wallet may say more one day
	}
	amount := kernel.Money{Amount: m.Data.Amount, Currency: m.Data.Currency}
	if m.Timestamp.IsZero() || len(id) > 255 || !kernel.ValidID(m.Data.Payment) || amount.Amount < 0 || amount.Currency != "" && !amount.Valid() || m.Data.Order != "" && !kernel.ValidID(m.Data.Order) {
		return event{}, errMessage.Wrap(fmt.Errorf("payments: event of %s lacks something", w.name))
	}
	return event{
		ID: id, Kind: m.Type, Payment: kernel.PaymentID(m.Data.Payment), Reference: m.Data.Reference, Order: m.Data.Order,
		Amount: amount, Reason: slug(m.Data.Reason), At: m.Timestamp.UTC().Truncate(time.Microsecond),
	}, nil
}

func (w *wallet) Statement(ctx context.Context, t kernel.Tenant, day string) ([]entry, error) {
	answer, err := w.call(ctx, http.MethodGet, "/statement?"+url.Values{"day": {day}, "town": {t.Origin}}.Encode(), kernel.NewID(), nil, statementLimit)
	if err != nil {
		return nil, errAway.Wrap(err) // whatever it answered: it is asked again
	}
	var out []entry
	for raw := range bytes.Lines(answer) {
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		var e walletEntry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, errAway.Wrap(fmt.Errorf("payments: statement of %s for %s cannot be read", w.name, day))
		}
		out = append(out, entry{Reference: kept(e.Reference, 255), Payment: kernel.PaymentID(kept(e.Payment, 60)), Order: kept(e.Order, 60), Kind: kept(e.Type, 60),
			Amount: kernel.Money{Amount: e.Amount, Currency: kept(e.Currency, 3)}, At: e.At.UTC()})
	}
	return out, nil
}

// call sends one signed request and returns the answer of a 2xx. Errors: errRefused for a 409, errAway for everything else: they
// name no address and no text the other side sent.
func (w *wallet) call(ctx context.Context, method, path, id string, body any, limit int64) ([]byte, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("payments: call %s: %w", w.name, outside.WithoutAddress(err))
	}
	if err := w.signs.Sign(req.Header, id, w.clock.Now(), raw); err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "Townhall-Payments/1.0")
	res, err := w.client.Do(req)
	if err != nil {
		return nil, errAway.Wrap(fmt.Errorf("payments: call %s: %w", w.name, outside.WithoutAddress(err)))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil || int64(len(answer)) > limit:
		return nil, errAway.Wrap(fmt.Errorf("payments: answer of %s cannot be read", w.name))
	case res.StatusCode == http.StatusConflict:
		return nil, errRefused.Wrap(fmt.Errorf("payments: %s refuses", w.name))
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, errAway.Wrap(fmt.Errorf("payments: %s answers %d", w.name, res.StatusCode))
	}
	return answer, nil
}

// kept is what can be stored of a text of theirs: at most so many bytes, and none that cannot be kept.
func kept(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// slug keeps of a reason what can be a slug: a wallet's own words could hold anything.
func slug(s string) string {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "other"
		}
	}
	if s == "" || len(s) > 60 {
		return "other"
	}
	return s
}
