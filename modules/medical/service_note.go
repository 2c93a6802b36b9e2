package medical

import (
	"context"
	"errors"

	"townhall/modules/kernel"
)

// keepReason keeps why somebody comes, sealed; an empty reason is nothing to keep.
func (s *Service) keepReason(_ context.Context, _ kernel.Tx, _ Appointment, reason string) error {
	if reason == "" {
		return nil
	}
	return errors.New("reasons are not kept yet")
}
