package staff

import "townhall/modules/kernel"

// agencies are the names of the public bodies a member of staff works for, in their language.
func agencies(d kernel.Directory, p kernel.Principal, locale string) []string {
	var names []string
	for _, id := range p.Agencies() {
		if a, ok := d.Agency(p.Tenant, id); ok {
			names = append(names, a.Name.In(locale))
		}
	}
	return names
}
