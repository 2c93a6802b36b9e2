package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// Service is the module. Safe for concurrent use.
type Service struct {
	db        *pg.DB
	directory kernel.Directory
	clock     kernel.Clock
	log       *slog.Logger
	audit     kernel.Audit
	config    Config
	levelFor  func(kernel.TenantID, string) (kernel.Level, time.Duration)
	claimsFor func(kernel.TenantID, string) []string
	required  func(kernel.TenantID, string) []string
	hosted    func(context.Context, kernel.Tx, string) bool
	providers []*provider
	keys      *clientKeys
	tokens    tokenCache
	partners  *partners
	texts     *ui.Texts
	staff     ui.Shell
	views     *ui.Views // nil without texts and a shell for staff
}

var _ kernel.People = (*Service)(nil)

// New wires the module. It reaches for no issuer: they are asked when first needed, and may be away until then. The
// error is for a configuration that contradicts itself.
func New(d Deps) (*Service, error) {
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	s := &Service{
		db: d.DB, directory: d.Directory, clock: d.Clock, log: d.Log, audit: d.Audit, config: d.Config,
		levelFor: d.LevelFor, claimsFor: d.ClaimsFor, required: d.RequiredFor, hosted: d.Hosted, keys: &clientKeys{dir: d.Config.ClientKeys},
	}
	if s.clock == nil {
		s.clock = kernel.SystemClock{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.levelFor == nil {
		s.levelFor = func(kernel.TenantID, string) (kernel.Level, time.Duration) { return kernel.NoLevel, 0 }
	}
	if s.claimsFor == nil {
		s.claimsFor = func(kernel.TenantID, string) []string { return nil }
	}
	if s.required == nil {
		s.required = func(kernel.TenantID, string) []string { return nil }
	}
	if s.config.SessionLifetime == 0 {
		s.config.SessionLifetime = 8 * time.Hour
	}
	if s.config.SessionIdle == 0 {
		s.config.SessionIdle = time.Hour
	}
	client := newClient(d.Dial)
	for _, i := range s.config.Issuers {
		s.providers = append(s.providers, newProvider(i, client, s.clock, s.config.AllowHTTPLoopback))
	}
	s.partners = newPartners(d, s.clock, s.log)
	if d.Texts != nil && d.Staff != nil {
		views, err := ui.NewViews(d.Texts, pages)
		if err != nil {
			return nil, err
		}
		s.texts, s.staff, s.views = d.Texts, d.Staff, views
	}
	return s, nil
}

// provider returns the issuer with that URL, for the area and the municipality; an empty URL means the first configured.
func (s *Service) provider(url string, area Area, tenant kernel.Tenant) (*provider, bool) {
	if area != AreaStaff || s.partners.list == nil {
		return s.configured(url, area, tenant.ID)
	}
	for _, p := range s.providersOf(area, tenant) {
		if url == "" || p.URL == url {
			return p, true
		}
	}
	return nil, false
}

// configured is provider among those of the configuration, as they stand there.
func (s *Service) configured(url string, area Area, tenant kernel.TenantID) (*provider, bool) {
	for _, p := range s.providers {
		if p.Area == area && p.trusts(tenant) && (url == "" || p.URL == url) {
			return p, true
		}
	}
	return nil, false
}

// providersOf lists the issuers of the area that the municipality trusts, the configured ones first.
func (s *Service) providersOf(area Area, tenant kernel.Tenant) []*provider {
	var out []*provider
	for _, p := range s.providers {
		if p.Area == area && p.trusts(tenant.ID) {
			out = append(out, p)
		}
	}
	if area == AreaStaff && s.partners.list != nil {
		return s.partners.beside(tenant, out)
	}
	return out
}

// personOf maps a token's subject, known or new, to our key. The insert decides: looking first only saves a write.
func (s *Service) personOf(ctx context.Context, tenant kernel.TenantID, p *provider, subject string) (knownPerson, error) {
	var out knownPerson
	found := false
	err := s.db.Read(ctx, tenant, func(tx *pg.Tx) (err error) {
		out, found, err = personBySubject(ctx, tx, p.URL, subject)
		return err
	})
	if err != nil || found {
		return out, err
	}
	err = s.db.InTx(ctx, tenant, func(tx *pg.Tx) (err error) {
		out.ID, err = upsertPerson(ctx, tx, signedIn{issuer: p.URL, subject: subject, area: p.Area, claims: map[string]string{}}, s.clock.Now())
		return err
	})
	return out, err
}

// record writes to the audit log in the transaction of what it tells about.
func (s *Service) record(ctx context.Context, tx *pg.Tx, who kernel.Principal, action string, details map[string]string) error {
	if s.audit == nil {
		return nil
	}
	return s.audit.Record(kernel.WithPrincipal(ctx, who), tx, kernel.AuditEntry{Action: action, Subject: who.Person, Details: details})
}

// cleanUp deletes ended logins, sessions and used logout tokens of every municipality.
func (s *Service) cleanUp(ctx context.Context) error {
	var errs []error
	for _, t := range s.directory.Tenants() {
		now := s.clock.Now()
		errs = append(errs, s.db.InTx(ctx, t.ID, func(tx *pg.Tx) error {
			return deleteEnded(ctx, tx, now, now.Add(-s.config.SessionIdle))
		}))
	}
	return errors.Join(errs...)
}

var rawURL = base64.RawURLEncoding

// randomToken returns 256 bits, as 43 characters that are safe in cookies and URLs.
func randomToken() string {
	var b [32]byte
	rand.Read(b[:])
	return rawURL.EncodeToString(b[:])
}
