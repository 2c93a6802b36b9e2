package documents

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const pageSize = 30

// issuedStates are the tabs above the agency's list.
var issuedStates = []string{"", stateValid, statePending, stateSuperseded, stateRevoked}

// issuedListView is the data of ui/issued-list.html.
type issuedListView struct {
	Halted  *ui.Notice
	Running ui.Tag // of the switch, when it is not halted
	Filters ui.Filters
	Table   ui.Table
	Empty   *ui.Empty
	Pages   ui.Pagination
}

func (s *Service) issuedListPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := IssuedQuery{Text: q.Get("q"), State: q.Get("state"), Before: kernel.DocumentID(q.Get("before")), Limit: pageSize + 1}
	if !slices.Contains(issuedStates, f.State) {
		f.State = ""
	}
	all, err := s.issuedDocuments(r.Context(), f)
	if err != nil {
		return err
	}
	if len(all) == 1 && f.Text != "" && f.Before == "" {
		http.Redirect(w, r, issuedPath(all[0].ID), http.StatusSeeOther)
		return nil
	}
	h, err := s.halted(r.Context())
	if err != nil {
		return err
	}
	return s.showIssuedList(w, r, f, all, h)
}

func (s *Service) showIssuedList(w http.ResponseWriter, r *http.Request, f IssuedQuery, all []record, h halt) error {
	v := issuedListView{Filters: s.issuedFilters(r, f), Running: ui.Tag{Text: s.t(r, "issuing.on"), Tone: ui.Success}}
	if h.Halted {
		v.Halted = s.haltNotice(r, h)
	}
	if f.Before != "" {
		v.Pages.Newer = listAddress(f, "")
	}
	if n := f.Limit - 1; len(all) > n { // one more was asked for, to know whether there are older ones
		v.Pages.Older = listAddress(f, all[n-1].ID)
		all = all[:n]
	}
	v.Table = s.issuedTable(r, all)
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "issued.none"), Body: s.t(r, "issued.none-body"), Icon: "certificate"}
		if f.Text != "" {
			v.Empty = &ui.Empty{Title: s.t(r, "issued.not-found"), Body: s.t(r, "issued.not-found-body"), Icon: "search"}
		}
	}
	return s.Staff.Render(w, r, s.views, "issued-list", ui.View{Title: s.t(r, "issued.title"), Lead: s.t(r, "issued.lead"), Data: v, Active: "documents", Wide: true})
}

// listAddress is the list with the same filter, from a document on; without one, from the newest.
func listAddress(f IssuedQuery, before kernel.DocumentID) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Text, "state": f.State, "before": string(before)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/staff/documents"
	}
	return "/staff/documents?" + q.Encode()
}

func (s *Service) issuedFilters(r *http.Request, f IssuedQuery) ui.Filters {
	out := ui.Filters{Label: s.t(r, "issued.states"), Search: "q", Action: "/staff/documents", Query: f.Text, SearchLabel: s.t(r, "issued.search")}
	for _, state := range issuedStates {
		key := "issued.all"
		if state != "" {
			key = "issued.tab." + state
		}
		out.Tabs = append(out.Tabs, ui.Filter{Label: s.t(r, key), Href: listAddress(IssuedQuery{State: state}, ""), Count: -1, Current: state == f.State && f.Text == ""})
	}
	return out
}

func (s *Service) issuedTable(r *http.Request, all []record) ui.Table {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	t := ui.Table{Caption: s.t(r, "issued.title"), Head: []string{s.t(r, "issued.number"), s.t(r, "issued.document"), s.t(r, "issued.states"), s.t(r, "issued.date"), s.t(r, "issued.until")}}
	for _, d := range all {
		until := s.t(r, "verify.no-end")
		if !d.ValidTo.IsZero() {
			until = oneLine(ui.Date(locale, zone, d.ValidTo))
		}
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{
			{Text: d.Number, Href: issuedPath(d.ID)}, {Text: d.Title}, {Tag: s.issuedTag(r, d)}, {Text: oneLine(ui.Date(locale, zone, d.IssuedAt))}, {Text: until},
		}})
	}
	return t
}

// oneLine keeps a date in a column from being broken: at its spaces, and in Chinese between any two characters.
func oneLine(s string) string {
	return strings.NewReplacer(" ", "\u00a0", "年", "\u2060年\u2060", "月", "\u2060月\u2060", "日", "\u2060日").Replace(s)
}

// issuedTag is a document's state for the agency.
func (s *Service) issuedTag(r *http.Request, d record) ui.Tag {
	state := d.publicState(s.Clock.Now())
	if d.State == statePending {
		return ui.Tag{Text: s.t(r, "issued.state.pending"), Tone: ui.Info}
	}
	tone := tones[state]
	if state == stateSuperseded || state == stateExpired { // nothing is wrong, for the agency
		tone = ui.Neutral
	}
	return ui.Tag{Text: s.t(r, "issued.state."+state), Tone: tone}
}

func (s *Service) haltNotice(r *http.Request, h halt) *ui.Notice {
	since := ui.DateTime(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), h.Since)
	return &ui.Notice{Tone: ui.Warning, Title: s.t(r, "issued.halted"), Body: s.t(r, "issued.halted-body", "date", since, "n", h.Waiting),
		Link: ui.Link{Label: s.t(r, "issued.halted-more"), Href: issuingPath}}
}

func issuedPath(id kernel.DocumentID) string { return "/staff/documents/" + string(id) }

// issuedView is the data of ui/issued.html.
type issuedView struct {
	Title, Lang, Number string
	Tag                 ui.Tag
	Notice              *ui.Notice
	Buttons             []ui.Button
	History             []ui.Moment
	Checks              *ui.Table
	Facts               []ui.Fact
	Links               []ui.Link
	File                string
}

func (s *Service) issuedPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.issuedDocument(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	h, err := s.halted(r.Context())
	if err != nil {
		return err
	}
	sealed, err := s.sealingOf(r.Context(), d.Number)
	if err != nil {
		return err
	}
	return s.showIssued(w, r, d, h, sealed)
}

func (s *Service) showIssued(w http.ResponseWriter, r *http.Request, d issuedDetail, h halt, sealed sealing) error {
	v := issuedView{Title: d.Title, Lang: d.Locale, Number: d.Number, Tag: s.issuedTag(r, d.record), Notice: s.issuedNotice(r, d, h),
		History: s.documentHistory(r, d), Checks: s.checkTable(r, d.Checks, "issued.checks.share"), Facts: append(s.documentFacts(r, d.record), s.sealFacts(r, sealed)...), Links: s.relatedLinks(r, d)}
	view := ui.View{Title: d.Number, Back: "/staff/documents", Active: "documents", Wide: true}
	switch d.State {
	case statePending:
		if !h.Halted { // while it is, nothing comes; and every look is recorded
			view.Refresh = soon
		}
	case stateValid:
		if d.MayReissue {
			v.Buttons = append(v.Buttons, ui.Button{Label: s.t(r, "issued.reissue"), Href: issuedPath(d.ID) + "/reissue", Tone: "secondary"})
		}
		v.Buttons = append(v.Buttons, ui.Button{Label: s.t(r, "issued.revoke"), Href: issuedPath(d.ID) + "/revoke", Tone: "danger"})
	}
	if d.published() {
		v.File = issuedPath(d.ID) + "/document.pdf"
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "issued", view)
}

func (s *Service) issuedNotice(r *http.Request, d issuedDetail, h halt) *ui.Notice {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	switch {
	case d.State == statePending && h.Halted:
		return &ui.Notice{Tone: ui.Warning, Title: s.t(r, "issued.halted"), Body: s.t(r, "issued.pending.halted"), Link: ui.Link{Label: s.t(r, "issued.halted-more"), Href: issuingPath}}
	case d.State == statePending:
		return &ui.Notice{Tone: ui.Info, Title: s.t(r, "issued.pending.title"), Body: s.t(r, "issued.pending.body")}
	case d.State == stateRevoked:
		return &ui.Notice{Tone: ui.Danger, Title: s.t(r, "issued.revoked.title", "date", ui.DateTime(locale, zone, d.RevokedAt)), Body: d.RevokeReason}
	case d.State == stateSuperseded:
		return &ui.Notice{Tone: ui.Neutral, Title: s.t(r, "issued.superseded.title")}
	}
	return nil
}

// relatedLinks lead from a document to its case and to the documents before and after it.
func (s *Service) relatedLinks(r *http.Request, d issuedDetail) []ui.Link {
	var out []ui.Link
	if d.Predecessor != "" {
		out = append(out, ui.Link{Label: s.t(r, "issued.predecessor", "number", d.Predecessor), Href: listAddress(IssuedQuery{Text: d.Predecessor}, "")})
	}
	if d.Successor != "" {
		out = append(out, ui.Link{Label: s.t(r, "issued.successor", "number", d.Successor), Href: listAddress(IssuedQuery{Text: d.Successor}, "")})
	}
	if d.Case != "" {
		out = append(out, ui.Link{Label: s.t(r, "issued.open-case"), Href: "/staff/cases/" + string(d.Case)})
	}
	return out
}

// documentHistory is what happened to the document, newest first.
func (s *Service) documentHistory(r *http.Request, d issuedDetail) []ui.Moment {
	var out []ui.Moment
	for _, e := range slices.Backward(d.History) {
		key := "issued.event." + e.Action
		switch {
		case e.Action == "intended" && e.Reason != "":
			key = "issued.event.again"
		case !s.Texts.Has(key):
			key = "issued.event.other"
		}
		out = append(out, ui.Moment{At: e.At, Title: s.t(r, key), Body: e.Reason, Tone: eventTones[e.Action]})
	}
	if len(out) > 0 {
		out[0].Now = out[0].Tone == ""
	}
	return out
}

var eventTones = map[string]string{"issued": ui.Success, "revoked": ui.Danger}

// issuedFileAction shows the file to the agency; the service records that it was read.
func (s *Service) issuedFileAction(w http.ResponseWriter, r *http.Request) error {
	rec, file, err := s.issuedFile(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return send(w, file, "application/pdf", `inline; filename="`+rec.Number+`.pdf"`, "private, no-store")
}

// step is what staff can do to a document, on a page of its own.
type step struct {
	name string // of the path and of the texts
	tone string
	do   func(r *http.Request, id, reason string) (kernel.Document, error)
}

func (s *Service) revocation() step {
	return step{"revoke", "danger", func(r *http.Request, id, reason string) (kernel.Document, error) {
		return s.Revoke(r.Context(), id, reason)
	}}
}

func (s *Service) reissue() step {
	return step{"reissue", "", func(r *http.Request, id, reason string) (kernel.Document, error) {
		return s.Reissue(r.Context(), id, reason)
	}}
}

func (s *Service) revokePage(w http.ResponseWriter, r *http.Request) error {
	return s.stepPage(w, r, s.revocation())
}

func (s *Service) revokeAction(w http.ResponseWriter, r *http.Request) error {
	return s.stepAction(w, r, s.revocation())
}

func (s *Service) reissuePage(w http.ResponseWriter, r *http.Request) error {
	return s.stepPage(w, r, s.reissue())
}

func (s *Service) reissueAction(w http.ResponseWriter, r *http.Request) error {
	return s.stepAction(w, r, s.reissue())
}

func (s *Service) stepPage(w http.ResponseWriter, r *http.Request, st step) error {
	d, err := s.issuedDocument(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if d.State != stateValid { // its page says why nothing can be done
		http.Redirect(w, r, issuedPath(d.ID), http.StatusSeeOther)
		return nil
	}
	return s.showStep(w, r, st, d.record, "", nil)
}

// stepView is the data of ui/issued-step.html.
type stepView struct {
	Problems            []ui.Problem
	Facts               []ui.Fact
	Warning             ui.Notice
	Reason              ui.Field
	Path, Back, Confirm string
	Tone                string
}

func (s *Service) showStep(w http.ResponseWriter, r *http.Request, st step, d record, reason string, problem error) error {
	key := "issued." + st.name
	v := stepView{
		Facts:   append([]ui.Fact{{Key: s.t(r, "issued.number"), Value: d.Number, Code: true}, {Key: s.t(r, "issued.document"), Value: d.Title}}, s.documentFacts(r, d)...),
		Warning: ui.Notice{Tone: ui.Warning, Title: s.t(r, key+".warning"), Body: s.t(r, key+".consequence")},
		Path:    issuedPath(d.ID) + "/" + st.name, Back: issuedPath(d.ID), Confirm: s.t(r, key+".confirm"), Tone: st.tone,
	}
	v.Reason, v.Problems = s.askReason(r, "issued.reason-hint", reason, problem)
	view := ui.View{Title: s.t(r, key+".title"), Back: issuedPath(d.ID), Data: v, Active: "documents"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
	}
	return s.Staff.Render(w, r, s.views, "issued-step", view)
}

func (s *Service) askReason(r *http.Request, hint, reason string, problem error) (ui.Field, []ui.Problem) {
	fields, problems := ui.WithErrors([]ui.Field{{Name: "reason", Kind: "textarea", Rows: 3, Label: s.t(r, "issued.reason"), Hint: s.t(r, hint), Required: true, MaxLength: maxReason, Value: reason}}, s.formErrors(r, problem))
	return fields[0], problems
}

// maxReason is the longest reason, in characters.
const maxReason = 500

func (s *Service) stepAction(w http.ResponseWriter, r *http.Request, st step) error {
	id, reason := r.PathValue("id"), r.PostFormValue("reason")
	d, err := st.do(r, id, reason)
	if err == nil {
		http.Redirect(w, r, issuedPath(d.ID), http.StatusSeeOther)
		return nil
	}
	if !correctable(err) {
		return err
	}
	detail, again := s.issuedDocument(r.Context(), id)
	if again != nil {
		return again
	}
	return s.showStep(w, r, st, detail.record, reason, err)
}
