// Package modules is the composition root: it lists every module once and joins them. Nothing else knows which
// modules there are. Taking one out means taking out its import and its entry here.
package modules

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"townhall/modules/audit"
	"townhall/modules/casework"
	"townhall/modules/catalogue"
	"townhall/modules/citizen"
	"townhall/modules/civic"
	"townhall/modules/developers"
	"townhall/modules/documents"
	"townhall/modules/identity"
	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/medical"
	"townhall/modules/notify"
	"townhall/modules/partners"
	"townhall/modules/payments"
	"townhall/modules/staff"
	"townhall/modules/travel"
	"townhall/workflows"
)

// Options is what a town is made from.
type Options struct {
	Settings  Settings
	DB        *pg.DB // nil: contracts and pages can be described, not served
	Data      string // folder of the sealing keys and the clients' keys
	Clock     kernel.Clock
	Log       *slog.Logger
	Contracts fs.FS // the generated contracts, for the developers' pages

	// Dispatch tunes the background work; zero values are right for a server.
	Dispatch pg.DispatchOptions
	// SkipChecksForTest turns off casework's check of "whose case is it", to show what row-level security alone holds.
	SkipChecksForTest bool
	// PaymentsForTest stands in for whoever moves money.
	PaymentsForTest kernel.Payments
}

// house is what the modules are joined with while they are built, in the order of the list.
type house struct {
	Options
	directory *directory
	library   *workflows.Library
	texts     *ui.Texts
	citizen   *citizen.Shell
	staff     *staff.Shell
	log       *audit.Log

	people     kernel.People
	auth       web.Authenticator
	channel    func(context.Context) string
	unread     func(context.Context) (int, error)
	listed     func(module string) bool
	documents  kernel.Documents
	printable  func(rune) bool
	revoker    kernel.Revoker
	payments   kernel.Payments
	steps      map[string]map[string]kernel.StepEffect // sector → name
	pages      map[string]app.CasePage                 // sector →
	points     []kernel.ServicePoints
	cases      kernel.Cases
	releases   kernel.Releases // nil: everything is there for everybody
	catalogue  *catalogue.Service
	roster     sync.Map // municipality → []kernel.StaffIssuer, its partners'
	clinics    clinics
	timetables timetables

	signIns      kernel.SignInTester
	staffOrigins func(kernel.Tenant) []string
}

type module interface{ Module() app.Module }

// entry is one module: its name, its words, and how it is built from what stands before it.
type entry struct {
	name  string
	texts fs.FS
	build func(*house) (module, error)
}

// list is every module of the house.
func list() []entry {
	return []entry{
		{"identity", identity.Texts(), func(h *house) (module, error) {
			s, err := identity.New(identity.Deps{
				DB: h.DB, Directory: h.directory, Clock: h.Clock, Log: h.Log, Audit: h.log,
				Config: h.identityConfig(), LevelFor: h.levelFor, ClaimsFor: h.claimsFor, RequiredFor: h.requiredFor, Hosted: h.hosted,
				StaffIssuers: h.staffIssuers, Texts: h.texts, Staff: h.staff,
			})
			if err != nil {
				return nil, err
			}
			h.people, h.auth, h.channel, h.signIns, h.staffOrigins = s, s, s.Channel, s, s.StaffOrigins
			return s, nil
		}},
		{"documents", documents.Texts(), func(h *house) (module, error) {
			s, err := documents.New(documents.Deps{
				DB: h.DB, Directory: h.directory, Audit: h.log, Clock: h.Clock, Log: h.Log,
				Keys: filepath.Join(h.Data, "seal"), Texts: h.texts, Shell: h.citizen, Staff: h.staff,
				Level: h.Settings.Documents.Level, Algorithm: h.Settings.Documents.Algorithm,
				Stamp: documents.Stamp(h.Settings.Documents.Timestamp), Outside: h.Settings.Documents.outside(),
			})
			if err != nil {
				return nil, err
			}
			h.documents, h.printable = s, s.Printable
			h.revoker = s
			return s, nil
		}},
		{"payments", payments.Texts(), func(h *house) (module, error) {
			s, err := payments.New(payments.Deps{
				DB: h.DB, People: h.people, Directory: h.directory, Documents: h.documents, Audit: h.log, Clock: h.Clock, Log: h.Log, Texts: h.texts,
				Citizen: h.citizen, Staff: h.staff, Config: payments.Config{Wallets: h.payingWallets(), Card: mapped(h.Settings.Card, CardSettings.card)},
			})
			if err != nil {
				return nil, err
			}
			h.payments = s
			if h.PaymentsForTest != nil { // what it tells of is in no book of ours
				h.payments = h.PaymentsForTest
				return deaf{s}, nil
			}
			return s, nil
		}},
		{"catalogue", catalogue.Texts(), func(h *house) (module, error) {
			s, err := catalogue.New(catalogue.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Audit: h.log, People: h.people, Clock: h.Clock, Log: h.Log, Texts: h.texts, Shell: h.citizen, Staff: h.staff,
				Keys: filepath.Join(h.Data, "catalogue"), Points: func() []kernel.ServicePoints { return h.points },
				Config: catalogue.Config{Issuers: h.citizenIssuers(), Wallets: h.walletLinks()},
			})
			if err != nil {
				return nil, err
			}
			h.releases, h.catalogue = s, s
			return s, nil
		}},
		{"casework", casework.Texts(), func(h *house) (module, error) {
			s, err := casework.New(casework.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Documents: h.documents, People: h.people,
				Audit: h.log, Releases: h.releases, Clock: h.Clock, Texts: h.texts, Shell: h.staff, History: h.listed("audit"), Printable: h.printable, Revoker: h.revoker, Payments: h.payments,
				StepEffect: func(sector, name string) kernel.StepEffect { return h.steps[sector][name] }, CasePage: h.casePage, SkipChecksForTest: h.SkipChecksForTest,
			})
			if err != nil {
				return nil, err
			}
			h.cases = s
			return s, nil
		}},
		{"partners", partners.Texts(), func(h *house) (module, error) {
			return partners.New(partners.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Holds: h.catalogue, Audit: h.log, Clock: h.Clock, Log: h.Log, Texts: h.texts, Citizen: h.citizen, Staff: h.staff,
				Office: partnerOffice, Apply: h.follow, SignIns: h.signIns, Cases: h.cases, Printable: h.printable,
			})
		}},
		{"audit", audit.Texts(), func(h *house) (module, error) {
			return audit.New(audit.Deps{
				DB: h.DB, Log: h.log, Cases: h.cases, Directory: h.directory, Library: h.library, Texts: h.texts, Citizen: h.citizen, Staff: h.staff,
			})
		}},
		{"notify", notify.Texts(), func(h *house) (module, error) {
			s, err := notify.New(notify.Deps{
				DB: h.DB, People: h.people, Directory: h.directory, Clock: h.Clock, Log: h.Log, Texts: h.texts, Citizen: h.citizen,
				Config: notify.Config{
					Wallets: each(h.Settings.Wallets, func(w WalletSettings) notify.Wallet {
						return notify.Wallet{Issuer: w.Issuer, WebhookURL: w.Webhook, Secrets: each(w.Secrets, Secret.reveal), AllowLoopback: w.AllowLoopback}
					}),
					SMTP: mapped(h.Settings.SMTP, func(m SMTPSettings) notify.SMTP {
						return notify.SMTP{Host: m.Host, Port: m.Port, Username: m.User, Password: kernel.NewSensitive(m.Password.reveal()), From: m.From, Clear: m.Clear}
					}),
				},
			})
			if err != nil {
				return nil, err
			}
			h.unread = s.Unread
			return s, nil
		}},
		{"civic", civic.Texts(), func(h *house) (module, error) {
			return civic.New(civic.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Cases: h.cases, Releases: h.releases, Documents: h.documents, People: h.people,
				Clock: h.Clock, Texts: h.texts, Shell: h.citizen, Channel: h.channel,
			})
		}},
		{"medical", medical.Texts(), func(h *house) (module, error) {
			s, err := medical.New(medical.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Cases: h.cases, Releases: h.releases, Documents: h.documents, People: h.people, Audit: h.log,
				Clock: h.Clock, Log: h.Log, Texts: h.texts, Citizen: h.citizen, Staff: h.staff, Channel: h.channel,
				Keys: filepath.Join(h.Data, "health"), Printable: h.printable,
			})
			h.clinics = s
			return s, err
		}},
		{"travel", travel.Texts(), func(h *house) (module, error) {
			s, err := travel.New(travel.Deps{
				DB: h.DB, Library: h.library, Directory: h.directory, Cases: h.cases, Releases: h.releases, Documents: h.documents, People: h.people, Payments: h.payments,
				Audit: h.log, Clock: h.Clock, Log: h.Log, Texts: h.texts, Citizen: h.citizen, Staff: h.staff, Channel: h.channel, Printable: h.printable,
			})
			h.timetables = s
			return s, err
		}},
		{"citizen", citizen.Texts(), func(h *house) (module, error) {
			return citizen.New(citizen.Deps{
				DB: h.DB, Cases: h.cases, Releases: h.releases, Documents: h.documents, Payments: h.payments, Clock: h.Clock, Library: h.library, Directory: h.directory, Texts: h.texts, Shell: h.citizen,
				CasePage: h.casePage,
			})
		}},
		{"staff", staff.Texts(), func(h *house) (module, error) { return h.staff, nil }},
		{"developers", developers.Texts(), func(h *house) (module, error) {
			rules, err := partnerRules()
			if err != nil {
				return nil, err
			}
			return developers.New(developers.Deps{Contracts: h.Contracts, Texts: h.texts, Partners: rules})
		}},
	}
}

// deaf is a module that hears of no events.
type deaf struct{ module }

func (d deaf) Module() app.Module {
	m := d.module.Module()
	m.Effects = nil
	return m
}

// Town is the assembled house.
type Town struct {
	Modules   []app.Module
	Directory kernel.Directory
	Library   *workflows.Library
	Texts     *ui.Texts
	Server    *web.Server
	Fixtures  []ui.Fixture // page states for the gallery

	dispatcher *pg.Dispatcher
	clinics    clinics
	timetables timetables
	db         *pg.DB
	log        *slog.Logger
}

// New builds every module of the list and the server in front of them. Errors name the module.
func New(o Options) (*Town, error) {
	entries := list()
	h, err := newHouse(o, entries)
	if err != nil {
		return nil, err
	}
	t := &Town{Directory: h.directory, Library: h.library, Texts: h.texts, db: o.DB, log: o.Log}
	for _, e := range entries {
		m, err := e.build(h)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", e.name, err)
		}
		built := m.Module()
		h.steps[built.Name], h.pages[built.Name] = built.Steps, built.CasePage
		if built.Points != nil {
			h.points = append(h.points, built.Points)
		}
		t.Modules = append(t.Modules, built)
		if f, ok := m.(interface{ Fixtures() []ui.Fixture }); ok {
			t.Fixtures = append(t.Fixtures, f.Fixtures()...)
		}
	}
	t.clinics, t.timetables = h.clinics, h.timetables
	if t.Server, err = h.server(t.Modules, t.ready); err != nil {
		return nil, err
	}
	if o.DB != nil {
		subs := app.Effects(t.Modules)
		o.DB.Subscribe(subs)
		if o.Dispatch.Log == nil {
			o.Dispatch.Log = o.Log
		}
		t.dispatcher = pg.NewDispatcher(o.DB, h.directory, subs, o.Dispatch)
	}
	return t, nil
}

func newHouse(o Options, entries []entry) (*house, error) {
	h := &house{Options: o, steps: map[string]map[string]kernel.StepEffect{}, pages: map[string]app.CasePage{}, log: audit.NewLog(o.Clock)}
	h.directory = o.Settings.directory()
	embedded, err := workflows.LoadEmbedded()
	if err != nil {
		return nil, err
	}
	h.library = embedded.Fork() // partners make definitions while the house runs
	if err := o.Settings.checkServices(h.library); err != nil {
		return nil, err
	}
	sets := []fs.FS{web.Texts()}
	for _, e := range entries {
		sets = append(sets, e.texts)
	}
	if h.texts, err = ui.LoadTexts(sets...); err != nil {
		return nil, err
	}
	h.listed = func(name string) bool {
		return slices.ContainsFunc(entries, func(e entry) bool { return e.name == name })
	}
	links := citizen.Links{Messages: h.listed("notify"), Access: h.listed("audit"), Payments: h.listed("payments"), Unread: func(ctx context.Context) (int, error) {
		if h.unread == nil || h.DB == nil {
			return 0, nil
		}
		return h.unread(ctx)
	}}
	links.Testing = func(ctx context.Context, app string) bool {
		if h.releases == nil {
			return false
		}
		st, err := h.releases.Standing(ctx, nil, app) // a page that cannot know goes without
		return err == nil && st.Testing
	}
	if h.citizen, err = citizen.NewShell(h.texts, links); err != nil {
		return nil, err
	}
	h.staff, err = staff.NewShell(h.texts, h.directory)
	return h, err
}

func (h *house) server(all []app.Module, ready func(context.Context) error) (*web.Server, error) {
	o := web.Options{
		Directory: h.directory, Auth: h.auth, Chooser: h.citizen.Chooser(h.directory), Translate: h.texts.Lookup,
		ErrorPage: h.errorPage, Headers: h.headers(), Clock: h.Clock, Log: h.Log, Ready: ready,
	}
	for _, m := range all {
		o.Contracts = append(o.Contracts, m.Contracts...)
		o.Pages = append(o.Pages, m.Pages...)
	}
	return web.New(o)
}

// casePage is the page of its own that a case's sector has for it.
func (h *house) casePage(c kernel.Case, reader kernel.PrincipalKind) string {
	if page := h.pages[c.Sector]; page != nil {
		return page(c, reader)
	}
	return ""
}

// errorPage lets each area's shell draw its own errors.
func (h *house) errorPage(w http.ResponseWriter, r *http.Request, area string, status int, e *kernel.Error) {
	if area == "staff" {
		h.staff.ErrorPage(w, r, area, status, e)
		return
	}
	h.citizen.ErrorPage(w, r, area, status, e)
}

// headers are the security headers of every page. A form of ours may end at an issuer: signing in or stepping up on
// the way is a redirect, and form-action covers redirects too. So is the way to where a payment is paid. Those of partners come
// and go, so they are asked for with each page of staff.
func (h *house) headers() func(http.Header, *http.Request) {
	var issuers []string
	for _, i := range h.Settings.Issuers {
		if u, err := url.Parse(i.URL); err == nil {
			issuers = append(issuers, u.Scheme+"://"+u.Host)
		}
	}
	issuers = append(issuers, h.Settings.payingOrigins()...)
	slices.Sort(issuers)
	issuers = slices.Compact(issuers)
	return func(header http.Header, r *http.Request) {
		ui.SecurityHeaders(header)
		origins := issuers
		if h.staffOrigins != nil && web.AreaOf(r.URL.Path) == string(identity.AreaStaff) {
			origins = slices.Concat(issuers, h.staffOrigins(kernel.TenantOf(r.Context())))
		}
		ui.AllowForms(header, origins...)
	}
}

// hosted reports whether hosts list a mini-app. When that cannot be known the sign-in is tried as it is.
func (h *house) hosted(ctx context.Context, tx kernel.Tx, app string) bool {
	if h.releases == nil {
		return true
	}
	st, err := h.releases.Standing(ctx, tx, app)
	return err != nil || st.Hosted
}

func (h *house) levelFor(_ kernel.TenantID, app string) (kernel.Level, time.Duration) {
	d, ok := h.library.Get(app)
	if !ok {
		return kernel.NoLevel, 0
	}
	return d.Start.Level, d.Start.MaxAge
}

func (h *house) claimsFor(_ kernel.TenantID, app string) []string {
	d, ok := h.library.Get(app)
	if !ok {
		return nil
	}
	return each(d.Claims, func(c workflows.Claim) string { return c.Name })
}

// requiredFor is what of claimsFor a service cannot do without.
func (h *house) requiredFor(_ kernel.TenantID, app string) []string {
	d, ok := h.library.Get(app)
	if !ok {
		return nil
	}
	var out []string
	for _, c := range d.Claims {
		if c.Required {
			out = append(out, c.Name)
		}
	}
	return out
}

func (h *house) citizenIssuers() []string {
	var out []string
	for _, i := range h.Settings.Issuers {
		if identity.Area(i.Area) == identity.AreaCitizen {
			out = append(out, i.URL)
		}
	}
	return out
}

// walletLinks are the wallets that can be opened from a shared link.
func (h *house) walletLinks() []catalogue.WalletLink {
	var out []catalogue.WalletLink
	for _, w := range h.Settings.Wallets {
		if w.Open != "" {
			out = append(out, catalogue.WalletLink{Name: w.Name, Open: w.Open})
		}
	}
	return out
}

func (h *house) identityConfig() identity.Config {
	c := identity.Config{ClientKeys: filepath.Join(h.Data, "clients"), AllowHTTPLoopback: true}
	for _, i := range h.Settings.Issuers {
		issuer := identity.Issuer{ID: i.ID, URL: i.URL, Area: identity.Area(i.Area), ACR: i.ACR, Tenants: i.Tenants,
			Groups: map[kernel.TenantID]map[string][]kernel.Grant{}}
		for tenant, groups := range i.Groups {
			issuer.Groups[tenant] = map[string][]kernel.Grant{}
			for name, grants := range groups {
				issuer.Groups[tenant][name] = each(grants, func(g GrantSettings) kernel.Grant { return kernel.Grant(g) })
			}
		}
		c.Issuers = append(c.Issuers, issuer)
	}
	for _, m := range h.Settings.Machines {
		c.Machines = append(c.Machines, identity.Machine(m))
	}
	return c
}

// Handler answers every request of the town.
func (t *Town) Handler() http.Handler { return t.Server.Handler() }

// Check runs every module's own check; serving begins when it passes.
func (t *Town) Check(ctx context.Context) error { return app.Check(ctx, t.Modules) }

func (t *Town) ready(ctx context.Context) error {
	if err := t.db.Ping(ctx); err != nil {
		return err
	}
	return t.Check(ctx)
}

// Run does the background work, effects and jobs, until ctx ends.
func (t *Town) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := t.dispatcher.Run(ctx); err != nil && ctx.Err() == nil {
			t.log.Error("dispatcher stopped", "err", err)
		}
	})
	wg.Go(func() { app.RunJobs(ctx, append(slices.Clone(t.Modules), t.upkeep()), t.log) })
	wg.Wait()
}

// upkeep is the work of the kernel itself.
func (t *Town) upkeep() app.Module {
	return app.Module{Name: "kernel", Jobs: []app.Job{{Name: "forget-answers", Every: time.Hour, Run: func(ctx context.Context) error {
		for _, tenant := range t.Directory.Tenants() {
			if err := t.db.ForgetAnswers(ctx, tenant.ID); err != nil {
				return err
			}
		}
		return nil
	}}}}
}

// Drain runs what is due until nothing is: for tests, which do not want to wait.
func (t *Town) Drain(ctx context.Context) error { return t.dispatcher.Drain(ctx) }

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func mapped[A, B any](in *A, f func(A) B) *B {
	if in == nil {
		return nil
	}
	out := f(*in)
	return &out
}
