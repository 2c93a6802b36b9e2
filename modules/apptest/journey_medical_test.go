package apptest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	icsjudge "townhall/modules/medical/ics/judge"
)

// A doctor is booked in five pages from the first page of the mini-app, every page judged in every language, with the
// keyboard alone, and without JavaScript.
func TestADoctorIsBookedInFivePages(t *testing.T) {
	t.Parallel()
	s := newSurgery(t)
	s.browser = browser.Start(t)
	w := &world{town: s.Origin("northwick"), browser: s.browser, texts: s.Texts, shots: os.Getenv("TOWNHALL_SHOTS"), files: t.TempDir()}
	run := func(name string, j *journey, who Who, o browser.Options, book func(*person, *surgery) int) {
		t.Run(name, func(t *testing.T) {
			j.t, j.world, j.seen = t, w, map[string]bool{}
			o.Locale = j.locale
			p := s.visitor(j, who, o)
			if pages := book(p, s); pages > 5 {
				t.Errorf("booked in %d pages", pages)
			} else {
				t.Logf("booked in %d pages", pages)
			}
		})
	}
	run("en", &journey{locale: "en", dark: true}, Anna, browser.Options{}, bookByClicking)
	run("ru", &journey{locale: "ru"}, Boris, browser.Options{}, bookByClicking)
	run("zh", &journey{locale: "zh"}, Low, browser.Options{}, bookByClicking)
	run("keyboard only", &journey{locale: "en", unjudged: true}, Anna, browser.Options{}, bookByKeyboard)
	run("without JavaScript", &journey{locale: "en", unjudged: true}, Boris, browser.Options{NoJavaScript: true}, bookByClicking)
	t.Logf("%d pages judged", w.judged.Load())
}

func bookByClicking(p *person, s *surgery) (pages int) {
	p.t.Helper()
	p.Go(s.url("/apps/doctor-appointment"))
	pages++
	p.see("start")
	p.follow("/times?visit=consultation")
	pages++
	timesInSight(p, s)
	p.see("times")
	p.Click(`.times button`)
	pages++
	p.see("details")
	p.Fill(`[name=reason]`, "My knee hurts; колено; 膝盖")
	p.press("/book/")
	pages++
	p.expect(s.Texts.T(p.j.locale, "medical.citizen.check.title"))
	p.see("check")
	p.press("/confirm")
	pages++
	booked(p)
	return pages
}

// booked expects the last page, with a reference and a calendar file that another program reads.
func booked(p *person) {
	p.t.Helper()
	if !p.has(".panel .reference strong") {
		p.t.Fatalf("no reference at %s: %.600s", p.URL(), p.Text())
	}
	p.see("done")
	file := browser.Get(p.Page, chromedp.Evaluate[string](`document.querySelector('a[href$=".ics"]').href`))
	v := icsjudge.File(p.t, p.download(file))
	if v.Status != "CONFIRMED" || !strings.Contains(v.Location, "Riverside Clinic") && !strings.Contains(v.Location, "Harbour") {
		p.t.Errorf("the calendar file says %+v", v)
	}
	p.Click(`.button.secondary[href*="/appointments/"]`)
	p.see("appointment")
}

// timesInSight expects the first free day to be chosen already, and its first times inside the first screen of a phone.
func timesInSight(p *person, s *surgery) {
	p.t.Helper()
	type seen struct {
		Day    string
		Bottom float64
		Times  int
	}
	got := browser.Get(p.Page, chromedp.Evaluate[seen](`(() => {
		const rows = [...document.querySelectorAll(".times button")].map(b => b.getBoundingClientRect());
		return {Day: document.querySelector('.days [aria-current] b').textContent, Bottom: rows[0].bottom,
			Times: rows.filter(r => r.width > 0 && r.top >= 0 && r.bottom <= innerHeight && r.right <= innerWidth).length}})()`))
	if want := strings.TrimPrefix(s.firstDay[8:], "0"); got.Day != want {
		p.t.Errorf("day %s is chosen, the first free one is %s", got.Day, want)
	}
	if got.Times < 4 {
		p.t.Errorf("%d times are inside the first screen, the first one ends at %.0f px", got.Times, got.Bottom)
	}
	p.t.Logf("%d times inside the first screen, the first one ends at %.0f px of 844", got.Times, got.Bottom)
}

// bookByKeyboard does the same with Tab, arrows, Space and Enter.
func bookByKeyboard(p *person, s *surgery) (pages int) {
	p.t.Helper()
	p.Go(s.url("/apps/doctor-appointment"))
	pages++
	p.tabTo(`a[href*="visit=consultation"]`)
	p.enter()
	pages++
	p.tabTo(`.times button`)
	p.enter()
	pages++
	p.tabTo(`[name=for_whom]`)
	p.Do(chromedp.KeyEvent(kb.ArrowDown)) // for a child
	if !browser.Get(p.Page, chromedp.Evaluate[bool](`document.querySelector("[name=for_whom][value=child]").checked && document.querySelector("[name=patient_name]").checkVisibility()`)) {
		p.t.Fatal("the arrow does not choose a child, or its questions stay hidden")
	}
	p.tabTo(`[name=patient_name]`)
	p.Do(chromedp.KeyEvent("Lily Whitfield"))
	p.Select(`[name=patient_birthdate]`, "2019-05-04") // how a date is typed follows the browser's own language
	p.tabTo(`[name=relation]`)
	p.tabTo(`[name=declaration]`)
	p.Do(chromedp.KeyEvent(" "))
	p.tabTo(`form.for-whom .button`)
	p.enter()
	pages++
	p.expect("Lily Whitfield")
	p.tabTo(`form[action$="/confirm"] .button`)
	p.enter()
	pages++
	booked(p)
	return pages
}

// tabTo presses Tab until the element has the focus, and expects to see where it is.
func (p *person) tabTo(selector string) {
	p.t.Helper()
	for range 120 {
		if browser.Get(p.Page, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector))) {
			if !browser.Get(p.Page, chromedp.Evaluate[bool](`(() => { const e = document.activeElement, seen = x => x && getComputedStyle(x).outlineStyle !== "none" || x && getComputedStyle(x, "::after").outlineStyle !== "none";
				return e.matches(":focus-visible") && (seen(e) || seen(e.nextElementSibling)) })()`)) {
				p.t.Errorf("%s: nobody sees that %s has the focus", p.URL(), selector)
			}
			return
		}
		p.Do(chromedp.KeyEvent(kb.Tab))
	}
	p.t.Fatalf("%s: Tab never reaches %s", p.URL(), selector)
}

// enter presses Enter and waits for the page that comes of it.
func (p *person) enter() {
	p.t.Helper()
	if _, err := chromedp.RunResponse(p.Context(), chromedp.KeyEvent(kb.Enter)); err != nil {
		p.t.Fatalf("Enter at %s: %v", p.URL(), err)
	}
}

// What goes wrong on the way, and what comes after: the time that somebody else took, moving, cancelling, checking in.
func TestAnAppointmentIsLostMovedCancelledAndCheckedInKindly(t *testing.T) {
	t.Parallel()
	s := newSurgery(t)
	s.browser = browser.Start(t)
	j := &journey{t: t, locale: "en", seen: map[string]bool{}, world: &world{town: s.Origin("northwick"), browser: s.browser, texts: s.Texts, shots: os.Getenv("TOWNHALL_SHOTS"), files: t.TempDir()}}
	p := s.visitor(j, Anna, browser.Options{})

	p.Go(s.url("/apps/doctor-appointment/times?visit=consultation"))
	s.tx(func(tx *pg.Tx) error { // somebody takes every time of the first day while Anna looks at them
		s.exec(tx, `UPDATE medical.slot SET booked = 1, spare = false WHERE tenant_id = 'northwick' AND starts_at < $1`, s.local(s.firstDay, 1, "00:00"))
		return nil
	})
	p.Click(`.times button`)
	p.expect(s.Texts.T("en", "error.slot-taken"), s.Texts.T("en", "medical.citizen.times.nearest"))
	p.see("times-taken")
	p.Click(`.times.wide button`) // the nearest one
	p.Choose(`label[for=f-for_whom-2]`)
	p.press("/book/")
	p.expectProblem("patient_name")
	p.see("details-wrong")
	p.Fill(`[name=patient_name]`, "Lily Whitfield")
	p.Select(`[name=patient_birthdate]`, "2019-05-04")
	p.Choose(`label[for=f-declaration]`)
	p.Fill(`[name=reason]`, "She coughs.")
	p.press("/book/")
	p.expect("Lily Whitfield", "She coughs.")

	s.tx(func(tx *pg.Tx) error { // the hold runs out and somebody else is faster
		s.exec(tx, `UPDATE medical.slot SET booked = 1, spare = false, hold_until = '{}', hold_case = '{}' WHERE tenant_id = 'northwick' AND hold_until <> '{}'`)
		return nil
	})
	p.press("/confirm")
	p.expect(s.Texts.T("en", "error.hold-over"))
	p.see("times-again")
	p.Click(`.times button`)
	p.expect("Lily Whitfield", "She coughs.") // nothing typed is lost
	p.press("/confirm")
	p.Click(`.button.secondary[href*="/appointments/"]`)
	page := p.URL()
	feed := browser.Get(p.Page, chromedp.Evaluate[string](`document.querySelector('#c-calendar').value`))
	before := icsjudge.File(t, p.download(feed))
	if before.Status != "CONFIRMED" || before.Method != "PUBLISH" || strings.Contains(before.Summary, "doctor") {
		t.Errorf("the calendar feed says %+v", before)
	}

	p.follow("/times?")
	p.see("times-moving")
	p.Click(`.days a:not([aria-current])`)
	p.Click(`.times button`)
	p.see("move")
	p.press("/move")
	moved := icsjudge.File(t, p.download(feed))
	if moved.Sequence <= before.Sequence || moved.Start.Equal(before.Start) || moved.UID != before.UID || moved.Status != "CONFIRMED" {
		t.Errorf("after moving the feed says %+v, before %+v", moved, before)
	}

	p.Go(page)
	p.follow("/cancel")
	p.press("/cancel")
	p.expectProblem("cancel_reason")
	p.see("cancel-wrong")
	p.Choose(`label[for=f-cancel_reason]`)
	p.press("/cancel")
	p.expect(s.Texts.T("en", "medical.citizen.appointment.cancelled"))
	p.see("cancelled")
	cancelled := icsjudge.File(t, p.download(feed))
	if cancelled.Status != "CANCELLED" || cancelled.Sequence <= moved.Sequence || cancelled.UID != before.UID {
		t.Errorf("after cancelling the feed says %+v", cancelled)
	}
	if own := icsjudge.File(t, p.download(page+".ics")); own.Method != "CANCEL" || own.Status != "CANCELLED" {
		t.Errorf("the file says %+v", own)
	}

	s.checkInAtTheDoor(p)
}

// checkInAtTheDoor scans the code at the door: without an appointment, with one elsewhere, too early, in time.
func (s *surgery) checkInAtTheDoor(p *person) {
	door := s.url("/apps/doctor-appointment/check-in/%s", s.doorCode)
	p.Go(door)
	p.expect(s.Texts.T("en", "medical.citizen.check-in.none"))
	p.see("check-in-none")
	var slots []string
	s.tx(func(tx *pg.Tx) error {
		slots = s.newSlots(tx, s.schedule, time.Now().Add(30*time.Minute).Truncate(time.Minute), 1)
		return nil
	})
	anna := Anna
	r := s.Do(Call{Who: &anna, Method: "POST", Path: "/medical/v1/appointments", Key: kernel.NewID(), Body: map[string]any{"slot": slots[0], "visit_type": "consultation"}})
	if r.Status != 201 {
		s.t.Fatalf("book: %d %s", r.Status, r.Body)
	}
	p.Go(door)
	p.see("check-in")
	p.press("/check-in")
	p.expect(s.Texts.T("en", "medical.citizen.appointment.arrived"))
	p.see("arrived")
	p.Go(door)
	p.expect(s.Texts.T("en", "medical.citizen.check-in.done"))
	p.Go(s.url("/check-in/%s", s.doorCode)) // what the code itself holds
	p.expect(s.Texts.T("en", "medical.citizen.check-in.done"))
	p.Go(s.url("/apps/doctor-appointment/check-in/%s", "no-such-door-here"))
	p.expect(s.Texts.T("en", "ui.error.404"))
}
