package apptest

import (
	"maps"

	"townhall/modules"
	"townhall/modules/kernel"
)

// clinics are the agencies of the medical sector: who offers the services, and the facilities.
var clinics = map[kernel.TenantID][]modules.AgencySettings{
	"northwick": {
		{ID: "health-services", Name: kernel.Text{"en": "Northwick Health Services", "ru": "Служба здравоохранения Нортуика", "zh": "诺斯威克卫生服务处"}},
		{ID: "riverside-clinic", Name: kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Риверсайд»", "zh": "河畔诊所"}},
		{ID: "harbour-health", Name: kernel.Text{"en": "Harbour Health Centre", "ru": "Медицинский центр «Харбор»", "zh": "港湾健康中心"}},
	},
	"eastmere": {
		{ID: "health-services", Name: kernel.Text{"en": "Eastmere Health Services", "ru": "Служба здравоохранения Истмира", "zh": "伊斯特米尔卫生服务处"}},
		{ID: "oak-surgery", Name: kernel.Text{"en": "Oak Surgery", "ru": "Клиника «Дубовая роща»", "zh": "橡树诊所"}},
	},
}

// withClinics are the groups of a municipality's staff: its registrars, and for every clinic "<clinic>-reception",
// "<clinic>-practitioners" and "<clinic>-planners".
func withClinics(tenant kernel.TenantID, registrars string, grants []modules.GrantSettings) map[string][]modules.GrantSettings {
	groups := map[string][]modules.GrantSettings{registrars: grants}
	for _, clinic := range clinics[tenant] {
		role := func(name string) []modules.GrantSettings {
			return []modules.GrantSettings{{Agency: clinic.ID, Role: name}}
		}
		maps.Copy(groups, map[string][]modules.GrantSettings{
			string(clinic.ID) + "-reception": role("reception"), string(clinic.ID) + "-practitioners": role("practitioner"), string(clinic.ID) + "-planners": role("planner"),
		})
	}
	return groups
}

// The people of the clinics. Amara treats at Riverside, Hannah at Harbour, Liam at Oak Surgery in the other municipality.
var (
	Rosa    = Who{Subject: "rosa", Name: "Rosa Delgado", ACR: "high", Groups: []string{"riverside-clinic-reception"}, Client: "northwick.staff"}
	Amara   = Who{Subject: "amara", Name: "Amara Osei", ACR: "high", Groups: []string{"riverside-clinic-practitioners"}, Client: "northwick.staff"}
	Petra   = Who{Subject: "petra", Name: "Petra Novak", ACR: "high", Groups: []string{"riverside-clinic-planners"}, Client: "northwick.staff"}
	Hannah  = Who{Subject: "hannah", Name: "Hannah Weiss", ACR: "high", Groups: []string{"harbour-health-practitioners"}, Client: "northwick.staff"}
	Liam    = Who{Subject: "liam", Name: "Liam Byrne", ACR: "high", Groups: []string{"oak-surgery-practitioners"}, Client: "eastmere.staff"}
	Clinic  = Who{Client: "clinic-system", Machine: true, Scope: "medical.read agency:riverside-clinic"}
	Harbour = Who{Client: "harbour-system", Machine: true, Scope: "medical.read agency:harbour-health"}
)
