package medical

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// clinicStaff: whoever holds a role in the facility; which of them may is the service's and the workflow's to say.
var clinicStaff = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}

// registerStaff adds the clinic's day.
func (s *Service) registerStaff(api *web.API) {
	const at = "/clinics/{facility}"
	tags := []string{"Day"}
	notFound, steps := []int{http.StatusNotFound}, []int{http.StatusNotFound, http.StatusConflict}
	web.Register(api, web.Op{ID: "get-clinic-day", Method: http.MethodGet, Path: at + "/day", Tags: tags, Policy: clinicStaff, Errors: notFound,
		Summary: "Read the day sheet of a clinic", Returns: "The appointments of the day.", Description: "For reception, practitioners and planners of the clinic. That each person was listed is recorded, and they can see it."}, s.getClinicDay)
	web.Register(api, web.Op{ID: "get-clinic-appointment", Method: http.MethodGet, Path: at + "/appointments/{id}", Tags: tags, Policy: clinicStaff, Errors: notFound,
		Summary: "Read an appointment of a clinic", Returns: "The appointment.", Description: "Practitioners of the clinic also read why the patient comes; each look is recorded, and the patient can see it."}, s.getClinicAppointment)
	web.Register(api, web.Op{ID: "check-in-patient", Method: http.MethodPost, Path: at + "/check-ins", Tags: tags, Policy: clinicStaff, Idempotent: true, Errors: steps,
		Summary: "Check a patient in by their code", Returns: "Whose appointment it is.", Description: "Takes what a scanner reads from the confirmation, or its number, or the appointment's. 409 `appointment-on-another-day` when it is not today's."}, s.postClinicCheckIn)
	web.Register(api, web.Op{ID: "take-clinic-action", Method: http.MethodPost, Path: at + "/appointments/{id}/actions/{action}", Tags: tags, Policy: clinicStaff, Idempotent: true, Errors: steps,
		Summary: "Take one step with an appointment", Returns: "The appointment's state after it.", Example: map[string]any{"state": "arrived"}, Description: "check-in, miss, complete, call-off, certify-sickness, certify-attendance and what else the workflow declares for the actor's role. 409 `changed-meanwhile` when somebody was faster, `not-begun` for a miss before its time."}, s.postClinicAction)
	web.Register(api, web.Op{ID: "admit-walk-in", Method: http.MethodPost, Path: at + "/walk-ins", Tags: tags, Policy: clinicStaff, Status: http.StatusCreated, Idempotent: true, Errors: steps,
		Summary: "Admit somebody without an appointment", Returns: "The appointment.", Example: map[string]any{"state": "arrived", "visit_type": "consultation", "service": "doctor-appointment", "version": 2, "hold_until": nil}, Description: "For a person who stands at the desk, at a free time or now. They are checked in at once. 409 `slot-taken` with `alternatives` when the time has gone."}, s.postWalkInCall)
	web.Register(api, web.Op{ID: "preview-clinic-moves", Method: http.MethodPost, Path: at + "/move-previews", Tags: tags, Policy: clinicStaff, Errors: notFound,
		Summary: "See who would be moved where", Returns: "A time for each patient, where there is one.", Description: "The free time nearest to their own, for their type of visit. Nothing is taken."}, s.postMovePreview)
	web.Register(api, web.Op{ID: "move-clinic-patients", Method: http.MethodPost, Path: at + "/moves", Tags: tags, Policy: clinicStaff, Idempotent: true, Errors: steps,
		Summary: "Move patients to other times", Returns: "What became of each.", Description: "Each patient in a transaction of their own, with a notice and a new confirmation. Whose new time is taken meanwhile keeps the old one."}, s.postMoves)
	web.Register(api, web.Op{ID: "call-off-clinic-appointments", Method: http.MethodPost, Path: at + "/call-offs", Tags: tags, Policy: clinicStaff, Idempotent: true, Errors: steps,
		Summary: "Call appointments off", Returns: "What became of each.", Description: "Each in a transaction of its own, with a notice; the patients read the reason."}, s.postCallOffs)
	web.Register(api, web.Op{ID: "list-clinic-tasks", Method: http.MethodGet, Path: at + "/tasks", Tags: tags, Policy: clinicStaff, Errors: notFound,
		Summary: "List what is to be settled", Returns: "The open tasks.", Description: "Booked times that the plan no longer has, blocks over appointments, overlaps; oldest first."}, s.listClinicTasks)
	web.Register(api, web.Op{ID: "settle-clinic-task", Method: http.MethodPost, Path: at + "/tasks/{id}/settlement", Tags: tags, Policy: clinicStaff, Status: http.StatusNoContent, Idempotent: true, Errors: notFound,
		Summary: "Settle a task", Returns: "It is settled.", Description: "For reception and planners: the appointment is kept as it is, or was seen to elsewhere. Moving or calling off settles a task by itself."}, s.postSettlement)
}

// FacilityInput names a clinic.
type FacilityInput struct {
	Facility string `path:"facility" maxLength:"60" example:"riverside-clinic" doc:"The clinic: an agency of the municipality."`
}

func (f FacilityInput) id() kernel.AgencyID { return kernel.AgencyID(f.Facility) }

// ClinicDayInput asks for a day.
type ClinicDayInput struct {
	FacilityInput
	Day          string `query:"day" format:"date" maxLength:"10" example:"2026-12-01" doc:"By the clock of the place; absent: today."`
	Place        string `query:"place" format:"uuid" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Only what is there."`
	Practitioner string `query:"practitioner" format:"uuid" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12" doc:"Only what is with them."`
}

// ClinicDayOutput is the day sheet.
type ClinicDayOutput struct {
	Body struct {
		Day          string              `json:"day" format:"date" example:"2026-12-01" doc:"The day."`
		Appointments []ClinicAppointment `json:"appointments" maxItems:"2000" doc:"In the order of the day."`
	}
}

// ClinicAppointment is an appointment as the clinic sees it in a list.
type ClinicAppointment struct {
	ID           string     `json:"id" format:"uuid" doc:"The appointment's id: its case's."`
	Number       string     `json:"number" example:"DA-2026-7K4M-93Q2" doc:"The reference people quote."`
	State        string     `json:"state" example:"booked" doc:"The state in the workflow."`
	Patient      string     `json:"patient" example:"Anna Whitfield" doc:"Who comes."`
	Birthdate    string     `json:"birthdate,omitempty" example:"1988-04-12" doc:"YYYY-MM-DD, when known."`
	VisitType    string     `json:"visit_type" example:"consultation" doc:"The code of the visit type."`
	Visit        string     `json:"visit" example:"Consultation" doc:"Its name, in the language asked for."`
	StartsAt     *time.Time `json:"starts_at,omitempty" example:"2026-12-01T09:40:00Z" doc:"When it begins; absent while there is no time."`
	EndsAt       *time.Time `json:"ends_at,omitempty" example:"2026-12-01T10:00:00Z" doc:"When it ends."`
	Practitioner string     `json:"practitioner,omitempty" example:"Dr Amara Osei" doc:"With whom; absent: nobody in particular."`
	Place        string     `json:"place,omitempty" example:"Riverside Clinic" doc:"Where."`
	CheckedInAt  *time.Time `json:"checked_in_at,omitempty" example:"2026-12-01T09:31:00Z" doc:"Since when they are there."`
}

func clinicAppointment(e dayEntry, locale string) ClinicAppointment {
	return ClinicAppointment{ID: string(e.Case), Number: e.Number, State: e.State, Patient: e.Patient, Birthdate: e.Birthdate, VisitType: e.VisitType, Visit: e.Visit.In(locale),
		StartsAt: presentTime(e.StartsAt), EndsAt: presentTime(e.EndsAt), Practitioner: e.With, Place: e.At.In(locale), CheckedInAt: presentTime(e.CheckedInAt)}
}

func (s *Service) getClinicDay(ctx context.Context, in *ClinicDayInput) (*ClinicDayOutput, error) {
	d, err := s.DaySheet(ctx, dayQuery{Facility: in.id(), Day: in.Day, Place: PlaceID(in.Place), Practitioner: PractitionerID(in.Practitioner)})
	if err != nil {
		return nil, err
	}
	out := &ClinicDayOutput{}
	out.Body.Day, out.Body.Appointments = d.Day, []ClinicAppointment{}
	for _, e := range d.Entries {
		out.Body.Appointments = append(out.Body.Appointments, clinicAppointment(e, kernel.LocaleOf(ctx)))
	}
	return out, nil
}

// ClinicAppointmentInput names an appointment of a clinic.
type ClinicAppointmentInput struct {
	FacilityInput
	AppointmentInput
}

// ClinicAppointmentOutput is one appointment.
type ClinicAppointmentOutput struct{ Body ClinicVisit }

// ClinicVisit is an appointment with what its reader may see and do.
type ClinicVisit struct {
	ClinicAppointment
	Version int      `json:"version" minimum:"1" example:"4" doc:"Counts steps; send it with the next one."`
	Actions []string `json:"actions" maxItems:"100" example:"[\"check-in\"]" doc:"What the reader may do now."`
	Reason  string   `json:"reason,omitempty" example:"My knee has been swollen since Friday." doc:"Why the patient comes; for practitioners of the clinic alone."`
}

func (s *Service) getClinicAppointment(ctx context.Context, in *ClinicAppointmentInput) (*ClinicAppointmentOutput, error) {
	v, err := s.Visit(ctx, in.FacilityInput.id(), kernel.CaseID(in.ID))
	if err != nil {
		return nil, err
	}
	out := &ClinicAppointmentOutput{}
	out.Body.ClinicAppointment = clinicAppointment(v.dayEntry, kernel.LocaleOf(ctx))
	out.Body.Version, out.Body.Actions, out.Body.Reason = v.Version, append([]string{}, v.Actions...), v.Reason
	return out, nil
}

// CheckInInput is what was scanned or typed.
type CheckInInput struct {
	FacilityInput
	web.IdempotencyInput
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"300" example:"DA-2026-7K4M-93Q2" doc:"The number of the appointment or of its confirmation, or the address in the confirmation's QR code."`
	}
}

// CheckedInOutput names the appointment.
type CheckedInOutput struct {
	Body struct {
		ID string `json:"id" format:"uuid" doc:"The appointment's id."`
	}
}

func (s *Service) postClinicCheckIn(ctx context.Context, in *CheckInInput) (*CheckedInOutput, error) {
	id, err := s.CheckIn(ctx, in.id(), in.Body.Code)
	if err != nil {
		return nil, inBodyOf(err, "body.")
	}
	out := &CheckedInOutput{}
	out.Body.ID = string(id)
	return out, nil
}

// ClinicActionInput is one step.
type ClinicActionInput struct {
	ClinicAppointmentInput
	web.IdempotencyInput
	Action string `path:"action" maxLength:"60" pattern:"^[a-z-]+$" example:"check-in" doc:"The action's name."`
	Body   struct {
		Version int            `json:"version" minimum:"1" example:"2" doc:"The version that was looked at."`
		Input   map[string]any `json:"input,omitempty" example:"{}" doc:"What the action asks, by the names of its fields."`
	}
}

// ClinicActionOutput is what it is now.
type ClinicActionOutput struct {
	Body struct {
		ID      string `json:"id" format:"uuid" doc:"The appointment's id."`
		State   string `json:"state" example:"arrived" doc:"Its state after the step."`
		Version int    `json:"version" minimum:"1" example:"3" doc:"Its version after the step."`
	}
}

func (s *Service) postClinicAction(ctx context.Context, in *ClinicActionInput) (*ClinicActionOutput, error) {
	c, err := s.Do(ctx, deed{Facility: in.FacilityInput.id(), Case: kernel.CaseID(in.ID), Version: in.Body.Version, Action: in.Action, Input: in.Body.Input})
	if err != nil {
		return nil, inBodyOf(err, "body.input.")
	}
	out := &ClinicActionOutput{}
	out.Body.ID, out.Body.State, out.Body.Version = string(c.ID), c.State, c.Version
	return out, nil
}

// inBodyOf renames the fields of an error to where a program sent them.
func inBodyOf(err error, prefix string) error {
	e := kernel.AsError(err)
	if len(e.Fields) == 0 {
		return err
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = prefix + f.Path
		c.Fields[i] = f
	}
	return &c
}
