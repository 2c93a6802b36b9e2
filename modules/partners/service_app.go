package partners

import (
	"context"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// template returns one of the templates a mini-app can be made from.
func (s *Service) template(name string) (*workflows.Template, bool) {
	i := slices.IndexFunc(s.templates, func(t *workflows.Template) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.templates[i], true
}

// open returns the templates that serve one of a partner's purposes.
func (s *Service) open(p Partner) []*workflows.Template {
	return slices.DeleteFunc(slices.Clone(s.templates), func(t *workflows.Template) bool { return !slices.Contains(p.Purposes, t.Purpose) })
}

// draw begins a mini-app from a template, for a partner's representative, once per idempotency key. Errors: NotFound, Conflict
// (partner-not-active, partner-licence-over, partner-too-many), Invalid template.
func (s *Service) draw(ctx context.Context, agency kernel.AgencyID, template string) (App, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (App, error) {
		p, t, err := s.begin(ctx, tx, agency, template)
		if err != nil {
			return App{}, err
		}
		a := s.fresh(p, t)
		a.Blanks = t.Blank()
		a.Blanks.Agency, a.Blanks.Slug = p.Agency, string(p.Agency)+"-"+t.Name
		if !slices.Contains(p.Categories, a.Blanks.Category) {
			a.Blanks.Category = p.Categories[0]
		}
		return a, insertApp(ctx, tx, a)
	})
}

// begin returns a partner that may make one more mini-app, and the template for it.
func (s *Service) begin(ctx context.Context, tx kernel.Tx, agency kernel.AgencyID, template string) (Partner, *workflows.Template, error) {
	p, apps, err := s.workshop(ctx, tx, agency)
	if err != nil {
		return p, nil, err
	}
	if len(apps) >= MostApps {
		return p, nil, errTooMany
	}
	t, ok := s.template(template)
	if !ok || !slices.Contains(p.Purposes, t.Purpose) {
		return p, nil, kernel.InvalidFields(wrong("template", "field.not-an-option", "Choose one of the answers."))
	}
	return p, t, nil
}

func (s *Service) fresh(p Partner, t *workflows.Template) App {
	return App{ID: kernel.NewID(), Partner: p.ID, Template: t.Name, Version: 1, UpdatedAt: s.now()}
}

// makeAtOnce is draw and make in one, for programs.
func (s *Service) makeAtOnce(ctx context.Context, agency kernel.AgencyID, template string, b workflows.Blanks) (App, error) {
	return s.making(ctx, func(tx *pg.Tx) (App, error) {
		p, t, err := s.begin(ctx, tx, agency, template)
		if err != nil {
			return App{}, err
		}
		a := s.fresh(p, t)
		b.Agency = p.Agency
		a.Blanks = b
		d, files, err := s.ready(p, a) // before it is written, so that every fault names its blank
		if err != nil {
			return App{}, err
		}
		if err := insertApp(ctx, tx, a); err != nil {
			return a, err
		}
		return s.keep(ctx, tx, p, a, d, files)
	})
}

// workshop returns a partner that may make mini-apps, to its representative, with those it has.
func (s *Service) workshop(ctx context.Context, tx kernel.Tx, agency kernel.AgencyID) (Partner, []App, error) {
	p, err := mine(ctx, tx, agency)
	if err != nil {
		return p, nil, err
	}
	if err := p.working(s.today(tx, s.Clock.Now())); err != nil {
		return p, nil, err
	}
	apps, err := appsOf(ctx, tx, p.ID)
	return p, apps, err
}

// drawn returns one mini-app with its partner, for the representative. Error: NotFound.
func (s *Service) drawn(ctx context.Context, agency kernel.AgencyID, id string) (p Partner, a App, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if p, err = mine(ctx, tx, agency); err != nil {
			return err
		}
		a, err = appOf(ctx, tx, p.ID, id)
		return err
	})
	return p, a, err
}

// write keeps what was typed of a mini-app, whole or not: fn fills in its part of the blanks. The last thing that was typed counts, as in any
// draft. Once it is made its name stays. Errors: NotFound, Conflict partner-not-active.
func (s *Service) write(ctx context.Context, agency kernel.AgencyID, id string, fn func(*workflows.Blanks)) (App, error) {
	var out App
	err := s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		p, _, err := s.workshop(ctx, tx, agency)
		if err != nil {
			return err
		}
		a, err := appOf(ctx, tx, p.ID, id)
		if err != nil {
			return err
		}
		fn(&a.Blanks)
		a.Blanks.Agency, a.UpdatedAt = p.Agency, s.now()
		if a.Made() {
			a.Blanks.Slug = a.Slug
		}
		out = a
		return saveApp(ctx, tx, a)
	})
	return out, err
}

// filled is the definition that what was typed makes, and the files it is read from. Error: Invalid naming every blank that is wrong, and
// what the mini-app asks for beyond what its body registered.
func (s *Service) filled(p Partner, a App) (*workflows.Definition, map[string][]byte, error) {
	t, ok := s.template(a.Template)
	if !ok {
		return nil, nil, kernel.NotThere("template")
	}
	b := a.Blanks
	b.Agency, b.Prefix = p.Agency, prefixOf(b.Slug)
	if err := checkSlug(p, b.Slug); err != nil {
		return nil, nil, err
	}
	files, err := t.Fill(b)
	if err != nil {
		return nil, nil, err
	}
	if s.Printable != nil {
		if err := t.Unprintable(b, s.Printable); err != nil {
			return nil, nil, err
		}
	}
	d, problems := workflows.ParseFiles(t.Sector+"/"+b.Slug, files)
	if len(problems) > 0 { // Fill answers for what people type: this is a fault of ours
		return nil, nil, workflows.Problems(problems)
	}
	return d, files, p.checkOffer(d, t.Purpose)
}

// make turns what was typed into a mini-app, or into its next version, for a partner's representative, once per idempotency key. It is in
// draft: nobody but named testers can use it until two officials have released it. Errors: NotFound, Conflict (partner-not-active,
// partner-no-sign-in, release-not-draft, slug-taken), Invalid as filled.
func (s *Service) make(ctx context.Context, agency kernel.AgencyID, id string) (App, error) {
	return s.making(ctx, func(tx *pg.Tx) (App, error) {
		p, _, err := s.workshop(ctx, tx, agency)
		if err != nil {
			return App{}, err
		}
		a, err := appOf(ctx, tx, p.ID, id)
		if err != nil {
			return App{}, err
		}
		d, files, err := s.ready(p, a)
		if err != nil {
			return App{}, err
		}
		return s.keep(ctx, tx, p, a, d, files)
	})
}

// making runs fn once per idempotency key, and makes the house follow before it answers.
func (s *Service) making(ctx context.Context, fn func(*pg.Tx) (App, error)) (App, error) {
	out, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, fn)
	if err != nil {
		return out, err
	}
	s.follow(ctx)
	return out, nil
}

// ready is filled for a partner that can make it now.
func (s *Service) ready(p Partner, a App) (*workflows.Definition, map[string][]byte, error) {
	if !p.SignIn.Set() {
		return nil, nil, errNoSignIn
	}
	return s.filled(p, a)
}

func (s *Service) keep(ctx context.Context, tx *pg.Tx, p Partner, a App, d *workflows.Definition, files map[string][]byte) (App, error) {
	if !a.Made() {
		if old, ok := s.Library.Get(d.Slug); ok && old.Slug == d.Slug {
			return a, kernel.InvalidFields(errSlugTaken)
		}
		if err := takeSlug(ctx, tx, d.Slug); err != nil {
			return a, err
		}
	}
	if err := s.Holds.Draft(ctx, tx, d.Slug, p.Agency, "Made from the template "+a.Template+"."); err != nil {
		return a, err
	}
	now := s.now()
	if err := keepDefinition(ctx, tx, d.Slug, d.Hash, files, kernel.PrincipalOf(ctx).Person, now); err != nil {
		return a, err
	}
	a.Slug, a.Hash, a.UpdatedAt = d.Slug, d.Hash, now
	if err := saveApp(ctx, tx, a); err != nil {
		return a, err
	}
	if err := s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "partner.mini-app", Details: map[string]string{"partner": string(p.Agency), "app": d.Slug, "definition": d.Hash}}); err != nil {
		return a, err
	}
	if err := pg.Emit(ctx, tx, kernel.Event{Name: eventChanged, Key: a.ID + "/" + number(a.Version), Payload: changed{p.ID, "mini-app"}}); err != nil {
		return a, err
	}
	a.Version++
	return a, turn(ctx, tx)
}
