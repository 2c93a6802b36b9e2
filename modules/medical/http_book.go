package medical

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

var (
	booker = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "none"}
	whose  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "applicant"}
)

// registerBooking adds what takes a slot: every answer to a lost race names other free times.
func (s *Service) registerBooking(api *web.API) {
	steps := []int{http.StatusNotFound, http.StatusConflict}
	web.Register(api, web.Op{ID: "book-appointment", Method: http.MethodPost, Path: "/appointments", Tags: []string{"Appointments"}, Policy: booker, Status: http.StatusCreated, Idempotent: true, Errors: steps,
		Summary: "Book a time", Returns: "The appointment.", Example: bookedExample(), Description: "Books a slot at once, without a hold. 409 `slot-taken` when it is full: `alternatives` names the next free times. " +
			"401 with `insufficient_user_authentication` when the sign-in is too weak for the visit (RFC 9470), 409 `not-for-this-age`, 409 `same-time` when the same patient has a place in the slot already."}, s.apiBook)
	web.Register(api, web.Op{ID: "hold-slot", Method: http.MethodPost, Path: "/holds", Tags: []string{"Appointments"}, Policy: booker, Status: http.StatusCreated, Idempotent: true, Errors: steps,
		Summary: "Hold a time for a while", Returns: "The draft with the hold.", Example: heldExample(), Description: "Holds a place in a slot for ten minutes, while the citizen says what is needed. Whoever holds another slot for the same service lets go of it. 409 `slot-taken` with `alternatives` when there is no place."}, s.apiHold)
	web.Register(api, web.Op{ID: "confirm-appointment", Method: http.MethodPost, Path: "/appointments/{id}/confirm", Tags: []string{"Appointments"}, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Confirm what is held or offered", Returns: "The appointment.", Example: bookedExample(), Description: "Turns a hold, or an offer of the waiting list, into an appointment. A hold that has run out is honoured while the place is free; otherwise 409 `hold-over` with `alternatives`."}, s.apiConfirm)
	web.Register(api, web.Op{ID: "reschedule-appointment", Method: http.MethodPost, Path: "/appointments/{id}/reschedule", Tags: []string{"Appointments"}, Policy: whose, Idempotent: true, Errors: steps,
		Summary: "Move an appointment to another time", Returns: "The appointment.", Example: bookedExample(), Description: "The new time is the citizen's before the old one is given back. 409 `slot-taken` with `alternatives` leaves everything as it is, 409 `too-late-to-change` after the last moment the visit allows."}, s.apiReschedule)
}

// bookedExample is an appointment that has just been booked.
func bookedExample() map[string]any {
	return map[string]any{"state": "booked", "visit_type": "consultation", "service": "doctor-appointment", "version": 2, "hold_until": nil}
}

// heldExample is a draft with a hold.
func heldExample() map[string]any {
	return map[string]any{"state": "draft", "visit_type": "consultation", "service": "doctor-appointment", "version": 1}
}

// WishedSlot names a slot for a type of visit.
type WishedSlot struct {
	Slot      string `json:"slot" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The slot's id."`
	VisitType string `json:"visit_type" minLength:"1" maxLength:"60" example:"consultation" doc:"The code of the visit type."`
	Locale    string `json:"locale,omitempty" enum:"en,ru,zh" doc:"Language of the conversation and of the confirmation; absent: the one asked for by Accept-Language."`
	Channel   string `json:"channel,omitempty" enum:"list,search,qr,share,recents,nearby,push" doc:"How the citizen came; absent: directly."`
}

// PatientInput says whom an appointment is for.
type PatientInput struct {
	ForWhom   string `json:"for_whom,omitempty" enum:"self,child,mandate" doc:"Absent: the citizen themselves, with the verified name and date of birth."`
	Name      string `json:"name,omitempty" maxLength:"200" example:"Leo Whitfield" doc:"For others than oneself."`
	Birthdate string `json:"birthdate,omitempty" maxLength:"10" example:"2019-05-04" doc:"YYYY-MM-DD, for others than oneself."`
	Relation  string `json:"relation,omitempty" enum:"parent,guardian,family,carer" doc:"In which right the citizen acts for them."`
	Declared  bool   `json:"declared,omitempty" doc:"The citizen declares that they may act for them."`
	Reason    string `json:"reason,omitempty" maxLength:"1000" example:"My knee has been swollen since Friday." doc:"Why they come; kept sealed, read by the practitioners of the clinic alone."`
}

func (p PatientInput) patient() Patient { return Patient(p) }

// BookInput books a slot.
type BookInput struct {
	web.IdempotencyInput
	Body struct {
		WishedSlot
		Patient PatientInput `json:"patient,omitempty" doc:"Whom it is for; absent: the citizen themselves."`
	}
}

// HoldInput holds a slot.
type HoldInput struct {
	web.IdempotencyInput
	Body WishedSlot
}

// ConfirmInput confirms a hold or an offer.
type ConfirmInput struct {
	AppointmentInput
	web.IdempotencyInput
	Body struct {
		Version int          `json:"version" minimum:"1" example:"1" doc:"The version of the appointment the citizen looked at."`
		Patient PatientInput `json:"patient,omitempty" doc:"Whom it is for; absent: the citizen themselves."`
	}
}

// RescheduleInput moves an appointment.
type RescheduleInput struct {
	AppointmentInput
	web.IdempotencyInput
	Body struct {
		Version int    `json:"version" minimum:"1" example:"2" doc:"The version of the appointment the citizen looked at."`
		Slot    string `json:"slot" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The slot it shall have, in the same facility."`
	}
}

// AppointmentInput names an appointment.
type AppointmentInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The appointment's id: its case's."`
}

// BookingOutput is an appointment after a step.
type BookingOutput struct{ Body BookedAppointment }

// BookedAppointment is where and when.
type BookedAppointment struct {
	ID           string     `json:"id" format:"uuid" doc:"The appointment's id: its case's."`
	Number       string     `json:"number" example:"DA-2026-7K4M-93Q2" doc:"The reference people quote."`
	Service      string     `json:"service" example:"doctor-appointment" doc:"The service's slug."`
	Facility     string     `json:"facility" example:"riverside-clinic" doc:"The clinic."`
	VisitType    string     `json:"visit_type" example:"consultation" doc:"The code of the visit type."`
	State        string     `json:"state" example:"booked" doc:"The state in the workflow: draft while held, booked once it is the citizen's."`
	Version      int        `json:"version" minimum:"1" example:"2" doc:"Counts steps; send it with the next one."`
	Slot         string     `json:"slot,omitempty" format:"uuid" doc:"The slot that is booked or held."`
	Place        string     `json:"place,omitempty" format:"uuid" doc:"Where."`
	Practitioner string     `json:"practitioner,omitempty" format:"uuid" doc:"With whom; absent: nobody in particular."`
	StartsAt     *time.Time `json:"starts_at,omitempty" doc:"When it begins."`
	EndsAt       *time.Time `json:"ends_at,omitempty" doc:"When it ends."`
	HoldUntil    *time.Time `json:"hold_until,omitempty" example:"2026-12-01T09:50:00Z" doc:"When the hold ends; absent when there is none."`
}

func bookedAppointment(a Appointment) *BookingOutput {
	slot := a.Slot
	if slot == "" {
		slot = a.HoldSlot
	}
	return &BookingOutput{Body: BookedAppointment{
		ID: string(a.Case), Number: a.Number, Service: a.Service, Facility: string(a.Facility), VisitType: a.VisitType, State: a.State, Version: a.Version,
		Slot: string(slot), Place: string(a.Place), Practitioner: string(a.Practitioner),
		StartsAt: presentTime(a.StartsAt), EndsAt: presentTime(a.EndsAt), HoldUntil: presentTime(a.HoldUntil),
	}}
}

func presentTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (w WishedSlot) booking(p Patient) Booking {
	return Booking{Slot: SlotID(w.Slot), VisitType: w.VisitType, Patient: p, Locale: w.Locale, Channel: w.Channel}
}

func (s *Service) apiBook(ctx context.Context, in *BookInput) (*BookingOutput, error) {
	a, err := s.Book(ctx, in.Body.booking(in.Body.Patient.patient()))
	if err != nil {
		return nil, err
	}
	return bookedAppointment(a), nil
}

func (s *Service) apiHold(ctx context.Context, in *HoldInput) (*BookingOutput, error) {
	a, err := s.Hold(ctx, in.Body.booking(Patient{}))
	if err != nil {
		return nil, err
	}
	return bookedAppointment(a), nil
}

func (s *Service) apiConfirm(ctx context.Context, in *ConfirmInput) (*BookingOutput, error) {
	a, err := s.Confirm(ctx, kernel.CaseID(in.ID), in.Body.Version, in.Body.Patient.patient())
	if err != nil {
		return nil, err
	}
	return bookedAppointment(a), nil
}

func (s *Service) apiReschedule(ctx context.Context, in *RescheduleInput) (*BookingOutput, error) {
	a, err := s.Reschedule(ctx, kernel.CaseID(in.ID), in.Body.Version, SlotID(in.Body.Slot))
	if err != nil {
		return nil, err
	}
	return bookedAppointment(a), nil
}
