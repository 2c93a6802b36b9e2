// Package host is the reference host wallet: a phone-first web application which lists the mini-apps of several
// municipalities, an OpenID provider for citizens, and a second one (<issuer>/staff) for registrars.
//
// It stands for a national wallet in demonstrations and tests, and is just another client of the public
// interfaces: it learns mini-apps from /.well-known/miniapps.json, launches them by OpenID Connect
// third-party-initiated login (Core §4), and receives notices as Standard Webhooks. Nothing it does is
// impossible for a real wallet. Its people are personas: nobody proves anything here, so it belongs on the
// loopback interface.
//
//	host.go        configuration, routes, response headers     vault.go      secrets that are stored as hashes
//	personas.go    the demonstration people                    journal.go    what survives a restart
//	provider.go    the two issuers, discovery                  keys.go       signing keys
//	catalogue.go   mini-apps read from municipalities          ui.go, ui_*.go pages
//	towns.go       search, nearby and links asked of them
//	documents.go   a person's signed documents, asked of them
//	clients.go     client authentication                       tickets.go    launch tickets
//	authorize.go   authorization requests, PAR                 interaction.go sign-in, step-up, consent
//	token.go       token endpoint and userinfo                 tokens.go     ID, access and logout tokens
//	sessions.go    host sessions, sign-out                     inbox.go      webhooks
//	payments.go    what towns ask for, over HTTP               books.go      facts, accounts, sums
//	books_rules.go what may follow what                        events.go     what towns are told
//	means.go       what a person pays with                     faults.go     what tests make go wrong
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"townhall/modules/kernel"
)

// Config says who the wallet is and whom it trusts. Only Issuer is required.
type Config struct {
	// Issuer is the wallet's origin and the citizens' issuer identifier, e.g. "http://127.0.0.1:8090". The
	// staff issuer is Issuer + "/staff". Clear-text http is accepted for loopback names only.
	Issuer string
	// Catalogues are the origins of the municipalities whose /.well-known/miniapps.json is read.
	Catalogues []string
	// Towns may ask the wallet for payments; without any there is no interface for payments.
	Towns []Town
	// Faults makes payments go wrong on purpose; nil, and they go right.
	Faults *Faults
	// EventPause is how long an event waits after its first failed attempt, doubled with each more; 0 means a second.
	EventPause time.Duration
	// Spots are places people can say that they are at, for nearby services, when their device does not say it.
	Spots []Spot
	// WebhookSecret ("whsec_…") signs the notices municipalities send; empty refuses every webhook.
	WebhookSecret string
	// Personas are the people who can sign in; nil means DemoPersonas.
	Personas []Persona
	// StaffClients are the clients of the staff issuer; see StaffClient for the usual one.
	StaffClients []Client
	// Integrators are programs that get access tokens by client credentials at the citizens' issuer.
	Integrators []Client
	// DialContext opens connections to municipalities; nil means kernel.DialLoopbackNames.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Clock       kernel.Clock // nil means the machine's
	Log         *slog.Logger // nil discards
	// DataDir keeps signing keys, inbox, consents and recents over a restart; empty keeps them in memory.
	DataDir string
}

// Wallet is one running wallet. It is safe for concurrent use.
type Wallet struct {
	cfg      Config
	origin   string
	clock    kernel.Clock
	log      *slog.Logger
	http     *http.Client
	book     *catalogue
	journal  *journal
	webhook  *webhooks.Webhook
	tickets  *vault[ticket]
	citizens *provider
	staff    *provider
	views    *views
	deliver  sync.Mutex // one webhook at a time, so that a repeated id is stored once

	towns    []*town
	seen     *vault[string] // webhook-ids of towns, each with the digest of the request it came with
	couriers []*courier
	running  sync.WaitGroup
	stop     context.CancelFunc
}

// New checks the configuration, reads or makes the keys, replays the journal, and begins to deliver the events that
// payments left behind. The municipalities may start later.
func New(cfg Config) (*Wallet, error) {
	origin, err := checkOrigin(cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	for i, c := range cfg.Catalogues {
		if cfg.Catalogues[i], err = checkOrigin(c); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
	}
	if cfg.Clock == nil {
		cfg.Clock = kernel.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DialContext == nil {
		cfg.DialContext = kernel.DialLoopbackNames
	}
	if cfg.Personas == nil {
		cfg.Personas = DemoPersonas()
	}
	w := &Wallet{cfg: cfg, origin: origin, clock: cfg.Clock, log: cfg.Log, http: outgoing(cfg.DialContext)}
	if cfg.WebhookSecret != "" {
		if w.webhook, err = webhooks.NewWebhook(cfg.WebhookSecret); err != nil {
			return nil, errors.New("webhook secret: want whsec_ and base64")
		}
	}
	for _, t := range cfg.Towns {
		one, err := newTown(t)
		if err != nil {
			return nil, fmt.Errorf("town: %w", err)
		}
		for _, other := range w.towns {
			// Who signed is found by the secret; which payments are whose, by the origin.
			if overlap(one.Secrets, other.Secrets) || overlap(one.Origins, other.Origins) {
				return nil, errors.New("town: two towns share a secret or an origin")
			}
		}
		w.towns = append(w.towns, one)
	}
	if w.cfg.EventPause == 0 {
		w.cfg.EventPause = time.Second
	}
	w.seen = newVault[string](cfg.Clock)
	if cfg.DataDir != "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("wallet data: %w", err)
		}
	}
	keys, err := openKeys(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	w.citizens = newProvider(w, "", "citizens", keys.Citizens, keys.Salt, w.citizenClient)
	w.staff = newProvider(w, "/staff", "staff", keys.Staff, keys.Salt, w.staffClient)
	books := newBooks()
	// Made from the reference and a secret, so that it can be made again and opens nothing that is written down.
	books.page = func(reference string) string { return w.citizens.keyed("pay", reference) }
	if w.journal, err = openJournal(cfg.DataDir, books); err != nil {
		return nil, err
	}
	if w.views, err = newViews(); err != nil {
		return nil, err
	}
	w.book = &catalogue{origins: cfg.Catalogues, http: w.http, clock: cfg.Clock, log: cfg.Log}
	w.tickets = newVault[ticket](cfg.Clock)
	w.startCouriers()
	return w, nil
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Close stops delivering events and closes the journal. Requests still running afterwards fail.
func (w *Wallet) Close() error {
	w.stop()
	w.running.Wait()
	return w.journal.close()
}

// Issuer returns the citizens' issuer identifier.
func (w *Wallet) Issuer() string { return w.citizens.issuer }

// StaffIssuer returns the registrars' issuer identifier.
func (w *Wallet) StaffIssuer() string { return w.staff.issuer }

// Handler serves the wallet's pages, both issuers and the webhook receiver.
func (w *Wallet) Handler() http.Handler {
	mux := http.NewServeMux()
	w.citizens.routes(mux)
	w.staff.routes(mux)
	w.pages(mux)
	if len(w.towns) > 0 {
		w.paymentRoutes(mux)
		w.payPages(mux)
	}
	mux.HandleFunc("POST /webhooks/townhall", w.receiveWebhook)
	mux.HandleFunc("GET /demo/inbox", w.demoInbox)
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })

	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.errorPage(rw, r, http.StatusForbidden, "error.cross-site")
	}))
	// A client may send these from its own pages (Core §3.1.2.1, RP-Initiated Logout §2). Neither does
	// anything by itself: the person is asked on a page of the wallet.
	for _, p := range []*provider{w.citizens, w.staff} {
		guard.AddInsecureBypassPattern("POST " + p.prefix + "/authorize")
		guard.AddInsecureBypassPattern("POST " + p.prefix + "/end_session")
	}
	return headers(http.MaxBytesHandler(guard.Handler(mux), 256<<10))
}

// headers sets what every answer carries. Pages replace the policy with their own (ui.go).
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// same-origin, not no-referrer: the latter turns the Origin header of our own forms into "null".
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(rw, r)
	})
}

// outgoing is the client for everything the wallet fetches or posts: bounded in time, never redirected
// (what was registered is what is called), never through a proxy.
func outgoing(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Timeout:       5 * time.Second,
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkOrigin accepts scheme://host[:port] and nothing more; http for loopback names only.
func checkOrigin(s string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q: want scheme://host[:port]", s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !kernel.LoopbackName(u.Hostname())) {
		return "", fmt.Errorf("%q: want https, or http on a loopback name", s)
	}
	return u.String(), nil
}

// originOf returns the origin of an absolute URL, "" when it is none.
func originOf(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// localPath reports whether s is a path inside one origin and nothing a browser or a proxy could read as another one:
// no "//", no backslash, no dot segment, no control character, under any layer of percent-encoding.
func localPath(s string) bool {
	if len(s) > 512 || !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "\\#") {
		return false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r >= 0x7f }) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" {
		return false
	}
	for path := u.EscapedPath(); ; {
		parts := strings.Split(path, "/")
		if strings.Contains(path, "//") || slices.Contains(parts, "..") || slices.Contains(parts, ".") ||
			strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
			return false
		}
		plain, err := url.PathUnescape(path)
		if err != nil || plain == path {
			return err == nil
		}
		path = plain
	}
}
