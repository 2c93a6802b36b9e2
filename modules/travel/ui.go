package travel

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

var (
	citizens  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "none"}
	applicant = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "applicant"}
)

// citizenPages are the pages of every mini-app of the sector. "/apps/{app}" is taken by civic services, so each definition has
// patterns of its own.
func (s *Service) citizenPages() (pages []web.Page) {
	for _, d := range s.definitions() {
		pages = append(pages, s.pagesOf(d)...)
	}
	return pages
}

func (s *Service) pagesOf(d *workflows.Definition) []web.Page {
	at := func(method, path string, p web.Policy, fn func(http.ResponseWriter, *http.Request, *workflows.Definition) error) web.Page {
		return web.Page{Pattern: method + " " + appPath(d.Slug) + path, Policy: p, Handle: func(w http.ResponseWriter, r *http.Request) error {
			if err := s.offers(r.Context(), d.Slug); err != nil {
				return err
			}
			return fn(w, r, d)
		}}
	}
	return []web.Page{
		at("GET", "", web.Public, s.begins(s.startPage)),
		at("GET", "/departures", web.Public, s.begins(s.departuresPage)),
		at("GET", "/ride", citizens, s.begins(s.ridePage)),
		at("POST", "/ride", citizens, s.postRide),
		at("GET", "/book/{case}", applicant, s.namesPage),
		at("POST", "/book/{case}", applicant, s.postNames),
		at("GET", "/book/{case}/seats", applicant, s.seatsPage),
		at("POST", "/book/{case}/seats", applicant, s.postSeats),
		at("GET", "/book/{case}/check", applicant, s.checkPage),
		at("POST", "/book/{case}/pay", applicant, s.postPayPage),
		at("GET", "/bookings/{case}", applicant, s.tripPage),
		at("GET", "/bookings/{case}/cancel", applicant, s.cancelPage),
		at("POST", "/bookings/{case}/cancel", applicant, s.postCancelPage),
		at("GET", "/bookings/{case}/change", applicant, s.changePage),
		at("POST", "/bookings/{case}/change", applicant, s.postChangePage),
	}
}

func appPath(slug string) string { return "/apps/" + slug }

func bookPath(slug string, c kernel.CaseID) string { return appPath(slug) + "/book/" + string(c) }

// t is a text of the citizens' pages: "start.search" is travel.citizen.start.search.
func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.say(kernel.LocaleOf(r.Context()), "citizen."+key, args...)
}

// begins is a page that leads to a new case: it is shown to whoever may start one. What runs has pages of its own.
func (s *Service) begins(fn func(http.ResponseWriter, *http.Request, *workflows.Definition) error) func(http.ResponseWriter, *http.Request, *workflows.Definition) error {
	return func(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
		if s.Releases != nil {
			if err := s.Releases.MayStart(r.Context(), nil, d.Slug); err != nil {
				return err
			}
		}
		return fn(w, r, d)
	}
}

// versionOf is the version of the case that the page was made from.
func versionOf(r *http.Request) (int, error) {
	v, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return 0, kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	return v, nil
}

func caseIn(r *http.Request) kernel.CaseID { return kernel.CaseID(r.PathValue("case")) }

func seeOther(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// tolerable are the errors that a page says in itself, with what was typed still there.
func tolerable(err error) bool {
	return slices.Contains([]kernel.Kind{kernel.Invalid, kernel.Conflict, kernel.Unavailable}, kernel.KindOf(err))
}

// problems says an error above a form.
func (s *Service) problems(r *http.Request, view *ui.View, problem error) []ui.Problem {
	if problem == nil {
		return nil
	}
	view.Status = web.Status(kernel.KindOf(problem))
	return []ui.Problem{{Text: s.Texts.Error(kernel.LocaleOf(r.Context()), problem)}}
}

// hours is "09:40–11:05" by the clock of the departure's zone.
func hours(r Ride) string {
	zone := r.Location()
	return ui.Clock(zone, r.Begins().Departs) + "–" + ui.Clock(zone, r.Ends().Arrives)
}

// rideFacts say where from, where to and when.
func (s *Service) rideFacts(locale string, r Ride) []ui.Fact {
	zone := r.Location()
	stop := func(c Call, t time.Time) string { return stopIn(locale, c) + ", " + ui.DateTime(locale, zone, t) }
	return []ui.Fact{
		{Key: s.say(locale, "citizen.from"), Value: stop(r.Begins(), r.Begins().Departs)},
		{Key: s.say(locale, "citizen.to"), Value: stop(r.Ends(), r.Ends().Arrives)},
		{Key: s.say(locale, "citizen.line"), Value: lineIn(locale, r.Departure)},
	}
}

// fromTo is the heading of a ride: "Harbour – Airport".
func fromTo(locale string, r Ride) string {
	return stopIn(locale, r.Begins()) + " – " + stopIn(locale, r.Ends())
}

// stateTones colour the states of a booking.
var stateTones = map[string]string{StatePaying: ui.Warning, StateBooked: ui.Success, StateCancelled: ui.Danger, StateCalledOff: ui.Danger}

func (s *Service) stateTag(locale string, d *workflows.Definition, state string) ui.Tag {
	return ui.Tag{Text: d.Text(locale, "state."+state), Tone: stateTones[state]}
}
