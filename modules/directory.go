package modules

import (
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"townhall/modules/kernel"
	"townhall/modules/partners"
)

// Directory answers for the municipalities of the settings, with nothing beside.
func (s Settings) Directory() kernel.Directory { return s.directory() }

func (s Settings) directory() *directory {
	d := &directory{settings: s}
	d.now.Store(s.page(nil))
	return d
}

// directory is kernel.Directory: the municipalities of the settings with what their partners add while the house runs. Whoever asks sees
// one state of it and waits for nobody.
type directory struct {
	settings Settings
	now      atomic.Pointer[directoryPage]

	mu    sync.Mutex // of those who change it
	added map[kernel.TenantID]partners.Roster
}

type directoryPage struct {
	tenants  []kernel.Tenant
	byHost   map[string]kernel.Tenant
	agencies map[kernel.TenantID]map[kernel.AgencyID]kernel.Agency
}

// follow makes the partners of one municipality those of r.
func (d *directory) follow(t kernel.TenantID, r partners.Roster) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.added == nil {
		d.added = map[kernel.TenantID]partners.Roster{}
	}
	d.added[t] = r
	d.now.Store(d.settings.page(d.added))
}

// page is one state. An agency or a service of the settings goes before a partner's of the same name.
func (s Settings) page(added map[kernel.TenantID]partners.Roster) *directoryPage {
	p := &directoryPage{byHost: map[string]kernel.Tenant{}, agencies: map[kernel.TenantID]map[kernel.AgencyID]kernel.Agency{}}
	for _, t := range s.Tenants {
		u, err := url.Parse(t.Origin)
		if err != nil {
			continue // check refused it
		}
		tenant := kernel.Tenant{
			ID: t.ID, Host: u.Host, Origin: t.Origin, Name: t.Name, Zone: t.Zone,
			Country: t.Country, Colour: t.Colour, Crest: t.Crest, Services: slices.Clone(t.Services),
		}.Located()
		agencies := map[kernel.AgencyID]kernel.Agency{}
		for _, a := range added[t.ID].Agencies {
			agencies[a.ID] = a
		}
		for _, a := range t.Agencies {
			agencies[a.ID] = kernel.Agency{ID: a.ID, Name: a.Name, Kind: a.kind(), Office: mapped(a.Office, OfficeSettings.office)}
		}
		for _, slug := range added[t.ID].Services {
			if !slices.Contains(tenant.Services, slug) {
				tenant.Services = append(tenant.Services, slug)
			}
		}
		p.tenants = append(p.tenants, tenant)
		p.byHost[hostKey(u.Host)] = tenant
		p.agencies[t.ID] = agencies
	}
	return p
}

func (d *directory) Tenants() []kernel.Tenant { return slices.Clone(d.now.Load().tenants) }

func (d *directory) ByHost(host string) (kernel.Tenant, bool) {
	t, ok := d.now.Load().byHost[hostKey(host)]
	return t, ok
}

func (d *directory) Agency(t kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	agency, ok := d.now.Load().agencies[t][a]
	return agency, ok
}
