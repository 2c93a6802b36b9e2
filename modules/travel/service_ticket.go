package travel

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// newCode is an unguessable name of a ticket: 80 bits in the 32 characters of RFC 4648 §6, which are read out without mistakes.
func newCode() string {
	var raw [10]byte
	rand.Read(raw[:])
	return base32.StdEncoding.EncodeToString(raw[:])
}

// spoken is a code as people read it: in groups of four.
func spoken(code string) string {
	var out []string
	for i := 0; i < len(code); i += 4 {
		out = append(out, code[i:min(i+4, len(code))])
	}
	return strings.Join(out, "-")
}

// typed is a code as it is kept, from what somebody typed or a scanner read.
func typed(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '2' && r <= '7':
			return r
		}
		return -1
	}, s)
}

// issueTickets gives every passenger a new ticket for the departure the booking is on.
func (s *Service) issueTickets(ctx context.Context, tx kernel.Tx, b Booking) ([]Ticket, error) {
	all := make([]Ticket, len(b.Passengers))
	for i, p := range b.Passengers {
		all[i] = Ticket{Code: newCode(), Case: b.Case, N: p.N, Departure: b.Departure, State: TicketValid}
	}
	return all, insertTickets(ctx, tx, all, s.Clock.Now())
}

// Checked is a ticket that a conductor looked at, with whom it is for.
type Checked struct {
	Ticket    Ticket
	Passenger Passenger
	Booking   Booking
	From, To  string // names of the stops
}

// Scan looks at a ticket on board and marks it as used, once per idempotency key. That a conductor saw it is recorded.
// Conductors of the operator that runs the departure. Errors: NotFound (no such ticket, or of another operator), Forbidden,
// ErrOtherDeparture, ErrTicketVoid, ErrTicketUsed with the time of the first look in {at}.
func (s *Service) Scan(ctx context.Context, operator kernel.AgencyID, departure DepartureID, code string) (Checked, error) {
	if err := works(ctx, operator, RoleConductor); err != nil {
		return Checked{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Checked, error) {
		t, err := loadTicket(ctx, tx, typed(code))
		if err != nil {
			return Checked{}, err
		}
		b, err := loadBooking(ctx, tx, t.Case, false)
		if err != nil {
			return Checked{}, err
		}
		d, err := loadDeparture(ctx, tx, t.Departure)
		if err != nil {
			return Checked{}, err
		}
		switch {
		case b.Operator != operator:
			return Checked{}, kernel.NotThere("ticket")
		case t.Departure != departure:
			return Checked{}, ErrOtherDeparture
		case t.State == TicketVoid:
			return Checked{}, ErrTicketVoid
		}
		now := s.Clock.Now()
		ok, err := useTicket(ctx, tx, t.Code, kernel.PrincipalOf(ctx).Person, now)
		if err != nil {
			return Checked{}, err
		}
		if !ok {
			if t, err = loadTicket(ctx, tx, t.Code); err != nil {
				return Checked{}, err
			}
			if t.State == TicketVoid {
				return Checked{}, ErrTicketVoid
			}
			return Checked{}, ErrTicketUsed.With("at", t.UsedAt.In(d.Location()).Format("15:04"))
		}
		if _, err := insertBoardings(ctx, tx, []boarding{{t.Code, kernel.NewID(), now}}, kernel.PrincipalOf(ctx).Person, now); err != nil {
			return Checked{}, err
		}
		t.State, t.UsedAt = TicketUsed, now
		c := Checked{Ticket: t, Booking: b}
		for _, p := range b.Passengers {
			if p.N == t.N {
				c.Passenger = p
			}
		}
		if r, ok := d.Ride(b.FromSeq, b.ToSeq); ok {
			c.From, c.To = stopIn(kernel.LocaleOf(ctx), r.Begins()), stopIn(kernel.LocaleOf(ctx), r.Ends())
		}
		return c, s.seen(ctx, tx, b)
	})
}
