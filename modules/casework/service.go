package casework

import (
	"context"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

var _ kernel.Cases = (*Service)(nil)

var (
	errNotOffered = kernel.NewError(kernel.NotFound, "service-not-offered", "This municipality does not offer that service.")
	errChannel    = kernel.InvalidFields(kernel.FieldError{Path: "channel", Slug: "casework.channel-unknown", Message: "This channel is not known."})
)

var channels = []string{"", "list", "search", "qr", "share", "recents", "nearby", "push"}

// Start opens a draft for the signed-in citizen (kernel.Cases).
func (s *Service) Start(ctx context.Context, tx kernel.Tx, n kernel.NewCase) (kernel.Case, error) {
	who := kernel.PrincipalOf(ctx)
	def, ok := s.Library.Get(n.Service)
	if !ok || !slices.Contains(s.tenant(tx).Services, n.Service) {
		return kernel.Case{}, errNotOffered
	}
	if who.Kind != kernel.Citizen || who.Person == "" {
		return kernel.Case{}, kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	}
	if !slices.Contains(channels, n.Channel) {
		return kernel.Case{}, errChannel
	}
	person, err := s.People.Person(ctx, tx, who.Person)
	if err != nil {
		return kernel.Case{}, err
	}
	rec := s.draft(def, n, who, person)
	snap := s.snapshot(tx, rec, person)
	out, err := def.Begin(snap, workflows.Command{Actor: workflows.ActorOf(who, rec.Agency), Now: rec.CreatedAt, Locale: kernel.LocaleOf(ctx)})
	if err != nil {
		return kernel.Case{}, err
	}
	st := s.stepOf(def, rec, out, who)
	for tries := 0; ; tries++ {
		st.Number = newNumber(def.Prefix, rec.CreatedAt.In(s.tenant(tx).Location()))
		if ok, err = insert(ctx, tx, st); err != nil {
			return kernel.Case{}, err
		}
		if ok {
			break
		}
		if tries == 4 {
			return kernel.Case{}, fmt.Errorf("case %s: no free number in five tries", st.ID)
		}
	}
	d, err := s.tell(ctx, tx, def, st, out, person)
	return d.Case, err
}

func (s *Service) draft(def *workflows.Definition, n kernel.NewCase, who kernel.Principal, person kernel.Person) record {
	now := s.Clock.Now()
	locale := n.Locale
	if !slices.Contains(kernel.Locales, locale) {
		locale = kernel.Locales[0]
	}
	name := person.Claims["name"]
	if name == "" {
		name = who.Name
	}
	return record{
		ID: kernel.CaseID(kernel.NewID()), Service: def.Slug, Sector: def.Sector, WorkflowHash: def.Hash,
		Agency: kernel.AgencyID(def.Agency), Applicant: who.Person, ApplicantName: name,
		Locale: locale, Channel: n.Channel, CreatedAt: now, UpdatedAt: now, EnteredAt: now, Answers: map[string]any{},
	}
}

// Act takes one declared action (kernel.Cases).
func (s *Service) Act(ctx context.Context, tx kernel.Tx, a kernel.Act) (kernel.Case, error) {
	d, err := s.act(ctx, tx, a)
	return d.Case, err
}

// act takes one declared action and returns the case after it, so that nobody needs to read it again.
func (s *Service) act(ctx context.Context, tx kernel.Tx, a kernel.Act) (detail, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen && who.Kind != kernel.Staff {
		return detail{}, kernel.NotThere("case")
	}
	rec, err := s.loadVisible(ctx, tx, a.Case)
	if err != nil {
		return detail{}, err
	}
	if a.Version != rec.Version {
		return detail{}, kernel.ErrChanged
	}
	def, err := s.definition(rec)
	if err != nil {
		return detail{}, err
	}
	return s.step(ctx, tx, def, rec, workflows.Command{
		Action: a.Action, Input: a.Input, Now: s.Clock.Now(), Locale: kernel.LocaleOf(ctx),
		Actor: workflows.ActorOf(who, rec.Agency),
	})
}

// step computes a command and writes everything it does.
func (s *Service) step(ctx context.Context, tx kernel.Tx, def *workflows.Definition, rec record, c workflows.Command) (detail, error) {
	person, err := s.People.Person(ctx, tx, rec.Applicant)
	if err != nil {
		return detail{}, err
	}
	out, err := def.Step(s.snapshot(tx, rec, person), c)
	if err != nil {
		return detail{}, err
	}
	if s.Printable != nil {
		if err := def.Unprintable(c.Action, out, s.Printable); err != nil {
			return detail{}, err
		}
	}
	st := s.stepOf(def, rec, out, kernel.PrincipalOf(ctx))
	if err := take(ctx, tx, st); err != nil {
		return detail{}, err
	}
	return s.tell(ctx, tx, def, st, out, person)
}

// stepOf turns what the definition says into what is stored.
func (s *Service) stepOf(def *workflows.Definition, rec record, out workflows.Outcome, who kernel.Principal) step {
	e := out.Event
	st := step{record: rec, event: event{
		Seq: out.Version, Action: e.Action, From: out.From, To: out.To, Kind: e.Kind, Role: e.Role,
		Actor: e.Actor, ActorName: who.Name, Input: e.Input, At: e.At,
	}}
	if e.Kind == kernel.Citizen {
		st.event.ActorName = rec.ApplicantName
	}
	st.State, st.Final, st.Version = out.To, out.Final, out.Version
	st.Answers, st.Assignee = out.Answers, out.Assignee
	st.SubmittedAt, st.DueAt, st.UpdatedAt = out.Submitted, out.DueAt, e.At
	if st.Answers == nil {
		st.Answers = map[string]any{}
	}
	if state := def.State(out.To); state != nil {
		st.Waiting = state.Waits
	}
	if out.From != out.To {
		st.Entered, st.EnteredAt = out.Version, e.At
	}
	if out.Final {
		st.Waiting, st.ClosedAt, st.DueAt = workflows.WaitsNobody, e.At, time.Time{}
	}
	st.Events = append(slices.Clone(rec.Events), st.event)
	return st
}

// tell writes what a step does beside the case itself: documents, effects, the audit entry. The case's own row
// comes first, so that racing steps meet there and the loser writes nothing.
func (s *Service) tell(ctx context.Context, tx kernel.Tx, def *workflows.Definition, st step, out workflows.Outcome, person kernel.Person) (detail, error) {
	after := s.snapshot(tx, st.record, person)
	for _, name := range out.Documents {
		intent, err := s.intent(tx, def, after, name)
		if err != nil {
			return detail{}, err
		}
		if _, err := s.Documents.Intend(ctx, tx, intent); err != nil {
			return detail{}, err
		}
	}
	if err := pg.Emit(ctx, tx, events(def, st, out)...); err != nil {
		return detail{}, err
	}
	if err := s.Audit.Record(ctx, tx, auditOf(st, out)); err != nil {
		return detail{}, err
	}
	return detail{Case: s.caseFor(tx, def, st.record, person, kernel.PrincipalOf(ctx)), rec: st.record, def: def, snap: after, person: person}, nil
}

func events(def *workflows.Definition, st step, out workflows.Outcome) []kernel.Event {
	id := st.ID
	list := []kernel.Event{{
		Name: kernel.EventCaseStepped, Key: fmt.Sprintf("%s/%d", id, st.Version), Case: id,
		Payload: kernel.CaseStepped{Case: id, Service: st.Service, Action: st.event.Action, From: out.From, To: out.To, Version: st.Version},
	}}
	for _, n := range out.Notices {
		list = append(list, kernel.Event{
			Name: kernel.EventCaseNotice, Key: fmt.Sprintf("%s/%d/%s", id, st.Version, n.Name), Case: id,
			Payload: kernel.CaseNotice{
				Case: id, Person: st.Applicant, Service: st.Service, Number: st.Number,
				Notice: n.Name, Title: n.Title, Body: n.Body, Path: "/cases/" + string(id),
			},
		})
	}
	// A timer belongs to the stay in a state, not to a step: its key makes the steps inside that stay (saving a
	// draft, taking a case over) set it once.
	for _, t := range out.Timers {
		list = append(list, kernel.Event{
			Name: kernel.EventCaseTimer, Key: fmt.Sprintf("%s/%s/%d", id, t.Name, st.Entered), Case: id, Due: t.Due,
			Payload: kernel.CaseTimer{Case: id, Version: st.Entered, Timer: t.Name},
		})
	}
	return list
}

func auditOf(st step, out workflows.Outcome) kernel.AuditEntry {
	action := "case.step"
	if out.Decision != "" {
		action = "case.decide"
	}
	return kernel.AuditEntry{
		Action: action, Case: st.ID, Subject: st.Applicant,
		Details: map[string]string{"action": st.event.Action, "from": out.From, "to": out.To, "version": fmt.Sprint(st.Version)},
	}
}

// intent is what the named document of a case says now.
func (s *Service) intent(tx kernel.Tx, def *workflows.Definition, snap workflows.Snapshot, name string) (kernel.DocumentIntent, error) {
	tenant := s.tenant(tx)
	agency, _ := s.Directory.Agency(tenant.ID, kernel.AgencyID(def.Agency))
	content, err := def.Content(name, "", snap, workflows.Issuer{Municipality: tenant.Name, Agency: agency.Name, Now: s.Clock.Now()})
	if err != nil {
		return kernel.DocumentIntent{}, err
	}
	doc := def.Document(name)
	return kernel.DocumentIntent{Case: snap.Case, Holder: snap.Applicant, Agency: kernel.AgencyID(def.Agency), Type: doc.Type, Content: content}, nil
}

// definition returns the version of the workflow a case is pinned to.
func (s *Service) definition(rec record) (*workflows.Definition, error) {
	if def, ok := s.Library.ByHash(rec.WorkflowHash); ok {
		return def, nil
	}
	return nil, fmt.Errorf("case %s: the definition %s@%.12s is not among those loaded", rec.ID, rec.Service, rec.WorkflowHash)
}

// loadVisible reads one case of the principal's, or NotThere.
func (s *Service) loadVisible(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (record, error) {
	rec, err := load(ctx, tx, id)
	if err != nil {
		return record{}, err
	}
	if !s.SkipChecksForTest && !visible(kernel.PrincipalOf(ctx), rec) {
		return record{}, kernel.NotThere("case")
	}
	return rec, nil
}

func (s *Service) tenant(tx kernel.Tx) kernel.Tenant {
	for _, t := range s.Directory.Tenants() {
		if t.ID == tx.TenantID() {
			return t
		}
	}
	return kernel.Tenant{ID: tx.TenantID()}
}

func (s *Service) snapshot(tx kernel.Tx, r record, p kernel.Person) workflows.Snapshot {
	snap := workflows.Snapshot{
		Case: r.ID, Number: r.Number, State: r.State, Version: r.Version, Answers: r.Answers,
		Applicant: r.Applicant, Assignee: r.Assignee, Person: p, Locale: r.Locale, Zone: s.tenant(tx).Location(),
		CreatedAt: r.CreatedAt, Submitted: r.SubmittedAt, Events: make([]workflows.Event, len(r.Events)),
	}
	for i, e := range r.Events {
		snap.Events[i] = workflows.Event{Seq: e.Seq, At: e.At, Action: e.Action, From: e.From, To: e.To, Kind: e.Kind, Role: e.Role, Actor: e.Actor, Input: e.Input}
	}
	return snap
}

// check refuses to serve when a definition asks for what the house does not have.
func (s *Service) check(context.Context) error {
	for _, d := range s.Library.All() {
		if len(d.Effects) > 0 {
			return fmt.Errorf("workflow %s names the effect %q, which no module offers", d.Slug, d.Effects[0])
		}
	}
	return nil
}
