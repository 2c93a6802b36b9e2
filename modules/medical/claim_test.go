package medical

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// However people claim a slot, hold it and give it back at the same moment, each gets an answer, and in the end nothing is taken.
func TestEveryWayToClaimASlotAgreesWithEveryOther(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	c := h.daily("", "09:00", "12:00", 20)
	c.Capacity = 2
	h.add(c)
	all := h.slots(c.ID)
	slots := []SlotID{all[300].ID, all[301].ID}
	in := func(fn func(*pg.Tx) error) {
		if err := h.DB.InTx(h.ctx, kerneltest.Northwick, fn); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 150 {
				slot, who := slots[rand.N(2)], kernel.CaseID(kernel.NewID())
				held, booked := false, false
				in(func(tx *pg.Tx) (err error) {
					switch rand.N(3) {
					case 0:
						booked, err = inBatch(h.ctx, tx, slot, who)
					case 1:
						booked, err = claimPlace(h.ctx, tx, slot, who)
					default:
						_, held, err = claimHold(h.ctx, tx, slot, who, time.Minute)
					}
					return err
				})
				if held && rand.N(2) == 0 {
					in(func(tx *pg.Tx) (err error) {
						booked, err = claimPlace(h.ctx, tx, slot, who)
						return err
					})
				}
				if held || booked {
					in(func(tx *pg.Tx) error { return dropPlace(h.ctx, tx, slot, who, booked) })
				}
			}
		})
	}
	wg.Wait()
	for _, s := range h.slots(c.ID) {
		if s.Booked != 0 {
			t.Errorf("%d places of %s are taken by nobody", s.Booked, s.ID)
		}
	}
}
