package travel

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
	"townhall/modules/travel/fares"
)

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "travel", Prefix: "/travel/v1", Title: "Townhall travel API",
		Description: "Seats on coaches and ferries: what a ride costs, places held and paid for, the citizen's own tickets, and what conductors, dispatchers and planners of an operator do. Amounts are whole minor units of the currency that stands beside them (ISO 4217).\n\n" + wayDescription,
		Tags: map[string]string{
			"Bookings":   "The signed-in citizen's own bookings, from the first held seat to the ticket.",
			"Timetables": "Places, and the ways between them, for everybody.",
			"On board":   "Tickets and passengers, for those who run a departure.",
			"Operations": "Vehicles, fares, and departures that are called off.",
		},
		Register: s.register,
	}
}

// wayDescription leads through the operations, and names the other contracts on the way.
const wayDescription = "## The way to a ticket\n" +
	"`search-journeys`, `quote-ride`, `hold-places` (state `draft`), `name-passengers`, `pay-booking` (`paying`), then the citizen pays at `pay_url`, and the booking is `booked`.\n" +
	"A hold that nobody pays ends as `lapsed`; a booking ends as `travelled`, `cancelled` or, by its operator, `called-off`.\n" +
	"The ticket and the policy are documents, made a moment later: list them with the documents contract, whose `case` is the booking's `id`.\n" +
	"Each document that is issued counts in `version` too: read the booking before the next step, and again on 409 `changed-meanwhile`.\n" +
	"A claim under `policy.number` is an application for the service `insurance-claim` of the civic contract."

func (s *Service) register(api *web.API) {
	s.registerBooking(api)
	s.registerMine(api)
	s.registerBoard(api)
	s.registerSetup(api)
	s.registerFind(api)
}

// RideInput names a ride.
type RideInput struct {
	Departure string `json:"departure" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The departure's id."`
	From      int    `json:"from" minimum:"0" example:"1" doc:"Number of the call at which the ride begins."`
	To        int    `json:"to" minimum:"0" example:"4" doc:"Number of the call at which it ends."`
}

func (r RideInput) asked() Asked { return Asked{DepartureID(r.Departure), r.From, r.To} }

// PlaceInput is what one passenger needs.
type PlaceInput struct {
	Place      string `json:"place,omitempty" maxLength:"6" example:"12A" doc:"Number of a place they wish for; absent: any."`
	Wheelchair bool   `json:"wheelchair,omitempty" doc:"They stay in their own wheelchair."`
	Bicycle    bool   `json:"bicycle,omitempty" doc:"A bicycle goes along."`
}

// NameInput is who one passenger is.
type NameInput struct {
	Self      bool   `json:"self,omitempty" doc:"The citizen themselves, with the verified name and date of birth."`
	Name      string `json:"name,omitempty" maxLength:"200" example:"Leo Whitfield" doc:"For others. Give either self or a name."`
	Birthdate string `json:"birthdate,omitempty" maxLength:"10" example:"2019-05-04" doc:"YYYY-MM-DD, for others who are a child or a senior; proof is shown on board."`
}

func wishesOf(in []PlaceInput) []Wish {
	out := make([]Wish, len(in))
	for i, p := range in {
		out[i] = Wish{Wheelchair: p.Wheelchair, Bicycle: p.Bicycle, Place: p.Place}
	}
	return out
}

func namedOf(in []NameInput) []Named {
	out := make([]Named, len(in))
	for i, n := range in {
		out[i] = Named(n)
	}
	return out
}

// TermItem is one line of the terms.
type TermItem struct {
	Until   time.Time `json:"until" example:"2026-12-01T08:00:00Z" doc:"The last moment."`
	Percent int       `json:"percent" minimum:"0" maximum:"100" example:"90" doc:"The share of the fare that goes back to who cancels until then."`
}

func termItems(all []fares.Term) []TermItem {
	out := make([]TermItem, len(all))
	for i, t := range all {
		out[i] = TermItem(t)
	}
	return out
}

// PassengerItem is one who rides.
type PassengerItem struct {
	Name    string `json:"name" example:"Anna Whitfield" doc:"Empty until it was said."`
	Class   string `json:"class" enum:"adult,child,senior,concession" example:"adult" doc:"The class of the fare."`
	Proof   bool   `json:"proof" example:"false" doc:"The class rests on a date of birth that nobody verified: proof is shown on board."`
	Fare    int64  `json:"fare" minimum:"0" example:"1250" doc:"Minor units, with the bicycle's."`
	Place   string `json:"place" example:"12A" doc:"Number of the place."`
	Bicycle string `json:"bicycle,omitempty" example:"B1" doc:"Number of the bicycle's place; absent: none goes along."`
	Ticket  string `json:"ticket,omitempty" example:"K7M4N2Q5R6S7T2U3" doc:"Code of the ticket, for the QR code that is shown on board; absent until it is paid."`
	Used    bool   `json:"used,omitempty" doc:"The ticket has been shown on board."`
}

// BookingItem is a booking.
type BookingItem struct {
	ID         string          `json:"id" format:"uuid" doc:"The booking's id: its case's."`
	Number     string          `json:"number" example:"CT-2026-7K4M-93Q2" doc:"The reference people quote."`
	Service    string          `json:"service" example:"coach-ticket" doc:"The service's slug."`
	Operator   string          `json:"operator" example:"coast-coaches" doc:"The agency that runs the departure."`
	State      string          `json:"state" enum:"draft,paying,booked,travelled,cancelled,lapsed,called-off" example:"booked" doc:"The state in the workflow."`
	Version    int             `json:"version,omitempty" minimum:"1" example:"3" doc:"Counts steps; send it with the next one. Absent in lists."`
	Departure  string          `json:"departure" format:"uuid" doc:"The departure's id."`
	From       int             `json:"from" example:"1" doc:"Number of the call at which the ride begins."`
	To         int             `json:"to" example:"4" doc:"Number of the call at which it ends."`
	DepartsAt  time.Time       `json:"departs_at" example:"2026-12-01T09:40:00Z" doc:"When the ride begins."`
	ArrivesAt  time.Time       `json:"arrives_at" example:"2026-12-01T11:05:00Z" doc:"When it ends."`
	HoldUntil  *time.Time      `json:"hold_until,omitempty" doc:"Until when the places are held; absent when nothing is."`
	Currency   string          `json:"currency" example:"EUR" doc:"ISO 4217."`
	Fare       int64           `json:"fare" minimum:"0" example:"1250" doc:"Of all passengers, in minor units."`
	Insurance  int64           `json:"insurance" minimum:"0" example:"150" doc:"The premium, in minor units; 0: none."`
	Insured    []string        `json:"insured" maxItems:"4" example:"[\"cancellation\"]" doc:"Codes of the insurance products that the premium is for."`
	GivenBack  int64           `json:"given_back" minimum:"0" example:"0" doc:"What was ordered back because it was cancelled or called off."`
	Passengers []PassengerItem `json:"passengers" maxItems:"9" doc:"In the order in which they were named."`
}

func bookingItem(b Booking, tickets []Ticket) BookingItem {
	out := BookingItem{
		ID: string(b.Case), Number: b.Number, Service: b.Service, Operator: string(b.Operator), State: b.State, Version: b.Version, Departure: string(b.Departure),
		From: b.FromSeq, To: b.ToSeq, DepartsAt: b.DepartsAt, ArrivesAt: b.ArrivesAt, HoldUntil: presentTime(b.HoldUntil), Currency: b.Currency,
		Fare: b.Fare, Insurance: b.Insurance, Insured: b.products(), GivenBack: b.GivenBack, Passengers: []PassengerItem{},
	}
	for _, p := range b.Passengers {
		item := PassengerItem{Name: p.Name, Class: p.Class, Proof: p.Proof, Fare: p.Fare, Place: p.Place, Bicycle: p.BikePlace}
		for _, t := range tickets {
			if t.N == p.N {
				item.Ticket, item.Used = t.Code, t.State == TicketUsed
			}
		}
		out.Passengers = append(out.Passengers, item)
	}
	return out
}

func presentTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// BookingOutput is a booking after a step.
type BookingOutput struct{ Body BookingItem }

// PayingOutput is a booking and what is to be paid.
type PayingOutput struct {
	Body struct {
		Booking BookingItem   `json:"booking" doc:"The booking."`
		Payment *PaymentBrief `json:"payment,omitempty" doc:"What is to be paid; absent when nothing is."`
	}
}

// PaymentBrief is a payment as the one who pays needs it.
type PaymentBrief struct {
	ID        string     `json:"id" format:"uuid" doc:"The payment's id."`
	Reference string     `json:"reference" example:"PA-2026-7K4M-93Q2" doc:"The reference people quote."`
	State     string     `json:"state" enum:"open,failed,authorized,voided,captured,refunded" example:"open" doc:"How it stands."`
	Amount    int64      `json:"amount" minimum:"1" example:"1400" doc:"Minor units."`
	Currency  string     `json:"currency" example:"EUR" doc:"ISO 4217."`
	PayURL    string     `json:"pay_url,omitempty" format:"uri" example:"https://wallet.example/pay/kq3v9m2x" doc:"Where the citizen pays; absent until the provider has made it: ask again for the booking."`
	Until     *time.Time `json:"until,omitempty" example:"2026-11-30T09:50:00Z" doc:"Until when it can be paid."`
	Refunded  int64      `json:"refunded" minimum:"0" example:"0" doc:"What has gone back, in minor units."`
}

func paymentBrief(p kernel.Payment) *PaymentBrief {
	if p.ID == "" {
		return nil
	}
	return &PaymentBrief{ID: string(p.ID), Reference: p.Reference, State: p.State, Amount: p.Amount.Amount, Currency: p.Amount.Currency, PayURL: p.PayURL,
		Until: presentTime(p.Until), Refunded: p.Refunded.Amount}
}

func payingOutput(p Paying) *PayingOutput {
	out := &PayingOutput{}
	out.Body.Booking, out.Body.Payment = bookingItem(p.Booking, nil), paymentBrief(p.Payment)
	return out
}

// BookingInput names a booking.
type BookingInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The booking's id: its case's."`
}

// StepInput is a step that asks nothing.
type StepInput struct {
	BookingInput
	web.IdempotencyInput
	Body struct {
		Version int `json:"version" minimum:"1" example:"2" doc:"The version of the booking the citizen looked at."`
	}
}

var (
	booker = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "none"}
	whose  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "applicant"}
	steps  = []int{http.StatusNotFound, http.StatusConflict}
)

// registerBooking adds what leads to a ticket: every answer to a full departure names others.
func (s *Service) registerBooking(api *web.API) {
	tags := []string{"Bookings"}
	open := examplePayment("open", 0)
	paying := examplePaying(exampleBooking(StatePaying, 2, &exampleHeld, ""), &open)
	web.Register(api, web.Op{ID: "quote-ride", Method: http.MethodPost, Path: "/quotes", Tags: tags, Policy: web.Public, Errors: steps,
		Summary: "Ask what a ride costs", Returns: "The price and what is free.", Example: exampleQuote(), Description: "Nothing is held and nothing kept. `free` names seats, places for wheelchairs and for bicycles, of which `B1`, `B2` and so on are the last; `room` counts the seats alone. With a citizen's token the passenger marked `self` gets the class that their verified claims give. 409 `not-sold` when no fare is set up; 404 for a departure that does not exist, and for calls it does not make in that order."}, s.postQuote)
	web.Register(api, web.Op{ID: "hold-places", Method: http.MethodPost, Path: "/bookings", Tags: tags, Policy: booker, Status: http.StatusCreated, Idempotent: true, Errors: steps,
		Summary: "Hold places for a while", Returns: "The draft with its places.", Example: exampleOf(exampleDraft("")), Description: "Holds places for everybody for ten minutes, or for nobody. Nobody keeps two drafts of a service: the places of the citizen's other drafts are given back, and one that is younger than twenty minutes, with the same operator, becomes this one: same `id`, same `version`, other places. 409 `seats-taken` names in `alternatives` the next departures between the same stops that have room for all."}, s.postHold)
	web.Register(api, web.Op{ID: "name-passengers", Method: http.MethodPost, Path: "/bookings/{id}/passengers", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Say who rides", Returns: "The draft with its price.", Example: exampleOf(exampleDraft("Anna Whitfield")), Description: "One name for each place that is held, in that order. The classes of the fares follow from the dates of birth. `insurance` takes the place of what was asked for before; absent, nothing is insured. 422 `travel.self-unknown` when the citizen never signed in here, so that their name is not known."}, s.postPassengers)
	web.Register(api, web.Op{ID: "pay-booking", Method: http.MethodPost, Path: "/bookings/{id}/pay", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Begin to pay", Returns: "The booking and its payment.", Example: paying, Description: "The places are held for another ten minutes, and the citizen pays at `pay_url`. It is absent at first: read the booking until `payments` has it, or call `begin-payment` of the payments contract. The booking becomes `booked` once the payment is reported. 409 `passengers-missing` before it was said who rides. What costs nothing is booked at once. A hold that has run out is honoured while nobody else has the places; otherwise 409 `places-gone` with `alternatives`."}, s.postPay)
	web.Register(api, web.Op{ID: "change-booking", Method: http.MethodPost, Path: "/bookings/{id}/change", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Change to another departure", Returns: "The booking and what is to be paid.", Example: examplePaying(exampleBooking(StateBooked, 7, nil, ""), nil), Description: "The new places are the citizen's before the old ones are given up; which they are, `passengers` says. What is insured stays so by the rule it was taken out under: the premium follows the fare. What costs less goes back. Where it costs more, `payment` is the difference: until it is paid the old places stay theirs. 409 `seats-taken` leaves everything as it is, `too-late-to-change-trip` after the last moment the operator allows, `change-waits` while another change waits for its payment."}, s.postChange)
	web.Register(api, web.Op{ID: "drop-change", Method: http.MethodPost, Path: "/bookings/{id}/drop-change", Tags: tags, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Give up a change that waits for its payment", Returns: "The booking as it was.", Example: exampleOf(exampleBooking(StateBooked, 7, nil, "")), Description: "The places that were held for it are free again. None there is no error."}, s.postDropChange)
}

// QuoteInput asks for a price.
type QuoteInput struct {
	Body struct {
		RideInput
		Places     []PlaceInput `json:"places" minItems:"1" maxItems:"9" doc:"One for each passenger."`
		Passengers []NameInput  `json:"passengers,omitempty" maxItems:"9" doc:"Who they are, in the same order; absent: adults."`
		Insurance  []string     `json:"insurance,omitempty" maxItems:"4" example:"[\"cancellation\"]" doc:"Codes of the insurance products to take out, of those the answer names; absent: none."`
	}
}

// QuoteOutput is a price.
type QuoteOutput struct {
	Body struct {
		Currency   string        `json:"currency" example:"EUR" doc:"ISO 4217."`
		Passengers []FareItem    `json:"passengers" maxItems:"9" doc:"What each pays, in the same order."`
		Fare       int64         `json:"fare" minimum:"0" example:"2500" doc:"The sum of these, in minor units."`
		Insurance  int64         `json:"insurance" minimum:"0" example:"150" doc:"The premium of what was asked for; 0: none."`
		Products   []ProductItem `json:"products" maxItems:"4" doc:"What can be insured with this ride."`
		Total      int64         `json:"total" minimum:"0" example:"2650" doc:"What there is to pay, in minor units."`
		Terms      []TermItem    `json:"terms" maxItems:"21" doc:"What goes back until when to who cancels."`
		Room       int           `json:"room" minimum:"0" example:"31" doc:"Seats that are free all the way."`
		Free       []string      `json:"free" maxItems:"2500" example:"[\"12A\",\"12B\"]" doc:"Numbers of the places that are free all the way."`
		Sale       bool          `json:"sale" example:"true" doc:"Whether it can be booked now."`
		Calls      []QuoteCall   `json:"calls" maxItems:"1000" doc:"The calls from the first to the last of the ride."`
	}
}

// FareItem is what one passenger pays.
type FareItem struct {
	Class string `json:"class" enum:"adult,child,senior,concession" example:"adult" doc:"The class in which they pay least."`
	Fare  int64  `json:"fare" minimum:"0" example:"1250" doc:"Minor units, with the bicycle's."`
	Proof bool   `json:"proof" example:"false" doc:"Proof of age is shown on board."`
}

// ProductItem is an insurance product as it is offered to these people with this ride.
type ProductItem struct {
	Code    string `json:"code" example:"cancellation" doc:"Send it in insurance to take it out."`
	Name    string `json:"name" example:"Trip cancellation" doc:"What people call it."`
	Terms   string `json:"terms" example:"Holds until departure." doc:"What is covered and what is not, as the policy says it."`
	Premium int64  `json:"premium" minimum:"0" example:"150" doc:"Of all passengers, in minor units. Another fare may have another one."`
	Covers  int    `json:"covers" minimum:"0" maximum:"100" example:"100" doc:"Percent of the fare that goes back to who cancels before departure; 0: the operator's own terms alone."`
	UpTo    int64  `json:"up_to" minimum:"0" example:"1000000" doc:"Up to so much for each passenger the insurer pays on a claim, in minor units; 0: no costs on the way."`
}

func productItems(locale string, all []Premium) []ProductItem {
	out := make([]ProductItem, len(all))
	for i, p := range all {
		out[i] = ProductItem{p.Code, p.Name.In(locale), p.Terms.In(locale), p.Amount, p.Covers, p.UpTo}
	}
	return out
}

// QuoteCall is one stop on the way.
type QuoteCall struct {
	Number    int       `json:"number" example:"1" doc:"The call's number."`
	Name      string    `json:"name" example:"Harbour" doc:"The stop."`
	ArrivesAt time.Time `json:"arrives_at" example:"2026-12-01T09:38:00Z" doc:"When the vehicle comes."`
	DepartsAt time.Time `json:"departs_at" example:"2026-12-01T09:40:00Z" doc:"When it leaves."`
}

func (s *Service) postQuote(ctx context.Context, in *QuoteInput) (*QuoteOutput, error) {
	q, err := s.Quote(ctx, in.Body.asked(), wishesOf(in.Body.Places), namedOf(in.Body.Passengers), in.Body.Insurance)
	if err != nil {
		return nil, inBody(err)
	}
	out := &QuoteOutput{}
	out.Body.Currency, out.Body.Fare, out.Body.Insurance, out.Body.Total = q.Price.Currency, q.Price.Fare, q.Price.Insurance, q.Price.Total
	out.Body.Terms, out.Body.Room, out.Body.Sale, out.Body.Free = termItems(q.Terms), q.Room, q.Sale, append([]string{}, q.Free...)
	out.Body.Passengers, out.Body.Calls, out.Body.Products = []FareItem{}, []QuoteCall{}, productItems(kernel.LocaleOf(ctx), q.Products)
	for _, l := range q.Price.Lines {
		out.Body.Passengers = append(out.Body.Passengers, FareItem{string(l.Class), l.Amount, l.Proof})
	}
	for _, c := range q.Ride.Calls[q.Ride.From : q.Ride.To+1] {
		out.Body.Calls = append(out.Body.Calls, QuoteCall{c.Seq, stopIn(kernel.LocaleOf(ctx), c), c.Arrives, c.Departs})
	}
	return out, nil
}

// HoldInput holds places.
type HoldInput struct {
	web.IdempotencyInput
	Body struct {
		RideInput
		Places    []PlaceInput `json:"places" minItems:"1" maxItems:"9" doc:"One for each passenger."`
		Insurance []string     `json:"insurance,omitempty" maxItems:"4" example:"[\"cancellation\"]" doc:"Codes of the insurance products to take out, of those that a quote names; absent: none."`
		Locale    string       `json:"locale,omitempty" enum:"en,ru,zh" doc:"Language of the conversation and of the ticket; absent: the one asked for by Accept-Language."`
		Channel   string       `json:"channel,omitempty" enum:"list,search,qr,share,recents,nearby,push" doc:"How the citizen came; absent: directly."`
	}
}

func (s *Service) postHold(ctx context.Context, in *HoldInput) (*BookingOutput, error) {
	b, err := s.Hold(ctx, HoldRequest{Asked: in.Body.asked(), Wishes: wishesOf(in.Body.Places), Insure: in.Body.Insurance, Locale: in.Body.Locale, Channel: in.Body.Channel})
	if err != nil {
		return nil, inBody(err)
	}
	return &BookingOutput{bookingItem(b, nil)}, nil
}

// PassengersInput says who rides.
type PassengersInput struct {
	BookingInput
	web.IdempotencyInput
	Body struct {
		Passengers []NameInput `json:"passengers" minItems:"1" maxItems:"9" doc:"One for each place that is held, in that order."`
		Insurance  []string    `json:"insurance,omitempty" maxItems:"4" example:"[\"cancellation\"]" doc:"Codes of the insurance products to take out, of those that a quote names; absent: none."`
	}
}

func (s *Service) postPassengers(ctx context.Context, in *PassengersInput) (*BookingOutput, error) {
	b, err := s.SayWho(ctx, kernel.CaseID(in.ID), namedOf(in.Body.Passengers), in.Body.Insurance)
	if err != nil {
		return nil, inBody(err)
	}
	return &BookingOutput{bookingItem(b, nil)}, nil
}

func (s *Service) postPay(ctx context.Context, in *StepInput) (*PayingOutput, error) {
	p, err := s.Pay(ctx, kernel.CaseID(in.ID), in.Body.Version)
	if err != nil {
		return nil, err
	}
	return payingOutput(p), nil
}

// ChangeInput changes to another departure.
type ChangeInput struct {
	BookingInput
	web.IdempotencyInput
	Body struct {
		Version int `json:"version" minimum:"1" example:"3" doc:"The version of the booking the citizen looked at."`
		RideInput
	}
}

func (s *Service) postChange(ctx context.Context, in *ChangeInput) (*PayingOutput, error) {
	p, err := s.Change(ctx, kernel.CaseID(in.ID), in.Body.Version, in.Body.asked())
	if err != nil {
		return nil, inBody(err)
	}
	return payingOutput(p), nil
}

// PlainInput names a booking for a step that needs no version.
type PlainInput struct {
	BookingInput
	web.IdempotencyInput
}

func (s *Service) postDropChange(ctx context.Context, in *PlainInput) (*BookingOutput, error) {
	b, err := s.LetChangeGo(ctx, kernel.CaseID(in.ID))
	if err != nil {
		return nil, err
	}
	return &BookingOutput{bookingItem(b, nil)}, nil
}
