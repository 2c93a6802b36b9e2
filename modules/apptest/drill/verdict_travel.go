package drill

import (
	"fmt"
	"slices"
)

// Step is one action of a booking's case: told to somebody, or as the database has it.
type Step struct{ Case, Action string }

// Trip is one booking as the database has it, and what its case says.
type Trip struct {
	Case      string
	CaseState string // "": there is no case
	State     string // the booking's; "": there is no booking
	Departure string
	From, To  int
	Insured   bool
	Currency  string
	Fare      int64
	Insurance int64
	GivenBack int64
}

// Rider is one passenger of a booking, with the places they were given.
type Rider struct{ Case, Place, Bicycle string }

// Seat is one row of occupancy that is sold.
type Seat struct {
	Case, Departure, Place string
	Segment                int
}

// Paper is a ticket or the document of one.
type Paper struct{ Case, State string }

// Unreturned is what was ordered back and the provider could not give: staff settle it by hand.
type Unreturned struct {
	Case      string
	Amount    int64
	Insurance int64 // of it
}

// Transfer is one row of the ledger.
type Transfer struct {
	Case     string
	Slot     string // what it is for: payment, line, order
	Line     string
	Kind     string // pending, post, single, void
	Currency string
	Amount   int64
	Refund   bool
}

// Entry is one side of a transfer: what it adds to an account.
type Entry struct {
	Account, Currency string
	Amount            int64
}

// Sums are the money of one currency, in minor units.
type Sums struct{ Authorized, Captured, Refunded, Held int64 }

// Travelled is everything seen in one drill of bookings, when nothing is under way any more.
type Travelled struct {
	Held                      map[string]bool // cases whose hold was acknowledged
	Told                      []Step          // acknowledged after that
	Replays                   [][2]string
	Stored                    []Step // that citizens took
	ByItself                  []Step // that the system took
	Trips                     []Trip
	Riders                    []Rider
	Seats                     []Seat
	Tickets                   []Paper
	Documents                 []Paper // of tickets
	Policies, PolicyDocuments []Paper
	CalledOff                 []string // departures whose every booking was answered to be settled
	Failed                    []Unreturned
	Ledger                    []Transfer
	Entries                   []Entry
	Wallet                    map[string]Sums
	Differences               int // between the provider's word and ours, found by the town itself
}

// TravelVerdict counts what must be zero. Each counter has a planted fault in verdict_travel_test.go.
type TravelVerdict struct {
	Lost            int // acknowledged and not there
	Phantom         int // there and never acknowledged
	Doubled         int // there more often than asked for
	DifferentReplay int // one key, two answers
	LedgerSum       int // currencies in which the ledger is not zero
	Books           int // sums that differ from the wallet's
	Stuck           int // amounts neither taken nor let go
	Money           int // bookings with other money than they say
	Insurance       int // premiums taken from somebody uninsured, or not taken
	Cases           int // cases without their booking, or in another state
	Places          int // booked rides without exactly their places
	Shared          int // places that two have on one segment
	Tickets         int // tickets valid and no ride booked, or missing
	Documents       int // documents valid and no ride booked, or missing
	Policies        int // policies, or documents of them, in force and no insured ride booked, or missing
	CalledOff       int // bookings left on a departure that was called off
	Differences     int
}

// Zero reports whether nothing went wrong.
func (v TravelVerdict) Zero() bool { return v == TravelVerdict{} }

func (v TravelVerdict) String() string {
	return fmt.Sprintf("lost %d, phantom %d, doubled %d, different replays %d; money: ledger sum %d, other than the wallet's %d, stuck %d, other than the booking's %d, insurance %d, differences %d; wrong cases %d, places %d, shared %d, tickets %d, documents %d, policies %d, left on what was called off %d",
		v.Lost, v.Phantom, v.Doubled, v.DifferentReplay, v.LedgerSum, v.Books, v.Stuck, v.Money, v.Insurance, v.Differences, v.Cases, v.Places, v.Shared, v.Tickets, v.Documents, v.Policies, v.CalledOff)
}

// rides reports whether somebody has the right to ride.
func (t Trip) rides() bool { return t.State == "booked" || t.State == "travelled" }

// JudgeTravel compares what people were told, what the wallet did, and what is there.
func JudgeTravel(o Travelled) TravelVerdict {
	var v TravelVerdict
	v.judgeSteps(o)
	v.judgeLedger(o)
	v.judgeTrips(o)
	v.judgePlaces(o)
	v.Differences = o.Differences
	return v
}

func (v *TravelVerdict) judgeSteps(o Travelled) {
	there := map[string]bool{}
	for _, t := range o.Trips {
		if there[t.Case] = true; !o.Held[t.Case] {
			v.Phantom++
		}
	}
	for c := range o.Held {
		if !there[c] {
			v.Lost++
		}
	}
	told, stored := count(o.Told), count(o.Stored)
	for s, n := range told {
		v.Lost += max(0, n-stored[s])
	}
	for s, n := range stored {
		if told[s] == 0 {
			v.Phantom++
		}
		v.Doubled += n - 1
	}
	for s, n := range count(o.ByItself) {
		switch s.Action {
		case "book", "book-insured", "change-paid", "change-paid-insured": // what failed may fail again; a ride is booked once, and nobody changes it twice
			v.Doubled += n - 1
		}
	}
	for _, r := range o.Replays {
		if r[0] != r[1] {
			v.DifferentReplay++
		}
	}
}

func count[T comparable](all []T) map[T]int {
	out := map[T]int{}
	for _, one := range all {
		out[one]++
	}
	return out
}

func (v *TravelVerdict) judgeLedger(o Travelled) {
	balance := map[string]int64{}
	for _, e := range o.Entries {
		balance[e.Currency] += e.Amount
	}
	for _, sum := range balance {
		if sum != 0 {
			v.LedgerSum++
		}
	}
	ours := map[string]Sums{}
	open := map[string]int64{}
	for _, t := range o.Ledger {
		sum := ours[t.Currency]
		switch {
		case t.Kind == "pending":
			open[t.Slot] = t.Amount
			if !t.Refund {
				sum.Authorized += t.Amount
			}
		case t.taken() && t.Refund:
			sum.Refunded += t.Amount
		case t.taken():
			sum.Captured += t.Amount
		}
		ours[t.Currency] = sum
	}
	for _, t := range o.Ledger {
		if t.Kind != "pending" {
			delete(open, t.Slot)
		}
	}
	v.Stuck = len(open)
	for c := range o.Wallet {
		if _, known := ours[c]; !known {
			ours[c] = Sums{}
		}
	}
	for c, a := range ours {
		b := o.Wallet[c]
		for _, pair := range [][2]int64{{a.Authorized, b.Authorized}, {a.Captured, b.Captured}, {a.Refunded, b.Refunded}} {
			if pair[0] != pair[1] {
				v.Books++
			}
		}
		if b.Held != 0 {
			v.Stuck++
		}
	}
}

func (t Transfer) taken() bool { return t.Kind == "post" || t.Kind == "single" }

func (v *TravelVerdict) judgeTrips(o Travelled) {
	kept, premium := map[string]int64{}, map[string]int64{}
	for _, t := range o.Ledger {
		switch {
		case !t.taken():
			continue
		case t.Refund:
			t.Amount = -t.Amount
		}
		kept[t.Case] += t.Amount
		if t.Line == "insurance" {
			premium[t.Case] += t.Amount
		}
	}
	for _, f := range o.Failed {
		kept[f.Case] -= f.Amount
		premium[f.Case] -= f.Insurance
	}
	tickets, documents, riders := valid(o.Tickets), valid(o.Documents), map[string]int{}
	policies, policyDocuments := valid(o.Policies), valid(o.PolicyDocuments)
	for _, r := range o.Riders {
		riders[r.Case]++
	}
	for _, t := range o.Trips {
		if t.CaseState != t.State {
			v.Cases++
		}
		var owed, insured int64
		if t.rides() || t.State == "cancelled" {
			owed = t.Fare + t.Insurance - t.GivenBack
			if t.Insured {
				insured = t.Insurance
			}
		}
		if kept[t.Case] != owed {
			v.Money++
		}
		if premium[t.Case] != insured || t.Insured != (t.Insurance > 0) {
			v.Insurance++
		}
		wantTickets, wantDocuments, wantPolicies := 0, 0, 0
		if t.rides() {
			wantTickets, wantDocuments = riders[t.Case], 1
			if t.Insured {
				wantPolicies = 1
			}
		}
		if policies[t.Case] != wantPolicies || policyDocuments[t.Case] != wantPolicies {
			v.Policies++
		}
		if slices.Contains(o.CalledOff, t.Departure) && (t.rides() || t.State == "paying") {
			v.CalledOff++
		}
		if tickets[t.Case] != wantTickets {
			v.Tickets++
		}
		if documents[t.Case] != wantDocuments {
			v.Documents++
		}
	}
}

func valid(all []Paper) map[string]int {
	out := map[string]int{}
	for _, p := range all {
		if p.State == "valid" || p.State == "force" {
			out[p.Case]++
		}
	}
	return out
}

// judgePlaces holds the places of occupancy against those the passengers of booked rides were given.
func (v *TravelVerdict) judgePlaces(o Travelled) {
	trips := map[string]Trip{}
	for _, t := range o.Trips {
		trips[t.Case] = t
	}
	want, has := map[string][]Seat{}, map[string][]Seat{}
	type spot struct {
		departure, place string
		segment          int
	}
	sitting := map[spot]int{}
	for _, r := range o.Riders {
		t := trips[r.Case]
		if !t.rides() {
			continue
		}
		for _, place := range []string{r.Place, r.Bicycle} {
			for i := t.From; i < t.To && place != ""; i++ {
				want[t.Case] = append(want[t.Case], Seat{t.Case, t.Departure, place, i})
				sitting[spot{t.Departure, place, i}]++
			}
		}
	}
	for _, n := range sitting {
		if n > 1 {
			v.Shared++
		}
	}
	for _, s := range o.Seats {
		has[s.Case] = append(has[s.Case], s)
	}
	for c := range trips {
		if !sameSeats(want[c], has[c]) {
			v.Places++
		}
		delete(has, c)
	}
	v.Places += len(has) // of nobody's booking
}

func sameSeats(a, b []Seat) bool {
	left := slices.Clone(b)
	for _, s := range a {
		i := slices.Index(left, s)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(left) == 0
}
