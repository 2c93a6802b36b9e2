package medical

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

var ownList = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}

// registerMine adds the citizen's own appointments.
func (s *Service) registerMine(api *web.API) {
	steps := []int{http.StatusNotFound, http.StatusConflict}
	web.Register(api, web.Op{ID: "list-appointments", Method: http.MethodGet, Path: "/appointments", Tags: []string{"Appointments"}, Policy: ownList,
		Summary: "List the citizen's appointments", Returns: "One page of appointments.", Description: "Newest first: those that are over, drafts and places on the waiting list too."}, s.listAppointments)
	web.Register(api, web.Op{ID: "get-appointment", Method: http.MethodGet, Path: "/appointments/{id}", Tags: []string{"Appointments"}, Policy: whose, Errors: []int{http.StatusNotFound},
		Summary: "Read one appointment", Returns: "The appointment.", Description: "What, when, where, with whom, what to bring, and what the citizen may do now. `calendar` is an address for calendar programs: whoever has it can see when and where the appointment is."}, s.getAppointment)
	web.Register(api, web.Op{ID: "cancel-appointment", Method: http.MethodPost, Path: "/appointments/{id}/cancel", Tags: []string{"Appointments"}, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Cancel an appointment or leave the waiting list", Returns: "The appointment.", Example: map[string]any{"state": "cancelled", "hold_until": nil, "slot": nil}, Description: "The place is free again at once. 409 `too-late-to-change` after the last moment the visit allows."}, s.cancelAppointment)
	web.Register(api, web.Op{ID: "check-in", Method: http.MethodPost, Path: "/appointments/{id}/check-in", Tags: []string{"Appointments"}, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Say that the patient is there", Returns: "The appointment.", Example: map[string]any{"state": "arrived", "hold_until": nil}, Description: "From two hours before the start until an hour after the end: 409 `check-in-early` and `check-in-over` outside of that."}, s.checkIn)
	web.Register(api, web.Op{ID: "pass-offer", Method: http.MethodPost, Path: "/appointments/{id}/pass", Tags: []string{"Waiting list"}, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Let an offered time go", Returns: "The appointment.", Example: map[string]any{"state": "waiting", "hold_until": nil, "slot": nil}, Description: "It is offered to the next in line; the citizen stays on the list."}, s.passOffer)
}

// registerWaiting adds the waiting list.
func (s *Service) registerWaiting(api *web.API) {
	web.Register(api, web.Op{ID: "join-waiting-list", Method: http.MethodPost, Path: "/waiting", Tags: []string{"Waiting list"}, Policy: booker, Status: http.StatusCreated, Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict}, Summary: "Join the waiting list", Returns: "The place on the list.", Example: map[string]any{"state": "waiting", "hold_until": nil, "slot": nil},
		Description: "When a time that suits becomes free it is held for whoever has waited longest, who is told; confirm it like a hold, or pass it on."}, s.joinWaiting)
}

// AppointmentsInput narrows the list.
type AppointmentsInput struct {
	Service string `query:"service" maxLength:"60" pattern:"^[a-z0-9-]*$" doc:"Only of this service."`
	Open    bool   `query:"open" doc:"Only those that are not over."`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most."`
	Cursor  string `query:"cursor" maxLength:"36" pattern:"^([0-9a-f-]{36})?$" doc:"The next_cursor of the page before."`
}

// AppointmentsOutput is one page of appointments.
type AppointmentsOutput struct {
	Body struct {
		Appointments []MyAppointment `json:"appointments" maxItems:"100" doc:"The appointments of this page."`
		NextCursor   string          `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// MyAppointmentOutput is one appointment.
type MyAppointmentOutput struct{ Body MyAppointmentDetail }

// MyAppointment is one appointment in a list.
type MyAppointment struct {
	ID           string     `json:"id" format:"uuid" doc:"The appointment's id: its case's."`
	Number       string     `json:"number" example:"DA-2026-7K4M-93Q2" doc:"The reference people quote."`
	Service      string     `json:"service" example:"doctor-appointment" doc:"The service's slug."`
	VisitType    string     `json:"visit_type" example:"consultation" doc:"The code of the visit type."`
	VisitName    string     `json:"visit_name" example:"Consultation" doc:"In the language asked for."`
	State        string     `json:"state" enum:"draft,waiting,offered,booked,arrived,attended,closed,cancelled,missed,lapsed" example:"booked" doc:"The state in the workflow."`
	Facility     string     `json:"facility" example:"riverside-clinic" doc:"The clinic."`
	PlaceName    string     `json:"place_name,omitempty" example:"Riverside Clinic" doc:"In the language asked for; absent while there is no time."`
	Address      string     `json:"address,omitempty" example:"4 Quay Street, NW1 4QQ, Northwick" doc:"In one line."`
	Practitioner string     `json:"practitioner,omitempty" example:"Dr Helen Marsh" doc:"With whom; absent: nobody in particular."`
	Zone         string     `json:"zone,omitempty" example:"Europe/London" doc:"IANA time zone of the place."`
	StartsAt     *time.Time `json:"starts_at,omitempty" example:"2026-12-01T09:40:00Z" doc:"When it begins; absent while there is no time."`
	EndsAt       *time.Time `json:"ends_at,omitempty" example:"2026-12-01T10:00:00Z" doc:"When it ends."`
	HoldUntil    *time.Time `json:"hold_until,omitempty" example:"2026-12-01T09:50:00Z" doc:"When the hold or the offer ends; absent when there is none."`
	Patient      string     `json:"patient" example:"Anna Whitfield" doc:"Whom it is for; empty in a draft."`
}

// MyAppointmentDetail is one appointment with what can be done.
type MyAppointmentDetail struct {
	MyAppointment
	Version     int      `json:"version" minimum:"1" example:"2" doc:"Counts steps; send it with the next one."`
	Actions     []string `json:"actions" example:"[\"cancel\",\"reschedule\"]" doc:"What the citizen may do now: confirm, reschedule, cancel, check-in, pass."`
	Reason      string   `json:"reason,omitempty" example:"My knee has been swollen since Friday." doc:"Why they come, as they said it."`
	Preparation []string `json:"preparation" example:"[\"Come five minutes early.\"]" doc:"What to do before."`
	Bring       []string `json:"bring" example:"[\"Your health card\"]" doc:"What to bring."`
	Calendar    string   `json:"calendar,omitempty" format:"uri" example:"https://northwick.example/calendar/kq3v9m2x7c4b8n1z5w6r0t.ics" doc:"Address for calendar programs; only once it is confirmed."`
	Page        string   `json:"page" example:"/apps/doctor-appointment/appointments/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The appointment's page."`
}

// CancelInput cancels an appointment.
type CancelInput struct {
	AppointmentInput
	web.IdempotencyInput
	Body struct {
		Version int    `json:"version" minimum:"1" example:"2" doc:"The version of the appointment the citizen looked at."`
		Reason  string `json:"reason" enum:"time,better,elsewhere,other" example:"time" doc:"Why: another time is needed, better again, booked elsewhere, or none of these."`
	}
}

// PlainStepInput is a step that asks nothing.
type PlainStepInput struct {
	AppointmentInput
	web.IdempotencyInput
	Body struct {
		Version int `json:"version" minimum:"1" example:"2" doc:"The version of the appointment the citizen looked at."`
	}
}

// WaitingInput says what somebody waits for.
type WaitingInput struct {
	web.IdempotencyInput
	Body struct {
		VisitType string       `json:"visit_type" minLength:"1" maxLength:"60" example:"consultation" doc:"The code of the visit type."`
		Facility  string       `json:"facility" minLength:"1" maxLength:"60" example:"riverside-clinic" doc:"The clinic."`
		Place     string       `json:"place,omitempty" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"One of its places; absent: any."`
		From      string       `json:"from" format:"date" minLength:"10" maxLength:"10" example:"2026-12-01" doc:"First day that suits."`
		Until     string       `json:"until" format:"date" minLength:"10" maxLength:"10" example:"2026-12-14" doc:"Last day that suits."`
		Part      string       `json:"part,omitempty" enum:"any,morning,afternoon" default:"any" doc:"Which part of the day suits."`
		Patient   PatientInput `json:"patient,omitempty" doc:"Whom it is for; absent: the citizen themselves."`
		Locale    string       `json:"locale,omitempty" enum:"en,ru,zh" doc:"Language of the conversation; absent: the one asked for by Accept-Language."`
	}
}

func (s *Service) listAppointments(ctx context.Context, in *AppointmentsInput) (*AppointmentsOutput, error) {
	all, err := s.mine(ctx, in.Service, in.Open, kernel.CaseID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &AppointmentsOutput{}
	out.Body.Appointments = []MyAppointment{}
	for _, v := range all {
		out.Body.Appointments = append(out.Body.Appointments, v.described(kernel.LocaleOf(ctx)))
	}
	if len(all) > 0 && len(all) == in.Limit {
		out.Body.NextCursor = string(all[len(all)-1].Case)
	}
	return out, nil
}

func (s *Service) getAppointment(ctx context.Context, in *AppointmentInput) (*MyAppointmentOutput, error) {
	o, err := s.open(ctx, kernel.CaseID(in.ID))
	if err != nil {
		return nil, err
	}
	return &MyAppointmentOutput{Body: s.described(ctx, o)}, nil
}

func (s *Service) cancelAppointment(ctx context.Context, in *CancelInput) (*BookingOutput, error) {
	return stepped(s.step(ctx, kernel.CaseID(in.ID), in.Body.Version, "cancel", map[string]any{"cancel_reason": in.Body.Reason}))
}

func (s *Service) checkIn(ctx context.Context, in *PlainStepInput) (*BookingOutput, error) {
	return stepped(s.step(ctx, kernel.CaseID(in.ID), in.Body.Version, "check-in", nil))
}

func (s *Service) passOffer(ctx context.Context, in *PlainStepInput) (*BookingOutput, error) {
	return stepped(s.step(ctx, kernel.CaseID(in.ID), in.Body.Version, "pass", nil))
}

func (s *Service) joinWaiting(ctx context.Context, in *WaitingInput) (*BookingOutput, error) {
	b := in.Body
	return stepped(s.Join(ctx, Wish{VisitType: b.VisitType, Facility: kernel.AgencyID(b.Facility), Place: PlaceID(b.Place), From: b.From, Until: b.Until, Part: b.Part,
		Patient: b.Patient.patient(), Locale: b.Locale}))
}

func stepped(a Appointment, err error) (*BookingOutput, error) {
	if err != nil {
		return nil, err
	}
	return bookedAppointment(a), nil
}

func (v myVisit) described(locale string) MyAppointment {
	out := MyAppointment{ID: string(v.Case), Number: v.Number, Service: v.Service, VisitType: v.VisitType, VisitName: v.Type.Name.In(locale), State: v.State,
		Facility: string(v.Facility), Practitioner: v.practitioner.Name, Zone: v.place.Zone, StartsAt: presentTime(v.StartsAt), EndsAt: presentTime(v.EndsAt),
		HoldUntil: presentTime(v.HoldUntil), Patient: v.Patient}
	if v.place.ID != "" {
		out.PlaceName, out.Address = v.place.Name.In(locale), v.place.Address()
	}
	return out
}

func (s *Service) described(ctx context.Context, o opened) MyAppointmentDetail {
	locale := kernel.LocaleOf(ctx)
	p := s.preparing(locale, o.Type)
	out := MyAppointmentDetail{MyAppointment: o.myVisit.described(locale), Version: o.kase.Version, Actions: []string{}, Reason: o.reason,
		Preparation: append([]string{}, p.Preparation...), Bring: append([]string{}, p.Bring...), Page: myPath(o.Service, o.Case)}
	for _, name := range append(append([]string{}, o.kase.Actions...), o.kase.Through...) {
		if act := o.def.Action(name); act != nil && name != "join" {
			out.Actions = append(out.Actions, name)
		}
	}
	if _, ok := s.event(ctx, o.myVisit); ok {
		out.Calendar = kernel.TenantOf(ctx).Origin + calendarPath(o.Calendar)
	}
	return out
}
