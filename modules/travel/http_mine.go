package travel

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

var ownList = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}

// registerMine adds the citizen's own bookings.
func (s *Service) registerMine(api *web.API) {
	tags := []string{"Bookings"}
	web.Register(api, web.Op{ID: "list-bookings", Method: http.MethodGet, Path: "/bookings", Tags: tags, Policy: ownList,
		Summary: "List the citizen's bookings", Returns: "One page of bookings.", Description: "Newest first: those that are over and drafts too."}, s.getBookings)
	web.Register(api, web.Op{ID: "get-booking", Method: http.MethodGet, Path: "/bookings/{id}", Tags: tags, Policy: whose, Errors: []int{http.StatusNotFound},
		Summary: "Read one booking", Returns: "The booking.", Example: exampleOf(exampleTrip(StateBooked)), Description: "With its tickets, payments and terms, what the citizen may do now, and what would go back if they cancelled."}, s.getBooking)
	web.Register(api, web.Op{ID: "cancel-booking", Method: http.MethodPost, Path: "/bookings/{id}/cancel", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Cancel a booking", Returns: "The booking.", Example: exampleOf(exampleTrip(StateCancelled)), Description: "The places are free again at once, the tickets void. What goes back follows the rules it was booked under: see `terms`. It is ordered at once (`given_back`) and gone back when `refunded` of the payment says so. 409 `too-late-to-change-trip` once the ride has begun."}, s.postCancel)
	web.Register(api, web.Op{ID: "give-up-booking", Method: http.MethodPost, Path: "/bookings/{id}/give-up", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Stop booking", Returns: "The booking.", Example: exampleOf(exampleTrip(StateLapsed)), Description: "For what is not paid yet: the places are free again, and the payment can no longer be made."}, s.postGiveUp)
}

// BookingsInput narrows the list.
type BookingsInput struct {
	Service string `query:"service" maxLength:"60" pattern:"^[a-z0-9-]*$" doc:"Only of this service."`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most."`
	Cursor  string `query:"cursor" maxLength:"36" pattern:"^([0-9a-f-]{36})?$" doc:"The next_cursor of the page before."`
}

// BookingsOutput is one page of bookings.
type BookingsOutput struct {
	Body struct {
		Bookings   []ListedBooking `json:"bookings" maxItems:"100" doc:"The bookings of this page."`
		NextCursor string          `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// ListedBooking is a booking with where it goes.
type ListedBooking struct {
	BookingItem
	TripText
}

// TripText is where a booking goes, for people.
type TripText struct {
	Route string `json:"route" example:"X9" doc:"The route's name."`
	Begin string `json:"begin" example:"Harbour" doc:"The stop at which the ride begins."`
	End   string `json:"end" example:"Airport" doc:"The stop at which it ends."`
	Zone  string `json:"zone" example:"Europe/London" doc:"IANA time zone in which its times are read."`
}

func tripText(locale string, b Booking, d Departure) TripText {
	out := TripText{Route: routeIn(locale, d), Zone: d.Zone}
	if r, ok := d.Ride(b.FromSeq, b.ToSeq); ok {
		out.Begin, out.End = stopIn(locale, r.Begins()), stopIn(locale, r.Ends())
	}
	return out
}

func (s *Service) getBookings(ctx context.Context, in *BookingsInput) (*BookingsOutput, error) {
	all, on, err := s.Trips(ctx, in.Service, kernel.CaseID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &BookingsOutput{}
	out.Body.Bookings = []ListedBooking{}
	for _, b := range all {
		out.Body.Bookings = append(out.Body.Bookings, ListedBooking{bookingItem(b, nil), tripText(kernel.LocaleOf(ctx), b, on[b.Departure])})
	}
	if len(all) == in.Limit {
		out.Body.NextCursor = string(all[len(all)-1].Case)
	}
	return out, nil
}

// TripOutput is one booking with everything.
type TripOutput struct{ Body TripDetail }

// TripDetail is a booking with what can be done.
type TripDetail struct {
	BookingItem
	TripText
	Actions  []string       `json:"actions" maxItems:"20" example:"[\"cancel\",\"change\"]" doc:"What the citizen may do now: pay, change, cancel, give-up."`
	Terms    []TermItem     `json:"terms" maxItems:"21" doc:"What goes back until when to who cancels."`
	Back     int64          `json:"back" minimum:"0" example:"1125" doc:"Minor units that would go back if it were cancelled now."`
	Payments []PaymentBrief `json:"payments" maxItems:"100" doc:"Oldest first."`
	Policy   *PolicyItem    `json:"policy,omitempty" doc:"The insurance that was taken out with it; absent: none, or not paid yet."`
	Moved    *MovedItem     `json:"moved,omitempty" doc:"What it was before the operator moved it; absent: it is as the citizen chose it."`
	Changing bool           `json:"changing" example:"false" doc:"A change waits for its payment."`
	ReadAt   time.Time      `json:"read_at" example:"2026-11-30T09:41:00Z" doc:"When this was true."`
}

// MovedItem is when a ride was to be before its operator moved it.
type MovedItem struct {
	DepartsAt time.Time `json:"departs_at" example:"2026-12-01T09:40:00Z" doc:"When the ride was to begin."`
	ArrivesAt time.Time `json:"arrives_at" example:"2026-12-01T11:05:00Z" doc:"When it was to end."`
	Free      bool      `json:"free" example:"true" doc:"It was moved further than the operator's terms tolerate: whoever cancels before it begins gets everything back, the premium too."`
}

func movedItem(m Moved) *MovedItem {
	if m.DepartsAt.IsZero() {
		return nil
	}
	return &MovedItem{m.DepartsAt, m.ArrivesAt, m.Free}
}

// PolicyItem is the insurance of a booking.
type PolicyItem struct {
	Number   string `json:"number" example:"TI-2026-7K4M-93Q2" doc:"The number people type when they claim."`
	Insurer  string `json:"insurer" example:"travel-insurance" doc:"The agency that insures."`
	State    string `json:"state" enum:"force,void" example:"force" doc:"Void once the booking is cancelled or called off."`
	BeginsOn string `json:"begins_on" format:"date" example:"2026-11-30" doc:"The day it was issued."`
	EndsOn   string `json:"ends_on" format:"date" example:"2026-12-01" doc:"The day of the arrival."`
	VoidedOn string `json:"voided_on,omitempty" format:"date" example:"2026-11-30" doc:"The first day on which it covers nothing any more; absent while it is in force."`
}

func policyItem(p Policy) *PolicyItem {
	if p.Number == "" {
		return nil
	}
	return &PolicyItem{Number: p.Number, Insurer: string(p.Insurer), State: p.State, BeginsOn: p.BeginsOn, EndsOn: p.EndsOn, VoidedOn: p.VoidedOn}
}

func (s *Service) tripOutput(ctx context.Context, t MyTrip) *TripOutput {
	out := &TripOutput{TripDetail{BookingItem: bookingItem(t.Booking, t.Tickets), TripText: tripText(kernel.LocaleOf(ctx), t.Booking, t.Departed), Actions: append([]string{}, t.Actions...),
		Terms: termItems(t.Terms), Back: t.Back, Payments: []PaymentBrief{}, Policy: policyItem(t.Policy), Moved: movedItem(t.Before), Changing: t.Changing, ReadAt: t.ReadAt}}
	for _, p := range t.Payments {
		out.Body.Payments = append(out.Body.Payments, *paymentBrief(p))
	}
	return out
}

func (s *Service) getBooking(ctx context.Context, in *BookingInput) (*TripOutput, error) {
	t, err := s.Trip(ctx, kernel.CaseID(in.ID))
	if err != nil {
		return nil, err
	}
	return s.tripOutput(ctx, t), nil
}

func (s *Service) postCancel(ctx context.Context, in *StepInput) (*TripOutput, error) {
	t, err := s.Cancel(ctx, kernel.CaseID(in.ID), in.Body.Version)
	if err != nil {
		return nil, err
	}
	return s.tripOutput(ctx, t), nil
}

func (s *Service) postGiveUp(ctx context.Context, in *StepInput) (*TripOutput, error) {
	t, err := s.GiveUp(ctx, kernel.CaseID(in.ID), in.Body.Version)
	if err != nil {
		return nil, err
	}
	return s.tripOutput(ctx, t), nil
}
