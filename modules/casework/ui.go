package casework

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

func (s *Service) pages() []web.Page {
	staff := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}
	return []web.Page{
		{Pattern: "GET /staff/cases", Policy: staff, Handle: s.queuePage},
		{Pattern: "GET /staff/cases/{id}", Policy: staff, Handle: s.casePage},
		{Pattern: "GET /staff/cases/{id}/actions/{action}", Policy: staff, Handle: s.actionPage},
		{Pattern: "POST /staff/cases/{id}/actions/{action}", Policy: staff, Handle: s.postAction, OwnTexts: true},
		{Pattern: "GET /staff/cases/{id}/preview.pdf", Policy: staff, Handle: s.previewPage},
		{Pattern: "POST /staff/cases/{id}/preview.pdf", Policy: staff, Handle: s.previewPage, OwnTexts: true},
		{Pattern: "POST /staff/cases/{id}/effects/{effect}/retry", Policy: staff, Handle: s.postPageRetry},
	}
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), key, args...)
}

// queueView is the data of ui/queue.html.
type queueView struct {
	Filters ui.Filters
	Table   ui.Table
	Empty   *ui.Empty
	Pages   ui.Pagination
}

func (s *Service) queuePage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := filter{Queue: q.Get("queue"), Number: q.Get("q"), After: kernel.CaseID(q.Get("after")), Limit: 30}
	if !slices.Contains([]string{QueueTodo, QueueUnassigned, QueueMine, QueueAll}, f.Queue) {
		f.Queue = QueueTodo
	}
	if f.Number != "" {
		f.Queue, f.After = QueueAll, ""
	}
	p, err := s.queue(r.Context(), f)
	if err != nil {
		return err
	}
	if len(p.cases) == 1 && f.Number != "" {
		http.Redirect(w, r, casePath(p.cases[0].ID), http.StatusSeeOther)
		return nil
	}
	v := queueView{Filters: s.filters(r, f, q.Get("q"), p.counts), Table: s.table(r, p.cases)}
	if len(p.cases) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "casework.queue.empty"), Body: s.t(r, "casework.queue.empty-body")}
		if f.Number != "" {
			v.Empty = &ui.Empty{Title: s.t(r, "casework.queue.not-found"), Body: s.t(r, "casework.queue.not-found-body"), Icon: "search"}
		}
	}
	if p.next != "" {
		v.Pages.Older = "/staff/cases?" + url.Values{"queue": {f.Queue}, "after": {string(p.next)}}.Encode()
	}
	return s.Shell.Render(w, r, s.views, "queue", ui.View{Title: s.t(r, "casework.queue.title"), Data: v, Active: "queue", Wide: true})
}

func (s *Service) filters(r *http.Request, f filter, query string, n counts) ui.Filters {
	out := ui.Filters{Label: s.t(r, "casework.queue.title"), Search: "q", Action: "/staff/cases", Query: query, SearchLabel: s.t(r, "casework.queue.search")}
	for _, tab := range []struct {
		name  string
		count int
	}{{QueueTodo, n.Todo}, {QueueUnassigned, n.Unassigned}, {QueueMine, n.Mine}, {QueueAll, -1}} {
		out.Tabs = append(out.Tabs, ui.Filter{Label: s.t(r, "casework.queue."+tab.name), Href: "/staff/cases?queue=" + tab.name, Count: tab.count, Current: tab.name == f.Queue})
	}
	return out
}

func (s *Service) table(r *http.Request, recs []record) ui.Table {
	t := ui.Table{Caption: s.t(r, "casework.queue.title"), Head: []string{
		s.t(r, "casework.reference"), s.t(r, "casework.service"), s.t(r, "casework.state"),
		s.t(r, "casework.waiting"), s.t(r, "casework.due"), s.t(r, "casework.assignee"),
	}}
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	now, me := s.Clock.Now(), kernel.PrincipalOf(r.Context()).Person
	for _, c := range recs {
		def, err := s.definition(c)
		if err != nil {
			continue
		}
		due := ui.Cell{Text: "–"}
		if !c.DueAt.IsZero() {
			due.Text = ui.Date(locale, zone, c.DueAt)
			if c.DueAt.Before(now) {
				due.Tag = ui.Tag{Text: s.t(r, "casework.overdue"), Tone: ui.Danger}
			}
		}
		waiting := ui.Cell{Text: "–"}
		if !c.Final {
			waiting = ui.Cell{Text: s.waited(r, now.Sub(c.EnteredAt)), Note: ui.DateTime(locale, zone, c.EnteredAt)}
		}
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{
			{Text: c.Number, Href: casePath(c.ID)}, {Text: def.Text(locale, "title")},
			{Tag: ui.Tag{Text: def.Text(locale, "state."+c.State+".staff"), Tone: tone(def.State(c.State))}},
			waiting, due, {Text: s.assignedTo(r, c.Assignee, me)},
		}})
	}
	return t
}

func (s *Service) assignedTo(r *http.Request, assignee, me kernel.PersonID) string {
	switch assignee {
	case "":
		return s.t(r, "casework.assignee.nobody")
	case me:
		return s.t(r, "casework.assignee.you")
	}
	return s.t(r, "casework.assignee.colleague")
}

// waited is how long something has waited, as coarse as people say it.
func (s *Service) waited(r *http.Request, d time.Duration) string {
	switch {
	case d < time.Hour:
		return s.t(r, "casework.waited.minutes", "n", max(1, int(d.Minutes())))
	case d < 48*time.Hour:
		return s.t(r, "casework.waited.hours", "n", int(d.Hours()))
	}
	return s.t(r, "casework.waited.days", "n", int(d.Hours()/24))
}

// tone is the colour of a state for staff; its name says the same in words.
func tone(st *workflows.State) string {
	switch {
	case st == nil:
		return ui.Neutral
	case st.Outcome == workflows.Favourable:
		return ui.Success
	case st.Outcome == workflows.Adverse:
		return ui.Danger
	case st.Waits == workflows.WaitsAgency:
		return ui.Info
	case st.Waits == workflows.WaitsApplicant:
		return ui.Warning
	}
	return ui.Neutral
}

func casePath(id kernel.CaseID) string { return "/staff/cases/" + string(id) }

// opened is a case with all its page shows.
type opened struct {
	detail
	effects   []pg.EffectStatus
	documents []kernel.Document
}

func (s *Service) openPage(ctx context.Context, id string) (opened, error) {
	var o opened
	err := s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if o.detail, err = s.detail(ctx, tx, kernel.CaseID(id), "case.read"); err != nil {
			return err
		}
		if o.effects, err = pg.EffectsOf(ctx, tx, o.ID); err != nil {
			return err
		}
		o.documents, err = s.Documents.List(ctx, tx, o.ID)
		return err
	})
	return o, err
}

func (s *Service) casePage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.openPage(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showCase(w, r, o, attempt{})
}

// actionPage shows one action alone. It asks for a stronger or fresher sign-in first where the action needs one,
// so that nobody loses a text to it afterwards.
func (s *Service) actionPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.openPage(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	name := r.PathValue("action")
	if !slices.Contains(o.Actions, name) {
		http.Redirect(w, r, casePath(o.ID), http.StatusSeeOther)
		return nil
	}
	if err := s.needs(r.Context(), o.def.Action(name)); err != nil {
		return err
	}
	return s.showCase(w, r, o, attempt{action: name})
}

func (s *Service) needs(ctx context.Context, a *workflows.Action) error {
	return web.NeedLevel(kernel.PrincipalOf(ctx), a.Level, a.MaxAge, s.Clock.Now())
}

// attempt is an action somebody chose or has just tried in vain.
type attempt struct {
	action  string
	input   map[string]any
	problem error
}

func (s *Service) postAction(w http.ResponseWriter, r *http.Request) error {
	ctx, id, name := r.Context(), r.PathValue("id"), r.PathValue("action")
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	input, err := s.formInput(r, id, name)
	if err != nil {
		return err
	}
	_, err = s.actOnce(ctx, kernel.Act{Case: kernel.CaseID(id), Version: version, Action: name, Input: input})
	if err == nil {
		http.Redirect(w, r, casePath(kernel.CaseID(id)), http.StatusSeeOther)
		return nil
	}
	if !correctable(err) {
		return err
	}
	return s.showFailed(w, r, id, attempt{name, input, err})
}

// correctable: the page can show what is wrong beside what was typed.
func correctable(err error) bool {
	switch kernel.KindOf(err) {
	case kernel.Invalid, kernel.Conflict, kernel.StepUp, kernel.TooLarge, kernel.Unavailable:
		return true
	}
	return errors.Is(err, workflows.ErrFourEyes)
}

func (s *Service) showFailed(w http.ResponseWriter, r *http.Request, id string, a attempt) error {
	o, err := s.openPage(r.Context(), id)
	if err != nil {
		return err
	}
	if errors.Is(a.problem, workflows.ErrFourEyes) {
		return s.showCase(w, r, o, a)
	}
	if errors.Is(a.problem, kernel.ErrChanged) || !slices.Contains(o.Actions, a.action) {
		return s.showConflict(w, r, o, a)
	}
	return s.showCase(w, r, o, a)
}

// formInput reads the fields the action asks for; checking them is the workflow's business.
func (s *Service) formInput(r *http.Request, id, action string) (map[string]any, error) {
	var def *workflows.Definition
	err := s.DB.Read(r.Context(), kernel.TenantOf(r.Context()).ID, func(tx *pg.Tx) error {
		rec, err := s.loadVisible(r.Context(), tx, kernel.CaseID(id))
		if err != nil {
			return err
		}
		def, err = s.definition(rec)
		return err
	})
	if err != nil {
		return nil, err
	}
	a := def.Action(action)
	if a == nil {
		return nil, kernel.NotThere("action")
	}
	input := map[string]any{}
	if form := def.Form(a.Form); form != nil {
		for _, name := range form.FieldNames() {
			f := def.Field(name)
			switch {
			case f.Verified:
			case f.Type == workflows.TypeMulti:
				input[name] = append([]string{}, r.PostForm[name]...)
			default:
				input[name] = r.PostForm.Get(name)
			}
		}
	}
	if a.Declare && r.PostForm.Get(workflows.Declaration) == "true" {
		input[workflows.Declaration] = true
	}
	return input, nil
}

func (s *Service) previewPage(w http.ResponseWriter, r *http.Request) error {
	id, action := r.PathValue("id"), r.FormValue("action")
	var input map[string]any
	if r.Method == http.MethodPost {
		var err error
		if input, err = s.formInput(r, id, action); err != nil {
			return err
		}
	}
	pdf, err := s.previewWith(r.Context(), id, action, input)
	if err != nil {
		if input != nil && correctable(err) {
			return s.showFailed(w, r, id, attempt{action, input, err})
		}
		return err
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `inline; filename="preview.pdf"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(pdf)
	return nil
}

func (s *Service) postPageRetry(w http.ResponseWriter, r *http.Request) error {
	err := s.retryEffect(r.Context(), r.PathValue("effect"))
	if err != nil && !errors.Is(err, kernel.ErrChanged) { // running again already: what was asked for
		return err
	}
	http.Redirect(w, r, casePath(kernel.CaseID(r.PathValue("id"))), http.StatusSeeOther)
	return nil
}
