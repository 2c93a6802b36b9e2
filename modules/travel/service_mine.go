package travel

import (
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
)

// MyTrip is a booking of the signed-in citizen's with everything its page shows.
type MyTrip struct {
	Booking
	Departed  Departure
	Ride      Ride
	Actions   []string // what they may do now
	Tickets   []Ticket
	Terms     []fares.Term
	Back      int64            // minor units that would go back if it were cancelled now
	Payments  []kernel.Payment // oldest first
	Documents []kernel.Document
	Policy    Policy    // zero: not insured, or not yet
	Before    Moved     // zero: the operator has not moved it
	Changing  bool      // a change waits for its payment
	ReadAt    time.Time // when this was true; kept with it, so that a repeated request gets the same answer
}

// Moved is when a ride was to be before its operator moved it.
type Moved struct {
	DepartsAt, ArrivesAt time.Time
	Free                 bool // further than the terms tolerate: whoever cancels gets everything back
}

// Trips lists a page of the signed-in citizen's bookings, newest first; service empty: of all; before pages on.
func (s *Service) Trips(ctx context.Context, service string, before kernel.CaseID, n int) (all []Booking, on map[DepartureID]Departure, err error) {
	who := kernel.PrincipalOf(ctx)
	if before != "" && !kernel.ValidID(string(before)) {
		return nil, nil, kernel.InvalidFields(kernel.FieldError{Path: "cursor", Slug: "travel.cursor-unknown", Message: "This page marker is not one of ours."})
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if all, err = bookingsOf(ctx, tx, who.Person, service, before, n); err != nil {
			return err
		}
		ids := make([]DepartureID, len(all))
		for i, b := range all {
			ids[i] = b.Departure
		}
		on, err = loadDepartures(ctx, tx, ids...)
		return err
	})
	return all, on, err
}

// Trip reads one booking of the signed-in citizen's. Errors: NotFound.
func (s *Service) Trip(ctx context.Context, c kernel.CaseID) (t MyTrip, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		t, err = s.trip(ctx, tx, c)
		return err
	})
	return t, err
}

func (s *Service) trip(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (t MyTrip, err error) {
	if t.Booking, err = loadBooking(ctx, tx, c, false); err != nil {
		return MyTrip{}, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person == "" || who.Person != t.Applicant {
		return MyTrip{}, kernel.NotThere("booking")
	}
	t.ReadAt = s.Clock.Now()
	if t.Departed, err = loadDeparture(ctx, tx, t.Departure); err != nil {
		return MyTrip{}, err
	}
	t.Ride, _ = t.Departed.Ride(t.FromSeq, t.ToSeq)
	k, err := s.caseOf(ctx, tx, c)
	if err != nil {
		return MyTrip{}, err
	}
	t.Version, t.Actions = k.Version, append(append([]string{}, k.Actions...), k.Through...)
	// To the citizen it is one change, whether a policy goes along or not, and one payment, even of nothing.
	t.Actions = slices.DeleteFunc(t.Actions, func(name string) bool { return name == "change-insured" || name == "book-free" })
	if t.Tickets, err = ticketsOf(ctx, tx, c); err != nil {
		return MyTrip{}, err
	}
	if t.Policy, err = policyOf(ctx, tx, c); err != nil {
		return MyTrip{}, err
	}
	if t.Documents, err = s.Documents.List(ctx, tx, c); err != nil {
		return MyTrip{}, err
	}
	if s.Payments != nil {
		if t.Payments, err = s.Payments.Payments(ctx, tx, c); err != nil {
			return MyTrip{}, err
		}
	}
	if t.Terms, err = s.Terms(t.Booking); err != nil {
		return MyTrip{}, err
	}
	if t.State == StateBooked {
		charges, err := chargesOf(ctx, tx, c)
		if err != nil {
			return MyTrip{}, err
		}
		fare, insurance := paidFor(charges)
		if t.Back, err = t.refundable(fare, t.ReadAt); err != nil {
			return MyTrip{}, err
		}
		m, free, err := mayCancelFree(ctx, tx, t.Booking)
		if err != nil {
			return MyTrip{}, err
		}
		t.Before = Moved{m.DepartsAt, m.ArrivesAt, free}
		if free {
			t.Terms = everythingUntil(t.DepartsAt, t.ReadAt)
			if t.Back = 0; len(t.Terms) > 0 {
				t.Back = fare + insurance
			}
		}
		if _, t.Changing, err = loadWanted(ctx, tx, c); err != nil {
			return MyTrip{}, err
		}
	}
	return t, nil
}

// Cancel ends a booking: what goes back follows the rules it was booked under. Errors: NotFound, Conflict (changed-meanwhile,
// action-not-possible), ErrTooLate.
func (s *Service) Cancel(ctx context.Context, c kernel.CaseID, version int) (MyTrip, error) {
	return s.end(ctx, c, version, "cancel")
}

// GiveUp ends a booking that is not paid for yet. Errors as Cancel.
func (s *Service) GiveUp(ctx context.Context, c kernel.CaseID, version int) (MyTrip, error) {
	return s.end(ctx, c, version, "give-up")
}

func (s *Service) end(ctx context.Context, c kernel.CaseID, version int, action string) (MyTrip, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (MyTrip, error) {
		b, err := loadBooking(ctx, tx, c, false)
		if err != nil {
			return MyTrip{}, err
		}
		if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person == "" || who.Person != b.Applicant {
			return MyTrip{}, kernel.NotThere("booking")
		}
		if err := s.act(ctx, tx, b, version, action, nil); err != nil {
			return MyTrip{}, err
		}
		return s.trip(ctx, tx, c)
	})
}
