package civic

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// memory is kernel.Cases on the pure definitions alone; the real one is joined to these pages in apptest.
type memory struct {
	mu    sync.Mutex
	lib   *workflows.Library
	clock kernel.Clock
	who   fakePeople
	slug  string // of the one service whose cases these are
	cases map[kernel.CaseID]workflows.Snapshot
}

func (m *memory) Start(ctx context.Context, _ kernel.Tx, n kernel.NewCase) (kernel.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := kernel.PrincipalOf(ctx)
	d, _ := m.lib.Get(n.Service)
	s := workflows.Snapshot{Case: kernel.CaseID(kernel.NewID()), Number: "RC-2026-0000-0000", Applicant: p.Person, Person: m.who[p.Person], Locale: n.Locale, CreatedAt: m.clock.Now()}
	out, err := d.Begin(s, workflows.Command{Actor: workflows.ActorOf(p, ""), Now: m.clock.Now()})
	if err != nil {
		return kernel.Case{}, err
	}
	m.cases[s.Case] = s.After(out)
	return m.show(m.cases[s.Case]), nil
}

func (m *memory) Act(ctx context.Context, _ kernel.Tx, a kernel.Act) (kernel.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.cases[a.Case]
	if a.Version != s.Version {
		return kernel.Case{}, kernel.ErrChanged
	}
	out, err := m.def().Step(s, workflows.Command{Action: a.Action, Input: a.Input, Actor: workflows.ActorOf(kernel.PrincipalOf(ctx), ""), Now: m.clock.Now()})
	if err != nil {
		return kernel.Case{}, err
	}
	m.cases[a.Case] = s.After(out)
	return m.show(m.cases[a.Case]), nil
}

func (m *memory) Read(ctx context.Context, _ kernel.Tx, q kernel.CaseQuery) ([]kernel.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []kernel.Case
	for id, s := range m.cases {
		if s.Applicant == kernel.PrincipalOf(ctx).Person && (q.ID == "" || q.ID == id) {
			out = append(out, m.show(s))
		}
	}
	if q.ID != "" && len(out) == 0 {
		return nil, kernel.NotThere("case")
	}
	return out, nil
}

func (m *memory) def() *workflows.Definition {
	d, _ := m.lib.Get(m.slug)
	return d
}

func (m *memory) show(s workflows.Snapshot) kernel.Case {
	d := m.def()
	return kernel.Case{ID: s.Case, Number: s.Number, Service: d.Slug, Sector: d.Sector, Agency: kernel.AgencyID(d.Agency), WorkflowHash: d.Hash,
		State: s.State, Final: d.State(s.State).Final, Version: s.Version, Locale: s.Locale, Applicant: s.Applicant,
		Answers: d.VisibleAnswers(s, kernel.Citizen), SubmittedAt: s.Submitted, CreatedAt: s.CreatedAt, UpdatedAt: s.CreatedAt,
		Actions: d.Allowed(s, workflows.Actor{Kind: kernel.Citizen, Person: s.Applicant})}
}

type fakePeople map[kernel.PersonID]kernel.Person

func (f fakePeople) Person(_ context.Context, _ kernel.Tx, id kernel.PersonID, _ string) (kernel.Person, error) {
	return f[id], nil
}

func (fakePeople) Asked(context.Context, kernel.Tx, string) error { return nil }

type noDocuments struct{ kernel.Documents }

func (noDocuments) List(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.Document, error) {
	return nil, nil
}

// bare is a shell without a frame.
type bare struct{}

func (bare) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	page, err := v.Render(kernel.LocaleOf(r.Context()), time.UTC, name, view.Data)
	if err != nil {
		return err
	}
	if view.Status != 0 {
		w.WriteHeader(view.Status)
	}
	_, err = io.WriteString(w, view.Title+string(page))
	return err
}

// doorman signs in whoever the test names.
type doorman struct{ who *kernel.Principal }

func (d doorman) Session(*http.Request, string) (kernel.Principal, error) { return *d.who, nil }
func (d doorman) Bearer(*http.Request, string) (kernel.Principal, error)  { return *d.who, nil }
func (doorman) Challenge(w http.ResponseWriter, _ *http.Request, _ string, e *kernel.Error) {
	w.Header().Set("Location", "/sign-in/"+e.App+e.Level.String())
	w.WriteHeader(http.StatusSeeOther)
}

const slug = "residence-certificate"

type site struct {
	t       *testing.T
	handler http.Handler
	who     *kernel.Principal
	anna    kernel.Principal
	memory  *memory
	clock   *kerneltest.FakeClock
	locale  string
}

// offering is the test directory whose municipalities offer one more service.
type offering struct {
	kernel.Directory
	slug string
}

func (o offering) ByHost(host string) (kernel.Tenant, bool) {
	t, ok := o.Directory.ByHost(host)
	t.Services = append(t.Services, o.slug)
	return t, ok
}

func newSite(t *testing.T) *site { return newSiteOf(t, slug) }

// newSiteOf is a site whose cases are of the service slug, one of the library's or of those that are added.
func newSiteOf(t *testing.T, slug string, added ...*workflows.Definition) *site {
	t.Helper()
	lib, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range added {
		if err := lib.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	directory := offering{kerneltest.Directory(), slug}
	clock := kerneltest.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	anna := kernel.Principal{Kind: kernel.Citizen, Tenant: kerneltest.Northwick, Person: kernel.PersonID(kernel.NewID()), Name: "Anna Whitfield", Level: kernel.Substantial, AuthTime: clock.Now()}
	people := fakePeople{anna.Person: {ID: anna.Person, Claims: map[string]string{"name": "Anna Whitfield", "birthdate": "1988-04-17",
		"address.street_address": "12 Mill Lane", "address.locality": "Northwick", "address.postal_code": "NW7 2QH", "address.country": "GB"}}}
	m := &memory{lib: lib, clock: clock, who: people, slug: slug, cases: map[kernel.CaseID]workflows.Snapshot{}}
	words, err := ui.LoadTexts(web.Texts(), Texts(), fieldTexts())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{DB: kerneltest.DB(t), Library: lib, Directory: directory, Cases: m, Documents: noDocuments{}, People: people, Clock: clock, Texts: words, Shell: bare{}})
	if err != nil {
		t.Fatal(err)
	}
	module := s.Module()
	out := &site{t: t, who: &kernel.Principal{}, anna: anna, memory: m, clock: clock, locale: "en"}
	server, err := web.New(web.Options{Directory: directory, Auth: doorman{out.who}, Clock: clock, Log: slog.New(slog.DiscardHandler), Headers: func(http.Header, *http.Request) {},
		ErrorPage: func(w http.ResponseWriter, _ *http.Request, _ string, status int, e *kernel.Error) {
			http.Error(w, e.Slug, status)
		},
		Contracts: module.Contracts, Pages: module.Pages})
	if err != nil {
		t.Fatal(err)
	}
	*out.who = anna
	out.handler = server.Handler()
	return out
}

func (s *site) send(method, path string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, "http://northwick.localhost:8080"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", s.locale)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "⟦") {
		s.t.Fatalf("%s %s lacks a text:\n%s", method, path, w.Body)
	}
	return w
}

func (s *site) get(path string) string {
	s.t.Helper()
	w := s.send(http.MethodGet, path, nil)
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s = %d %s", path, w.Code, w.Header().Get("Location"))
	}
	return w.Body.String()
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// fill sends the form of page with its hidden fields, as a browser does.
func (s *site) fill(path, page string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		if !form.Has(m[1]) {
			form.Set(m[1], m[2])
		}
	}
	return s.send(http.MethodPost, path, form)
}

// next fills the page at path and returns where it leads.
func (s *site) next(path string, form url.Values) string {
	s.t.Helper()
	w := s.fill(path, s.get(path), form)
	if w.Code != http.StatusSeeOther {
		s.t.Fatalf("POST %s = %d %s", path, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// toCheck fills the whole form and returns the application's address.
func (s *site) toCheck() string {
	s.t.Helper()
	at := s.fill("/apps/"+slug+"/start", s.get("/apps/"+slug), url.Values{}).Header().Get("Location")
	base := strings.TrimSuffix(at, "/you")
	for _, form := range []url.Values{{}, {"purpose": {"bank"}}, {"certificate_language": {"en"}}, {"copies": {"2"}}, {"note": {""}}} {
		at = s.next(at, form)
	}
	if at != base+"/check" {
		s.t.Fatalf("after the last page: %s", at)
	}
	return base
}

func TestAnApplicationIsFilledPageByPageAndSentOnce(t *testing.T) {
	t.Parallel()
	for _, locale := range kernel.Locales {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.locale = locale
			base := s.toCheck()
			page := s.get(base + "/check")
			if w := s.fill(base+"/submit", page, url.Values{}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `href="#f-declaration"`) {
				t.Fatalf("without the declaration: %d %s", w.Code, w.Body)
			}
			for range 2 {
				if w := s.fill(base+"/submit", page, url.Values{"declaration": {"true"}}); w.Header().Get("Location") != base+"/done" {
					t.Fatalf("submit: %d %s", w.Code, w.Body)
				}
			}
			if done := s.get(base + "/done"); !strings.Contains(done, "RC-2026-0000-0000") {
				t.Fatalf("done: %s", done)
			}
			for _, snap := range s.memory.cases {
				if snap.State != "submitted" || snap.Answers["copies"] != int64(2) {
					t.Fatalf("case = %s %v", snap.State, snap.Answers)
				}
			}
			if w := s.send(http.MethodGet, base, nil); !strings.HasPrefix(w.Header().Get("Location"), "/cases/") {
				t.Fatalf("what was sent opens as a draft: %d", w.Code)
			}
		})
	}
}

func TestWhatWasTypedStaysOnThePageWithTheError(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	base := s.toCheck()
	w := s.fill(base+"/copies", s.get(base+"/copies"), url.Values{"copies": {"9"}})
	if body := w.Body.String(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(body, `value="9"`) || !strings.Contains(body, `href="#f-copies"`) {
		t.Fatalf("%d %s", w.Code, body)
	}
	if !strings.Contains(s.get(base+"/copies"), `value="2"`) {
		t.Fatal("a wrong answer was kept")
	}
}

func TestAQuestionThatAppearsIsAskedWithoutBlame(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	base := s.toCheck()
	at := s.next(base+"/purpose", url.Values{"purpose": {"other"}})
	if at != base+"/purpose" {
		t.Fatalf("leads to %s", at)
	}
	page := s.get(at)
	if !strings.Contains(page, `name="purpose_other"`) || strings.Contains(page, `class="problems"`) {
		t.Fatalf("page: %s", page)
	}
	if w := s.fill(at, page, url.Values{"purpose": {"other"}, "purpose_other": {""}}); w.Code != http.StatusUnprocessableEntity {
		t.Fatalf("left empty: %d", w.Code)
	}
	if w := s.send(http.MethodGet, base+"/check", nil); w.Header().Get("Location") != base+"/purpose" {
		t.Fatalf("an incomplete application can be checked: %d", w.Code)
	}
}

func TestAChangedAnswerLeadsBackToTheCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	base := s.toCheck()
	if at := s.next(base+"/copies?return=check", url.Values{"copies": {"3"}}); at != base+"/check" {
		t.Fatalf("leads to %s", at)
	}
	if !strings.Contains(s.get(base+"/check"), ">3<") {
		t.Fatal("the new answer is not shown")
	}
}

func TestADraftIsResumedWhereItLacksAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	at := s.fill("/apps/"+slug+"/start", s.get("/apps/"+slug), url.Values{}).Header().Get("Location")
	base := strings.TrimSuffix(at, "/you")
	if w := s.send(http.MethodGet, base, nil); w.Header().Get("Location") != base+"/purpose" {
		t.Fatalf("leads to %s", w.Header().Get("Location"))
	}
	if !strings.Contains(s.get("/apps/"+slug), base) {
		t.Fatal("the start page does not offer the draft")
	}
}

func TestAWeakOrOldSignInIsAskedAgainBeforeAnythingIsTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	base := s.toCheck()
	page := s.get(base + "/check")
	s.clock.Advance(31 * time.Minute)
	if w := s.send(http.MethodGet, base+"/check", nil); w.Header().Get("Location") != "/sign-in/substantial" {
		t.Fatalf("check with an old sign-in: %d", w.Code)
	}
	if w := s.fill(base+"/submit", page, url.Values{"declaration": {"true"}}); w.Header().Get("Location") != base+"/check" {
		t.Fatalf("submit with an old sign-in: %d %s", w.Code, w.Body)
	}
	s.who.Level = kernel.Low
	if w := s.send(http.MethodGet, "/apps/"+slug+"/start", nil); w.Header().Get("Location") != "/sign-in/substantial" {
		t.Fatalf("start with a weak sign-in: %d", w.Code)
	}
	if w := s.send(http.MethodPost, "/apps/"+slug+"/start", url.Values{}); w.Header().Get("Location") != "/apps/"+slug+"/start" {
		t.Fatalf("a draft with a weak sign-in: %d %s", w.Code, w.Body)
	}
}

func TestAnotherPersonsDraftAndAnUnknownServiceAreNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	base := s.toCheck()
	s.who.Person = kernel.PersonID(kernel.NewID())
	for _, path := range []string{base, base + "/purpose", base + "/check", base + "/done", "/apps/" + slug + "/apply/" + kernel.NewID() + "/purpose", "/apps/nothing"} {
		if w := s.send(http.MethodGet, path, nil); w.Code != http.StatusNotFound || strings.TrimSpace(w.Body.String()) != "not-found" {
			t.Errorf("GET %s = %d %s", path, w.Code, w.Body)
		}
	}
}
