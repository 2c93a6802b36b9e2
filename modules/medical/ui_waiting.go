package medical

import (
	"net/http"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// wishing is what somebody says on the page of the waiting list.
type wishing struct {
	Where       string // "place:<id>" or "facility:<id>"
	From, Until string // YYYY-MM-DD
	Part        string
	Patient
}

var dayParts = []string{"any", "morning", "afternoon"}

// showWaiting asks what would suit.
func (s *Service) showWaiting(w http.ResponseWriter, r *http.Request, t VisitType, places []Place, in wishing, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := waitingView{patientFields: s.patientQuestions(locale, in.Patient), Path: appPath(t.Service) + "/waiting", Hidden: []hidden{{"visit", t.Code}},
		Wishes: s.wishFields(r, places, in), How: s.t(r, "waiting.how", "n", int(OfferFor/time.Hour))}
	view := ui.View{Title: s.t(r, "waiting.title"), Lead: t.Name.In(locale), Active: "services", Task: true, Back: timesPath(t)}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Wishes, v.Problems = v.withErrors(s.Texts.FieldErrors(locale, problem), v.Wishes)
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "citizen-waiting", view)
}

func (s *Service) wishFields(r *http.Request, places []Place, in wishing) []ui.Field {
	locale, today := kernel.LocaleOf(r.Context()), s.Clock.Now().In(kernel.TenantOf(r.Context()).Location()).Format(time.DateOnly)
	where := ui.Field{Name: "where", Kind: "select", Label: s.t(r, "waiting.place"), Required: true, Value: in.Where}
	count := map[kernel.AgencyID]int{}
	for _, p := range places {
		count[p.Facility]++
	}
	for _, p := range places {
		if count[p.Facility] > 1 { // offered once, before the first of its places
			where.Options = append(where.Options, ui.Option{Value: "facility:" + string(p.Facility), Label: s.t(r, "waiting.any-of", "clinic", s.facilityName(r, myVisit{Appointment: Appointment{Facility: p.Facility}}))})
			count[p.Facility] = 0
		}
		where.Options = append(where.Options, ui.Option{Value: "place:" + string(p.ID), Label: p.Name.In(locale) + ", " + p.Street})
	}
	part := ui.Field{Name: "part", Kind: "radio", Label: s.t(r, "waiting.part"), Required: true, Value: in.Part}
	for _, o := range dayParts {
		part.Options = append(part.Options, ui.Option{Value: o, Label: s.t(r, "waiting.part."+o)})
	}
	if part.Value == "" {
		part.Value = dayParts[0]
	}
	return []ui.Field{where,
		{Name: "from", Kind: "date", Label: s.t(r, "waiting.from"), Required: true, Value: in.From, Min: today},
		{Name: "until", Kind: "date", Label: s.t(r, "waiting.until"), Required: true, Value: in.Until, Min: today},
		part,
	}
}

func typedWish(r *http.Request) wishing {
	return wishing{Where: r.PostFormValue("where"), From: r.PostFormValue("from"), Until: r.PostFormValue("until"), Part: r.PostFormValue("part"), Patient: typedPatient(r)}
}

// waitingPage asks what would suit, beginning with the place that was searched for and the next two weeks.
func (s *Service) waitingPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, places, err := s.waitingAt(r.Context(), d.Slug, r.FormValue("visit"))
	if err != nil {
		return err
	}
	if err := s.allowed(r.Context(), t); err != nil {
		return err
	}
	if err := s.People.Asked(r.Context(), nil, d.Slug); err != nil {
		return err
	}
	today := s.Clock.Now().In(kernel.TenantOf(r.Context()).Location())
	in := wishing{From: today.Format(time.DateOnly), Until: today.AddDate(0, 0, 14).Format(time.DateOnly)}
	if p := r.FormValue("place"); p != "" {
		in.Where = "place:" + p
	}
	return s.showWaiting(w, r, t, places, in, nil)
}

func (s *Service) postWaiting(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, places, err := s.waitingAt(r.Context(), d.Slug, r.FormValue("visit"))
	if err != nil {
		return err
	}
	in := typedWish(r)
	channel := ""
	if s.Channel != nil {
		channel = s.Channel(r.Context())
	}
	a, err := s.Join(r.Context(), in.request(t, places, channel))
	switch {
	case err == nil:
		return seeOther(w, r, myPath(d.Slug, a.Case))
	case kernel.LeadsToSignIn(err):
		return seeOther(w, r, appPath(d.Slug)+"/waiting?visit="+t.Code)
	case tolerable(err):
		return s.showWaiting(w, r, t, places, in, err)
	}
	return err
}

// request turns what was chosen on the page into what is asked of the service: a place names its facility.
func (in wishing) request(t VisitType, places []Place, channel string) Wish {
	out := Wish{VisitType: t.Code, From: in.From, Until: in.Until, Part: in.Part, Patient: in.Patient, Channel: channel}
	kind, id, _ := strings.Cut(in.Where, ":")
	for _, p := range places {
		switch {
		case kind == "facility" && string(p.Facility) == id:
			out.Facility = p.Facility
		case kind == "place" && string(p.ID) == id:
			out.Facility, out.Place = p.Facility, p.ID
		}
	}
	return out
}
