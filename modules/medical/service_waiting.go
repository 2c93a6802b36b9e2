package medical

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// eventSlotFreed says that a place has become free; medical listens itself, for the waiting list.
const eventSlotFreed = "medical.slot-freed"

type slotFreed struct {
	Slot SlotID `json:"slot"`
}

// freed tells the waiting list, in the transaction that frees the place.
func (s *Service) freed(ctx context.Context, tx kernel.Tx, slot SlotID) error {
	return pg.Emit(ctx, tx, kernel.Event{Name: eventSlotFreed, Payload: slotFreed{Slot: slot}})
}

func (s *Service) effects() pg.Effects { return pg.Effects{kernel.EventDocumentIssued: s.confirmed} }
