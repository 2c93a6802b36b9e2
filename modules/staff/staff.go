package staff

import (
	"slices"

	"townhall/modules/kernel"
)

// agencies are the names of the public bodies a member of staff works for, in their language.
func agencies(d kernel.Directory, p kernel.Principal, locale string) []string {
	var names []string
	for _, g := range p.Grants {
		if a, ok := d.Agency(p.Tenant, g.Agency); ok && !slices.Contains(names, a.Name.In(locale)) {
			names = append(names, a.Name.In(locale))
		}
	}
	return names
}
