package medical

import (
	"context"

	"townhall/modules/kernel"
)

// keepReason keeps why somebody comes, sealed; an empty reason is nothing to keep.
func (s *Service) keepReason(_ context.Context, _ kernel.Tx, _ Appointment, reason string) error {
	if reason == "" {
		return nil
	}
	return kernel.NewError(kernel.Unavailable, "no-reasons", "Reasons cannot be kept here.")
}
