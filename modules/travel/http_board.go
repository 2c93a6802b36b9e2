package travel

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// operatorStaff: whoever holds a role with the operator; which of them may is the service's to say.
var operatorStaff = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}

// registerBoard adds what those who run a departure do.
func (s *Service) registerBoard(api *web.API) {
	const at = "/operators/{operator}/departures/{departure}"
	web.Register(api, web.Op{ID: "scan-ticket", Method: http.MethodPost, Path: at + "/scans", Tags: []string{"On board"}, Policy: operatorStaff, Idempotent: true, Errors: steps,
		Summary: "Look at a ticket", Returns: "Whose it is.", Description: "For conductors: takes what a scanner reads or the passenger says, and marks the ticket as used. A second look is 409 `ticket-used`, which says when the first was; 409 `ticket-void` and `ticket-for-another-departure` say the rest. That it was seen is recorded, and the citizen can see it."}, s.postScan)
	web.Register(api, web.Op{ID: "list-board-tickets", Method: http.MethodGet, Path: at + "/tickets", Tags: []string{"On board"}, Policy: operatorStaff, Errors: []int{http.StatusNotFound}, Responses: unchangedResponse(),
		Summary: "Fetch the list for looking at tickets without network", Description: "For conductors, whose device keeps it: every ticket of the departure by the SHA-256 of its code, never the code itself and nobody's name. Fetch it anew with `If-None-Match` whenever there is network: 304 says that the copy is still good, from that moment on for another `max_age_seconds`. An older copy still tells forged tickets, but not what was sold or given back since. Hand in the looks with `hand-in-scans`."}, s.getBoardTickets)
	web.Register(api, web.Op{ID: "hand-in-scans", Method: http.MethodPost, Path: at + "/scans/batch", Tags: []string{"On board"}, Policy: operatorStaff, Idempotent: true, Errors: []int{http.StatusNotFound},
		Summary: "Hand in looks at tickets made without network", Returns: "What each look has come to.", Description: "For conductors. Each look has an id of its own and counts once, however often it is handed in. Of all looks with which a device let somebody on with a ticket, the one with the earliest time has used it; of two at the same time, the one with the smaller id. The order in which devices hand in makes no difference: the later one is told `second` or, when its own look was the earlier, `others`. A look without `verdict` waits for the answer, as `scan-ticket` does. The device's clock may be ahead by two minutes; a look in the future, or before the day of the departure, is `wrong-time` and leaves nothing behind. That a ticket was seen is recorded, and the citizen can see it."}, s.postScans)
	web.Register(api, web.Op{ID: "list-passengers", Method: http.MethodGet, Path: at + "/passengers", Tags: []string{"On board"}, Policy: operatorStaff, Errors: []int{http.StatusNotFound},
		Summary: "List who is booked on a departure", Returns: "The bookings.", Description: "For conductors and dispatchers. That each booking was listed is recorded, and the citizens can see it."}, s.getPassengers)
	web.Register(api, web.Op{ID: "call-off-departure", Method: http.MethodPost, Path: at + "/call-off", Tags: []string{"Operations"}, Policy: operatorStaff, Idempotent: true, Errors: steps,
		Summary: "Call a departure off", Returns: "What became of each booking.", Description: "For dispatchers. Nothing of it is sold any more. Every booking is settled in a transaction of its own, with one notice: moved to the operator's next departure with room at no further cost (`rebook`), or paid back in full. The same `Idempotency-Key` again goes on with what failed and tells of all; with another key it goes on with what is left."}, s.postCallOff)
}

// OperatorInput names an operator.
type OperatorInput struct {
	Operator string `path:"operator" maxLength:"60" example:"coast-coaches" doc:"The operator: an agency of the municipality."`
}

func (o OperatorInput) id() kernel.AgencyID { return kernel.AgencyID(o.Operator) }

// DepartureInput names a departure of an operator.
type DepartureInput struct {
	OperatorInput
	Departure string `path:"departure" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The departure's id."`
}

// ScanInput is what was scanned or typed.
type ScanInput struct {
	DepartureInput
	web.IdempotencyInput
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"60" example:"K7M4-N2Q5-R6S7-T2U3" doc:"The ticket's code; spaces, hyphens and small letters do not matter."`
	}
}

// ScanOutput is whose ticket it is.
type ScanOutput struct {
	Body struct {
		Booking   string        `json:"booking" format:"uuid" doc:"The booking's id."`
		Number    string        `json:"number" example:"CT-2026-7K4M-93Q2" doc:"The reference people quote."`
		Passenger PassengerItem `json:"passenger" doc:"Who rides."`
		Begin     string        `json:"begin" example:"Harbour" doc:"The stop at which the ride begins."`
		End       string        `json:"end" example:"Airport" doc:"The stop at which it ends."`
		UsedAt    time.Time     `json:"used_at" example:"2026-12-01T09:36:00Z" doc:"The moment of this look."`
	}
}

func (s *Service) postScan(ctx context.Context, in *ScanInput) (*ScanOutput, error) {
	c, err := s.Scan(ctx, in.id(), DepartureID(in.Departure), in.Body.Code)
	if err != nil {
		return nil, err
	}
	out := &ScanOutput{}
	p := c.Passenger
	out.Body.Booking, out.Body.Number, out.Body.Begin, out.Body.End, out.Body.UsedAt = string(c.Booking.Case), c.Booking.Number, c.From, c.To, c.Ticket.UsedAt
	out.Body.Passenger = PassengerItem{Name: p.Name, Class: p.Class, Proof: p.Proof, Fare: p.Fare, Place: p.Place, Bicycle: p.BikePlace, Ticket: c.Ticket.Code, Used: true}
	return out, nil
}

// PassengersOutput is who is booked on a departure.
type PassengersOutput struct {
	Body struct {
		Bookings []BookingItem `json:"bookings" maxItems:"2000" doc:"In the order in which they booked; without the codes of the tickets."`
	}
}

func (s *Service) getPassengers(ctx context.Context, in *DepartureInput) (*PassengersOutput, error) {
	_, all, err := s.Passengers(ctx, in.id(), DepartureID(in.Departure))
	if err != nil {
		return nil, err
	}
	out := &PassengersOutput{}
	out.Body.Bookings = []BookingItem{}
	for _, b := range all {
		out.Body.Bookings = append(out.Body.Bookings, bookingItem(b, nil))
	}
	return out, nil
}

// CallOffInput calls a departure off.
type CallOffInput struct {
	DepartureInput
	web.IdempotencyInput
	Body struct {
		Reason string `json:"reason" minLength:"5" maxLength:"500" example:"The road along the coast is closed by a storm." doc:"What the passengers read."`
		Rebook bool   `json:"rebook,omitempty" doc:"Move people to the next departure where there is room; the others, and all without it, get everything back."`
	}
}

// CallOffOutput says what became of each booking.
type CallOffOutput struct {
	Body struct {
		Rebooked int           `json:"rebooked" minimum:"0" example:"12" doc:"Bookings that were moved."`
		Refunded int           `json:"refunded" minimum:"0" example:"3" doc:"Bookings that were paid back."`
		Failed   int           `json:"failed" minimum:"0" example:"0" doc:"Bookings that are as they were: ask again."`
		Bookings []SettledItem `json:"bookings" maxItems:"2000" doc:"One for each."`
	}
}

// SettledItem is what became of one booking.
type SettledItem struct {
	ID        string `json:"id" format:"uuid" doc:"The booking's id."`
	Number    string `json:"number" example:"CT-2026-7K4M-93Q2" doc:"The reference people quote."`
	How       string `json:"how" enum:"moved,rebooked,refunded,failed" example:"rebooked" doc:"What became of it: moved with its departure, on another one, paid back, or as it was."`
	Departure string `json:"departure,omitempty" format:"uuid" doc:"Where it was moved to."`
}

func (s *Service) postCallOff(ctx context.Context, in *CallOffInput) (*CallOffOutput, error) {
	all, err := s.CallOffDeparture(ctx, CallOff{Operator: in.id(), Departure: DepartureID(in.Departure), Reason: in.Body.Reason, Rebook: in.Body.Rebook})
	if err != nil {
		return nil, inBody(err)
	}
	out := &CallOffOutput{}
	out.Body.Bookings = []SettledItem{}
	for _, b := range all {
		switch b.How {
		case settledRebooked:
			out.Body.Rebooked++
		case settledRefunded:
			out.Body.Refunded++
		default:
			out.Body.Failed++
		}
		out.Body.Bookings = append(out.Body.Bookings, SettledItem{string(b.Case), b.Number, b.How, string(b.To)})
	}
	return out, nil
}

// inBody puts the fields of an error below the body, as the caller sent them. What the person was never asked for was sent by nobody.
func inBody(err error) error {
	e := kernel.AsError(err)
	if len(e.Fields) == 0 || e.Kind == kernel.Consent {
		return err
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = "body." + f.Path
		c.Fields[i] = f
	}
	return &c
}
