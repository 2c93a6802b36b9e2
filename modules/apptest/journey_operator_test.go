package apptest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel/lines"
)

// A planner brings a timetable in which a booked coach leaves later and moves it; then a dispatcher calls it off. The passengers
// read of both, and of three tickets only the newest is valid.
func TestAnOperatorMovesABookedCoachAndCallsItOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.app.ImportTimetable(t.Context(), "northwick", "coast-coaches", withEarlyCoach(t, "05:00:00")); err != nil {
		t.Fatal(err)
	}
	j := &journey{world: w, t: t, locale: "en", who: "anna", seen: map[string]bool{}}
	open := func(role string, size browser.Size) *person {
		return &person{Page: w.browser.Open(t, browser.Options{Locale: "en", Size: size}), t: t, j: j, role: role, size: size}
	}
	anna := open("passenger", browser.Phone)
	trip := payForTwo(anna)
	anna.expect("05:00")
	first := anna.codes()

	open("planner", browser.Desk).moves(withEarlyCoach(t, "05:20:00"))
	anna.patiently(trip, func() bool { return slices.Equal(anna.newCodes(first), []string{"new", "new"}) })
	anna.expect("The operator has changed your trip", "05:00", "05:20", "£12.61")
	anna.see("moved")
	second := anna.codes()
	// Days before boarding the page's script says so and asks nobody; the plain form asks.
	carl := &person{Page: w.browser.Open(t, browser.Options{Locale: "en", NoJavaScript: true}), t: t, j: &journey{world: w, t: t, unjudged: true}}
	carl.scans("05:20", first[0], "Not valid any more")

	open("dispatcher", browser.Desk).callsOff("05:20")
	anna.patiently(trip, func() bool { return slices.Equal(anna.newCodes(append(first, second...)), []string{"new", "new"}) })
	anna.expect("Booked", "05:30", "£12.61")
	anna.see("rebooked")
	anna.patiently(w.town+"/messages", func() bool {
		return strings.Contains(anna.Text(), "Your departure is called off; you have another one")
	})
	anna.expect("Your trip has new times")
	anna.see("messages")
}

// withEarlyCoach is the timetable of the demo with one coach more, the first of the day from the harbour to the airport.
func withEarlyCoach(t *testing.T, leaves string) []lines.File {
	t.Helper()
	files := coastTimetable(t)
	at, err := time.Parse(time.TimeOnly, leaves)
	if err != nil {
		t.Fatal(err)
	}
	arrives := at.Add(40 * time.Minute).Format(time.TimeOnly)
	for i, f := range files {
		switch f.Name {
		case "trips.txt":
			files[i].Data = append(bytes.TrimRight(f.Data, "\n"), "\nX9,daily,x9-early,Airport,0,1,1\n"...)
		case "stop_times.txt":
			files[i].Data = fmt.Appendf(bytes.TrimRight(f.Data, "\n"), "\nx9-early,%s,%s,northwick-harbour,1\nx9-early,%s,%s,airport,2\n", leaves, leaves, arrives, arrives)
		}
	}
	return files
}

// codes are those of the tickets on the page of a trip.
func (p *person) codes() []string {
	p.t.Helper()
	return browser.Get(p.Page, chromedp.Evaluate[[]string](`[...document.querySelectorAll("section .qr + .mono")].map(e => e.textContent)`))
}

// newCodes says of each ticket on the page whether it is new.
func (p *person) newCodes(old []string) (out []string) {
	p.t.Helper()
	for _, c := range p.codes() {
		if slices.Contains(old, c) {
			out = append(out, "old")
		} else {
			out = append(out, "new")
		}
	}
	return out
}

// moves brings the timetable, looking at it first, and moves the one departure that is booked.
func (p *person) moves(files []lines.File) {
	p.t.Helper()
	page := p.j.world.town + "/staff/travel/coast-coaches/timetable"
	p.Go(page)
	p.passProvider("pavel")
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{zipped(p.t, files)}))
	p.Click(`button[value=look]`)
	p.expect("nothing is changed yet", "to be decided about: 1")
	p.see("looked")
	p.Click(`button[value=import]`)
	p.expect("The timetable is in force", "1 booked departure to decide about", "05:00–05:40", "05:20–06:00")
	p.see("conflict")
	p.follow("/moved")
	p.expect("This concerns 2 people")
	p.see("moving")
	p.press("/moved")
	p.expect("The departure is moved", "Moved: 1.")
	p.see("moved")
	p.follow("/timetable")
	if p.has(`main a[href*="/conflicts/"]`) {
		p.t.Error("the conflict is still there")
	}
}

// zipped keeps the texts of a timetable as the archive that a planner chooses.
func zipped(t *testing.T, files []lines.File) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".txt") {
			continue
		}
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "timetable.zip")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// goesTo opens the departure of the booked day that leaves at a time.
func (p *person) goesTo(persona, leaves string) {
	p.t.Helper()
	p.Go(p.j.world.town + "/staff/travel/coast-coaches?day=" + time.Now().AddDate(0, 0, 3).Format(time.DateOnly))
	p.passProvider(persona)
	p.see("day")
	p.Go(browser.Get(p.Page, chromedp.Evaluate[string](`[...document.querySelectorAll('main a[href*="/departures/"]')].find(a => a.textContent.startsWith("`+leaves+`")).href`)))
	p.see("departure")
}

// scans looks at a ticket of the departure, and reads the verdict.
func (p *person) scans(leaves, code, verdict string) {
	p.t.Helper()
	p.goesTo("carl", leaves)
	p.expect("Anna Whitfield", "Leo Whitfield")
	p.follow("/scan")
	p.Fill("#f-code", code)
	p.press("/scan")
	p.expect(verdict, "0 of 2 on board")
}

func (p *person) callsOff(leaves string) {
	p.t.Helper()
	p.goesTo("dina", leaves)
	p.follow("/call-off")
	p.expect("This concerns 2 people")
	p.Fill("[name=reason]", "A storm closes the road.")
	p.see("calling-off")
	p.press("/call-off")
	p.expect("On another departure: 1.")
	p.see("called-off")
	p.follow("/departures/") // the one they have now
	p.expect("05:30", "Anna Whitfield", "Leo Whitfield")
}
