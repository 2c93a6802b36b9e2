package tour

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// findDoctor looks for the mini-app as people would, in three languages.
func (t *tour) findDoctor(ctx context.Context) error {
	for _, words := range []string{"doctor", "врач", "医生"} {
		if err := t.citizen.Open(ctx, t.Wallet+"/?q="+url.QueryEscape(words)); err != nil {
			return err
		}
		if t.citizen.Page.Link("/apps/northwick.doctor-appointment") == "" {
			return fmt.Errorf("the wallet's search for %q does not find the doctor: %.300s", words, t.citizen.Page.Text())
		}
	}
	return nil
}

// slotsOn are the free times on the page.
func slotsOn(p *Page) (slots []string) {
	walk(p.root, func(e *html.Node) {
		if e.Data == "button" && attr(e, "name") == "slot" {
			slots = append(slots, attr(e, "value"))
		}
	})
	return slots
}

// choose presses the n-th time on the page.
func choose(ctx context.Context, b *Browser, n int) error {
	slots := slotsOn(b.Page)
	if len(slots) <= n {
		return fmt.Errorf("%s shows %d times", b.Page.URL, len(slots))
	}
	return b.Press(ctx, "slot", slots[n], nil)
}

// anotherDay goes on to the first day after today that has free times: a visit of the next hours can neither be moved nor cancelled.
func anotherDay(ctx context.Context, b *Browser) error {
	tomorrow := time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	for range 3 {
		first, at := "", ""
		walk(b.Page.root, func(e *html.Node) {
			u, err := url.Parse(attr(e, "href"))
			if e.Data != "a" || err != nil {
				return
			}
			if day := u.Query().Get("day"); day >= tomorrow && (first == "" || day < first) {
				first, at = day, u.String()
			}
		})
		if at == "" {
			return fmt.Errorf("%s leads to no other day", b.Page.URL)
		}
		if err := b.Open(ctx, at); err != nil {
			return err
		}
		if len(slotsOn(b.Page)) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s: no free times", b.Page.URL)
}

var visitNumber = regexp.MustCompile(`DA-\d{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

func (t *tour) bookDoctor(ctx context.Context) error {
	b := t.citizen
	if err := b.Open(ctx, t.Wallet+"/"); err != nil {
		return err
	}
	if err := launch(ctx, b, t.Wallet, "northwick.doctor-appointment", "anna"); err != nil {
		return err
	}
	if err := b.Follow(ctx, "/times?visit=consultation"); err != nil {
		return err
	}
	if err := anotherDay(ctx, b); err != nil {
		return err
	}
	if err := choose(ctx, b, 0); err != nil {
		return err
	}
	if err := passProvider(ctx, b, "anna"); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/book/", url.Values{"reason": {"My knee has been swollen since Friday."}}); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/confirm", nil); err != nil {
		return err
	}
	t.visitNumber = visitNumber.FindString(b.Page.Text())
	if t.visitNumber == "" {
		return fmt.Errorf("no reference on %s: %.200s", b.Page.URL.Path, b.Page.Text())
	}
	t.visit = strings.TrimSuffix(strings.Replace(b.Page.URL.String(), "/book/", "/appointments/", 1), "/done")
	if err := b.Open(ctx, t.visit); err != nil {
		return err
	}
	return b.expect("Booked", t.visitNumber)
}

// visitTime is when the appointment on the citizen's page begins.
func visitTime(p *Page) (time.Time, error) {
	n := find(p.root, func(n *html.Node) bool { return n.Data == "time" && attr(n, "datetime") != "" })
	if n == nil {
		return time.Time{}, errors.New("the page of the visit has no time")
	}
	return time.Parse(time.RFC3339, attr(n, "datetime"))
}

// sheetOf opens the day sheet of the clinic that the visit is at.
func (t *tour) sheetOf(ctx context.Context, at time.Time) error {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return err
	}
	t.clinic, t.clinicStaff = "riverside-clinic", t.rosa
	if strings.Contains(t.citizen.Page.Text(), "Harbour Health Centre") {
		t.clinic, t.clinicStaff = "harbour-health", t.hannah
	}
	persona := map[string]string{"riverside-clinic": "rosa", "harbour-health": "hannah"}[t.clinic]
	if err := t.signInStaff(ctx, t.clinicStaff, persona); err != nil {
		return err
	}
	return t.clinicStaff.Open(ctx, t.Town+"/staff/clinics/"+t.clinic+"/day?day="+at.In(london).Format(time.DateOnly))
}

func (t *tour) daySheet(ctx context.Context) error {
	at, err := visitTime(t.citizen.Page)
	if err != nil {
		return err
	}
	if err := t.sheetOf(ctx, at); err != nil {
		return err
	}
	return t.clinicStaff.expect("Anna Whitfield", "Booked")
}

// patiently does something on the page of a visit or a trip, and does it again from the start when the case moved on meanwhile: a confirmation
// that is being sealed arrives in it a moment after the step.
func (t *tour) patiently(ctx context.Context, page string, do func() error) (err error) {
	for range 20 {
		if err = t.citizen.Open(ctx, page); err != nil {
			return err
		}
		if err = do(); err == nil || t.citizen.Page.Status != http.StatusConflict {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return err
}

func (t *tour) moveVisit(ctx context.Context) error {
	b := t.citizen
	before, err := visitTime(b.Page)
	if err != nil {
		return err
	}
	err = t.patiently(ctx, t.visit, func() error {
		if err := b.Follow(ctx, "/times?"); err != nil {
			return err
		}
		if err := anotherDay(ctx, b); err != nil {
			return err
		}
		if err := choose(ctx, b, 1); err != nil {
			return err
		}
		return b.Submit(ctx, "/move", nil)
	})
	if err != nil {
		return err
	}
	if err := b.Open(ctx, t.visit); err != nil {
		return err
	}
	after, err := visitTime(b.Page)
	if err == nil && after.Equal(before) {
		err = errors.New("the visit has the old time")
	}
	return err
}

func (t *tour) cancelVisit(ctx context.Context) error {
	b := t.citizen
	err := t.patiently(ctx, t.visit, func() error {
		if err := b.Follow(ctx, "/cancel"); err != nil {
			return err
		}
		return b.Submit(ctx, "/cancel", url.Values{"cancel_reason": {"time"}})
	})
	if err != nil {
		return err
	}
	if err := b.expect("Cancelled"); err != nil {
		return err
	}
	return inbox(ctx, b, t.Wallet, "Your appointment is cancelled")
}

// walkIn admits somebody who stands at the desk.
func (t *tour) walkIn(ctx context.Context) error {
	b := t.rosa
	if err := t.signInStaff(ctx, b, "rosa"); err != nil {
		return err
	}
	if err := b.Open(ctx, t.Town+"/staff/clinics/riverside-clinic/walk-in?visit=consultation"); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/walk-in", url.Values{"patient_name": {"Wanda Walker"}, "patient_birthdate": {"1950-02-01"}, "slot": {"now"}}); err != nil {
		return err
	}
	t.walkInVisit = b.Page.URL.String()
	return b.expect("Wanda Walker", "Checked in")
}

func (t *tour) sickNote(ctx context.Context) error {
	b := t.amara
	if err := t.signInStaff(ctx, b, "amara"); err != nil {
		return err
	}
	if err := b.Open(ctx, t.walkInVisit); err != nil {
		return err
	}
	today := time.Now().UTC()
	days := url.Values{"unfit_from": {today.Format(time.DateOnly)}, "unfit_until": {today.AddDate(0, 0, 3).Format(time.DateOnly)}, "certified_by": {"Dr Amara Osei"}}
	if err := b.Submit(ctx, "/certify-sickness", days); err != nil {
		return err
	}
	for range 200 { // it is sealed after the step
		if err := b.Open(ctx, t.walkInVisit); err != nil {
			return err
		}
		if b.Page.Link("/verify/") != "" {
			return b.expect("unfitness for work")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the note never came: %.400s", b.Page.Text())
}
