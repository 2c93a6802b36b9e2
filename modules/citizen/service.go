package citizen

import (
	"context"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// mine returns the person's cases, newest first. Nobody signed in has none.
func (s *Service) mine(ctx context.Context, open bool) ([]kernel.Case, error) {
	if kernel.PrincipalOf(ctx).Kind != kernel.Citizen {
		return nil, nil
	}
	var out []kernel.Case
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		out, err = s.Cases.Read(ctx, tx, kernel.CaseQuery{Open: open, Limit: 50})
		return err
	})
	return out, err
}

// opened is a case as its page shows it: with the definition it is pinned to and its documents.
type opened struct {
	kernel.Case
	def       *workflows.Definition
	documents []kernel.Document
	payments  []kernel.Payment
}

// open reads one case of the signed-in citizen, or NotFound.
func (s *Service) open(ctx context.Context, id string) (opened, error) {
	if !kernel.ValidID(id) {
		return opened{}, kernel.NotThere("case")
	}
	var o opened
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		found, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{ID: kernel.CaseID(id)})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return kernel.NotThere("case")
		}
		o.Case = found[0]
		if o.documents, err = s.Documents.List(ctx, tx, o.ID); err != nil || s.Payments == nil {
			return err
		}
		o.payments, err = s.Payments.Payments(ctx, tx, o.ID)
		return err
	})
	if err != nil {
		return opened{}, err
	}
	var ok bool
	if o.def, ok = s.definition(o.Case); !ok {
		return opened{}, kernel.AsError(errNoDefinition)
	}
	return o, nil
}

// definition is the version the case is pinned to.
func (s *Service) definition(c kernel.Case) (*workflows.Definition, bool) {
	if d, ok := s.Library.ByHash(c.WorkflowHash); ok {
		return d, true
	}
	return s.Library.Get(c.Service)
}

// take runs one action for the applicant, once per idempotency key.
func (s *Service) take(ctx context.Context, a kernel.Act) error {
	_, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.CaseID, error) {
		c, err := s.Cases.Act(ctx, tx, a)
		return c.ID, err
	})
	return err
}

// offered lists the services of the municipality that this installation can run, in its own order.
func (s *Service) offered(t kernel.Tenant) []*workflows.Definition {
	var out []*workflows.Definition
	for _, slug := range t.Services {
		if d, ok := s.Library.Get(slug); ok {
			out = append(out, d)
		}
	}
	return out
}

// here lists the actions the applicant takes on the case page. Those of the application form belong to the
// service's own pages: while a case is a draft, an action that asks for input or a declaration is one of them.
func (o opened) here() []*workflows.Action {
	state := stateOf(o.def, o.State)
	var out []*workflows.Action
	for i := range o.def.Actions {
		a := &o.def.Actions[i]
		if !slices.Contains(o.Actions, a.Name) {
			continue
		}
		if state.Initial && (a.Form != "" || a.Partial || a.Declare) {
			continue
		}
		out = append(out, a)
	}
	return out
}

func (o opened) action(name string) (*workflows.Action, bool) {
	for _, a := range o.here() {
		if a.Name == name {
			return a, true
		}
	}
	return nil, false
}

// asked is the action the case waits for: the first with a form while it is the applicant's turn.
func (o opened) asked() *workflows.Action {
	if stateOf(o.def, o.State).Waits != workflows.WaitsApplicant {
		return nil
	}
	for _, a := range o.here() {
		if a.Form != "" {
			return a
		}
	}
	return nil
}

func stateOf(d *workflows.Definition, name string) workflows.State {
	for _, s := range d.States {
		if s.Name == name {
			return s
		}
	}
	return workflows.State{Name: name}
}

// fieldsOf lists the fields an action asks for, in order.
func fieldsOf(d *workflows.Definition, a *workflows.Action) []workflows.Field {
	var out []workflows.Field
	for _, f := range d.Forms {
		if f.Name != a.Form {
			continue
		}
		for _, p := range f.Pages {
			for _, name := range p.Fields {
				if field, ok := fieldOf(d, name); ok {
					out = append(out, field)
				}
			}
		}
	}
	return out
}

// askedOf names the fields the applicant fills in, as opposed to staff.
func askedOf(d *workflows.Definition) map[string]bool {
	out := map[string]bool{}
	for i := range d.Actions {
		if a := &d.Actions[i]; slices.Contains(a.By, workflows.ByApplicant) {
			for _, f := range fieldsOf(d, a) {
				out[f.Name] = true
			}
		}
	}
	return out
}

func fieldOf(d *workflows.Definition, name string) (workflows.Field, bool) {
	for _, f := range d.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return workflows.Field{}, false
}
