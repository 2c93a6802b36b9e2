package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"townhall/cmd/townhall/tour"
	"townhall/cmd/wallet/host"
	"townhall/migrations"
	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
)

//go:embed demo.yaml
var demoTemplate string

// demoPlaces fills the blanks of demo.yaml.
type demoPlaces struct {
	Port   string // of the server
	Wallet string // origin of the reference wallet
	demoSecrets
}

// demoSecrets are what server and wallet know each other by.
type demoSecrets struct {
	Secret        string // of the server's notices
	PaymentSecret string // of the server's requests for payments
	EventSecret   string // of the wallet's events about them
}

// exampleSecrets stand where a contract is described and nothing is sent.
var exampleSecrets = demoSecrets{
	Secret:        "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtMDAwMA==",
	PaymentSecret: "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtMDAwMQ==",
	EventSecret:   "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtMDAwMg==",
}

func demoSettings(p demoPlaces) (modules.Settings, error) {
	t, err := template.New("demo.yaml").Parse(demoTemplate)
	if err != nil {
		return modules.Settings{}, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return modules.Settings{}, err
	}
	return modules.ReadSettings(b.Bytes())
}

type demoOptions struct {
	listen, walletListen, data, databaseURL, out string
	tour                                         bool
}

func demo(ctx context.Context, c *console, args []string) error {
	var o demoOptions
	fs := c.flags("demo")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the server")
	fs.StringVar(&o.walletListen, "wallet-listen", "127.0.0.1:8090", "address of the reference wallet")
	fs.StringVar(&o.data, "data", "", "folder of the database, keys and log; default: one per port that survives")
	fs.BoolVar(&o.tour, "tour", false, "walk the whole journey by HTTP, then stop")
	fs.StringVar(&o.out, "out", "out", "where --tour leaves the document, the trust bundle and the transcript")
	url := databaseURL(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.databaseURL = *url
	d, err := startDemo(ctx, o)
	if err != nil {
		return err
	}
	defer d.stop()
	d.announce(c.out)
	if o.tour {
		err := tour.Run(ctx, tour.Config{
			Wallet: d.wallet.Issuer(), Town: d.origin("northwick"), Out: o.out, Print: c.out, Verify: verdictOf,
		})
		return errors.Join(err, d.stop())
	}
	<-ctx.Done()
	fmt.Fprintln(c.out, "stopping; the data stays in", d.data)
	return d.stop()
}

// running is a demo that was started: two servers and their database.
type running struct {
	data    string
	began   time.Time
	town    *modules.Town
	wallet  *host.Wallet
	faults  *host.Faults   // what goes wrong between the two, on purpose
	stops   []func() error // run last to first
	stopped bool
}

func (d *running) onStop(f func() error) { d.stops = append(d.stops, f) }

func (d *running) stop() error {
	if d.stopped {
		return nil
	}
	d.stopped = true
	var errs []error
	for i := len(d.stops) - 1; i >= 0; i-- {
		errs = append(errs, d.stops[i]())
	}
	return errors.Join(errs...)
}

func (d *running) origin(tenant kernel.TenantID) string {
	for _, t := range d.town.Directory.Tenants() {
		if t.ID == tenant {
			return t.Origin
		}
	}
	return ""
}

func (d *running) announce(w io.Writer) {
	fmt.Fprintf(w, "\n  wallet       %s\n", d.wallet.Issuer())
	for _, t := range d.town.Directory.Tenants() {
		fmt.Fprintf(w, "  %-12s %s   staff: %s/staff\n", strings.ToLower(t.Name.In("en")), t.Origin, t.Origin)
	}
	fmt.Fprintf(w, "  developers   %s/developers/\n  data         %s\n\nready in %.1f s\n", d.town.Directory.Tenants()[0].Origin, d.data, time.Since(d.began).Seconds())
}

func startDemo(ctx context.Context, o demoOptions) (d *running, err error) {
	d = &running{began: time.Now(), faults: &host.Faults{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop())
		}
	}()
	// Listening comes first: a port in use is found before anything is made.
	serverListener, err := listenLoopback("server", o.listen)
	if err != nil {
		return d, err
	}
	d.onStop(func() error { return ignoreClosed(serverListener.Close()) })
	walletListener, err := listenLoopback("wallet", o.walletListen)
	if err != nil {
		return d, err
	}
	d.onStop(func() error { return ignoreClosed(walletListener.Close()) })
	_, port, err := net.SplitHostPort(serverListener.Addr().String())
	if err != nil {
		return d, err
	}
	if d.data, err = demoFolder(o.data, port); err != nil {
		return d, err
	}
	log, err := d.openLog()
	if err != nil {
		return d, err
	}
	db, err := d.openDatabase(ctx, o.databaseURL, log)
	if err != nil {
		return d, err
	}
	secrets, err := keptSecrets(d.data)
	if err != nil {
		return d, err
	}
	walletOrigin := "http://" + walletListener.Addr().String()
	settings, err := demoSettings(demoPlaces{Port: port, Wallet: walletOrigin, demoSecrets: secrets})
	if err != nil {
		return d, err
	}
	d.town, err = modules.New(modules.Options{
		Settings: settings, DB: db, Data: filepath.Join(d.data, "keys"), Clock: kernel.SystemClock{}, Log: log, Contracts: openapi.FS,
	})
	if err != nil {
		return d, err
	}
	if err := d.town.Check(ctx); err != nil {
		return d, err
	}
	if err := seedClinics(ctx, d.town); err != nil {
		return d, err
	}
	if err := seedTimetables(ctx, d.town, time.Now()); err != nil {
		return d, err
	}
	d.wallet, err = newDemoWallet(d.town.Directory, walletOrigin, secrets, filepath.Join(d.data, "wallet"), d.faults, log)
	if err != nil {
		return d, err
	}
	d.onStop(d.wallet.Close)
	d.serveBoth(ctx, serverListener, walletListener, log)
	return d, nil
}

func (d *running) serveBoth(ctx context.Context, server, wallet net.Listener, log *slog.Logger) {
	walletServer := newHTTPServer(d.wallet.Handler(), log)
	go func() {
		if err := walletServer.Serve(wallet); !errors.Is(err, http.ErrServerClosed) {
			log.Error("wallet stopped", "err", err)
		}
	}()
	d.onStop(walletServer.Close)
	townCtx, stopTown := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- runTown(townCtx, d.town, server, log) }()
	d.onStop(func() error {
		stopTown()
		return <-done
	})
}

// newDemoWallet is the reference wallet, told of the demo's municipalities, of their staff clients, and that they may ask
// for payments.
func newDemoWallet(dir kernel.Directory, origin string, secrets demoSecrets, data string, faults *host.Faults, log *slog.Logger) (*host.Wallet, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	cfg := host.Config{Issuer: origin, WebhookSecret: secrets.Secret, DataDir: data, Faults: faults, Log: log}
	for _, t := range dir.Tenants() {
		cfg.Catalogues = append(cfg.Catalogues, t.Origin)
		cfg.StaffClients = append(cfg.StaffClients, host.StaffClient(string(t.ID), t.Origin))
	}
	cfg.Spots = demoSpots
	cfg.Towns = []host.Town{{Origins: cfg.Catalogues, Secrets: []string{secrets.PaymentSecret}, EventSecrets: []string{secrets.EventSecret}}}
	return host.New(cfg)
}

// demoSpots are where people of the demo can say that they stand.
var demoSpots = []host.Spot{
	{Name: kernel.Text{"en": "Northwick, Market Square", "ru": "Нортуик, Рыночная площадь", "zh": "诺斯威克集市广场"}, Position: kernel.Position{Latitude: 51.5288, Longitude: -0.1372}},
	{Name: kernel.Text{"en": "Northwick Harbour", "ru": "Порт Нортуика", "zh": "诺斯威克港"}, Position: kernel.Position{Latitude: 51.5004, Longitude: -0.1203}},
	{Name: kernel.Text{"en": "Eastmere, Chapel Road", "ru": "Истмир, Чапел-роуд", "zh": "伊斯特米尔教堂路"}, Position: kernel.Position{Latitude: 53.2027, Longitude: -6.0990}},
}

func (d *running) openLog() (*slog.Logger, error) {
	f, err := os.OpenFile(filepath.Join(d.data, "townhall.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	d.onStop(f.Close)
	return slog.New(slog.NewJSONHandler(f, nil)), nil
}

func (d *running) openDatabase(ctx context.Context, url string, log *slog.Logger) (*pg.DB, error) {
	if url == "" {
		cluster, err := pg.Start(ctx, pg.Embedded{Dir: filepath.Join(d.data, "postgres"), Log: log})
		if err != nil {
			return nil, err
		}
		d.onStop(func() error { cluster.Stop(); return nil })
		if err := cluster.EnsureDatabase(ctx, "townhall"); err != nil {
			return nil, err
		}
		url = cluster.URL("townhall")
	}
	if err := pg.Migrate(ctx, url, migrations.FS); err != nil {
		return nil, err
	}
	db, err := pg.Open(ctx, pg.Options{URL: url, Log: log})
	if err != nil {
		return nil, err
	}
	d.onStop(db.Close)
	return db, nil
}

// listenLoopback refuses any other interface: the demo's people sign in without proof.
func listenLoopback(what, address string) (net.Listener, error) {
	hostname, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s address %q: %w", what, address, err)
	}
	if !kernel.LoopbackName(hostname) {
		return nil, fmt.Errorf("%s address %q: the demo answers on this machine only, such as 127.0.0.1:8080", what, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (LISTEN and WALLET_LISTEN choose other ports)", what, err)
	}
	return l, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// demoFolder is where a demo keeps its data. PostgreSQL refuses to run as root, so root's demo lives where the
// user it runs as can reach it.
func demoFolder(asked, port string) (string, error) {
	if asked == "" {
		base := "/var/tmp/townhall"
		if os.Getuid() != 0 {
			cache, err := os.UserCacheDir()
			if err != nil {
				return "", err
			}
			base = filepath.Join(cache, "townhall")
		}
		asked = filepath.Join(base, "demo-"+port)
	}
	abs, err := filepath.Abs(asked)
	if err != nil {
		return "", err
	}
	return abs, os.MkdirAll(abs, 0o755)
}

// keptSecrets reads what this demo's server and wallet know each other by, or makes it.
func keptSecrets(folder string) (demoSecrets, error) {
	var s demoSecrets
	for file, to := range map[string]*string{"webhook.secret": &s.Secret, "payment.secret": &s.PaymentSecret, "event.secret": &s.EventSecret} {
		var err error
		if *to, err = keptSecret(filepath.Join(folder, file)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// keptSecret reads one, or makes it.
func keptSecret(file string) (string, error) {
	have, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(have)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	key := make([]byte, 32)
	rand.Read(key)
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
	return secret, os.WriteFile(file, []byte(secret+"\n"), 0o600)
}
