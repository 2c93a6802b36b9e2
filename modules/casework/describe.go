package casework

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// queuePage is one page of a list of cases.
type queuePage struct {
	cases  []record
	next   kernel.CaseID // read on behind this one; empty on the last page
	counts counts
}

// queue lists cases of the principal's agencies. What is no reference finds nothing.
func (s *Service) queue(ctx context.Context, f filter) (queuePage, error) {
	who := kernel.PrincipalOf(ctx)
	f.Agencies, f.Mine, f.Everyone = agenciesOf(who), who.Person, s.SkipChecksForTest
	if f.Number != "" {
		number, ok := kernel.ParseNumber(f.Number)
		if !ok {
			number = "-"
		}
		f.Number = number
	}
	var p queuePage
	limit := limitOf(f.Limit)
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		f.Limit = limit
		if p.cases, err = list(ctx, tx, f); err != nil {
			return err
		}
		p.counts, err = count(ctx, tx, f)
		return err
	})
	if err != nil {
		return queuePage{}, err
	}
	if len(p.cases) == limit {
		p.next = p.cases[limit-1].ID
	}
	return p, nil
}

// open reads one case in a transaction of its own: an official's look is written down, so that it is a write.
func (s *Service) open(ctx context.Context, id, action string) (detail, error) {
	var d detail
	err := s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		d, err = s.detail(ctx, tx, kernel.CaseID(id), action)
		return err
	})
	return d, err
}

// actOnce takes one action, once per idempotency key, and describes the case after it.
func (s *Service) actOnce(ctx context.Context, a kernel.Act) (CaseDetail, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (CaseDetail, error) {
		d, err := s.act(ctx, tx, a)
		if err == nil {
			err = s.looked(ctx, tx, d.rec, "case.read")
		}
		if err != nil {
			return CaseDetail{}, err
		}
		return s.describe(ctx, d), nil
	})
}

var errNoPreview = kernel.NotThere("preview")

// preview renders what action would issue, for who may look at the case.
func (s *Service) preview(ctx context.Context, id, action string) ([]byte, error) {
	return s.previewWith(ctx, id, action, nil)
}

// previewWith renders what action would issue if it were taken with input; nil means that only what the case
// holds already is shown. Nothing is written but the look.
func (s *Service) previewWith(ctx context.Context, id, action string, input map[string]any) ([]byte, error) {
	var intent kernel.DocumentIntent
	err := s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		d, err := s.detail(ctx, tx, kernel.CaseID(id), "case.preview")
		if err != nil {
			return err
		}
		name := previewOf(d.def, action)
		if name == "" {
			return errNoPreview
		}
		snap := d.snap
		if input != nil {
			out, err := d.def.Step(snap, workflows.Command{Action: action, Input: input, Now: s.Clock.Now(), Locale: kernel.LocaleOf(ctx),
				Actor: workflows.ActorOf(kernel.PrincipalOf(ctx), d.Agency)})
			if err != nil {
				return err
			}
			snap = snap.After(out)
		}
		intent, err = s.intent(tx, d.def, d.rec.Agency, snap, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Documents.Preview(ctx, intent)
}

// previewOf names the document an action shows before it is confirmed; empty when there is none.
func previewOf(def *workflows.Definition, action string) string {
	a := def.Action(action)
	switch {
	case a == nil || !a.ByStaff():
		return ""
	case a.Preview != "":
		return a.Preview
	case len(a.Documents) > 0:
		return a.Documents[0]
	}
	return ""
}

// effects lists what follows from the steps of a case the principal may see. It shows nothing personal, so that
// it is no look at a person's data.
func (s *Service) effects(ctx context.Context, id string) ([]CaseEffect, error) {
	out := []CaseEffect{}
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if _, err := s.loadVisible(ctx, tx, kernel.CaseID(id)); err != nil {
			return err
		}
		found, err := pg.EffectsOf(ctx, tx, kernel.CaseID(id))
		for _, e := range found {
			out = append(out, CaseEffect{ID: e.ID, Event: e.Event, Module: e.Module, State: e.State, Attempt: e.Attempt, DueAt: e.Due.UTC(),
				LastError: e.LastError, CreatedAt: e.CreatedAt.UTC(), DoneAt: optional(e.DoneAt)})
		}
		return err
	})
	return out, err
}

// retryEffect gives a dead effect of a visible case its tries again.
func (s *Service) retryEffect(ctx context.Context, effect string) error {
	return s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		id, err := caseOfEffect(ctx, tx, effect)
		if err != nil {
			return err
		}
		rec, err := s.loadVisible(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := pg.RetryEffect(ctx, tx, effect); err != nil {
			return err
		}
		return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "effect.retry", Case: rec.ID, Details: map[string]string{"effect": effect}})
	})
}

func (s *Service) summaries(ctx context.Context, recs []record) []CaseSummary {
	out := make([]CaseSummary, len(recs))
	for i, r := range recs {
		def, err := s.definition(r)
		if err != nil {
			def = nil
		}
		out[i] = summary(kernel.LocaleOf(ctx), def, r)
	}
	return out
}

func summary(locale string, def *workflows.Definition, r record) CaseSummary {
	text := r.State
	if def != nil {
		text = def.Text(locale, "state."+r.State+".staff")
	}
	return CaseSummary{
		ID: string(r.ID), Number: r.Number, Service: r.Service, Agency: string(r.Agency), State: r.State, StateText: text,
		Waiting: r.Waiting, Final: r.Final, Version: r.Version, Assignee: string(r.Assignee), CreatedAt: r.CreatedAt,
		UpdatedAt: r.UpdatedAt, WaitingFrom: r.EnteredAt, SubmittedAt: optional(r.SubmittedAt), DueAt: optional(r.DueAt),
	}
}

func (s *Service) describe(ctx context.Context, d detail) CaseDetail {
	locale := kernel.LocaleOf(ctx)
	out := CaseDetail{
		CaseSummary: summary(locale, d.def, d.rec),
		Applicant:   CaseApplicant{ID: string(d.Applicant), Name: d.Name, Claims: claims(d)},
		Answers:     plain(d.Case.Answers), Actions: []CaseAction{},
	}
	for _, name := range d.Actions {
		out.Actions = append(out.Actions, CaseAction{
			Name: name, Label: d.def.Text(locale, "action."+name), Decision: d.def.Action(name).Decision, Preview: previewOf(d.def, name) != "",
		})
	}
	return out
}

// claims are the verified claims the service asks for, and no others.
func claims(d detail) map[string]string {
	out := map[string]string{}
	for name, value := range d.person.Claims {
		if value != "" && asks(d.def, name) {
			out[name] = value
		}
	}
	return out
}

func asks(def *workflows.Definition, claim string) bool {
	if def.Claim(claim) != nil {
		return true
	}
	return len(claim) > len("address.") && claim[:len("address.")] == "address." && def.Claim("address") != nil
}

func eventList(history []kernel.CaseEvent) []HistoryEvent {
	out := make([]HistoryEvent, len(history))
	for i, e := range history {
		out[i] = HistoryEvent{Seq: e.Seq, At: e.At, Action: e.Action, From: e.From, To: e.To, ActorKind: string(e.ActorKind), ActorName: e.ActorName, Input: plain(e.Input)}
	}
	return out
}

// plain turns canonical answers into what JSON makes of them, so that a first answer equals its replay.
func plain(in map[string]any) map[string]any {
	out := map[string]any{}
	raw, err := json.Marshal(in)
	if err != nil || json.Unmarshal(raw, &out) != nil || out == nil {
		return map[string]any{}
	}
	return out
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// definitions lists the workflows the municipality offers and one of the principal's agencies decides.
func (s *Service) definitions(ctx context.Context) []DefinitionSummary {
	out := []DefinitionSummary{}
	for _, d := range s.Library.All() {
		if s.decides(ctx, d) {
			out = append(out, definitionSummary(kernel.LocaleOf(ctx), d))
		}
	}
	return out
}

func (s *Service) decides(ctx context.Context, d *workflows.Definition) bool {
	return slices.Contains(kernel.TenantOf(ctx).Services, d.Slug) &&
		slices.Contains(agenciesOf(kernel.PrincipalOf(ctx)), kernel.AgencyID(d.Agency))
}

func definitionSummary(locale string, d *workflows.Definition) DefinitionSummary {
	return DefinitionSummary{Slug: d.Slug, Sector: d.Sector, Agency: d.Agency, Title: d.Text(locale, "title"), Hash: d.Hash}
}

func (s *Service) definitionFor(ctx context.Context, slug string) (DefinitionDetail, error) {
	d, ok := s.Library.Get(slug)
	if !ok || !s.decides(ctx, d) {
		return DefinitionDetail{}, kernel.NotThere("definition")
	}
	locale := kernel.LocaleOf(ctx)
	out := DefinitionDetail{DefinitionSummary: definitionSummary(locale, d), States: []DefinitionState{}, Actions: []DefinitionAction{}}
	for _, st := range d.States {
		out.States = append(out.States, DefinitionState{Name: st.Name, Text: d.Text(locale, "state."+st.Name+".staff"), Final: st.Final, Waiting: st.Waits, Outcome: st.Outcome})
	}
	for _, a := range d.Actions {
		out.Actions = append(out.Actions, DefinitionAction{
			Name: a.Name, Label: d.Text(locale, "action."+a.Name), From: a.From, To: a.To, By: a.By, FourEyes: a.FourEyes,
			Level: a.Level.String(), MaxAge: int(a.MaxAge.Seconds()), Decision: a.Decision, Declare: a.Declare, Fields: fieldsOf(locale, d, a.Form),
		})
	}
	return out, nil
}

func fieldsOf(locale string, d *workflows.Definition, form string) []DefinitionField {
	out := []DefinitionField{}
	f := d.Form(form)
	if f == nil {
		return out
	}
	for _, name := range f.FieldNames() {
		q := d.Field(name)
		field := DefinitionField{Name: name, Type: q.Type, Label: d.Text(locale, "field."+name+".label"), Required: q.Required, Verified: q.Verified,
			Min: q.Min, Max: q.Max, MinLength: q.MinLength, MaxLength: q.MaxLength}
		if d.HasText("field." + name + ".hint") {
			field.Hint = d.Text(locale, "field."+name+".hint")
		}
		for _, o := range q.Options {
			field.Options = append(field.Options, DefinitionOption{Value: o, Label: d.Text(locale, "field."+name+".option."+o)})
		}
		out = append(out, field)
	}
	return out
}
