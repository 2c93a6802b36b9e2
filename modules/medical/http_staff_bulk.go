package medical

import (
	"context"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// WalkInInput is somebody at the desk.
type WalkInInput struct {
	FacilityInput
	web.IdempotencyInput
	Body struct {
		VisitType    string `json:"visit_type" minLength:"1" maxLength:"60" example:"consultation" doc:"The code of the visit type."`
		Name         string `json:"patient_name" minLength:"1" maxLength:"200" example:"Wanda Walker" doc:"The patient's name."`
		Birthdate    string `json:"patient_birthdate" maxLength:"10" example:"1950-02-01" doc:"YYYY-MM-DD."`
		Locale       string `json:"locale,omitempty" enum:"en,ru,zh" example:"en" doc:"Language of their papers; absent: the one asked for by Accept-Language."`
		Slot         string `json:"slot,omitempty" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"A free time; absent: now, beside the others."`
		Place        string `json:"place,omitempty" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12" doc:"Where, for a visit now; absent: the clinic's first place."`
		Practitioner string `json:"practitioner,omitempty" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c13" doc:"With whom, for a visit now; absent: whoever is free."`
	}
}

func (s *Service) postWalkInCall(ctx context.Context, in *WalkInInput) (*BookingOutput, error) {
	b := in.Body
	a, err := s.Admit(ctx, WalkIn{Facility: in.id(), VisitType: b.VisitType, Name: b.Name, Birthdate: b.Birthdate, Locale: b.Locale,
		Slot: SlotID(b.Slot), Place: PlaceID(b.Place), Practitioner: PractitionerID(b.Practitioner)})
	if err != nil {
		return nil, inBodyOf(err, "body.")
	}
	return bookedAppointment(a), nil
}

// MovePreviewInput asks who would go where.
type MovePreviewInput struct {
	FacilityInput
	Body struct {
		Appointments []string `json:"appointments" minItems:"1" maxItems:"200" example:"[\"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11\"]" doc:"Ids of appointments of the clinic."`
		Practitioner string   `json:"practitioner,omitempty" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c13" doc:"Only times with them."`
		Place        string   `json:"place,omitempty" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12" doc:"Only times there."`
		From         string   `json:"from,omitempty" format:"date" example:"2026-12-02" doc:"Not before this day."`
	}
}

// MovePreviewOutput is a plan; nothing of it has happened.
type MovePreviewOutput struct {
	Body struct {
		Moves []PlannedMove `json:"moves" maxItems:"200" doc:"In the order of the day."`
	}
}

// PlannedMove is one patient and the time they would get. Send appointment, from and to on to move them.
type PlannedMove struct {
	Appointment string     `json:"appointment" format:"uuid" doc:"The appointment's id."`
	Patient     string     `json:"patient" example:"Anna Whitfield" doc:"Whose it is."`
	From        string     `json:"from,omitempty" format:"uuid" doc:"The slot they have."`
	To          string     `json:"to,omitempty" format:"uuid" doc:"The slot they would get; absent when nothing fits."`
	StartsAt    *time.Time `json:"starts_at,omitempty" doc:"When that begins."`
	Why         string     `json:"why,omitempty" enum:"none,state" example:"none" doc:"When nothing fits: none: no free time. state: it cannot be moved any more."`
}

func (s *Service) postMovePreview(ctx context.Context, in *MovePreviewInput) (*MovePreviewOutput, error) {
	all, err := s.PlanMove(ctx, in.id(), caseIDs(in.Body.Appointments), moveTarget{Practitioner: PractitionerID(in.Body.Practitioner), Place: PlaceID(in.Body.Place), Day: in.Body.From})
	if err != nil {
		return nil, err
	}
	out := &MovePreviewOutput{}
	out.Body.Moves = []PlannedMove{}
	for _, p := range all {
		out.Body.Moves = append(out.Body.Moves, plannedMove(p))
	}
	return out, nil
}

func plannedMove(p planned) PlannedMove {
	m := PlannedMove{Appointment: string(p.Entry.Case), Patient: p.Entry.Patient, From: string(p.Entry.Slot), Why: p.Why}
	if p.To != nil {
		m.To, m.StartsAt = string(p.To.ID), presentTime(p.To.StartsAt.UTC())
	}
	return m
}

func caseIDs(all []string) []kernel.CaseID {
	out := make([]kernel.CaseID, len(all))
	for i, id := range all {
		out[i] = kernel.CaseID(id)
	}
	return out
}

// MovesInput says who goes where.
type MovesInput struct {
	FacilityInput
	web.IdempotencyInput
	Body struct {
		Moves []Move `json:"moves" minItems:"1" maxItems:"200" doc:"As the preview gave them."`
	}
}

// Move is one patient's.
type Move struct {
	Appointment string `json:"appointment" format:"uuid" doc:"The appointment's id."`
	From        string `json:"from" format:"uuid" doc:"The slot they have: with another one by now they stay where they are."`
	To          string `json:"to" format:"uuid" doc:"The slot they shall get."`
}

// OutcomesOutput says what became of each.
type OutcomesOutput struct {
	Body struct {
		Done     int           `json:"done" minimum:"0" example:"2" doc:"How many it worked for."`
		Outcomes []BulkOutcome `json:"outcomes" maxItems:"200" doc:"One for each that was named."`
	}
}

// BulkOutcome is what became of one appointment.
type BulkOutcome struct {
	Appointment string `json:"appointment" format:"uuid" doc:"The appointment's id."`
	Done        bool   `json:"done" example:"true" doc:"Whether it worked."`
	Code        string `json:"code,omitempty" example:"slot-taken" doc:"Why not: the code an error of its own would have."`
}

func outcomes(all []outcome) *OutcomesOutput {
	out := &OutcomesOutput{}
	out.Body.Done, out.Body.Outcomes = done(all), []BulkOutcome{}
	for _, o := range all {
		b := BulkOutcome{Appointment: string(o.Case), Done: o.Err == nil}
		if o.Err != nil {
			b.Code = kernel.AsError(o.Err).Slug
		}
		out.Body.Outcomes = append(out.Body.Outcomes, b)
	}
	return out
}

func (s *Service) postMoves(ctx context.Context, in *MovesInput) (*OutcomesOutput, error) {
	pairs := make([]pair, len(in.Body.Moves))
	for i, m := range in.Body.Moves {
		pairs[i] = pair{Case: kernel.CaseID(m.Appointment), Had: SlotID(m.From), To: SlotID(m.To)}
	}
	all, err := s.MoveAll(ctx, in.id(), pairs)
	if err != nil {
		return nil, err
	}
	return outcomes(all), nil
}

// CallOffsInput says which and why.
type CallOffsInput struct {
	FacilityInput
	web.IdempotencyInput
	Body struct {
		Appointments []string `json:"appointments" minItems:"1" maxItems:"200" example:"[\"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11\"]" doc:"Ids of appointments of the clinic."`
		Reason       string   `json:"reason" minLength:"5" maxLength:"500" example:"The doctor is ill today." doc:"The patients read this."`
	}
}

func (s *Service) postCallOffs(ctx context.Context, in *CallOffsInput) (*OutcomesOutput, error) {
	all, err := s.CallOffAll(ctx, in.id(), caseIDs(in.Body.Appointments), in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return outcomes(all), nil
}

// ClinicTasksOutput lists tasks.
type ClinicTasksOutput struct {
	Body struct {
		Tasks []ClinicTask `json:"tasks" maxItems:"500" doc:"Oldest first."`
	}
}

// ClinicTask is something a person has to settle.
type ClinicTask struct {
	ID          string    `json:"id" format:"uuid" doc:"The task's id."`
	Kind        string    `json:"kind" enum:"slot-gone,blocked,overlap,feed-gone" example:"blocked" doc:"slot-gone: the plan no longer has the time. blocked: the time is blocked. overlap: a practitioner is in two places. feed-gone: the imported calendar no longer has it."`
	Appointment string    `json:"appointment,omitempty" format:"uuid" doc:"The appointment it is about."`
	CreatedAt   time.Time `json:"created_at" example:"2026-11-20T09:30:00Z" doc:"Since when."`
}

func (s *Service) listClinicTasks(ctx context.Context, in *FacilityInput) (*ClinicTasksOutput, error) {
	all, err := s.Tasks(ctx, in.id())
	if err != nil {
		return nil, err
	}
	out := &ClinicTasksOutput{}
	out.Body.Tasks = []ClinicTask{}
	for _, t := range all {
		out.Body.Tasks = append(out.Body.Tasks, ClinicTask{ID: t.ID, Kind: t.Kind, Appointment: string(t.Case), CreatedAt: t.CreatedAt})
	}
	return out, nil
}

// SettlementInput says how a task ended.
type SettlementInput struct {
	FacilityInput
	web.IdempotencyInput
	ID   string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The task's id."`
	Body struct {
		How string `json:"how" enum:"kept,settled" example:"kept" doc:"kept: the appointment stays as it is. settled: it was seen to elsewhere."`
	}
}

func (s *Service) postSettlement(ctx context.Context, in *SettlementInput) (*struct{}, error) {
	return nil, s.Settle(ctx, in.id(), in.ID, in.Body.How)
}
