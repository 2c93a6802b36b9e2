package medical

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "medical", Prefix: "/medical/v1", Title: "Townhall medical API",
		Description: "Appointments with clinics: what can be booked where and when, the citizen's own appointments, the clinic's day and calendar, and the same for other systems as FHIR R4 and SMART Scheduling Links.",
		Tags: map[string]string{
			"Visits":           "What can be booked, where, with whom and when.",
			"Waiting list":     "Waiting for a time that suits, and what is offered.",
			"Appointments":     "The signed-in citizen's own appointments.",
			"Day":              "A clinic's day for its staff: who comes, who is there, moves, and what is to be settled.",
			"Calendar":         "What a clinic's planners set up: places, people, schedules, days off, and imports.",
			"FHIR":             "The calendars and appointments, read-only, as HL7 FHIR R4 (4.0.1).",
			"Scheduling links": "The free times as SMART Scheduling Links: a manifest and files of one resource per line.",
		},
		Register: s.register,
	}
}

func (s *Service) register(api *web.API) {
	s.registerFind(api)
	s.registerMine(api)
	s.registerWaiting(api)
	s.registerBooking(api)
	s.registerClinic(api)
	s.registerStaff(api)
	s.registerStandards(api)
}

// VisitTypesOutput lists types of visits.
type VisitTypesOutput struct {
	Body struct {
		VisitTypes []VisitTypeSummary `json:"visit_types" maxItems:"1000" doc:"In the order of their names."`
	}
}

// VisitTypeSummary is one type of visit.
type VisitTypeSummary struct {
	Code    string `json:"code" example:"consultation" doc:"Its name in requests."`
	Service string `json:"service" example:"doctor-appointment" doc:"The service it belongs to."`
	Name    string `json:"name" example:"Consultation" doc:"In the language asked for."`
	Minutes int    `json:"minutes" minimum:"1" example:"20" doc:"How long it takes."`
	Level   string `json:"level" enum:"low,substantial,high" example:"low" doc:"The assurance level a sign-in must have to confirm it."`
}

func (s *Service) listVisitTypes(ctx context.Context, _ *struct{}) (*VisitTypesOutput, error) {
	all, err := s.visitTypes(ctx)
	if err != nil {
		return nil, err
	}
	out := &VisitTypesOutput{}
	out.Body.VisitTypes = []VisitTypeSummary{}
	for _, v := range all {
		out.Body.VisitTypes = append(out.Body.VisitTypes, VisitTypeSummary{Code: v.Code, Service: v.Service, Name: v.Name.In(kernel.LocaleOf(ctx)), Minutes: v.Minutes, Level: v.Level.String()})
	}
	return out, nil
}
