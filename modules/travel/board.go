package travel

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"townhall/modules/kernel"
)

// What conductors have of tickets on board, with and without network.

// Verdicts on a look at a ticket. A device that has no network says the first five by its list of tickets.
const (
	LookAccepted = "accepted"        // the first look: the ticket is used by it
	LookSecond   = "second"          // it was used before
	LookVoid     = "void"            // of a booking that was cancelled, changed or called off
	LookOther    = "other-departure" // of the same operator, for another departure
	LookUnknown  = "unknown"         // no ticket of this operator
	LookGood     = "good"            // valid and not used by this look, for the device had turned it away
	LookNotThen  = "wrong-time"      // the time of the look cannot be: nothing has happened
)

const (
	// listFor is for how long a copy of the list of tickets is relied on: tickets are sold until a vehicle has left, and given
	// back until then.
	listFor = 2 * time.Hour
	// clockAhead is how far a device's clock may be ahead of ours.
	clockAhead = 2 * time.Minute
	// boardBefore is how long before the departure people board at the earliest, when that is on the day before.
	boardBefore = 6 * time.Hour
	// MaxLooks is how many looks are handed in at once at most.
	MaxLooks = 500
)

// HashOf is how devices know a ticket: the SHA-256 of its code as it is kept, in hexadecimal. With 80 bits in a code, nobody
// finds it from its hash: a lost phone lets nobody forge a ticket.
func HashOf(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// OnBoard is a ticket as a conductor compares it with who stands there. It has no name: none is needed to see whether a ticket
// is good, where its holder sits and how far they go.
type OnBoard struct {
	Hash      string
	State     string
	Class     string // these are empty when the ticket is void
	Proof     bool
	Place     string
	BikePlace string
	From, To  kernel.Text // names of the stops
	UsedAt    time.Time

	code      string
	departure DepartureID
	operator  kernel.AgencyID
	booking   Booking // who booked, for the record of the look
	fromSeq   int
	toSeq     int
}

// placed fills in the names of the stops. A void ticket says nothing of what its booking has become.
func (o OnBoard) placed(d Departure) OnBoard {
	if o.State == TicketVoid {
		o.Class, o.Proof, o.Place, o.BikePlace = "", false, "", ""
		return o
	}
	if r, ok := d.Ride(o.fromSeq, o.toSeq); ok {
		o.From, o.To = r.Begins().Name, r.Ends().Name
	}
	return o
}

// BoardList is what a device keeps to look at the tickets of a departure without network.
type BoardList struct {
	Departure Departure
	Tickets   []OnBoard
	AsOf      time.Time
}

// Expected is how many tickets are good for a ride.
func (l BoardList) Expected() (n int) {
	for _, t := range l.Tickets {
		if t.State != TicketVoid {
			n++
		}
	}
	return n
}

// Boarded is how many were used.
func (l BoardList) Boarded() (n int) {
	for _, t := range l.Tickets {
		if t.State == TicketUsed {
			n++
		}
	}
	return n
}

// Look is one look at a ticket that a device made.
type Look struct {
	ID     string    // UUID; handed in again it is the same look
	Ticket string    // HashOf the code
	At     time.Time // by the device's clock
	Said   string    // the device's verdict; empty: it waits for ours
}

// Looked is the answer to one.
type Looked struct {
	ID      string
	Verdict string
	First   time.Time // of the look that used the ticket, when it was used
	Others  int       // looks of others with which somebody was let on with the same ticket
	Ticket  OnBoard   // empty Hash: nothing that this operator may see on this departure
}

// lets reports whether somebody is let on with the look if the ticket is good.
func (l Look) lets() bool { return l.Said == "" || l.Said == LookAccepted }

// possible reports whether a look can have been made when the device says so: not in the future, and not before people board.
func (d Departure) possible(at, now time.Time) bool {
	begins := d.StartsAt.In(d.Location())
	day := time.Date(begins.Year(), begins.Month(), begins.Day(), 0, 0, 0, 0, begins.Location())
	if early := begins.Add(-boardBefore); early.Before(day) {
		day = early
	}
	return !at.After(now.Add(clockAhead)) && !at.Before(day)
}

// boardings are the looks with which people were let on with one ticket.
type boardings struct {
	first string // id of the first
	at    time.Time
	all   int
	ids   map[string]bool
}

// verdict is what a look has come to. Of those that a device has judged it depends on which looks there are, never on the order in
// which they were handed in: the first is the one with the earliest time, of two at the same time the one with the smaller id.
func (l Look) verdict(t OnBoard, b boardings) Looked {
	out := Looked{ID: l.ID, Ticket: t, First: t.UsedAt, Others: b.all}
	if b.ids[l.ID] {
		out.Others--
	}
	switch {
	case t.State == TicketVoid:
		out.Verdict, out.First = LookVoid, time.Time{}
	case b.ids[l.ID] && b.first == l.ID && !t.UsedAt.Before(b.at): // earlier: a look of before looks were kept
		out.Verdict = LookAccepted
	case t.State == TicketUsed && (b.ids[l.ID] || l.Said == "" || !t.UsedAt.After(l.At)):
		out.Verdict = LookSecond
	default:
		out.Verdict, out.First = LookGood, time.Time{}
	}
	return out
}
