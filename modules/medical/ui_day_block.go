package medical

import (
	"net/http"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// blockView is the data of ui/day-block.html.
type blockView struct {
	Problems   []ui.Problem
	Path, Back string
	Fields     []ui.Field
}

// blockPage takes time away from somebody or some place, for planners; whoever is booked then becomes a task.
func (s *Service) blockPage(w http.ResponseWriter, r *http.Request) error {
	return s.blockForm(w, r, nil)
}

func (s *Service) blockForm(w http.ResponseWriter, r *http.Request, problem error) error {
	if err := works(r.Context(), facilityOf(r), RolePlanner); err != nil {
		return err
	}
	d, err := s.dayFrame(r.Context(), dayQuery{Facility: facilityOf(r)})
	if err != nil {
		return err
	}
	return s.showBlock(w, r, d, problem)
}

func (s *Service) showBlock(w http.ResponseWriter, r *http.Request, d daySheet, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	typed := func(name, otherwise string) string {
		if r.PostForm.Has(name) {
			return r.PostForm.Get(name)
		}
		return otherwise
	}
	of := s.dayFilter(r, d)
	at, with := of[1], of[2]
	at.Value, with.Value = typed("place", ""), typed("practitioner", "")
	day := d.From.Format(time.DateOnly)
	v := blockView{Path: clinicPath(d.Facility) + "/block", Back: clinicPath(d.Facility) + "/day", Fields: []ui.Field{
		with, at,
		{Name: "from_day", Label: s.d(r, "block.from-day"), Kind: "date", Required: true, Value: typed("from_day", day)},
		{Name: "from", Label: s.d(r, "block.from"), Hint: s.d(r, "block.clock"), Required: true, MaxLength: 5, Value: typed("from", "")},
		{Name: "until_day", Label: s.d(r, "block.until-day"), Kind: "date", Required: true, Value: typed("until_day", day)},
		{Name: "until", Label: s.d(r, "block.until"), Hint: s.d(r, "block.clock"), Required: true, MaxLength: 5, Value: typed("until", "")},
		{Name: "reason", Label: s.d(r, "block.reason"), Hint: s.d(r, "block.reason-hint"), MaxLength: 300, Value: typed("reason", "")},
	}}
	view := ui.View{Title: s.d(r, "block.title"), Lead: s.d(r, "block.lead"), Back: v.Back, Active: "clinics"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.Texts.FieldErrors(locale, problem))
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "day-block", view)
}

func (s *Service) postBlock(w http.ResponseWriter, r *http.Request) error {
	f := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	_, err := s.SaveException(r.Context(), facilityOf(r), Exception{Practitioner: f("practitioner"), Place: f("place"),
		FromDay: f("from_day"), From: f("from"), UntilDay: f("until_day"), Until: f("until"), Reason: f("reason")})
	if err != nil {
		if !showable(err) {
			return err
		}
		return s.blockForm(w, r, err)
	}
	http.Redirect(w, r, clinicPath(facilityOf(r))+"/tasks", http.StatusSeeOther)
	return nil
}
