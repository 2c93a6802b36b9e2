package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// until does something again and again until it says that it is done: what is told in the background arrives a moment later.
func until(ctx context.Context, what string, do func() (bool, error)) error {
	for range 200 {
		done, err := do()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New(what + " never came")
}

// findCoach looks for a departure in three days, as somebody types who does not look.
func (t *tour) findCoach(ctx context.Context) error {
	b := t.citizen
	if err := launch(ctx, b, t.Wallet, "northwick.coach-ticket", "anna"); err != nil {
		return err
	}
	day := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	if err := b.Submit(ctx, "/departures", url.Values{"from": {"Northwik Harbuor"}, "to": {"Airprot"}, "day": {day}}); err != nil {
		return err
	}
	if err := b.expect("Northwick Harbour – Airport", "£8.50"); err != nil {
		return err
	}
	if err := b.Follow(ctx, "after="); err != nil { // later ones
		return err
	}
	return b.Follow(ctx, "/ride?")
}

// holdSeats holds two and says who rides: Anna and a child, insured.
func (t *tour) holdSeats(ctx context.Context) error {
	b := t.citizen
	if err := b.Submit(ctx, "/ride", url.Values{"people": {"2"}}); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/book/", url.Values{"name-1": {"Leo Whitfield"}, "birthdate-1": {time.Now().AddDate(-9, 0, 0).Format(time.DateOnly)}, "insurance": {"cancellation"}}); err != nil {
		return err
	}
	// 80 % of 8.50 for a resident and half of it for the child; the insurance is 1 and 5 % of both.
	return b.expect("Leo Whitfield", "£6.80", "£4.25", "Trip cancellation", "£12.61")
}

// payInSheet pays what a page asks for in the wallet's sheet, and comes back. The page has a link to it, or a
// button.
func (t *tour) payInSheet(ctx context.Context, page, sum string) error {
	b := t.citizen
	err := until(ctx, "the payment of "+sum, func() (bool, error) {
		err := b.Open(ctx, page)
		return b.Page.Link(t.Wallet+"/pay/") != "" || b.Page.HasForm("/pay"), err
	})
	if err != nil {
		return fmt.Errorf("%w; %s says: %.300s", err, b.Page.URL.Path, b.Page.Text())
	}
	if b.Page.Link(t.Wallet+"/pay/") != "" {
		err = b.Follow(ctx, t.Wallet+"/pay/")
	} else {
		err = b.Submit(ctx, "/pay", nil)
	}
	if err != nil {
		return err
	}
	if err := b.expect(sum); err != nil {
		return err
	}
	if err := b.Press(ctx, "do", "pay", nil); err != nil {
		return err
	}
	if err := b.expect("Payment confirmed"); err != nil {
		return err
	}
	return b.Follow(ctx, "/return")
}

func (t *tour) payTrip(ctx context.Context) error {
	if err := t.citizen.Submit(ctx, "/pay", nil); err != nil {
		return err
	}
	t.trip = t.citizen.Page.URL.String()
	return t.payInSheet(ctx, t.trip, "£12.61")
}

// linkSaying is the address of the first link with these words to an address with that part.
func linkSaying(p *Page, part, words string) string {
	n := find(p.root, func(n *html.Node) bool {
		return n.Data == "a" && strings.Contains(attr(n, "href"), part) && strings.Contains(text(n), words)
	})
	if n == nil {
		return ""
	}
	return attr(n, "href")
}

// getTicket has a code for each of the two on the page, and the sealed document, which townhall verify judges.
func (t *tour) getTicket(ctx context.Context) error {
	b := t.citizen
	file := ""
	err := until(ctx, "the ticket", func() (bool, error) {
		if err := b.Open(ctx, t.trip); err != nil {
			return false, err
		}
		file = linkSaying(b.Page, "/documents/", "Coach ticket")
		return file != "" && !strings.Contains(b.Page.Text(), "Being made"), nil
	})
	if err != nil {
		return err
	}
	if n := strings.Count(string(b.Page.Body), `class="qr"`); n != 2 {
		return fmt.Errorf("%d codes for two passengers", n)
	}
	if err := b.Open(ctx, file+".pdf"); err != nil {
		return err
	}
	if !bytes.HasPrefix(b.Page.Body, []byte("%PDF-")) {
		return errors.New("the ticket is no PDF")
	}
	path := filepath.Join(t.Out, "ticket.pdf")
	if err := os.WriteFile(path, b.Page.Body, 0o644); err != nil {
		return err
	}
	state, err := t.Verify(path, t.bundle, "")
	if err == nil && state != "valid" {
		err = fmt.Errorf("townhall verify says %s of the ticket", state)
	}
	return err
}

// cancelTrip gives the seats back. All of the fare returns, the insurance does not.
func (t *tour) cancelTrip(ctx context.Context) error {
	b := t.citizen
	err := t.patiently(ctx, t.trip, func() error {
		if err := b.Follow(ctx, "/cancel"); err != nil {
			return err
		}
		return b.Submit(ctx, "/cancel", nil)
	})
	if err != nil {
		return err
	}
	if err := b.expect("Cancelled", "£11.05 is given back to you"); err != nil {
		return err
	}
	return until(ctx, "the money", func() (bool, error) {
		err := b.Open(ctx, t.Wallet+"/payments")
		return strings.Contains(b.Page.Text(), "£11.05 returned"), err
	})
}

// payPermit asks for a parking permit in the other municipality and pays its fee.
func (t *tour) payPermit(ctx context.Context) error {
	b := t.citizen
	if err := launch(ctx, b, t.Wallet, "eastmere.parking-permit", "anna"); err != nil {
		return err
	}
	answers := url.Values{"plate": {"NW26 ABC"}, "vehicle": {"car"}, "from_day": {time.Now().AddDate(0, 0, 7).Format(time.DateOnly)}}
	if err := begin(ctx, b, "anna", answers); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/submit", url.Values{"declaration": {"true"}}); err != nil {
		return err
	}
	// What is to be paid is on the page of the case, where sending leads.
	if err := t.payInSheet(ctx, b.Page.URL.String(), "€30.00"); err != nil {
		return err
	}
	return until(ctx, "the fee", func() (bool, error) {
		err := b.Open(ctx, t.Wallet+"/payments")
		return strings.Contains(b.Page.Text(), "€30.00"), err
	})
}
