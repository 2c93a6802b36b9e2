package medical

import "townhall/modules/kernel/web"

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "medical", Prefix: "/medical/v1", Title: "Townhall medical API",
		Description: "Appointments with clinics: what can be booked where and when, the citizen's own appointments, the clinic's day and calendar, and the same for other systems as FHIR R4 and SMART Scheduling Links.",
		Tags:        map[string]string{},
		Register:    s.register,
	}
}

func (s *Service) register(api *web.API) {
	s.registerCitizen(api)
	s.registerClinic(api)
	s.registerStaff(api)
	s.registerStandards(api)
}

func (s *Service) registerCitizen(*web.API) {}
