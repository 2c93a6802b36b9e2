package casework

import (
	"cmp"
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

// Start opens a draft for the signed-in citizen, or at the desk for somebody without a sign-in, and takes its first
// action with it when there is one (kernel.Cases).
func (s *Service) Start(ctx context.Context, tx kernel.Tx, n kernel.NewCase) (kernel.Case, error) {
	def, ok := s.Library.Get(n.Service)
	if !ok || !slices.Contains(s.tenant(tx).Services, n.Service) {
		return kernel.Case{}, errNotOffered
	}
	if s.Releases != nil {
		if err := s.Releases.MayStart(ctx, tx, n.Service); err != nil {
			return kernel.Case{}, err
		}
	}
	if err := s.People.Asked(ctx, tx, n.Service); err != nil {
		return kernel.Case{}, err
	}
	rec, person, err := s.draft(ctx, tx, def, n)
	if err != nil {
		return kernel.Case{}, err
	}
	rec.Number = kernel.NewNumber(def.Prefix, rec.CreatedAt.In(s.tenant(tx).Location())) // before the first step: its notices quote it
	who := kernel.PrincipalOf(ctx)
	actor := workflows.ActorOf(who, rec.Agency)
	actor.Sector = n.Sector != "" && n.Sector == def.Sector
	snap := s.snapshot(tx, rec, person)
	out, err := def.Begin(snap, workflows.Command{Actor: actor, Now: rec.CreatedAt, Locale: kernel.LocaleOf(ctx)})
	if err != nil {
		return kernel.Case{}, err
	}
	steps := []step{s.stepOf(def, rec, out, who)}
	if n.Then != nil {
		c := workflows.Command{Action: n.Then.Action, Input: n.Then.Input, Actor: actor, Now: rec.CreatedAt, Locale: kernel.LocaleOf(ctx)}
		if out, err = s.compute(def, snap.After(out), c); err != nil {
			return kernel.Case{}, err
		}
		steps = append(steps, s.stepOf(def, steps[0].record, out, who))
	}
	if err := insert(ctx, tx, steps); err != nil {
		return kernel.Case{}, err
	}
	d, err := s.tell(ctx, tx, def, steps[len(steps)-1], out, person)
	return d.Case, err
}

// ChannelDesk is how a person came for whom staff opened the case; casework knows nothing of them but the name.
const ChannelDesk = "desk"

// draft is a case that is about to be opened, and whose it is.
func (s *Service) draft(ctx context.Context, tx kernel.Tx, def *workflows.Definition, n kernel.NewCase) (record, kernel.Person, error) {
	who := kernel.PrincipalOf(ctx)
	now := s.Clock.Now()
	rec := record{
		ID: cmp.Or(n.ID, kernel.CaseID(kernel.NewID())), Service: def.Slug, Sector: def.Sector, WorkflowHash: def.Hash,
		Agency: kernel.AgencyID(def.Agency), Applicant: who.Person, Locale: n.Locale, Channel: n.Channel,
		CreatedAt: now, UpdatedAt: now, EnteredAt: now, Answers: map[string]any{},
	}
	if !slices.Contains(kernel.Locales, rec.Locale) {
		rec.Locale = kernel.Locales[0]
	}
	if n.Agency != "" {
		if _, ok := s.Directory.Agency(tx.TenantID(), n.Agency); !ok || n.Sector != def.Sector {
			return record{}, kernel.Person{}, kernel.NotThere("agency")
		}
		rec.Agency = n.Agency
	}
	switch {
	case who.Kind == kernel.Staff && n.Sector == def.Sector && n.Present != "":
		rec.Applicant, rec.ApplicantName, rec.Channel = kernel.PersonID(kernel.NewID()), n.Present, ChannelDesk
	case who.Kind != kernel.Citizen || who.Person == "":
		return record{}, kernel.Person{}, kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	case !slices.Contains(channels, n.Channel):
		return record{}, kernel.Person{}, errChannel
	}
	person, err := s.personOf(ctx, tx, rec)
	if rec.ApplicantName == "" {
		rec.ApplicantName = cmp.Or(person.Claims["name"], who.Name)
	}
	return rec, person, err
}

// personOf returns whose case it is, with the claims their issuer verified.
func (s *Service) personOf(ctx context.Context, tx kernel.Tx, rec record) (kernel.Person, error) {
	if rec.Channel == ChannelDesk {
		return kernel.Person{ID: rec.Applicant, Locale: rec.Locale, Claims: map[string]string{"name": rec.ApplicantName}}, nil
	}
	return s.People.Person(ctx, tx, rec.Applicant, rec.Service)
}

// Act takes one declared action (kernel.Cases).
func (s *Service) Act(ctx context.Context, tx kernel.Tx, a kernel.Act) (kernel.Case, error) {
	d, err := s.act(ctx, tx, a)
	return d.Case, err
}

// act takes one declared action and returns the case after it, so that nobody needs to read it again.
func (s *Service) act(ctx context.Context, tx kernel.Tx, a kernel.Act) (detail, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen && who.Kind != kernel.Staff && (who.Kind != kernel.System || a.Sector == "") {
		return detail{}, kernel.NotThere("case")
	}
	rec, err := s.loadVisible(ctx, tx, a.Case)
	if err != nil {
		return detail{}, err
	}
	if a.Version != rec.Version && !onlyIssuedSince(rec, a.Version) {
		return detail{}, kernel.ErrChanged
	}
	def, err := s.definition(rec)
	if err != nil {
		return detail{}, err
	}
	actor := workflows.ActorOf(who, rec.Agency)
	actor.Sector = a.Sector != "" && a.Sector == rec.Sector
	return s.step(ctx, tx, def, rec, workflows.Command{Action: a.Action, Input: a.Input, Now: s.Clock.Now(), Locale: kernel.LocaleOf(ctx), Actor: actor})
}

// onlyIssuedSince reports that nothing but the publication of documents has happened since a version: the case is still
// the one the person looked at.
func onlyIssuedSince(rec record, version int) bool {
	return version >= 1 && version < rec.Version && !slices.ContainsFunc(rec.Events, func(e event) bool {
		return e.Seq > version && e.Action != ActionDocumentIssued
	})
}

// step computes a command and writes everything it does.
func (s *Service) step(ctx context.Context, tx kernel.Tx, def *workflows.Definition, rec record, c workflows.Command) (detail, error) {
	person, err := s.personOf(ctx, tx, rec)
	if err != nil {
		return detail{}, err
	}
	out, err := s.compute(def, s.snapshot(tx, rec, person), c)
	if err != nil {
		return detail{}, err
	}
	st := s.stepOf(def, rec, out, kernel.PrincipalOf(ctx))
	if err := take(ctx, tx, st); err != nil {
		return detail{}, err
	}
	return s.tell(ctx, tx, def, st, out, person)
}

// compute asks the definition what a command does, and refuses what no document could show.
func (s *Service) compute(def *workflows.Definition, snap workflows.Snapshot, c workflows.Command) (workflows.Outcome, error) {
	out, err := def.Step(snap, c)
	if err == nil && s.Printable != nil {
		err = def.Unprintable(c.Action, out, s.Printable)
	}
	return out, err
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

// tell writes what a step does beside the case itself: documents, the sector's effects, money, events, the audit entry. The case's own row
// comes first, so that racing steps meet there and the loser writes nothing.
func (s *Service) tell(ctx context.Context, tx kernel.Tx, def *workflows.Definition, st step, out workflows.Outcome, person kernel.Person) (detail, error) {
	after := s.snapshot(tx, st.record, person)
	for _, name := range out.Documents {
		intent, err := s.intent(tx, def, st.Agency, after, name)
		if err != nil {
			return detail{}, err
		}
		if _, err := s.Documents.Intend(ctx, tx, intent); err != nil {
			return detail{}, err
		}
	}
	for _, name := range out.Revoke {
		if err := s.Revoker.RevokeIssued(ctx, tx, st.ID, def.Document(name).Type, st.event.Action); err != nil {
			return detail{}, err
		}
	}
	for _, name := range out.Effects {
		t := taken(st, out)
		t.HandTo = func(ctx context.Context, tx kernel.Tx, to kernel.AgencyID) error {
			return s.handTo(ctx, tx, &st.record, to)
		}
		if err := s.StepEffect(def.Sector, name)(ctx, tx, t); err != nil {
			return detail{}, err
		}
	}
	if err := s.money(ctx, tx, def, st, out); err != nil {
		return detail{}, err
	}
	if err := pg.Emit(ctx, tx, events(def, st, out)...); err != nil {
		return detail{}, err
	}
	if err := s.Audit.Record(ctx, tx, auditOf(st, out)); err != nil {
		return detail{}, err
	}
	return detail{Case: s.caseFor(tx, def, st.record, person, kernel.PrincipalOf(ctx)), rec: st.record, def: def, snap: after, person: person}, nil
}

// handTo gives a case to another agency. Nobody who had taken it over is there any more.
func (s *Service) handTo(ctx context.Context, tx kernel.Tx, rec *record, to kernel.AgencyID) error {
	if _, ok := s.Directory.Agency(tx.TenantID(), to); !ok {
		return kernel.NotThere("agency")
	}
	if to == rec.Agency {
		return nil
	}
	rec.Agency, rec.Assignee = to, ""
	return handed(ctx, tx, rec.ID, to)
}

func taken(st step, out workflows.Outcome) kernel.StepTaken {
	return kernel.StepTaken{
		Case: st.ID, Number: st.Number, Service: st.Service, Agency: st.Agency, Applicant: st.Applicant, Locale: st.Locale,
		Action: st.event.Action, From: out.From, To: out.To, Version: st.Version, At: st.event.At, Input: st.event.Input, Answers: st.Answers,
	}
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
		key := fmt.Sprintf("%s/%s/%d", id, t.Name, st.Entered)
		timer := kernel.CaseTimer{Case: id, Version: st.Entered, Timer: t.Name}
		if t.Moving { // what it counts back from may change inside the stay
			key, timer.Due = fmt.Sprintf("%s/%d", key, t.Due.Unix()), &t.Due
		}
		list = append(list, kernel.Event{
			Name: kernel.EventCaseTimer, Key: key, Case: id, Due: t.Due,
			Payload: timer,
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

// intent is what the named document of a case says now. It belongs to the case's agency, which need not be the definition's.
func (s *Service) intent(tx kernel.Tx, def *workflows.Definition, of kernel.AgencyID, snap workflows.Snapshot, name string) (kernel.DocumentIntent, error) {
	tenant := s.tenant(tx)
	agency, _ := s.Directory.Agency(tenant.ID, of)
	content, err := def.Content(name, "", snap, workflows.Issuer{Municipality: tenant.Name, Agency: agency.Name, Now: s.Clock.Now()})
	if err != nil {
		return kernel.DocumentIntent{}, err
	}
	doc := def.Document(name)
	return kernel.DocumentIntent{Case: snap.Case, Holder: snap.Applicant, Agency: of, Type: doc.Type, Content: content}, nil
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
		for _, name := range d.Effects {
			if s.StepEffect == nil || s.StepEffect(d.Sector, name) == nil {
				return fmt.Errorf("workflow %s names the effect %q, which the module %s does not offer", d.Slug, name, d.Sector)
			}
		}
		if s.Payments == nil && d.Charges() {
			return fmt.Errorf("workflow %s charges a fee, and there is no module that can take one", d.Slug)
		}
		if s.Revoker == nil && slices.ContainsFunc(d.Actions, func(a workflows.Action) bool { return len(a.Revoke) > 0 }) {
			return fmt.Errorf("workflow %s revokes documents, and there is no module that can", d.Slug)
		}
	}
	return nil
}
