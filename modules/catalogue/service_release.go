package catalogue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

var _ kernel.Releases = (*Service)(nil)

// releasesFresh is how long a process goes on with what it has read: a halt reaches every process within it. The process
// that takes a change knows at once. It keeps the question "may this begin" off the way of every booking.
const releasesFresh = time.Second

// releaseBook keeps what was read, by municipality.
type releaseBook struct {
	mu    sync.Mutex
	pages map[kernel.TenantID]releasePage
	turn  map[kernel.TenantID]int // counts changes made here: what was read before one is not kept after it
}

type releasePage struct {
	read time.Time
	all  map[string]Release
}

// look returns what is still fresh, and the turn a reader has to hand in.
func (b *releaseBook) look(t kernel.TenantID) (map[string]Release, int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.pages[t]
	return p.all, b.turn[t], ok && time.Since(p.read) < releasesFresh
}

func (b *releaseBook) keep(t kernel.TenantID, turn int, p releasePage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pages == nil {
		b.pages = map[kernel.TenantID]releasePage{}
	}
	if b.turn[t] == turn {
		b.pages[t] = p
	}
}

func (b *releaseBook) forget(t kernel.TenantID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.turn == nil {
		b.turn = map[kernel.TenantID]int{}
	}
	b.turn[t]++
	delete(b.pages, t)
}

type showingKey struct{}

// showing is a context in which the releases are these: pages drawn without a database.
func showing(ctx context.Context, all map[string]Release) context.Context {
	return context.WithValue(ctx, showingKey{}, all)
}

// releases are those of a municipality, at most releasesFresh old. tx is the caller's, or nil outside of one.
func (s *Service) releases(ctx context.Context, tx kernel.Tx, t kernel.TenantID) (map[string]Release, error) {
	if all, ok := ctx.Value(showingKey{}).(map[string]Release); ok || s.deps.DB == nil {
		return all, nil
	}
	all, turn, fresh := s.book.look(t)
	if fresh {
		return all, nil
	}
	begun := time.Now()
	var err error
	if tx != nil {
		all, err = releasesOf(ctx, tx)
	} else {
		err = s.deps.DB.Read(ctx, t, func(tx *pg.Tx) (err error) {
			all, err = releasesOf(ctx, tx)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	s.book.keep(t, turn, releasePage{begun, all})
	return all, nil
}

// released is one app's among those read.
func released(all map[string]Release, app string) Release {
	if r, ok := all[app]; ok {
		return r
	}
	return untouched(app)
}

func (s *Service) closed(ctx context.Context, t kernel.Tenant, r Release) *kernel.Error {
	locale := kernel.LocaleOf(ctx)
	var day time.Time
	if r.Season.From != "" {
		day = s.deps.Clock.Now().In(t.Location())
	}
	return r.Closed(day, locale, func(d time.Time) string { return ui.Day(locale, d.Format(time.DateOnly)) })
}

// MayStart is kernel.Releases.
func (s *Service) MayStart(ctx context.Context, tx kernel.Tx, service string) error {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen && who.Kind != kernel.Anonymous && who.Kind != kernel.Staff {
		return nil
	}
	t := s.tenant(ctx, tx)
	all, err := s.releases(ctx, tx, t.ID)
	if err != nil {
		return err
	}
	r, touched := all[service]
	if !touched {
		return nil
	}
	if who.Kind == kernel.Staff {
		return r.AtDesk(s.closed(ctx, t, r))
	}
	tester, err := s.isTester(ctx, tx, r, who)
	if err != nil {
		return err
	}
	return r.MayStart(who.Person, tester, s.closed(ctx, t, r))
}

// Standing is kernel.Releases.
func (s *Service) Standing(ctx context.Context, tx kernel.Tx, service string) (kernel.Standing, error) {
	t := s.tenant(ctx, tx)
	all, err := s.releases(ctx, tx, t.ID)
	if err != nil {
		return kernel.Standing{}, err
	}
	r := released(all, service)
	out := kernel.Standing{Listed: r.Listed(), Hosted: r.Listed(), Testing: r.Testing()}
	if r.Hidden() {
		if out.Listed, err = s.isTester(ctx, tx, r, kernel.PrincipalOf(ctx)); err != nil {
			return kernel.Standing{}, err
		}
	}
	if closed := s.closed(ctx, t, r); closed != nil && r.Stage != StageDraft && r.Stage != StageReview {
		out.Closed = s.deps.Texts.Error(kernel.LocaleOf(ctx), closed)
	}
	return out, nil
}

// isTester asks for the person's own identifier at their issuer only where somebody was named by it.
func (s *Service) isTester(ctx context.Context, tx kernel.Tx, r Release, who kernel.Principal) (bool, error) {
	if who.Kind != kernel.Citizen || len(r.Testers) == 0 {
		return false, nil
	}
	if r.tester(who.Person, "") {
		return true, nil
	}
	if s.deps.People == nil {
		return false, nil
	}
	var p kernel.Person
	var err error
	if tx != nil {
		p, err = s.deps.People.Person(ctx, tx, who.Person, "")
	} else {
		err = s.deps.DB.Read(ctx, who.Tenant, func(tx *pg.Tx) (err error) {
			p, err = s.deps.People.Person(ctx, tx, who.Person, "")
			return err
		})
	}
	return err == nil && r.tester(who.Person, p.Subject), err
}

func (s *Service) tenant(ctx context.Context, tx kernel.Tx) kernel.Tenant {
	t := kernel.TenantOf(ctx)
	if tx == nil || t.ID == tx.TenantID() {
		return t
	}
	for _, one := range s.deps.Directory.Tenants() {
		if one.ID == tx.TenantID() {
			return one
		}
	}
	return t
}

// managed is one app as its agency's publishers and reviewers see it.
type managed struct {
	Release
	def     *workflows.Definition
	agency  kernel.AgencyID
	offered bool // the municipality's settings name it

	suspended bool // the agency is
}

// duty returns the definition of an app whose agency the official is publisher or reviewer at, or NotFound: not yours is not there.
func (s *Service) duty(ctx context.Context, app string) (managed, error) {
	who, t := kernel.PrincipalOf(ctx), kernel.TenantOf(ctx)
	d, ok := s.deps.Library.Get(app)
	if !ok || who.Kind != kernel.Staff || who.Tenant != t.ID {
		return managed{}, kernel.NotThere("mini-app")
	}
	agency := kernel.AgencyID(d.Agency)
	body, there := s.deps.Directory.Agency(t.ID, agency)
	if !there || !who.Has(agency, RolePublisher) && !who.Has(agency, RoleReviewer) {
		return managed{}, kernel.NotThere("mini-app")
	}
	return managed{def: d, agency: agency, offered: slices.Contains(t.Services, app), suspended: body.Suspended, Release: untouched(app)}, nil
}

// Managed lists the mini-apps of the official's agencies: those the municipality offers, in its order, then those that are
// only prepared.
func (s *Service) managed(ctx context.Context) ([]managed, error) {
	t := kernel.TenantOf(ctx)
	var all map[string]Release
	err := s.deps.DB.Read(ctx, t.ID, func(tx *pg.Tx) (err error) {
		all, err = releasesOf(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	apps := slices.Clone(t.Services)
	var prepared []string
	for app := range all {
		if !slices.Contains(apps, app) {
			prepared = append(prepared, app)
		}
	}
	slices.Sort(prepared)
	var out []managed
	for _, app := range append(apps, prepared...) {
		m, err := s.duty(ctx, app)
		if err != nil {
			continue
		}
		m.Release = released(all, app)
		out = append(out, m)
	}
	return out, nil
}

const historyPage = 50

// look returns one mini-app of the official's agencies with a page of its history, newest first. Error: NotFound.
func (s *Service) look(ctx context.Context, app string, before int) (managed, []Change, error) {
	m, err := s.duty(ctx, app)
	if err != nil {
		return managed{}, nil, err
	}
	var history []Change
	err = s.deps.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if m.Release, err = releaseOf(ctx, tx, app); err != nil {
			return err
		}
		history, err = changesOf(ctx, tx, app, before, historyPage)
		return err
	})
	return m, history, err
}

// change makes one change, once per idempotency key. Publishers and reviewers of the agency. The change, its line in the
// history and its audit entry are one transaction. Errors: NotFound, Conflict release-suspended, those of Release.step.
func (s *Service) change(ctx context.Context, app string, c Command) (Release, error) {
	m, err := s.duty(ctx, app)
	if err != nil {
		return Release{}, err
	}
	t := kernel.TenantOf(ctx).ID
	c.Locale = kernel.LocaleOf(ctx)
	out, err := pg.Once(ctx, s.deps.DB, t, func(tx *pg.Tx) (Release, error) {
		for try := 0; ; try++ {
			r, err := s.write(ctx, tx, m, c)
			// A halt is about whatever is there: somebody who was quicker does not stop it.
			if c.Action == ActionHalt && c.Version == 0 && errors.Is(err, kernel.ErrChanged) && try < 5 {
				continue
			}
			return r, err
		}
	})
	if err == nil {
		s.book.forget(t)
	}
	return out, err
}

func (s *Service) write(ctx context.Context, tx *pg.Tx, m managed, c Command) (Release, error) {
	return s.writeAs(ctx, tx, kernel.PrincipalOf(ctx), m, c)
}

// writeAs is write for an official who is not taken from the context.
func (s *Service) writeAs(ctx context.Context, tx *pg.Tx, who kernel.Principal, m managed, c Command) (Release, error) {
	before, err := releaseOf(ctx, tx, m.App)
	if err != nil {
		return Release{}, err
	}
	now := s.deps.Clock.Now().UTC().Truncate(time.Microsecond)
	after, h, err := before.step(c, who, m.agency, now)
	if err != nil {
		return Release{}, err
	}
	if m.suspended && after.opens(before) {
		return Release{}, errSuspended
	}
	if err := saveRelease(ctx, tx, after, h); err != nil {
		return Release{}, err
	}
	if c.Action == ActionTesters {
		if err := saveTesters(ctx, tx, m.App, after.Testers, now); err != nil {
			return Release{}, err
		}
	}
	details := map[string]string{"app": m.App, "agency": string(m.agency), "from": string(h.From), "to": string(h.To), "version": strconv.Itoa(h.Version)}
	if h.FromShare != h.ToShare {
		details["share"] = strconv.Itoa(h.ToShare)
	}
	if h.ProposedBy != "" {
		details["proposed_by"] = string(h.ProposedBy)
	}
	return after, s.deps.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "release." + c.Action, Details: details})
}

// shown leaves out what people are not told of, and says of the others how far they are released.
func (s *Service) shown(ctx context.Context, t kernel.Tenant, list []Manifest) ([]Manifest, error) {
	all, err := s.releases(ctx, nil, t.ID)
	if err != nil {
		return nil, err
	}
	out := make([]Manifest, 0, len(list))
	for _, m := range list {
		if r := released(all, m.AppID); r.Listed() {
			s.stage(ctx, t, r, &m.Townhall)
			out = append(out, m)
		}
	}
	return out, nil
}

// shownOne is shown for one manifest. One that is retired can still be asked for, so that a host can say so. Error: NotFound.
func (s *Service) shownOne(ctx context.Context, t kernel.Tenant, m Manifest) (Manifest, error) {
	all, err := s.releases(ctx, nil, t.ID)
	if err != nil {
		return Manifest{}, err
	}
	r := released(all, m.AppID)
	if r.Hidden() {
		return Manifest{}, kernel.NotThere("mini-app")
	}
	s.stage(ctx, t, r, &m.Townhall)
	return m, nil
}

// stage writes how far a mini-app is released into its manifest.
func (s *Service) stage(ctx context.Context, t kernel.Tenant, r Release, e *Extension) {
	e.MinHostVersion = r.MinHost
	if r.Stage != StagePublic || r.Share < 100 {
		e.Stage = string(r.Stage)
	}
	if r.Stage == StagePublic && r.Share < 100 {
		e.Share = r.Share
	}
	if r.Season.From != "" {
		e.Season = &SeasonJSON{From: r.Season.From, Until: r.Season.Until}
	}
	if s.closed(ctx, t, r) == nil {
		return
	}
	e.Closed, e.Reason = true, map[string]string{}
	for _, l := range kernel.Locales {
		e.Reason[l] = s.deps.Texts.Error(l, s.closed(kernel.WithLocale(ctx, l), t, r))
	}
	if r.Stage == StagePaused {
		e.PausedReason, e.BackOn = r.Reason, r.BackOn
	}
}
