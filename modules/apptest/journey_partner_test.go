package apptest

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"townhall/cmd/wallet/host"
	"townhall/modules/apptest/browser"
)

const (
	clinicName = "Greenfield Clinic"
	clinicApp  = "greenfield-clinic-appointments"
)

// A clinic nobody knows applies in a browser, is verified by two officers and signs the terms; its representative says how its staff
// sign in, at a provider of its own, and makes a mini-app from a template; its staff set up the calendar and release it with the
// municipality; then somebody else finds it by search in another language and books. No code, no settings, no restart.
func TestAClinicIsOnboardedInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	provider := clinicProvider(t, w)
	o := &onboarding{t: t, w: w, provider: provider, j: &journey{world: w, t: t, locale: "en", who: "anna", seen: map[string]bool{}}}
	o.anna = o.somebody("representative", browser.Phone)
	o.apply()
	o.examine()
	o.signTerms()
	o.setSignIn()
	o.makeMiniApp()
	o.setUpCalendar()
	o.tryOut()
	o.release()
	o.isFound()
	o.isStopped()
	t.Logf("%d pages judged", w.judged.Load())
}

// onboarding is the way of one clinic from an application to a public mini-app.
type onboarding struct {
	t        *testing.T
	w        *world
	j        *journey
	provider string // the clinic's own OpenID provider
	anna     *person
	grace    *person // runs the clinic: publishes and plans
	marcus   *person // reviews for the municipality
	caseID   string
}

// clinicProvider is the OpenID provider of a body that is no municipality: its groups have names of its own.
func clinicProvider(t *testing.T, w *world) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	var staff []host.Persona
	for _, p := range host.DemoPersonas() {
		switch p.ID {
		case "grace":
			p.Groups = []string{"managers", "northwick-registrars"} // the second is nothing to the municipality
		case "felix":
			p.Groups = []string{"doctors"}
		default:
			continue
		}
		staff = append(staff, p)
	}
	h, err := host.New(host.Config{Issuer: origin, WebhookSecret: webhookSecret, Personas: staff, StaffClients: []host.Client{host.StaffClient("northwick", w.town)}})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = h.Handler()
	server.Start()
	t.Cleanup(func() { server.Close(); _ = h.Close() })
	return origin + "/staff"
}

func (o *onboarding) somebody(role string, size browser.Size) *person {
	return &person{Page: o.w.browser.Open(o.t, browser.Options{Locale: o.j.locale, Size: size}), t: o.t, j: o.j, role: role, size: size}
}

func (o *onboarding) url(path string) string { return o.w.town + path }

// next presses the button that goes on.
func (p *person) next() {
	p.t.Helper()
	p.Click(`main form > .buttons .button:not(.secondary):not(.quiet)`)
}

func (o *onboarding) apply() {
	p := o.anna
	p.Go(o.w.wallet + "/")
	p.Click(`button[name=persona][value=anna]`)
	p.Go(o.w.wallet + "/apps/northwick.partner-application")
	p.see("wallet-sheet")
	p.press("/launch")
	p.passProvider("anna")
	p.see("start")
	p.press("/partner-application")
	p.Choose(`[name=body_kind][value=individual]`)
	p.see("kind")
	p.next()
	p.Fill(`[name=body_name]`, clinicName)
	p.Fill(`[name=body_name_ru]`, "Клиника «Гринфилд»")
	p.Fill(`[name=body_name_zh]`, "格林菲尔德诊所")
	p.Fill(`[name=short_name]`, "riverside-clinic")
	p.see("body")
	p.next()
	p.Fill(`[name=registration_number]`, "0812 3344")
	p.next()
	p.Choose(`[name=categories][value=health]`)
	p.Choose(`[name=categories][value=permits]`)
	p.Choose(`[name=purposes][value=appointment]`)
	p.Fill(`[name=plan]`, "Appointments with our three doctors, as at our practice since 2014.")
	p.see("offer")
	p.next()
	p.Fill(`[name=email]`, "office@greenfield.example")
	p.Fill(`[name=address]`, "5 Orchard Way, NW2 7QL, Northwick")
	p.Fill(`[name=position]`, "51.5040, -0.1190")
	p.see("contact")
	p.next()
	send := func() {
		if !p.has(`[name=declaration]:checked`) {
			p.Choose(`[name=declaration]`)
		}
		p.press("/submit")
	}
	send()
	p.expect("A person, or a developer without a registered body, cannot be a partner")
	p.see("refused-individual")
	change := func(page string, fill func()) {
		p.follow("/" + page)
		fill()
		p.next()
		for n := 0; n < 4 && !p.has(`[name=declaration]`) && !p.has(`[name=licence_number]`); n++ {
			p.next()
		}
	}
	change("kind", func() { p.Choose(`[name=body_kind][value=company]`) })
	if !p.has(`[name=licence_number]`) {
		o.t.Fatalf("a company is not asked for its licence: %.400s", p.Text())
	}
	p.Fill(`[name=licence_number]`, "CQC-1-1009")
	p.Select(`[name=licence_until]`, time.Now().AddDate(2, 0, 0).Format(time.DateOnly))
	p.see("registration")
	p.next()
	for n := 0; n < 4 && !p.has(`[name=declaration]`); n++ {
		p.next()
	}
	send()
	p.expect("Certificates, permits and registrations are offered by public bodies alone")
	p.see("refused-category")
	change("offer", func() { p.Choose(`[name=categories][value=permits]`) })
	send()
	p.expect("Another agency has this short name")
	change("body", func() { p.Fill(`[name=short_name]`, "greenfield-clinic") })
	p.see("check")
	send()
	p.expect("Application sent")
	p.see("sent")
	o.caseID = strings.Split(strings.TrimPrefix(p.URL(), o.url("/apps/partner-application/apply/")), "/")[0]
}

// examine lets two officers look at the application: one proposes, the other approves.
func (o *onboarding) examine() {
	ines, paul := o.somebody("officer", browser.Desk), o.somebody("second-officer", browser.Desk)
	ines.signIn("ines")
	ines.expect("Offer a service as a partner")
	ines.Go(o.url("/staff/partners"))
	ines.expect(clinicName, "Being examined", "Licensed company")
	ines.see("partners")
	ines.Go(o.url("/staff/cases/" + o.caseID))
	ines.see("case")
	ines.unfold("#action-propose")
	ines.Fill(`[name=assessment]`, "In the register of companies since 2014; the licence is valid.")
	ines.press("/actions/propose")
	ines.expect("Admission proposed")
	paul.signIn("paul")
	paul.Go(o.url("/staff/cases/" + o.caseID))
	paul.press("/actions/approve")
	paul.expect("Approved")
	paul.see("approved")
}

func (o *onboarding) signTerms() {
	p := o.anna
	p.Go(o.url("/partners/terms"))
	p.expect("Its mini-apps ask people only for data that the registered purposes need")
	p.see("terms")
	p.Go(o.url("/organisations"))
	p.see("organisations")
	p.follow("/organisations/greenfield-clinic")
	p.expect("Sign the terms to go on")
	p.see("organisation-approved")
	p.Go(o.url("/cases/" + o.caseID))
	p.Fill(`[name=office_held]`, "Managing director")
	p.Choose(`[name=declaration]`)
	p.see("signing")
	p.press("/actions/sign-terms")
	p.passProvider("anna")
	p.patiently(o.url("/cases/"+o.caseID), func() bool { return p.has(`main a[href*="/documents/"]`) })
	p.see("signed")
	p.isSealed("Partner Agreement", clinicName, "CQC-1-1009", "Managing director")
}

// setSignIn says where the clinic's own staff sign in. A provider that is not there is refused before anybody is sent to it.
func (o *onboarding) setSignIn() {
	p := o.anna
	p.Go(o.url("/organisations/greenfield-clinic"))
	p.see("organisation")
	p.follow("/sign-in")
	p.Choose(`[name=where][value=own]`)
	p.Wait(`[name=issuer_url]`) // shown for those alone who have a provider
	p.Fill(`[name="group.publisher"]`, "managers")
	p.Fill(`[name="group.planner"]`, "managers")
	p.Fill(`[name="group.practitioner"]`, "doctors")
	p.Fill(`[name="group.reception"]`, "doctors")
	p.Fill(`[name=issuer_url]`, strings.TrimSuffix(o.provider, "/staff")+"/nobody")
	p.Fill(`[name="acr.substantial"]`, host.ACRSubstantial)
	p.Fill(`[name="acr.high"]`, host.ACRHigh)
	p.next()
	if !p.has(`a[href="#f-issuer_url"]`) {
		o.t.Fatalf("a provider that is not there is taken: %.400s", p.Text())
	}
	p.see("sign-in-wrong")
	p.Fill(`[name=issuer_url]`, o.provider)
	p.next()
	if got := p.URL(); got != o.url("/organisations/greenfield-clinic") {
		o.t.Fatalf("the sign-in is not taken: %s %.400s", got, p.Text())
	}
}

func (o *onboarding) makeMiniApp() {
	p := o.anna
	p.follow("/mini-apps/new")
	p.see("templates")
	p.Choose(`[name=template][value=appointments]`)
	p.next()
	for l, title := range map[string]string{"en": "See a doctor at Greenfield", "ru": "Приём в клинике «Гринфилд»", "zh": "格林菲尔德诊所预约"} {
		p.Fill(`[name="title.`+l+`"]`, title)
	}
	p.Fill(`[name="summary.en"]`, "")
	p.see("words")
	p.next()
	if !p.has(`a[href="#f-summary.en"]`) {
		o.t.Fatalf("an empty summary is taken: %.400s", p.Text())
	}
	p.Fill(`[name="summary.en"]`, "Book a time with one of our doctors.")
	p.next()
	p.Choose(`[name="ask.birthdate"]`)
	p.see("data")
	p.next()
	p.expect("Check and make", "See a doctor at Greenfield", "Date of birth")
	p.see("check-mini-app")
	p.next()
	p.expect("The mini-app is there, in draft")
	p.see("made")
}

// setUpCalendar is the first day of the clinic's own staff. They sign in where their clinic says, and have no role anywhere else.
func (o *onboarding) setUpCalendar() {
	o.grace = o.somebody("manager", browser.Desk)
	p := o.grace
	p.Go(o.url("/staff/clinics"))
	p.expect("Who do you work for?", clinicName)
	p.see("employers")
	p.signInAt(clinicName, "grace")
	p.Go(o.url("/staff/cases"))
	if p.has(`a[href="/staff/documents"]`) {
		o.t.Error("a group of the clinic's provider opens the registrars' pages")
	}
	setup := "/staff/clinics/greenfield-clinic/setup"
	save := func(path string, fill func()) {
		p.Go(o.url(setup + path))
		fill()
		p.Click(`main form button[value=save]`)
		if strings.HasSuffix(p.URL(), path) {
			o.t.Fatalf("%s is not taken: %.600s", path, p.Text())
		}
	}
	fill := func(values ...string) {
		for i := 0; i < len(values); i += 2 {
			p.Fill(`[name=`+values[i]+`]`, values[i+1])
		}
	}
	save("/places/new", func() {
		fill("code", "orchard", "name", "Orchard Way", "street", "5 Orchard Way", "postal_code", "NW2 7QL", "locality", "Northwick", "country", "GB", "zone", "Europe/London")
		p.unfold("main details")
		fill("latitude", "51.5040", "longitude", "-0.1190")
	})
	save("/practitioners/new", func() { fill("code", "brandt", "name", "Dr Felix Brandt") })
	save("/visit-types/new", func() {
		offered := browser.Get(p.Page, chromedp.Evaluate[[]string](`[...document.querySelectorAll("[name=service] option")].map(o => o.value).filter(Boolean)`))
		if !slices.Equal(offered, []string{clinicApp}) {
			o.t.Errorf("the clinic may offer times for %v", offered)
		}
		fill("code", "consultation", "name", "Consultation", "minutes", "20")
		p.Select(`[name=service]`, clinicApp)
		p.Select(`[name=level]`, "low")
	})
	save("/schedules/new", func() {
		p.Select(`[name=place]`, "orchard")
		p.Select(`[name=practitioner]`, "brandt")
		p.Choose(`[name=visit_types][value=consultation]`)
		for _, d := range []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"} {
			p.Choose(`[name=weekday][value=` + d + `]`)
		}
		fill("from", "09:00", "until", "12:00", "minutes", "20")
		p.Select(`[name=starts_on]`, time.Now().Format(time.DateOnly))
	})
	p.see("schedules")
}

// changes makes one change of the mini-app's release.
func (p *person) changes(app, action string, fill func()) {
	p.t.Helper()
	p.Go(p.j.world.town + "/staff/mini-apps/" + app + "/" + action)
	fill()
	if p.has(`[name=reason]`) {
		p.Fill(`[name=reason]`, "The clinic has tried it with its own people.")
	}
	p.press("/" + action)
	if !strings.HasSuffix(p.URL(), "/mini-apps/"+app) {
		p.t.Fatalf("%s is not taken: %.500s", action, p.Text())
	}
}

// tryOut takes the mini-app into its trial, where Anna may use it and nobody else.
func (o *onboarding) tryOut() {
	o.marcus = o.somebody("reviewer", browser.Desk)
	o.anna.Go(o.url("/go/" + clinicApp))
	o.anna.expect("not found")
	p := o.grace
	p.Go(o.url("/staff/mini-apps"))
	p.expect("See a doctor at Greenfield", "Draft")
	p.see("mini-apps")
	p.changes(clinicApp, "propose", func() { p.Choose(`[name=stage][value=review]`) })
	p.Go(o.url("/staff/mini-apps/" + clinicApp + "/approve"))
	p.expect("not found") // who publishes does not approve
	m := o.marcus
	m.signInAt("Northwick", "marcus")
	m.Go(o.url("/staff/mini-apps/" + clinicApp))
	m.expect("See a doctor at Greenfield", clinicName)
	m.see("review")
	m.changes(clinicApp, "approve", func() {})
	// Anna is shown the code testers are named by, and is one then.
	a := o.anna
	a.Go(o.url("/apps/" + clinicApp))
	a.see("not-a-tester")
	id := browser.Get(a.Page, chromedp.Evaluate[string](`(document.body.textContent.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/) || [""])[0]`))
	if id == "" {
		o.t.Fatalf("no code for testers: %.500s", a.Text())
	}
	p.changes(clinicApp, "testers", func() { p.Fill(`[name=testers]`, id) })
	a.patiently(o.url("/apps/"+clinicApp), func() bool {
		return strings.Contains(a.Text(), "Test mode") && a.has(`main a[href*="visit=consultation"]`)
	})
	a.see("test-mode")
}

func (o *onboarding) release() {
	o.grace.changes(clinicApp, "propose", func() {
		o.grace.Choose(`[name=stage][value=public]`)
		o.grace.Fill(`[name=share]`, "100")
	})
	o.marcus.changes(clinicApp, "approve", func() {})
	o.marcus.expect("Public")
	o.marcus.see("public")
}

// isFound lets somebody who has never heard of the clinic find it in her wallet, in Russian, and book.
func (o *onboarding) isFound() {
	maria := &person{Page: o.w.browser.Open(o.t, browser.Options{Locale: "ru"}), t: o.t, j: &journey{locale: "ru", who: "maria", t: o.t, world: o.w, seen: map[string]bool{}}, role: "stranger", size: browser.Phone}
	maria.Go(o.w.wallet + "/")
	maria.Click(`button[name=persona][value=maria]`)
	until := time.Now().Add(time.Minute) // the wallet reads the lists four times a minute
	for {
		maria.Go(o.w.wallet + "/")
		maria.Fill("#q", "гринфилд")
		maria.Click(`form[role=search] button`)
		if maria.has(`main a[href*="` + clinicApp + `"]`) {
			break
		}
		if time.Now().After(until) {
			o.t.Fatalf("nothing is found: %.500s", maria.Text())
		}
		time.Sleep(250 * time.Millisecond)
	}
	maria.see("search")
	maria.follow(clinicApp)
	maria.expect("Клиника «Гринфилд»", "Дата рождения")
	maria.see("sheet")
	maria.press("/launch")
	maria.passProvider("maria")
	maria.see("start")
	maria.follow("/times?visit=consultation")
	maria.see("times")
	maria.Click(`.times button`)
	maria.see("details")
	maria.press("/book/")
	maria.press("/confirm")
	if !maria.has(".panel .reference strong") {
		o.t.Fatalf("not booked: %.600s", maria.Text())
	}
	maria.see("done")
	maria.Click(`.button.secondary[href*="/appointments/"]`)
	appointment := maria.URL()
	maria.patiently(appointment, func() bool { return maria.has(`main a[href*="/documents/"]`) })
	maria.isSealed("Подтверждение записи на приём", "Клиника «Гринфилд»", "Dr Felix Brandt", "Мария Соколова")
	maria.Go(o.w.wallet + "/nearby")
	maria.Do(chromedp.SetValue(chromedp.CSS("#spot"), "0"))
	maria.Click(`#around .second`)
	maria.expect("Orchard Way")
	maria.see("nearby")
}

// isStopped suspends the clinic: its mini-app says why, and what was booked stays.
func (o *onboarding) isStopped() {
	ines := o.somebody("office", browser.Desk)
	ines.signInAt("Northwick", "ines")
	ines.Go(o.url("/staff/partners/greenfield-clinic"))
	ines.see("partner")
	ines.Fill(`[name=reason]`, "The licence is being examined again.")
	ines.press("/suspend")
	ines.expect("Suspended", "The licence is being examined again.")
	ines.see("partner-suspended")
	a := o.anna
	a.patiently(o.url("/apps/"+clinicApp), func() bool { return strings.Contains(a.Text(), "The licence is being examined again.") })
	a.see("paused")
	a.Go(o.url("/organisations/greenfield-clinic"))
	a.expect("The municipality has suspended the organisation")
	a.see("organisation-suspended")
}

// signInAt opens the console as an official where several sign-ins are offered.
func (p *person) signInAt(employer, persona string) {
	p.t.Helper()
	p.Go(p.j.world.town + "/staff/cases")
	p.Click(browser.Get(p.Page, chromedp.Evaluate[string](`(() => { const a = [...document.querySelectorAll("main a, main button")].find(e => e.textContent.includes("`+employer+`")); a.id = "ours"; return "#ours" })()`)))
	p.passProvider(persona)
}
