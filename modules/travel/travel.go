package travel

import (
	"time"

	"townhall/modules/kernel"
)

// Sector is the folder of workflows this module serves, and its name.
const Sector = "travel"

// Roles of an operator's staff, granted in the operator's agency.
const (
	RoleConductor  = "conductor"  // looks at tickets on board
	RoleDispatcher = "dispatcher" // calls departures off, moves people to others
	RolePlanner    = "planner"    // timetables, vehicles and fares
)

// Ride is a part of a departure: from one of its calls to a later one. Segments count the rides between neighbouring calls
// from 0, so that a ride has the segments From … To-1.
type Ride struct {
	Departure
	From, To int // indexes into Calls
}

// Begins is where and when the ride begins.
func (r Ride) Begins() Call { return r.Calls[r.From] }

// Ends is where and when the ride ends.
func (r Ride) Ends() Call { return r.Calls[r.To] }

// Segments is how many segments the whole departure has.
func (d Departure) Segments() int { return len(d.Calls) - 1 }

// Day is the local day on which the ride begins: ages are counted on it.
func (r Ride) Day() time.Time { return r.Begins().Departs.In(r.Location()) }

// Ride is the part of the departure between the calls with those numbers; false when it has no such calls in that order, or
// nobody may get on at the first or off at the second.
func (d Departure) Ride(fromSeq, toSeq int) (Ride, bool) {
	r := Ride{Departure: d, From: -1, To: -1}
	for i, c := range d.Calls {
		switch c.Seq {
		case fromSeq:
			r.From = i
		case toSeq:
			r.To = i
		}
	}
	return r, r.From >= 0 && r.To > r.From && r.Begins().Pickup && r.Ends().DropOff
}

// States of a booking: those of its workflow.
const (
	StateDraft     = "draft"
	StatePaying    = "paying"
	StateBooked    = "booked"
	StateTravelled = "travelled"
	StateCancelled = "cancelled"
	StateLapsed    = "lapsed"
	StateCalledOff = "called-off"
)

// HoldFor is how long places are held for somebody who is booking them, and again once they go to pay.
const HoldFor = 10 * time.Minute

// MaxPassengers is how many people one booking is for at most.
const MaxPassengers = 9

// Booking is who rides where and for how much; its case says who did what.
type Booking struct {
	Case       kernel.CaseID
	Version    int // the case's after the step that returned this; 0 when it was only read
	Number     string
	Service    string
	Operator   kernel.AgencyID
	State      string
	Departure  DepartureID
	FromSeq    int
	ToSeq      int
	DepartsAt  time.Time
	ArrivesAt  time.Time
	HoldUntil  time.Time // zero when nothing is held
	Applicant  kernel.PersonID
	Locale     string
	Insured    bool
	Currency   string
	Fare       int64 // minor units, of all passengers
	Insurance  int64
	Rules      []byte // fares.Table's terms as they were told, JSON
	GivenBack  int64  // minor units ordered back because it was cancelled or called off
	Passengers []Passenger
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Total is what the booking costs.
func (b Booking) Total() kernel.Money {
	return kernel.Money{Amount: b.Fare + b.Insurance, Currency: b.Currency}
}

// Passenger is one who rides.
type Passenger struct {
	N         int    // from 1
	Name      string // personal data; empty until it was said
	Birthdate string // YYYY-MM-DD; personal data
	Declared  bool   // the birthdate is not verified
	Self      bool   // the citizen themselves
	Kind      string // seat, wheelchair
	Bicycle   bool
	Class     string // of the fare
	Proof     bool   // the conductor asks for it
	Fare      int64  // minor units
	Place     string // number of the place
	BikePlace string // number of the bicycle's; empty: none
}

// Wish is what one passenger needs of the vehicle.
type Wish struct {
	Wheelchair bool
	Bicycle    bool
	Place      string // number of the place they ask for; empty: any
}

// Named is who a passenger is.
type Named struct {
	Self      bool   // the signed-in citizen, with the verified name and date of birth; at most one
	Name      string // for others
	Birthdate string // YYYY-MM-DD, for others who are a child or a senior; empty: an adult
}

// Ticket is what one passenger shows on board.
type Ticket struct {
	Code      string // unguessable; people read it out in groups of four
	Case      kernel.CaseID
	N         int // the passenger
	Departure DepartureID
	State     string // valid, used, void
	UsedAt    time.Time
}

// States of a ticket.
const (
	TicketValid = "valid"
	TicketUsed  = "used"
	TicketVoid  = "void"
)

// What a charge is for, and how it stands.
const (
	forBooking = "booking"
	forChange  = "change"

	chargeOpen   = "open"   // asked for
	chargePlaced = "placed" // paid, and the places are theirs
	chargeVoid   = "void"   // not wanted any more
)

// charge is what a booking has of one payment, in minor units of its currency.
type charge struct {
	Payment       kernel.PaymentID
	Case          kernel.CaseID
	Purpose       string
	State         string
	Fare          int64
	Insurance     int64
	FareBack      int64 // ordered back
	InsuranceBack int64
	CreatedAt     time.Time
}

// Reasons of orders, which people read about their money.
const (
	reasonCancelled = "cancelled"
	reasonTooLate   = "too-late"
	reasonCalledOff = "called-off"
	reasonPlaceGone = "place-gone"
	reasonChanged   = "changed"
)

var (
	// ErrSeatsTaken is the answer when there are not as many places as people, or a wished place is somebody else's;
	// Instead names the next departures with room.
	ErrSeatsTaken = kernel.NewError(kernel.Conflict, "seats-taken", "There are no places left for this ride. Choose another departure or other seats.")
	// ErrPlacesGone is the answer when the time of a hold has ended and others have the places now.
	ErrPlacesGone = kernel.NewError(kernel.Conflict, "places-gone", "The places were held for you for a while, and have been taken by somebody else since. Choose again.")
	// ErrNotSold is the answer when a departure has no fare, has left or was called off.
	ErrNotSold = kernel.NewError(kernel.Conflict, "not-sold", "Tickets for this ride are not sold, or not any more.")
	// ErrTooLate is the answer to a change after the last moment the operator allows.
	ErrTooLate = kernel.NewError(kernel.Conflict, "too-late-to-change-trip", "It is too late to change this booking.")
	// ErrSameDeparture is the answer to a change that changes nothing.
	ErrSameDeparture = kernel.NewError(kernel.Conflict, "same-departure", "This is the departure you have already. Choose another one.")
	// ErrChanging is the answer when a change waits for its payment.
	ErrChanging = kernel.NewError(kernel.Conflict, "change-waits", "A change of this booking waits for its payment. Pay for it or let it go first.")
	// ErrNoPayments is the answer where nothing can be paid.
	ErrNoPayments = kernel.NewError(kernel.Unavailable, "payments-unavailable", "Paying is not possible here at the moment. Please try again later.")
	// ErrNoNames is the answer when it has not been said who rides.
	ErrNoNames = kernel.NewError(kernel.Conflict, "passengers-missing", "Say first who rides.")
	// ErrTicketUsed is the answer to a second look at a ticket.
	ErrTicketUsed = kernel.NewError(kernel.Conflict, "ticket-used", "This ticket has been used already.")
	// ErrTicketVoid is the answer to a ticket of a booking that was cancelled, changed or called off.
	ErrTicketVoid = kernel.NewError(kernel.Conflict, "ticket-void", "This ticket is not valid any more.")
	// ErrOtherDeparture is the answer to a ticket for another departure.
	ErrOtherDeparture = kernel.NewError(kernel.Conflict, "ticket-for-another-departure", "This ticket is for another departure.")
)
