package travel

import (
	"encoding/json"
	"time"
)

// The examples of the contract tell one story: Anna books a coach for one with a bicycle, insured, pays, and cancels. They are
// made of the contract's own types, so that an example cannot have a member that an answer has not.

var (
	exampleLeaves  = time.Date(2026, 12, 1, 9, 40, 0, 0, time.UTC)
	exampleArrives = time.Date(2026, 12, 1, 11, 5, 0, 0, time.UTC)
	exampleHeld    = time.Date(2026, 11, 30, 9, 50, 0, 0, time.UTC)
)

const exampleBookingID = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22"

// exampleOf makes an answer's members of a value.
func exampleOf(v any) map[string]any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// exampleBooking is the booking in a state; ticket is empty before it is paid and when it is over, held nil when nothing is held.
func exampleBooking(state string, version int, held *time.Time, ticket string) BookingItem {
	return BookingItem{
		ID: exampleBookingID, Number: "CT-2026-7K4M-93Q2", Service: "coach-ticket", Operator: "coast-coaches", State: state, Version: version,
		Departure: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", From: 1, To: 4, DepartsAt: exampleLeaves, ArrivesAt: exampleArrives, HoldUntil: held,
		Currency: "EUR", Fare: 1250, Insurance: 150, Insured: []string{"cancellation"},
		Passengers: []PassengerItem{{Name: "Anna Whitfield", Class: "adult", Fare: 1250, Place: "12A", Bicycle: "B1", Ticket: ticket}},
	}
}

// exampleDraft is what is held, before and after it was said who rides.
func exampleDraft(name string) BookingItem {
	b := exampleBooking(StateDraft, 1, &exampleHeld, "")
	b.Passengers[0].Name = name
	return b
}

func examplePayment(state string, refunded int64) PaymentBrief {
	p := PaymentBrief{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c33", Reference: "PA-2026-7K4M-93Q2", State: state, Amount: 1400, Currency: "EUR", Until: &exampleHeld, Refunded: refunded}
	if state == "open" {
		p.PayURL = "https://wallet.example/pay/kq3v9m2x"
	}
	return p
}

// exampleTrip is a booking that is read: booked, or over.
func exampleTrip(state string) TripDetail {
	t := TripDetail{TripText: TripText{Route: "X9", Begin: "Harbour", End: "Airport", Zone: "Europe/London"}, Actions: []string{}, Terms: []TermItem{},
		Payments: []PaymentBrief{}, ReadAt: time.Date(2026, 11, 30, 9, 55, 0, 0, time.UTC)}
	policy := PolicyItem{Number: "TI-2026-7K4M-93Q2", Insurer: "travel-insurance", State: "force", BeginsOn: "2026-11-30", EndsOn: "2026-12-01"}
	switch state {
	case StateBooked:
		t.BookingItem = exampleBooking(state, 6, nil, "K7M4N2Q5R6S7T2U3")
		t.Actions, t.Back, t.Policy = []string{"cancel", "change"}, 1250, &policy
		t.Terms = []TermItem{{Until: exampleLeaves, Percent: 100}}
		t.Payments = []PaymentBrief{examplePayment("captured", 0)}
	case StateCancelled:
		t.BookingItem = exampleBooking(state, 7, nil, "")
		t.GivenBack = 1250
		policy.State, policy.VoidedOn, t.Policy = "void", "2026-11-30", &policy
		t.Payments = []PaymentBrief{examplePayment("captured", 1250)}
	default: // given up
		t.BookingItem = exampleBooking(state, 3, nil, "")
		t.Payments = []PaymentBrief{examplePayment("voided", 0)}
	}
	return t
}

// examplePaying is what a step answers that leads to a payment, or needed none.
func examplePaying(b BookingItem, p *PaymentBrief) map[string]any {
	out := PayingOutput{}
	out.Body.Booking, out.Body.Payment = b, p
	return exampleOf(out.Body)
}

// exampleQuote is what the story's ride costs before anything is held.
func exampleQuote() map[string]any {
	out := QuoteOutput{}
	q := &out.Body
	q.Currency, q.Fare, q.Insurance, q.Total, q.Sale, q.Room = "EUR", 1250, 150, 1400, true, 31
	q.Passengers = []FareItem{{Class: "adult", Fare: 1250}}
	q.Products = []ProductItem{{Code: "cancellation", Name: "Trip cancellation", Terms: "Holds until departure.", Premium: 150, Covers: 100}}
	q.Terms, q.Free = []TermItem{{Until: exampleLeaves, Percent: 100}}, []string{"W1", "12A", "12B", "B1"}
	q.Calls = []QuoteCall{{1, "Harbour", exampleLeaves.Add(-2 * time.Minute), exampleLeaves}, {4, "Airport", exampleArrives, exampleArrives}}
	return exampleOf(q)
}

// exampleJourneys is the search that finds the story's ride.
func exampleJourneys() map[string]any {
	at := func(number int, name string, t time.Time) CallItem {
		return CallItem{Number: number, Name: name, At: t, Zone: "Europe/London"}
	}
	place := func(id, name string) PlaceItem {
		return PlaceItem{ID: id, Name: name, Operator: "coast-coaches", Zone: "Europe/London"}
	}
	out := JourneysOutput{}
	j := &out.Body
	j.Day = "2026-12-01"
	j.From, j.To = []PlaceItem{place("0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", "Harbour")}, []PlaceItem{place("0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c45", "Airport")}
	j.Journeys = []JourneyItem{{DepartsAt: exampleLeaves, ArrivesAt: exampleArrives, Legs: []LegItem{{Departure: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11",
		Operator: "coast-coaches", OperatorName: "Coast Coaches", Line: "X9 Coast Express", Headsign: "Airport", From: at(1, "Harbour", exampleLeaves), To: at(4, "Airport", exampleArrives)}}}}
	return exampleOf(j)
}
