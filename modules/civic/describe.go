package civic

import (
	"encoding/json"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/workflows"
)

func describe(locale string, a application) Application {
	state := a.def.State(a.State)
	out := Application{
		ApplicationSummary: summary(locale, a),
		NextText:           a.def.Text(locale, "state."+a.State+".next"),
		Answers:            plain(a.Case.Answers), Actions: []ApplicationAction{}, History: []ApplicationEvent{},
	}
	for _, name := range a.Actions {
		act := a.def.Action(name)
		if !slices.Contains(act.By, workflows.ByApplicant) {
			continue
		}
		out.Actions = append(out.Actions, ApplicationAction{Name: name, Label: a.def.Text(locale, "action."+name), Partial: act.Partial,
			Declare: act.Declare, Fields: fieldsOf(locale, a.def, a.def.Form(act.Form), nil)})
	}
	for _, e := range a.History {
		if state.Initial || e.To != a.def.Initial() || e.Seq == 1 {
			out.History = append(out.History, ApplicationEvent{Seq: e.Seq, At: e.At, Action: e.Action, From: e.From, To: e.To, By: string(e.ActorKind), Input: plain(e.Input)})
		}
	}
	return out
}

func summary(locale string, a application) ApplicationSummary {
	return ApplicationSummary{
		ID: string(a.ID), Number: a.Number, Service: a.Service, State: a.State, StateText: a.def.Text(locale, "state."+a.State),
		Waiting: a.def.State(a.State).Waits, Final: a.Final, Version: a.Version, Locale: a.Locale,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, SubmittedAt: optional(a.SubmittedAt), DueAt: optional(a.DueAt),
	}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
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

func serviceSummary(locale string, d *workflows.Definition) ServiceSummary {
	return ServiceSummary{Slug: d.Slug, Category: d.Category, Agency: d.Agency, Title: d.Text(locale, "title"), Summary: d.Text(locale, "summary"),
		Level: d.Start.Level.String(), Fee: d.Fee}
}

func serviceDetail(locale string, d *workflows.Definition) ServiceDetail {
	out := ServiceDetail{ServiceSummary: serviceSummary(locale, d), Start: d.Text(locale, "start"), Claims: []ServiceClaim{}, Pages: []ServicePage{}, Hash: d.Hash}
	for _, c := range d.Claims {
		out.Claims = append(out.Claims, ServiceClaim{Name: c.Name, Label: d.Text(locale, "claim."+c.Name), Purpose: d.Text(locale, "claim."+c.Name+".purpose"),
			Required: c.Required, RetentionDays: c.Days})
	}
	if send := sendAction(d); send != nil && send.Declare {
		out.Declaration = d.Text(locale, "action."+send.Name+".declare")
	}
	form := d.ApplicationForm()
	if form == nil {
		return out
	}
	for i := range form.Pages {
		p := &form.Pages[i]
		page := ServicePage{Name: p.Name, Title: d.Text(locale, "page."+p.Name), Fields: fieldsOf(locale, d, form, p)}
		if d.HasText("page." + p.Name + ".hint") {
			page.Hint = d.Text(locale, "page."+p.Name+".hint")
		}
		out.Pages = append(out.Pages, page)
	}
	return out
}

// fieldsOf describes the fields of one page, or of the whole form when page is nil.
func fieldsOf(locale string, d *workflows.Definition, form *workflows.Form, page *workflows.Page) []ServiceField {
	out := []ServiceField{}
	var names []string
	switch {
	case page != nil:
		names = page.Fields
	case form != nil:
		names = form.FieldNames()
	}
	for _, name := range names {
		f := d.Field(name)
		q := ServiceField{Name: name, Type: f.Type, Label: d.Text(locale, "field."+name+".label"), Required: f.Required, Verified: f.Verified,
			Conditional: f.ShowIf != "", Min: f.Min, Max: f.Max, MinLength: f.MinLength, MaxLength: f.MaxLength}
		if d.HasText("field." + name + ".hint") {
			q.Hint = d.Text(locale, "field."+name+".hint")
		}
		for _, o := range f.Options {
			q.Options = append(q.Options, ServiceOption{Value: o, Label: d.Text(locale, "field."+name+".option."+o)})
		}
		out = append(out, q)
	}
	return out
}

func documentOf(d kernel.Document) ApplicationDocument {
	return ApplicationDocument{ID: string(d.ID), Number: d.Number, Type: d.Type, Title: d.Title, State: d.State,
		IssuedAt: optional(d.IssuedAt), ValidTo: optional(d.ValidTo), Path: "/documents/" + string(d.ID) + ".pdf"}
}
