package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"townhall/modules/apptest"
	"townhall/modules/apptest/browser"
)

// colleague is somebody of the clinic at a browser of their own.
type colleague struct {
	*browser.Page
	t      *testing.T
	d      *surgery
	name   string
	locale string
	size   browser.Size
	judged int
}

func (d *surgery) colleague(b *browser.Browser, who apptest.Who, locale string, size browser.Size, noScript bool) *colleague {
	d.t.Helper()
	c := &colleague{Page: b.Open(d.t, browser.Options{Size: size, Locale: locale, NoJavaScript: noScript}), t: d.t, d: d, name: strings.ToLower(strings.Fields(who.Name)[0]), locale: locale, size: size}
	cookie, yes := d.Cookie("northwick", who), true
	_, err := chromedp.Call(c.Context(), network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: d.Origin("northwick"), Secure: &yes, HTTPOnly: &yes, Path: "/"})
	must(d.t, err)
	return c
}

func (c *colleague) at(path string) {
	c.t.Helper()
	c.Go(c.d.Origin("northwick") + "/staff/clinics" + path)
}

// see judges the page: axe, no sideways scroll at 320 px, no missing text, its language; with TOWNHALL_SHOTS set people can
// look at it.
func (c *colleague) see(name string) {
	c.t.Helper()
	c.judged++
	if folder := os.Getenv("TOWNHALL_SHOTS"); folder != "" {
		c.FullScreenshot(filepath.Join(folder, "clinic", fmt.Sprintf("%s-%s-%d-%s.png", c.locale, name, c.size.Width, c.name)))
	}
	for _, v := range c.Axe() {
		c.t.Errorf("%s (%s): %v", name, c.URL(), v)
	}
	if strings.Contains(c.HTML(), "⟦") {
		c.t.Errorf("%s: a text is missing", name)
	}
	if n := len(c.HTML()); n > 60_000 {
		c.t.Errorf("%s: %d bytes", name, n)
	}
	c.Do(chromedp.EmulateViewport(browser.Small.Width, browser.Small.Height))
	if n := c.SidewaysScroll(); n > 0 {
		c.t.Errorf("%s scrolls %d px sideways at 320 px", name, n)
	}
	c.Do(chromedp.EmulateViewport(c.size.Width, c.size.Height))
	for _, line := range c.Console() {
		c.t.Errorf("%s: the console says %s", name, line)
	}
}

func (c *colleague) expect(words ...string) {
	c.t.Helper()
	text := strings.Join(strings.Fields(c.Text()), " ")
	for _, w := range words {
		if !strings.Contains(text, w) {
			c.t.Fatalf("%s does not say %q; it says: %.800s", c.URL(), w, text)
		}
	}
}

func (c *colleague) unfold(selector string) {
	c.t.Helper()
	c.Do(chromedp.Click(chromedp.CSS(selector + " > summary")))
}

// The clinic's day at the browser: the desk checks in by scan, the practitioner reads why, certifies and finishes, planning
// moves the others and the desk calls one off. On a desk and on a phone, in three languages, and without JavaScript.
func TestAClinicsDayAtTheBrowser(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	for _, c := range []struct {
		locale   string
		size     browser.Size
		noScript bool
	}{{"en", browser.Desk, false}, {"ru", browser.Phone, false}, {"zh", browser.Desk, false}, {"en", browser.Phone, true}} {
		t.Run(fmt.Sprintf("%s on %d px, scripts %v", c.locale, c.size.Width, !c.noScript), func(t *testing.T) {
			d := newSurgery(t)
			var visits []booked
			for i := range 3 {
				visits = append(visits, d.book(d.people[i], d.osei[i], canaryReason))
			}
			d.Settle()
			open := func(who apptest.Who) *colleague { return d.colleague(b, who, c.locale, c.size, c.noScript) }
			n := d.deskAtTheBrowser(open(apptest.Rosa), visits[0], c.noScript)
			n += d.practitionerAtTheBrowser(open(apptest.Amara), visits[0], c.noScript)
			n += d.planningAtTheBrowser(open(apptest.Petra), open(apptest.Rosa), visits[1:], c.noScript)
			t.Logf("%d pages judged", n)
		})
	}
}

func (d *surgery) deskAtTheBrowser(rosa *colleague, visit booked, quick bool) int {
	d.t.Helper()
	say := func(key string) string { return d.Texts.T(rosa.locale, key) }
	look := func(name string) {
		if !quick {
			rosa.see(name)
		}
	}
	rosa.at("") // one clinic: at once to its day
	rosa.expect(d.people[0].Name, d.people[1].Name)
	look("day")
	rosa.Fill("[name=code]", "DA-2026-0000-0000")
	rosa.Click(`form[action$="/check-in"] button`)
	rosa.expect(say("medical.day.code-unknown"))
	look("day-unknown")
	rosa.Fill("[name=code]", d.Origin("northwick")+"/verify/"+d.confirmation(d.people[0], visit.ID))
	rosa.Click(`form[action$="/check-in"] button`)
	rosa.expect(strings.ReplaceAll(say("medical.day.checked-in"), "{patient}", d.people[0].Name))
	look("day-checked-in")
	rosa.Click(fmt.Sprintf(`main a[href$="/appointments/%s"]`, visit.ID))
	rosa.expect(d.people[0].Name, visit.Number)
	if strings.Contains(rosa.HTML(), "CANARY") {
		d.t.Error("reception reads why the patient comes")
	}
	look("visit")
	rosa.at("/riverside-clinic/walk-in")
	look("walk-in")
	rosa.Choose(`[name=visit][value=consultation]`)
	rosa.Click("main form button")
	look("walk-in-times")
	rosa.Click(`main form[method=post] button`)
	look("walk-in-empty")
	rosa.Fill("[name=patient_name]", "Wanda Walker")
	rosa.Do(chromedp.SetValue(chromedp.CSS("[name=patient_birthdate]"), "1950-02-01"))
	rosa.Click(`main form[method=post] button`)
	rosa.expect("Wanda Walker")
	look("walked-in")
	return rosa.judged
}

func (d *surgery) practitionerAtTheBrowser(amara *colleague, visit booked, quick bool) int {
	d.t.Helper()
	look := func(name string) {
		if !quick {
			amara.see(name)
		}
	}
	amara.at("/riverside-clinic/appointments/" + visit.ID)
	amara.expect("CANARY")
	look("visit")
	amara.unfold("#action-certify-sickness")
	amara.Click(`form[action$="/certify-sickness"] button:not([formaction])`) // the last day is missing
	amara.expect(d.Texts.T(amara.locale, "field.required"))
	look("certify-empty")
	amara.Do(chromedp.SetValue(chromedp.CSS("[name=unfit_until]"), dayAfter(amara)))
	amara.Click(`form[action$="/certify-sickness"] button:not([formaction])`)
	amara.unfold("#action-complete")
	amara.Choose(`[name=outcome][value=treated]`)
	look("complete")
	amara.Click(`form[action$="/complete"] button`)
	d.Settle()
	amara.at("/riverside-clinic/appointments/" + visit.ID)
	look("certified")
	d.sealed(d.people[0], "sick-note", "Dr Amara Osei")
	return amara.judged
}

// dayAfter is the day after the one the form begins with.
func dayAfter(c *colleague) string {
	return browser.Get(c.Page, chromedp.Evaluate[string](`(() => { const d = new Date(document.querySelector("[name=unfit_from]").value + "T00:00:00Z"); d.setUTCDate(d.getUTCDate() + 3); return d.toISOString().slice(0, 10) })()`))
}

func (d *surgery) planningAtTheBrowser(petra, rosa *colleague, visits []booked, quick bool) int {
	d.t.Helper()
	look := func(c *colleague, name string) {
		if !quick {
			c.see(name)
		}
	}
	petra.at("/riverside-clinic/day")
	for _, v := range visits {
		petra.Choose(fmt.Sprintf(`[name=case][value="%s"]`, v.ID))
	}
	petra.Click("#chosen button:not([formaction])")
	petra.Select("[name=practitioner]", d.practitionerOf(d.weir[0]))
	petra.Click(`main form[method=get] button`)
	petra.expect("Dr Jonas Weir")
	look(petra, "move")
	petra.Click(`main form[method=post] button`)
	look(petra, "moved")
	for i, v := range visits {
		if got := d.slotOf(v.ID); got != d.weir[i] {
			d.t.Errorf("patient %d has %s", i, got)
		}
	}
	petra.at("/riverside-clinic/block")
	look(petra, "block")
	petra.at("/riverside-clinic/tasks")
	look(petra, "tasks")

	rosa.at("/riverside-clinic/call-off?" + url.Values{"case": {visits[1].ID}}.Encode())
	look(rosa, "call-off")
	rosa.Fill("[name=call_off_reason]", "The doctor is ill today.")
	rosa.Click(`main form[method=post] button`)
	look(rosa, "called-off")
	d.Settle()
	if n, m := d.notices("moved-by-clinic"), d.notices("called-off"); n != 2 || m != 1 {
		d.t.Errorf("%d notices of new times, %d of an end", n, m)
	}
	if a := d.Do(apptest.Call{Who: &d.people[2], Method: http.MethodGet, Path: "/documents/v1/documents"}); !strings.Contains(string(a.Body), `"revoked"`) {
		d.t.Errorf("the confirmation of whom was called off: %s", a.Body)
	}
	return petra.judged + rosa.judged
}
