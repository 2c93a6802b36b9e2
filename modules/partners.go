package modules

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/partners"
)

// partnerOffice is the agency whose officers look after partners; a municipality without it has none.
const partnerOffice kernel.AgencyID = "partner-office"

// follow makes the house know what the partners of a municipality add to it. The order matters: nobody is offered a mini-app before its
// definition is known, and nobody believes for a moment that one without a release is there for everybody.
func (h *house) follow(ctx context.Context, t kernel.TenantID, r partners.Roster) error {
	for _, d := range r.Older {
		h.library.AddOlder(d)
	}
	for _, d := range r.Newest {
		if err := h.library.Add(d); err != nil {
			return err
		}
	}
	h.catalogue.ForgetReleases(t)
	h.directory.follow(t, r)
	h.signIns.Store(t, r.SignIns)
	return h.catalogue.Offered(ctx, t)
}
