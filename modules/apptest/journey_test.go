package apptest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
)

// journey is one citizen's way through the wallet and the town, in one language.
type journey struct {
	world  *world
	t      *testing.T
	locale string
	who    string // the citizen's persona
	byCard bool   // whose everyday sign-in is too weak for the service

	dark     bool // every page is judged in the dark, too
	unjudged bool // only walked: without JavaScript
	seen     map[string]bool

	citizen, oliver, priya *person
	number, caseURL        string
	staffCase              string
	certificate            []byte
	documentNumber         string
}

// The whole journey of a residence certificate, each page judged in each language, on a phone for the citizen and on
// a desk for the registry.
func TestACertificateTravelsFromTheWalletToAStrangerInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("pages", func(t *testing.T) {
		for _, j := range []*journey{
			{locale: "en", who: "anna", dark: true},
			{locale: "ru", who: "maria"},
			{locale: "zh", who: "xiaoming", byCard: true},
		} {
			t.Run(j.locale, func(t *testing.T) {
				t.Parallel()
				j.begin(t, w, browser.Options{})
				j.enterWallet()
				j.lookAroundTheWallet()
				j.apply()
				j.twoRegistrarsAtOnce()
				j.askAndAnswer()
				j.propose()
				j.fourEyes()
				j.countersign()
				j.receive()
				j.stranger()
				j.withdraw()
				j.refuse()
				j.lookAroundTheTown()
			})
		}
		t.Run("without JavaScript", func(t *testing.T) {
			t.Parallel()
			j := &journey{locale: "en", who: "without-scripts", unjudged: true}
			j.begin(t, w, browser.Options{NoJavaScript: true})
			j.enterWallet()
			j.apply()
			j.twoRegistrarsAtOnce()
			j.askAndAnswer()
			j.propose()
			j.countersign()
			j.receive()
		})
	})
	t.Logf("%d pages judged", w.judged.Load())
}

func (j *journey) begin(t *testing.T, w *world, o browser.Options) {
	j.t, j.world, j.seen = t, w, map[string]bool{}
	open := func(role string, size browser.Size, locale string) *person {
		o.Size, o.Locale = size, locale
		return &person{Page: w.browser.Open(t, o), t: t, j: j, role: role, size: size}
	}
	j.citizen = open("citizen", browser.Phone, j.locale)
	j.oliver = open("registrar", browser.Desk, j.locale)
	j.priya = open("second", browser.Desk, j.locale)
}

// say is a text of the service in the journey's language.
func (j *journey) say(key string) string { return j.world.service.Text(j.locale, key) }

func (j *journey) enterWallet() {
	p := j.citizen
	p.Go(j.world.wallet + "/")
	p.see("wallet-sign-in")
	p.Click(`button[name=persona][value=` + j.who + `]`)
	p.Go(j.world.wallet + "/")
	p.expect(j.say("title"))
	p.see("wallet-home")
}

func (j *journey) lookAroundTheWallet() {
	p := j.citizen
	for _, page := range []string{"scan", "inbox", "settings"} {
		p.Go(j.world.wallet + "/" + page)
		p.see("wallet-" + page)
	}
}

const serviceSheet = "/apps/northwick.residence-certificate"

// apply goes from the wallet's list to the reference.
func (j *journey) apply() {
	p := j.citizen
	p.Go(j.world.wallet + "/")
	p.follow(serviceSheet)
	p.see("wallet-sheet")
	p.press("/launch")
	if j.byCard && !p.has("#pin") {
		j.t.Fatalf("no card is asked for at %s", p.URL())
	}
	p.passProvider(j.who)
	p.expect(j.say("title"), j.say("summary"))
	p.see("start")
	j.fill()
}

// passProvider answers the provider's pages until they lead back to the town, and tells how often it asked for consent.
func (p *person) passProvider(persona string) (consents int) {
	p.t.Helper()
	for range 8 {
		if !strings.Contains(p.URL(), "/interaction/") {
			return consents
		}
		button := func(do string) string { return `button[name=do][value=` + do + `]` }
		switch {
		case p.has(`button[name=persona]`):
			p.see("sign-in")
			p.Click(`button[name=persona][value=` + persona + `]`)
		case p.has("#pin"):
			p.see("sign-in-card")
			p.Fill("#pin", "654321")
			p.Click(button("confirm"))
			p.see("sign-in-wrong-pin")
			p.Fill("#pin", "123456")
			p.Click(button("confirm"))
		case p.has(button("confirm")):
			p.see("sign-in-confirm")
			p.Click(button("confirm"))
		case p.has(button("allow")):
			p.see("consent")
			consents++
			p.Click(button("allow"))
		case p.has(button("continue")):
			p.see("sign-in-continue")
			p.Click(button("continue"))
		default:
			p.t.Fatalf("the provider asks for something unknown: %.600s", p.Text())
		}
	}
	p.t.Fatal("the provider never came back")
	return consents
}

// fill answers the questions, the second one wrongly at first, and sends the application.
func (j *journey) fill() {
	p := j.citizen
	p.press("/start")
	p.passProvider(j.who)
	if p.has(`form[action$="/start"]`) {
		p.see("begin")
		p.press("/start")
	}
	p.see("question-you")
	p.press("/apply/")

	p.see("question-purpose")
	p.press("/apply/") // nothing chosen
	p.expectProblem("purpose")
	p.see("question-purpose-empty")
	p.Choose(`label[for=f-purpose-6]`)
	if p.has(`[name=purpose_other]`) {
		p.Fill(`[name=purpose_other]`, strings.Repeat("x", 101))
	}
	p.press("/apply/")
	if p.has("[name=purpose_other]") { // asked for after "something else" was chosen
		if !p.has(`[name=purpose][value=other]:checked`) {
			j.t.Error("the choice was lost with the error")
		}
		p.see("question-purpose-other")
		p.Choose(`label[for=f-purpose]`)
		p.press("/apply/")
	}
	p.see("question-language")
	p.press("/apply/")
	p.see("question-copies")
	p.Fill(`[name=copies]`, "9")
	p.press("/apply/")
	p.expectProblem("copies")
	if !p.has(`[name=copies][value="9"]`) {
		j.t.Error("what was typed was lost with the error")
	}
	p.see("question-copies-wrong")
	p.Fill(`[name=copies]`, "2")
	p.press("/apply/")
	p.see("question-note")
	p.press("/apply/")

	p.see("check")
	p.press("/submit") // not declared
	p.expectProblem("declaration")
	p.see("check-undeclared")
	p.Choose(`label[for=f-declaration]`)
	p.press("/submit")
	p.passProvider(j.who)
	p.see("done")
	j.number = reference.FindString(p.Text())
	if j.number == "" {
		j.t.Fatalf("no reference: %.300s", p.Text())
	}
	p.follow("/cases/")
	j.caseURL = p.URL()
	j.staffCase = j.world.town + "/staff/cases/" + j.caseURL[strings.LastIndex(j.caseURL, "/")+1:]
	p.expect(j.number, j.say("state.submitted"))
	p.see("case-submitted")
}

var reference = regexp.MustCompile(`RC-\d{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// expectProblem expects the error summary, with a link that leads to the field.
func (p *person) expectProblem(field string) {
	p.t.Helper()
	if !p.has(`.problems a[href="#f-`+field+`"]`) || !p.has("#f-"+field) {
		p.t.Fatalf("%s: no error summary leads to %s: %.600s", p.URL(), field, p.Text())
	}
}

func (j *journey) receive() {
	p := j.citizen
	p.patiently(j.caseURL, func() bool { return p.has(`a[href$=".pdf"]`) })
	p.expect(j.say("state.issued"))
	p.see("case-issued")
	file := browser.Get(p.Page, chromedp.Evaluate[string](`document.querySelector('a[href$=".pdf"]').href`))
	j.certificate = p.download(file)
	if !bytes.HasPrefix(j.certificate, []byte("%PDF-")) {
		j.t.Fatalf("the certificate is no PDF: %.100s", j.certificate)
	}
	j.keep("certificate.pdf", j.certificate)
	p.Go(j.world.town + "/documents")
	p.see("documents")
	j.documentNumber = documentNumber.FindString(p.Text())
	if j.documentNumber == "" {
		j.t.Fatalf("no document number: %.600s", p.Text())
	}
	p.patiently(j.world.wallet+"/inbox", func() bool { return strings.Contains(p.Text(), j.say("notice.issued.title")) })
	p.see("wallet-inbox-filled")
	for _, page := range []string{"access", "messages", "cases", ""} {
		p.Go(j.world.town + "/" + page)
		p.see("my-" + page)
	}
}

var documentNumber = regexp.MustCompile(`\b[A-Z]{2}-[0-9A-Z]{4}(-[0-9A-Z]{4}){3}\b`)

func (j *journey) keep(name string, b []byte) {
	path := filepath.Join(j.world.files, j.locale, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		j.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		j.t.Fatal(err)
	}
}

// stranger checks the certificate by its number and by its file, and one that was changed.
func (j *journey) stranger() {
	p := &person{Page: j.world.browser.Open(j.t, browser.Options{Locale: j.locale}), t: j.t, j: j, role: "stranger", size: browser.Phone}
	p.Go(j.world.town + "/verify")
	p.see("verify")
	p.Fill("[name=number]", strings.ToLower(j.documentNumber))
	p.press("/verify")
	p.expect(j.documentNumber)
	if !p.has(".notice.success") {
		j.t.Fatalf("not valid by its number: %.600s", p.Text())
	}
	p.see("verified-by-number")
	j.upload(p, "certificate.pdf", j.certificate)
	if !p.has(".notice.success") {
		j.t.Fatalf("not valid by its file: %.600s", p.Text())
	}
	p.see("verified-by-file")
	changed := bytes.Clone(j.certificate)
	changed[len(changed)/3] ^= 1
	j.upload(p, "changed.pdf", changed)
	if !p.has(".notice.danger") {
		j.t.Fatalf("a changed file passes: %.600s", p.Text())
	}
	p.see("altered")
	p.Go(j.world.town + "/verify/RC-0000-0000-0000-0000")
	p.see("unknown-number")
	p.Go(j.world.town + "/")
	p.see("town")
	p.Go(j.world.town + "/no-such-page")
	p.see("not-found")
	p.Go(j.world.town + "/go/residence-certificate")
	p.see("shared-link")
}

func (j *journey) upload(p *person, name string, file []byte) {
	j.t.Helper()
	j.keep(name, file)
	path, err := filepath.Abs(filepath.Join(j.world.files, j.locale, name))
	if err != nil {
		j.t.Fatal(err)
	}
	p.Go(j.world.town + "/verify")
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{path}))
	p.Click(`form[enctype] button`)
}

// withdraw takes a second application back.
func (j *journey) withdraw() {
	j.again()
	p := j.citizen
	p.follow("/actions/withdraw")
	p.see("withdraw")
	p.press("/actions/withdraw")
	p.passProvider(j.who)
	p.expect(j.say("state.withdrawn"))
	p.see("case-withdrawn")
}

// again sends one more application, from the town's own page.
func (j *journey) again() {
	j.citizen.Go(j.world.town + "/apps/residence-certificate")
	j.fill()
}

func (j *journey) lookAroundTheTown() {
	p := j.citizen
	for name, path := range map[string]string{"not-mine": "/cases/00000000-0000-4000-8000-000000000000", "cases-closed": "/cases", "messages-many": "/messages", "access-many": "/access"} {
		p.Go(j.world.town + path)
		p.see(name)
	}
	p.Go(j.world.town + "/apps/residence-certificate")
	p.press("/start")
	p.Go(j.world.town + "/apps/residence-certificate")
	p.see("start-with-draft")
	p.Go(j.world.wallet + "/?q=" + "certificate")
	p.see("wallet-search")
	p.Go(j.world.wallet + "/inbox")
	p.follow("/inbox/")
	p.see("wallet-message")
}
