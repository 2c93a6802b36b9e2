package medical

import (
	"net/http"
	"slices"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

var (
	citizens  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "none"}
	applicant = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "applicant"}
)

// citizenPages are the pages of every mini-app of the sector, those that are made while the house runs included.
func (s *Service) citizenPages() []web.Page {
	pages := []web.Page{{Pattern: "GET /calendar/{file}", Policy: web.Public, Handle: s.calendarFeed}}
	return append(append(pages, s.appPages()...), s.doorPages()...)
}

// ours reports whether a mini-app is one of the sector.
func (s *Service) ours(slug string) bool {
	d, ok := s.Library.Get(slug)
	return ok && d.Sector == Sector && d.NeedsSector()
}

func (s *Service) appPages() []web.Page {
	at := func(method, path string, p web.Policy, fn func(http.ResponseWriter, *http.Request, *workflows.Definition) error) web.Page {
		return web.Page{Pattern: method + " " + appPath("{app}") + path, Policy: p, App: s.ours, Handle: func(w http.ResponseWriter, r *http.Request) error {
			slug := r.PathValue("app")
			if err := s.offers(r.Context(), slug); err != nil {
				return err
			}
			d, ok := s.Library.Get(slug)
			if !ok {
				return kernel.NotThere("service")
			}
			return fn(w, r, d)
		}}
	}
	return []web.Page{
		at("GET", "", web.Public, s.begins(s.startPage)),
		at("GET", "/times", web.Public, s.begins(s.timesPage)),
		at("GET", "/hold", citizens, s.begins(s.holdPage)),
		at("POST", "/hold", citizens, s.postHold),
		at("GET", "/book/{case}", applicant, s.detailsPage),
		at("POST", "/book/{case}", applicant, s.postDetails),
		at("GET", "/book/{case}/check", applicant, s.checkPage),
		at("POST", "/book/{case}/confirm", applicant, s.postConfirm),
		at("GET", "/book/{case}/done", applicant, s.donePage),
		at("GET", "/appointments/{case}", applicant, s.appointmentPage),
		at("GET", "/appointments/{case}/cancel", applicant, s.cancelPage),
		at("POST", "/appointments/{case}/cancel", applicant, s.postCancel),
		at("GET", "/appointments/{case}/move", applicant, s.reschedulePage),
		at("POST", "/appointments/{case}/move", applicant, s.postReschedule),
		at("POST", "/appointments/{case}/pass", applicant, s.postPass),
		at("POST", "/appointments/{case}/check-in", applicant, s.postArrive),
		at("GET", "/check-in/{code}", citizens, s.doorPage),
		at("GET", "/waiting", citizens, s.begins(s.waitingPage)),
		at("POST", "/waiting", citizens, s.postWaiting),
	}
}

// begins is a page that leads to a new case: it is shown to whoever may start one. Times that are looked for to move an
// appointment are about a case that runs.
func (s *Service) begins(fn func(http.ResponseWriter, *http.Request, *workflows.Definition) error) func(http.ResponseWriter, *http.Request, *workflows.Definition) error {
	return func(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
		if s.Releases != nil && r.FormValue("case") == "" {
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
	return slices.Contains([]kernel.Kind{kernel.Invalid, kernel.Conflict}, kernel.KindOf(err))
}

func (s *Service) draftView(r *http.Request) (opened, error) {
	o, err := s.open(r.Context(), caseIn(r))
	if err == nil && o.Service != appOf(r) {
		err = kernel.NotThere("appointment")
	}
	return o, err
}

// appOf is the slug in the path: each pattern names it literally.
func appOf(r *http.Request) string {
	rest := r.URL.Path[len("/apps/"):]
	for i := range len(rest) {
		if rest[i] == '/' {
			return rest[:i]
		}
	}
	return rest
}
