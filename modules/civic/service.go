package civic

import (
	"context"
	"errors"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// elsewhere reports that a case is served by its sector's own pages and contract. One whose definition is not there is not: that
// is a fault of ours, which whoever needs the definition reports.
func (s *Service) elsewhere(c kernel.Case) bool {
	d, ok := s.Library.ByHash(c.WorkflowHash)
	return ok && d.NeedsSector()
}

// ours reports whether a mini-app's first page is here; so is that of one that nobody knows.
func (s *Service) ours(slug string) bool {
	d, ok := s.Library.Get(slug)
	return !ok || !d.NeedsSector()
}

// service returns a workflow of ours that the municipality offers, or NotFound.
func (s *Service) service(ctx context.Context, slug string) (*workflows.Definition, error) {
	d, ok := s.Library.Get(slug)
	if !ok || d.NeedsSector() || !slices.Contains(kernel.TenantOf(ctx).Services, slug) {
		return nil, kernel.NotThere("service")
	}
	return d, nil
}

// begun is service for a page that begins something: whoever reads it may. Errors besides: those of kernel.Releases.
func (s *Service) begun(ctx context.Context, slug string) (*workflows.Definition, error) {
	d, err := s.service(ctx, slug)
	if err == nil && s.Releases != nil {
		err = s.Releases.MayStart(ctx, nil, slug)
	}
	return d, err
}

// services lists what the municipality offers, in its own order.
func (s *Service) services(ctx context.Context) []*workflows.Definition {
	var out []*workflows.Definition
	for _, slug := range kernel.TenantOf(ctx).Services {
		if d, err := s.service(ctx, slug); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// application is a case of ours with the definition it is pinned to and what the workflow needs to judge it.
type application struct {
	kernel.Case
	def  *workflows.Definition
	snap workflows.Snapshot
}

func (s *Service) application(ctx context.Context, tx *pg.Tx, c kernel.Case) (application, error) {
	def, ok := s.Library.ByHash(c.WorkflowHash)
	if !ok {
		return application{}, errNoDefinition
	}
	person, err := s.People.Person(ctx, tx, c.Applicant, c.Service)
	if err != nil {
		return application{}, err
	}
	return application{Case: c, def: def, snap: workflows.Snapshot{
		Case: c.ID, Number: c.Number, State: c.State, Version: c.Version, Answers: c.Answers, Applicant: c.Applicant,
		Assignee: c.Assignee, Person: person, Locale: c.Locale, Zone: kernel.TenantOf(ctx).Location(),
		CreatedAt: c.CreatedAt, Submitted: c.SubmittedAt,
	}}, nil
}

// read returns one application of the signed-in citizen, or NotFound.
func (s *Service) read(ctx context.Context, tx *pg.Tx, id string) (application, error) {
	if !kernel.ValidID(id) {
		return application{}, kernel.NotThere("case")
	}
	found, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{ID: kernel.CaseID(id)})
	if err != nil {
		return application{}, err
	}
	if len(found) != 1 || s.elsewhere(found[0]) {
		return application{}, kernel.NotThere("case")
	}
	return s.application(ctx, tx, found[0])
}

func (s *Service) open(ctx context.Context, id string) (application, error) {
	var a application
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		a, err = s.read(ctx, tx, id)
		return err
	})
	return a, err
}

// start opens a draft for the signed-in citizen, once per idempotency key.
func (s *Service) start(ctx context.Context, slug, locale, channel string) (Application, error) {
	if _, err := s.service(ctx, slug); err != nil {
		return Application{}, err
	}
	if locale == "" {
		locale = kernel.LocaleOf(ctx)
	}
	return s.once(ctx, func(tx *pg.Tx) (kernel.Case, error) {
		return s.Cases.Start(ctx, tx, kernel.NewCase{Service: slug, Locale: locale, Channel: channel})
	})
}

// act takes one action of the applicant's, once per idempotency key. A case that its sector serves itself is refused after the
// step, which the error takes back: looking first would cost every step a round trip for what never happens.
func (s *Service) act(ctx context.Context, a kernel.Act) (Application, error) {
	return s.once(ctx, func(tx *pg.Tx) (kernel.Case, error) {
		c, err := s.Cases.Act(ctx, tx, a)
		if err == nil && s.elsewhere(c) {
			err = kernel.NotThere("case")
		}
		return c, err
	})
}

func (s *Service) once(ctx context.Context, fn func(*pg.Tx) (kernel.Case, error)) (Application, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Application, error) {
		c, err := fn(tx)
		if err != nil {
			return Application{}, err
		}
		def, ok := s.Library.ByHash(c.WorkflowHash)
		if !ok {
			return Application{}, errNoDefinition
		}
		return describe(kernel.LocaleOf(ctx), application{Case: c, def: def}), nil
	})
}

// mine lists the citizen's applications, newest first.
func (s *Service) mine(ctx context.Context, q kernel.CaseQuery) ([]application, error) {
	var out []application
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		found, err := s.Cases.Read(ctx, tx, q)
		if err != nil {
			return err
		}
		for _, c := range found {
			if s.elsewhere(c) {
				continue
			}
			def, ok := s.Library.ByHash(c.WorkflowHash)
			if !ok { // of a partner's that cannot be read at present: the others are there all the same
				continue
			}
			out = append(out, application{Case: c, def: def})
		}
		return nil
	})
	return out, err
}

// draftOf returns the newest draft of a service, or nothing.
func (s *Service) draftOf(ctx context.Context, d *workflows.Definition) (kernel.Case, bool, error) {
	if kernel.PrincipalOf(ctx).Kind != kernel.Citizen {
		return kernel.Case{}, false, nil
	}
	found, err := s.mine(ctx, kernel.CaseQuery{Service: d.Slug, Open: true})
	for _, a := range found {
		if a.State == a.def.Initial() {
			return a.Case, true, nil
		}
	}
	return kernel.Case{}, false, err
}

// documents lists what was issued to the citizen in one application.
func (s *Service) documents(ctx context.Context, id string) ([]kernel.Document, error) {
	var out []kernel.Document
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		a, err := s.read(ctx, tx, id)
		if err != nil {
			return err
		}
		out, err = s.Documents.List(ctx, tx, a.ID)
		return err
	})
	return out, err
}

// save keeps the answers of one page in the draft, on top of whatever version it has: a draft has one author, and
// the last thing they wrote counts.
func (s *Service) save(ctx context.Context, id string, input map[string]any) error {
	for try := 0; ; try++ {
		err := s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
			a, err := s.read(ctx, tx, id)
			if err != nil {
				return err
			}
			action := saveAction(a.def)
			if action == nil {
				return kernel.NotThere("saving")
			}
			_, err = s.Cases.Act(ctx, tx, kernel.Act{Case: a.ID, Version: a.Version, Action: action.Name, Input: input})
			return err
		})
		if !errors.Is(err, kernel.ErrChanged) || try == 3 {
			return err
		}
	}
}

// saveAction keeps a draft; sendAction turns it into an application. Both fill the application form.
func saveAction(d *workflows.Definition) *workflows.Action {
	return draftAction(d, func(a *workflows.Action) bool { return a.Partial })
}

func sendAction(d *workflows.Definition) *workflows.Action {
	return draftAction(d, func(a *workflows.Action) bool { return !a.Partial && a.To != "" && !d.State(a.To).Final })
}

func draftAction(d *workflows.Definition, is func(*workflows.Action) bool) *workflows.Action {
	form := d.ApplicationForm()
	for i := range d.Actions {
		a := &d.Actions[i]
		if form != nil && a.Form == form.Name && slices.Contains(a.From, d.Initial()) && slices.Contains(a.By, workflows.ByApplicant) && is(a) {
			return a
		}
	}
	return nil
}
