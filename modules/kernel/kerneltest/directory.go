package kerneltest

import (
	"strconv"

	"townhall/modules/kernel"
)

// The two municipalities of every test.
const (
	Northwick kernel.TenantID = "northwick"
	Eastmere  kernel.TenantID = "eastmere"
)

// Tenant returns one of the two.
func Tenant(id kernel.TenantID) kernel.Tenant {
	for _, t := range tenants() {
		if t.ID == id {
			return t
		}
	}
	panic("no such test tenant: " + string(id))
}

func tenants() []kernel.Tenant {
	make := func(id kernel.TenantID, en, ru, zh, colour string, services ...string) kernel.Tenant {
		host := string(id) + ".localhost:8080"
		return kernel.Tenant{ID: id, Host: host, Origin: "http://" + host, Zone: "Europe/London", Country: "GB",
			Name: kernel.Text{"en": en, "ru": ru, "zh": zh}, Colour: colour, Services: services}
	}
	return []kernel.Tenant{
		make(Northwick, "Northwick", "Нортвик", "诺斯威克", "#1d4f91", "residence-certificate", "doctor-appointment"),
		make(Eastmere, "Eastmere", "Истмир", "伊斯特米尔", "#0b6e4f", "residence-certificate", "parking-permit"),
	}
}

// Directory knows Northwick and Eastmere, each with the agencies "civil-registry" and "health-services".
func Directory() kernel.Directory { return directory{} }

type directory struct{}

func (directory) Tenants() []kernel.Tenant { return tenants() }

func (directory) ByHost(host string) (kernel.Tenant, bool) {
	for _, t := range tenants() {
		if t.Host == host {
			return t, true
		}
	}
	return kernel.Tenant{}, false
}

func (directory) Agency(t kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	if t != Northwick && t != Eastmere {
		return kernel.Agency{}, false
	}
	switch a {
	case "civil-registry":
		return kernel.Agency{ID: a, Kind: kernel.PublicBody, Name: kernel.Text{"en": "Civil Registry", "ru": "Отдел ЗАГС", "zh": "民政登记处"}}, true
	case "health-services":
		return kernel.Agency{ID: a, Kind: kernel.Company, Name: kernel.Text{"en": "Health Services", "ru": "Служба здравоохранения", "zh": "卫生服务处"}}, true
	}
	return kernel.Agency{}, false
}

func itoa(i int) string { return strconv.Itoa(i) }
