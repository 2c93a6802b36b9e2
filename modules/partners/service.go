package partners

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// eventChanged makes the process that runs it read the municipality's partners again; the others see it at their next look.
const eventChanged = "partner.changed"

type changed struct {
	Partner kernel.CaseID `json:"partner"`
	Change  string        `json:"change"`
}

func number(n int) string { return strconv.Itoa(n) }

// tellChanged writes what happened to a partner into the audit log, and makes the house read again.
func (s *Service) tellChanged(ctx context.Context, tx kernel.Tx, p Partner, change string) error {
	if err := s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "partner." + change, Details: map[string]string{"partner": string(p.Agency), "version": number(p.Version + 1)}}); err != nil {
		return err
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: eventChanged, Key: fmt.Sprintf("%s/%d", p.ID, p.Version), Payload: changed{p.ID, change}})
}

func (s *Service) onChanged(ctx context.Context, _ kernel.Effect) (pg.Complete, error) {
	return nil, s.refresh(ctx)
}

// Mine returns the bodies the signed-in citizen acts for, by short name.
func (s *Service) Mine(ctx context.Context) (out []Partner, err error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen {
		return nil, kernel.NotThere("partner")
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		out, err = partnersOf(ctx, tx, who.Person)
		return err
	})
	return out, err
}

// mine returns one of them in a transaction, or NotFound.
func mine(ctx context.Context, tx kernel.Tx, agency kernel.AgencyID) (Partner, error) {
	p, err := partnerByAgency(ctx, tx, agency)
	if err != nil {
		return p, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person != p.Representative {
		return Partner{}, kernel.NotThere("partner")
	}
	return p, nil
}

// organisation is one body with its mini-apps, as its representative or the office looks at it.
type organisation struct {
	Partner
	Apps []App
}

// Organisation returns one body the signed-in citizen acts for. Error: NotFound.
func (s *Service) organisation(ctx context.Context, agency kernel.AgencyID) (o organisation, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if o.Partner, err = mine(ctx, tx, agency); err != nil {
			return err
		}
		o.Apps, err = appsOf(ctx, tx, o.ID)
		return err
	})
	return o, err
}

// setSignIn says how a partner's staff sign in, for its representative, once per idempotency key. An issuer of its own is asked first, so
// that nobody is sent where nobody answers. Errors: NotFound, Conflict (partner-not-active, partner-licence-over, changed-meanwhile), Invalid naming
// the field.
func (s *Service) setSignIn(ctx context.Context, agency kernel.AgencyID, version int, in SignIn) (Partner, error) {
	tenant := kernel.TenantOf(ctx)
	var before Partner
	err := s.DB.Read(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		before, err = mine(ctx, tx, agency)
		return err
	})
	if err != nil {
		return Partner{}, err
	}
	want, err := before.withSignIn(in)
	if err != nil {
		return Partner{}, err
	}
	unfit := s.tryIssuer(ctx, want.SignIn.Issuer)
	return s.change(ctx, func(tx *pg.Tx) (Partner, error) {
		if unfit != nil { // said here, so that a repeated request gets the first answer whatever the issuer says by now
			return Partner{}, unfit
		}
		p, err := mine(ctx, tx, agency)
		if err != nil {
			return p, err
		}
		if err := p.working(s.today(tx, s.Clock.Now())); err != nil {
			return p, err
		}
		p.SignIn = want.SignIn
		if p, err = s.save(ctx, tx, p, version, "sign-in"); err != nil {
			return p, err
		}
		return p, agreed(ctx, tx, p) // after the turn was taken: of two at the same moment the second sees the first
	})
}

// tryIssuer asks an issuer of a body's own. The municipality's own is none: groups there begin with a short name. Error: Invalid issuer_url.
func (s *Service) tryIssuer(ctx context.Context, url string) error {
	if url == "" || s.SignIns == nil {
		return nil
	}
	found, err := s.SignIns.TryIssuer(ctx, url)
	if err == nil && found.Ours {
		err = kernel.InvalidFields(errIssuerOurs)
	}
	return err
}

// agreed reports whether every partner at the issuer of p says the same of its levels: none may change what another one's sign-ins are
// worth. Error: Invalid issuer_url.
func agreed(ctx context.Context, tx kernel.Tx, p Partner) error {
	if p.SignIn.Issuer == "" {
		return nil
	}
	all, err := partnersWhere(ctx, tx, `sign_in->>'issuer' = $2`, p.SignIn.Issuer)
	if err != nil {
		return err
	}
	for _, other := range all {
		if !maps.Equal(other.SignIn.ACR, p.SignIn.ACR) {
			return kernel.InvalidFields(errIssuerShared)
		}
	}
	return nil
}

// save writes a changed partner on top of the version that was looked at.
func (s *Service) save(ctx context.Context, tx kernel.Tx, p Partner, version int, change string) (Partner, error) {
	if p.Version != version {
		return p, kernel.ErrChanged
	}
	p.UpdatedAt = s.now()
	if err := savePartner(ctx, tx, p); err != nil {
		return p, err
	}
	if err := s.tellChanged(ctx, tx, p, change); err != nil {
		return p, err
	}
	p.Version++
	return p, nil
}

// change runs a change of a partner, once per idempotency key, and makes the house follow before it answers.
func (s *Service) change(ctx context.Context, fn func(*pg.Tx) (Partner, error)) (Partner, error) {
	out, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, fn)
	if err != nil {
		return out, err
	}
	s.follow(ctx)
	return out, nil
}

// follow makes this process know at once what it has just written. A failure is no fault of who wrote it: the job looks again within a second.
func (s *Service) follow(ctx context.Context) {
	if err := s.refresh(ctx); err != nil {
		s.Log.WarnContext(ctx, "partners are not followed yet", "err", err)
	}
}

func (s *Service) now() time.Time { return s.Clock.Now().UTC().Truncate(time.Microsecond) }

// isOfficer reports whether somebody looks after the municipality's partners.
func (s *Service) isOfficer(who kernel.Principal) bool {
	return who.Kind == kernel.Staff && who.Has(s.Office, RoleOfficer)
}

// All returns every partner that was admitted or waits for it, for officers of the office. Error: NotFound for others.
func (s *Service) all(ctx context.Context) (out []Partner, err error) {
	if !s.isOfficer(kernel.PrincipalOf(ctx)) {
		return nil, kernel.NotThere("partner")
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		out, err = allPartners(ctx, tx, Applied, Approved, Active, Suspended)
		return err
	})
	return out, err
}

// looked returns one of them with its mini-apps. Error: NotFound.
func (s *Service) looked(ctx context.Context, agency kernel.AgencyID) (o organisation, err error) {
	if !s.isOfficer(kernel.PrincipalOf(ctx)) {
		return o, kernel.NotThere("partner")
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if o.Partner, err = partnerByAgency(ctx, tx, agency); err != nil {
			return err
		}
		o.Apps, err = appsOf(ctx, tx, o.ID)
		return err
	})
	return o, err
}

// suspend stops a partner: its mini-apps pause with the reason, which everybody reads, and it can make or change nothing. What runs goes on,
// so its staff keep their sign-in. Officers; once per idempotency key. Errors: NotFound, Conflict (partner-not-now, changed-meanwhile), Invalid reason.
func (s *Service) suspend(ctx context.Context, agency kernel.AgencyID, version int, reason string) (Partner, error) {
	return s.decide(ctx, agency, version, "suspended", func(tx *pg.Tx, p Partner) (Partner, error) {
		p, err := p.suspend(reason)
		if err != nil {
			return p, err
		}
		return p, s.halt(ctx, tx, p, kernel.Text{kernel.LocaleOf(ctx): p.Reason})
	})
}

// halt pauses every mini-app of a partner.
func (s *Service) halt(ctx context.Context, tx kernel.Tx, p Partner, why kernel.Text) error {
	apps, err := appsOf(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if !a.Made() {
			continue
		}
		if err := s.Holds.Halt(ctx, tx, a.Slug, p.Agency, why); err != nil {
			return err
		}
	}
	return nil
}

// resume lets a partner go on. Its mini-apps stay paused until they are released again, by two officials as ever.
func (s *Service) resume(ctx context.Context, agency kernel.AgencyID, version int) (Partner, error) {
	return s.decide(ctx, agency, version, "resumed", func(tx *pg.Tx, p Partner) (Partner, error) {
		return p.resume(s.today(tx, s.Clock.Now()))
	})
}

func (s *Service) decide(ctx context.Context, agency kernel.AgencyID, version int, change string, fn func(*pg.Tx, Partner) (Partner, error)) (Partner, error) {
	if !s.isOfficer(kernel.PrincipalOf(ctx)) {
		return Partner{}, kernel.NotThere("partner")
	}
	return s.change(ctx, func(tx *pg.Tx) (Partner, error) {
		p, err := partnerByAgency(ctx, tx, agency)
		if err == nil {
			p, err = fn(tx, p)
		}
		if err != nil {
			return p, err
		}
		return s.save(ctx, tx, p, version, change)
	})
}

// endLicences suspends the companies whose licence has ended, each in a transaction of its own.
func (s *Service) endLicences(ctx context.Context) error {
	if s.DB == nil {
		return nil
	}
	var errs []error
	for _, t := range s.Directory.Tenants() {
		ctx := kernel.WithPrincipal(kernel.WithTenant(ctx, t), kernel.SystemPrincipal(t.ID))
		today := s.Clock.Now().In(t.Location()).Format(time.DateOnly)
		var over []Partner
		err := s.DB.Read(ctx, t.ID, func(tx *pg.Tx) (err error) {
			over, err = partnersWhere(ctx, tx, `state = 'active' AND licence_until < $2::date`, today)
			return err
		})
		errs = append(errs, err)
		for _, p := range over {
			errs = append(errs, s.endLicence(ctx, t.ID, p))
		}
	}
	return errors.Join(append(errs, s.refresh(ctx))...)
}

// endLicence is nothing when somebody changed the partner meanwhile: the next turn looks again.
func (s *Service) endLicence(ctx context.Context, t kernel.TenantID, p Partner) error {
	why := kernel.Text{}
	for _, l := range kernel.Locales {
		why[l] = s.Texts.T(l, "partners.licence-ended", "day", ui.Day(l, p.LicenceUntil))
	}
	err := s.DB.InTx(ctx, t, func(tx *pg.Tx) error {
		stopped, err := p.suspend(why.In(kernel.Locales[0]))
		if err != nil {
			return err
		}
		if err := s.halt(ctx, tx, stopped, why); err != nil {
			return err
		}
		_, err = s.save(ctx, tx, stopped, p.Version, "licence-ended")
		return err
	})
	if errors.Is(err, kernel.ErrChanged) {
		return nil
	}
	return err
}
