package apptest

import (
	"bytes"
	"strings"

	"townhall/modules/apptest/browser"

	"github.com/chromedp/chromedp"
)

// words are what people type, in the language of the journey.
var words = map[string]struct{ question, answer, assessment, reason string }{
	"en": {"Since when do you live at this address?", "Since 1 May 2019, with my family.",
		"Entered in the population register at this address since 2019.", "The population register has no entry for you at this address."},
	"ru": {"С какого времени вы живёте по этому адресу?", "С 1 мая 2019 года, вместе с семьёй.",
		"Запись в реестре населения по этому адресу имеется с 2019 года.", "В реестре населения нет записи о вас по этому адресу."},
	"zh": {"您从什么时候开始住在这个地址？", "从2019年5月1日起，和家人一起住。",
		"人口登记册显示自2019年起登记在此地址。", "人口登记册中没有您在此地址的登记记录，因此无法出具居住证明。"},
}

// signIn opens the console as an official.
func (p *person) signIn(persona string) {
	p.t.Helper()
	p.Go(p.j.world.town + "/staff/cases")
	p.passProvider(persona)
}

// twoRegistrarsAtOnce lets both open the case; the slower one is told, and keeps what was typed.
func (j *journey) twoRegistrarsAtOnce() {
	o, p := j.oliver, j.priya
	o.signIn("oliver")
	o.expect(j.number)
	o.see("queue")
	o.Go(j.world.town + "/staff/cases?q=" + "RC-2026-AAAA-AAAA")
	o.see("queue-not-found")
	o.Go(j.world.town + "/staff/cases?queue=mine")
	o.see("queue-mine")
	o.Go(j.staffCase)
	o.expect(j.number)
	o.see("case")

	p.signIn("priya")
	p.Go(j.staffCase)
	o.unfold("#action-ask")
	o.Fill("[name=question]", words[j.locale].question)
	p.press("/actions/assign")
	o.press("/actions/ask")
	o.expect(words[j.locale].question)
	o.see("conflict")
	p.press("/actions/release")
}

func (j *journey) askAndAnswer() {
	o, c := j.oliver, j.citizen
	o.Go(j.staffCase)
	o.unfold("#action-ask")
	o.press("/actions/ask")
	o.expectProblem("question")
	o.see("case-question-empty")
	o.Fill("[name=question]", words[j.locale].question)
	o.press("/actions/ask")
	o.expect(j.say("state.waiting.staff"))
	o.see("case-waiting")

	title := j.say("notice.question-asked.title")
	c.patiently(j.world.wallet+"/inbox", func() bool { return strings.Contains(c.Text(), title) })
	c.see("wallet-inbox-question")
	c.Go(j.world.wallet + "/")
	c.see("wallet-home-unread")
	c.Go(j.world.wallet + "/inbox")
	c.follow("/inbox/")
	c.see("wallet-message-question")
	c.press("/launch")
	c.passProvider(j.who)
	c.expect(words[j.locale].question)
	c.see("case-question")
	c.Go(j.world.town + "/")
	c.see("town-your-turn")
	c.Go(j.caseURL)
	c.press("/actions/answer")
	c.expectProblem("answer")
	c.see("case-answer-empty")
	c.Fill("[name=answer]", words[j.locale].answer)
	c.press("/actions/answer")
	c.passProvider(j.who)
	c.see("case-answered")
}

func (j *journey) propose() {
	o := j.oliver
	o.Go(j.staffCase)
	o.expect(words[j.locale].answer)
	o.unfold("#action-propose")
	o.Fill("#action-propose [name=assessment]", words[j.locale].assessment)
	o.see("case-proposing")
	preview := browser.Get(o.Page, chromedp.Evaluate[string](`document.querySelector('[formaction*="action=propose"]').formAction`))
	if file := o.download(preview); !bytes.HasPrefix(file, []byte("%PDF-")) {
		j.t.Fatalf("the preview is no PDF: %.100s", file)
	} else {
		j.keep("preview.pdf", file)
	}
	o.press("/actions/propose")
	o.passProvider("oliver")
	o.expect(j.say("state.proposed.staff"))
	o.see("case-proposed")
}

// fourEyes: the proposer is not offered to countersign, is told why, and is refused when they send it all the same.
func (j *journey) fourEyes() {
	o := j.oliver
	if o.has(`form[action$="/actions/countersign"]`) {
		j.t.Fatal("the proposer is offered to countersign")
	}
	o.unfold("#action-return")
	browser.Get(o.Page, chromedp.Evaluate[int](`{const f = document.querySelector('form[action$="/actions/return"]'); f.action = f.action.replace("return", "countersign"); 0}`))
	o.press("/actions/countersign")
	o.Wait(".problems")
	o.see("four-eyes")
	o.Go(j.staffCase)
	o.expect(j.say("state.proposed.staff"))
	o.Go(j.world.town + "/staff/cases/00000000-0000-4000-8000-000000000000")
	o.see("not-found")
}

func (j *journey) countersign() {
	p := j.priya
	p.signIn("priya")
	p.Go(j.staffCase)
	p.unfold("#action-countersign")
	p.see("countersigning")
	p.press("/actions/countersign")
	p.passProvider("priya")
	p.expect(j.say("state.issued.staff"))
	p.see("case-issued")
	p.Go(j.staffCase + "/audit")
	p.see("audit")
	j.citizen.Go(j.caseURL)
}

// refuse sends another application and has it refused by two registrars.
func (j *journey) refuse() {
	j.again()
	o, p, c := j.oliver, j.priya, j.citizen
	o.Go(j.staffCase)
	o.unfold("#action-propose-refusal")
	o.Choose("label[for=f-refusal_ground]")
	o.Fill("[name=refusal_reason]", words[j.locale].reason)
	o.see("case-refusing")
	o.press("/actions/propose-refusal")
	o.passProvider("oliver")
	p.Go(j.staffCase)
	p.unfold("#action-confirm-refusal")
	p.see("case-confirming-refusal")
	p.press("/actions/confirm-refusal")
	p.passProvider("priya")
	c.patiently(j.caseURL, func() bool { return c.has(`a[href$=".pdf"]`) })
	c.expect(j.say("state.refused"))
	c.see("case-refused")
	j.keep("refusal.pdf", c.download(browser.Get(c.Page, chromedp.Evaluate[string](`document.querySelector('a[href$=".pdf"]').href`))))
}
