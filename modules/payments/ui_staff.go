package payments

import (
	"net/http"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const deskPath = "/staff/payments"

// treasurer looks after the money of the whole municipality, whichever agency gave the role.
var treasurer = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: "treasurer", Relation: "none"}

func (s *Service) staffPages() []web.Page {
	return []web.Page{
		{Pattern: "GET " + deskPath, Policy: treasurer, Handle: s.deskPage},
		{Pattern: "GET " + deskPath + "/days/{day}/report.csv", Policy: treasurer, Handle: s.reportFile},
		{Pattern: "GET " + deskPath + "/differences/{id}", Policy: treasurer, Handle: s.differencePage},
		{Pattern: "POST " + deskPath + "/differences/{id}", Policy: treasurer, Handle: s.settleAction},
	}
}

// deskView is the data of ui/payments-desk.html.
type deskView struct {
	Open ui.Table
	None *ui.Empty
	Days *ui.Table
}

func (s *Service) deskPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.desk(r.Context())
	if err != nil {
		return err
	}
	return s.showDesk(w, r, d)
}

func (s *Service) showDesk(w http.ResponseWriter, r *http.Request, d desk) error {
	locale := kernel.LocaleOf(r.Context())
	v := deskView{Open: ui.Table{Caption: s.t(r, "desk.open"), Head: []string{s.t(r, "desk.what"), s.t(r, "desk.payment"), s.t(r, "desk.provider"), s.t(r, "desk.ours"), s.t(r, "desk.theirs"), s.t(r, "desk.day")}}}
	for _, one := range d.Open {
		v.Open.Rows = append(v.Open.Rows, ui.TableRow{Cells: []ui.Cell{{Text: s.t(r, "differs."+one.Kind), Href: differencePath(one.ID)}, {Text: one.name()}, {Text: one.Provider},
			{Text: s.side(r, one.HasOurs, one.Ours, one.Currency), Number: true}, {Text: s.side(r, one.HasTheirs, one.Theirs, one.Currency), Number: true}, {Text: ui.Day(locale, one.Day)}}})
	}
	if len(d.Open) == 0 {
		v.None = &ui.Empty{Title: s.t(r, "desk.none"), Body: s.t(r, "desk.none-body"), Icon: "done"}
	}
	if len(d.Days) > 0 {
		v.Days = &ui.Table{Caption: s.t(r, "desk.days"), Head: []string{s.t(r, "desk.day"), s.t(r, "desk.provider"), s.t(r, "desk.lines-ours"), s.t(r, "desk.lines-theirs"), s.t(r, "desk.state"), s.t(r, "desk.report")}}
	}
	for _, one := range d.Days {
		state := ui.Tag{Text: s.t(r, "desk.agrees"), Tone: ui.Success}
		switch {
		case one.Open > 0:
			state = ui.Tag{Text: s.t(r, "desk.differs", "n", one.Open), Tone: ui.Warning}
		case one.Found > 0:
			state = ui.Tag{Text: s.t(r, "desk.settled"), Tone: ui.Neutral}
		}
		v.Days.Rows = append(v.Days.Rows, ui.TableRow{Cells: []ui.Cell{{Text: ui.Day(locale, one.Day)}, {Text: one.Provider}, {Text: strconv.Itoa(one.Ours), Number: true}, {Text: strconv.Itoa(one.Theirs), Number: true},
			{Tag: state}, {Text: "CSV", Href: deskPath + "/days/" + one.Day + "/report.csv"}}})
	}
	return s.Staff.Render(w, r, s.views, "payments-desk", ui.View{Title: s.t(r, "desk.title"), Lead: s.t(r, "desk.lead"), Data: v, Active: "payments", Wide: true})
}

func differencePath(id string) string { return deskPath + "/differences/" + id }

// name is what people call what a difference is about.
func (d difference) name() string {
	if d.Number != "" {
		return d.Number
	}
	return d.Reference
}

// side is one amount of a difference; a dash when that side knows of none.
func (s *Service) side(r *http.Request, known bool, amount int64, currency string) string {
	if !known {
		return "—"
	}
	return s.money(r, kernel.Money{Amount: amount, Currency: currency})
}

// differenceView is the data of ui/payments-difference.html.
type differenceView struct {
	Problems []ui.Problem
	Facts    []ui.Fact
	Help     string
	Settled  *ui.Notice
	Reason   *ui.Field
	Path     string
}

func (s *Service) differencePage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.difference(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showDifference(w, r, d, "", nil)
}

func (s *Service) showDifference(w http.ResponseWriter, r *http.Request, d difference, reason string, problem error) error {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	v := differenceView{Path: differencePath(d.ID), Help: s.t(r, "help."+d.Kind), Facts: []ui.Fact{
		{Key: s.t(r, "desk.payment"), Value: d.name(), Code: true}, {Key: s.t(r, "desk.reference"), Value: d.Reference, Code: true}, {Key: s.t(r, "desk.provider"), Value: d.Provider},
		{Key: s.t(r, "desk.ours"), Value: s.side(r, d.HasOurs, d.Ours, d.Currency)}, {Key: s.t(r, "desk.theirs"), Value: s.side(r, d.HasTheirs, d.Theirs, d.Currency)},
		{Key: s.t(r, "desk.found"), Value: ui.DateTime(locale, zone, d.FoundAt)},
	}}
	view := ui.View{Title: s.t(r, "differs."+d.Kind), Back: deskPath, Active: "payments"}
	if !d.SettledAt.IsZero() {
		v.Settled = &ui.Notice{Tone: ui.Success, Title: s.t(r, "desk.settled-at", "time", ui.DateTime(locale, zone, d.SettledAt)), Body: d.Settlement}
	} else {
		fields := []ui.Field{{Name: "reason", Kind: "textarea", Rows: 3, Label: s.t(r, "desk.reason"), Hint: s.t(r, "desk.reason-hint"), Required: true, MaxLength: maxReason, Value: reason}}
		fields, v.Problems = ui.WithErrors(fields, s.Texts.FieldErrors(locale, problem))
		v.Reason = &fields[0]
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "payments-difference", view)
}

func (s *Service) settleAction(w http.ResponseWriter, r *http.Request) error {
	id, reason := r.PathValue("id"), r.PostFormValue("reason")
	err := s.settleDifference(r.Context(), id, reason)
	if err == nil {
		http.Redirect(w, r, differencePath(id), http.StatusSeeOther)
		return nil
	}
	if kernel.KindOf(err) != kernel.Invalid {
		return err
	}
	d, again := s.difference(r.Context(), id)
	if again != nil {
		return again
	}
	return s.showDifference(w, r, d, reason, err)
}

func (s *Service) reportFile(w http.ResponseWriter, r *http.Request) error {
	of := r.PathValue("day")
	b, err := s.report(r.Context(), of)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="payments-`+of+`.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	_, err = w.Write(b)
	return err
}
