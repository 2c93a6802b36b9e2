package travel

import (
	"cmp"
	"net/http"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// confirmView is the data of ui/travel-desk-confirm.html: what is about to happen, and to how many.
type confirmView struct {
	Problems []ui.Problem
	Warning  ui.Notice
	Facts    []ui.Fact
	Path     string
	Fields   []ui.Field
	Button   ui.Button
	Keep     ui.Link
}

// resultView is the data of ui/travel-desk-result.html: what became of each booking.
type resultView struct {
	Notice ui.Notice
	Table  *ui.Table
	Again  string   // address; empty: nothing is left
	Hidden []hidden // what was decided, to be decided again
	Back   ui.Link
}

// unsettledForm asks what passengers read and what becomes of them.
func (s *Service) unsettledForm(r *http.Request, required bool, reason string, rebook bool) []ui.Field {
	return []ui.Field{
		{Name: "reason", Kind: "textarea", Rows: 3, Label: s.k(r, "reason"), Hint: s.k(r, "reason-hint"), Required: required, MaxLength: 500, Value: reason},
		{Name: "rebook", Kind: "checkbox", Label: s.k(r, "rebook"), Hint: s.k(r, "rebook-hint"), Value: strconv.FormatBool(rebook), Plain: true},
	}
}

func (s *Service) callOffPage(w http.ResponseWriter, r *http.Request) error {
	if err := works(r.Context(), operatorIn(r), RoleDispatcher); err != nil {
		return err
	}
	d, err := s.RunningDeparture(r.Context(), operatorIn(r), departureIn(r))
	if err != nil {
		return err
	}
	return s.showCallOff(w, r, d, "", true, nil)
}

func (s *Service) showCallOff(w http.ResponseWriter, r *http.Request, d Running, reason string, rebook bool, problem error) error {
	locale, path := kernel.LocaleOf(r.Context()), departurePath(operatorIn(r), d.ID)
	v := confirmView{Warning: ui.Notice{Tone: ui.Warning, Title: s.k(r, "concerns", "n", d.People), Body: s.k(r, "call-off-body")}, Facts: s.runningFacts(r, d),
		Path: path + "/call-off", Fields: s.unsettledForm(r, true, reason, rebook), Button: ui.Button{Label: s.k(r, "call-off"), Tone: "danger"}, Keep: ui.Link{Label: s.k(r, "not-now"), Href: path}}
	view := ui.View{Title: s.k(r, "call-off-title"), Lead: endsIn(locale, d.Departure), Active: "travel", Back: path}
	return s.renderConfirm(w, r, view, v, problem)
}

func (s *Service) renderConfirm(w http.ResponseWriter, r *http.Request, view ui.View, v confirmView, problem error) error {
	if problem != nil {
		locale := kernel.LocaleOf(r.Context())
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.Texts.FieldErrors(locale, problem))
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "travel-desk-confirm", view)
}

func (s *Service) runningFacts(r *http.Request, d Running) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	return []ui.Fact{{Key: s.k(r, "line"), Value: lineIn(locale, d.Departure)}, {Key: s.k(r, "leaves"), Value: ui.DateTime(locale, d.Location(), d.StartsAt)}, {Key: s.k(r, "people"), Value: strconv.Itoa(d.People)}}
}

func (s *Service) postCallOffPage(w http.ResponseWriter, r *http.Request) error {
	id, which := operatorIn(r), departureIn(r)
	reason, rebook := r.PostFormValue("reason"), r.PostFormValue("rebook") == "true"
	all, err := s.CallOffDeparture(r.Context(), CallOff{Operator: id, Departure: which, Reason: reason, Rebook: rebook})
	if err != nil {
		if !tolerable(err) {
			return err
		}
		d, again := s.RunningDeparture(r.Context(), id, which)
		if again != nil {
			return again
		}
		return s.showCallOff(w, r, d, reason, rebook, err)
	}
	path := departurePath(id, which)
	return s.showResult(w, r, s.k(r, "state.called-off"), all, path+"/call-off", reason, rebook, ui.Link{Label: s.k(r, "to-departure"), Href: path})
}

// postGoOn settles what is left of a move.
func (s *Service) postGoOn(w http.ResponseWriter, r *http.Request) error {
	id, which := operatorIn(r), departureIn(r)
	q := Settlement{Reason: r.PostFormValue("reason"), Rebook: r.PostFormValue("rebook") == "true"}
	all, err := s.GoOnMoving(r.Context(), id, which, q)
	if err != nil {
		return err
	}
	path := departurePath(id, which)
	return s.showResult(w, r, s.k(r, "done.moved"), all, path+"/go-on", q.Reason, q.Rebook, ui.Link{Label: s.k(r, "to-departure"), Href: path})
}

var settledTones = map[string]string{settledMoved: ui.Success, settledRebooked: ui.Success, settledRefunded: ui.Info, settledFailed: ui.Danger}

// showResult lists what became of each booking; what failed can be tried again.
func (s *Service) showResult(w http.ResponseWriter, r *http.Request, title string, all []Settled, again, reason string, rebook bool, back ui.Link) error {
	locale := kernel.LocaleOf(r.Context())
	count := map[string]int{}
	v := resultView{Back: back}
	if len(all) > 0 {
		v.Table = &ui.Table{Caption: s.k(r, "what-became"), Visible: true, Head: []string{s.k(r, "number"), s.k(r, "what-became"), s.k(r, "why")}}
	}
	for _, b := range all {
		count[b.How]++
		why := s.k(r, "settled."+b.How+"-text")
		if b.Err != nil {
			why = s.Texts.Error(locale, kernel.AsError(b.Err))
		}
		number := ui.Cell{Text: cmp.Or(b.Number, string(b.Case))}
		told := ui.Cell{Text: why}
		if b.To != "" {
			told.Href = departurePath(operatorIn(r), b.To)
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{number, {Tag: ui.Tag{Text: s.k(r, "settled."+b.How), Tone: settledTones[b.How]}}, told}})
	}
	v.Notice = ui.Notice{Tone: ui.Success, Title: title, Body: s.k(r, "summary", "moved", count[settledMoved], "rebooked", count[settledRebooked], "refunded", count[settledRefunded])}
	if len(all) == 0 {
		v.Notice.Body = s.k(r, "nobody-concerned")
	}
	if n := count[settledFailed]; n > 0 {
		v.Notice.Tone, v.Notice.Body = ui.Danger, v.Notice.Body+" "+s.k(r, "failed", "n", n)
		v.Again, v.Hidden = again, []hidden{{"reason", reason}, {"rebook", strconv.FormatBool(rebook)}}
	}
	return s.Staff.Render(w, r, s.views, "travel-desk-result", ui.View{Title: title, Lead: s.operatorName(r, operatorIn(r)), Data: v, Active: "travel", Wide: true})
}
