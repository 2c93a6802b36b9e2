package casework

import (
	"context"
	"slices"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// Read returns cases the principal may see (kernel.Cases). Staff and integrators must call it in a write
// transaction when they ask for one case: the look is recorded there.
func (s *Service) Read(ctx context.Context, tx kernel.Tx, q kernel.CaseQuery) ([]kernel.Case, error) {
	who := kernel.PrincipalOf(ctx)
	if q.ID != "" {
		d, err := s.detail(ctx, tx, q.ID, "case.read")
		if err != nil {
			return nil, err
		}
		return []kernel.Case{d.Case}, nil
	}
	f, ok := s.filterOf(who, q)
	if !ok {
		return nil, nil
	}
	recs, err := list(ctx, tx, f)
	if err != nil {
		return nil, err
	}
	out := make([]kernel.Case, len(recs))
	for i, r := range recs {
		out[i] = s.listed(tx, r, who)
	}
	return out, nil
}

// filterOf narrows a query to what the principal may see; false when that is nothing.
func (s *Service) filterOf(who kernel.Principal, q kernel.CaseQuery) (filter, bool) {
	f := filter{Queue: q.Queue, Mine: who.Person, Service: q.Service, Open: q.Open, Limit: q.Limit, After: q.BeforeID}
	switch {
	case s.SkipChecksForTest || who.Kind == kernel.System:
		f.Everyone = true
	case who.Kind == kernel.Citizen && who.Person != "":
		f.Applicant, f.Queue = who.Person, ""
	case official(who):
		f.Agencies = agenciesOf(who)
		return f, len(f.Agencies) > 0
	default:
		return filter{}, false
	}
	return f, true
}

// listed is a case as a list shows it: to officials without anything personal. One whose definition is not loaded has no answers: whoever
// has it reads their other cases all the same.
func (s *Service) listed(tx kernel.Tx, r record, who kernel.Principal) kernel.Case {
	c := bare(r)
	if official(who) {
		c.Applicant = ""
		return c
	}
	c.Name = r.ApplicantName
	if def, err := s.definition(r); err == nil {
		c.Answers = def.VisibleAnswers(s.snapshot(tx, r, kernel.Person{ID: r.Applicant}), kernel.Citizen)
	}
	return c
}

// detail is one case with everything a page or an answer may need, as the principal may see it.
type detail struct {
	kernel.Case
	rec    record
	def    *workflows.Definition
	snap   workflows.Snapshot
	person kernel.Person
}

// detail reads one case of the principal's, or NotThere. An official's look is recorded under action.
func (s *Service) detail(ctx context.Context, tx kernel.Tx, id kernel.CaseID, action string) (detail, error) {
	rec, err := s.loadVisible(ctx, tx, id)
	if err != nil {
		return detail{}, err
	}
	def, err := s.definition(rec)
	if err != nil {
		return detail{}, err
	}
	person, err := s.personOf(ctx, tx, rec)
	if err != nil {
		return detail{}, err
	}
	if err := s.looked(ctx, tx, rec, action); err != nil {
		return detail{}, err
	}
	return detail{Case: s.caseFor(tx, def, rec, person, kernel.PrincipalOf(ctx)), rec: rec, def: def, snap: s.snapshot(tx, rec, person), person: person}, nil
}

// looked records that an official was shown a case.
func (s *Service) looked(ctx context.Context, tx kernel.Tx, rec record, action string) error {
	if !official(kernel.PrincipalOf(ctx)) {
		return nil
	}
	return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: action, Case: rec.ID, Subject: rec.Applicant})
}

// caseFor is a case with history as who may see it.
func (s *Service) caseFor(tx kernel.Tx, def *workflows.Definition, r record, p kernel.Person, who kernel.Principal) kernel.Case {
	snap := s.snapshot(tx, r, p)
	kind := who.Kind
	if kind == kernel.Integrator {
		kind = kernel.Staff // reads what the agency reads
	}
	c := bare(r)
	c.Name = r.ApplicantName
	c.Answers = def.VisibleAnswers(snap, kind)
	if who.Kind == kernel.Citizen || who.Kind == kernel.Staff {
		actor := workflows.ActorOf(who, r.Agency)
		c.Actions = def.Allowed(snap, actor)
		actor.Sector = true
		c.Through = slices.DeleteFunc(def.Allowed(snap, actor), func(name string) bool { return slices.Contains(c.Actions, name) })
	}
	c.History = make([]kernel.CaseEvent, len(r.Events))
	for i, e := range r.Events {
		c.History[i] = kernel.CaseEvent{
			Seq: e.Seq, At: e.At, Action: e.Action, From: e.From, To: e.To, ActorKind: e.Kind,
			ActorName: actorName(def, e, who, r.Locale), Input: visibleInput(def, snap, i, kind),
		}
	}
	return c
}

// visibleInput shows what the reader may see of an event's input. The one event no workflow declares tells which
// document was issued, to everybody who sees the case.
func visibleInput(def *workflows.Definition, snap workflows.Snapshot, i int, kind kernel.PrincipalKind) map[string]any {
	switch e := snap.Events[i]; {
	case e.Action == ActionDocumentIssued:
		return e.Input
	case kind == kernel.Staff && e.To == def.Initial():
		return nil // what somebody wrote while drafting and did not send is not the agency's business
	}
	return def.VisibleInput(snap, i, kind)
}

// actorName names an official by role towards the applicant: the agency acts, not the person.
func actorName(def *workflows.Definition, e event, who kernel.Principal, locale string) string {
	if e.Kind == kernel.Staff && who.Kind == kernel.Citizen {
		if who.Locale != "" {
			locale = who.Locale
		}
		if key := "role." + e.Role; def.HasText(key) {
			return def.Text(locale, key)
		}
		return ""
	}
	return e.ActorName
}

// bare is a case without anything personal but the ids.
func bare(r record) kernel.Case {
	return kernel.Case{
		ID: r.ID, Number: r.Number, Service: r.Service, Sector: r.Sector, Agency: r.Agency, WorkflowHash: r.WorkflowHash,
		State: r.State, Final: r.Final, Version: r.Version, Locale: r.Locale, Applicant: r.Applicant, Assignee: r.Assignee,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, SubmittedAt: r.SubmittedAt, DueAt: r.DueAt,
	}
}
