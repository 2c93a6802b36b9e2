package kerneltest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := kerneltest.DB(t), kerneltest.DB(t)
	subs := map[string]pg.Effects{"m": {"e": nil}}
	a.Subscribe(subs)
	b.Subscribe(subs)
	c := kernel.CaseID(kernel.NewID())
	if err := a.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		return pg.Emit(t.Context(), tx, kernel.Event{Name: "e", Case: c})
	}); err != nil {
		t.Fatal(err)
	}
	for want, db := range map[int]*pg.DB{1: a, 0: b} {
		err := db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			got, err := pg.EffectsOf(t.Context(), tx, c)
			if len(got) != want {
				return fmt.Errorf("%d effects, want %d", len(got), want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestManyTestsMayAskForADatabaseAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := kerneltest.DB(t).Ping(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAFakeClockStandsStillUntilItIsTurned(t *testing.T) {
	t.Parallel()
	c := &kerneltest.FakeClock{}
	before := c.Now()
	if !c.Now().Equal(before) {
		t.Error("it moved by itself")
	}
	c.Advance(36 * time.Hour)
	if c.Now().Sub(before) != 36*time.Hour {
		t.Errorf("turned on by %v", c.Now().Sub(before))
	}
}

func TestTheDirectoryKnowsTwoMunicipalities(t *testing.T) {
	t.Parallel()
	d := kerneltest.Directory()
	n, ok := d.ByHost("northwick.localhost:8080")
	if !ok || n.ID != kerneltest.Northwick || n.Origin != "http://northwick.localhost:8080" || len(d.Tenants()) != 2 {
		t.Errorf("found %+v", n)
	}
	if a, ok := d.Agency(kerneltest.Eastmere, "civil-registry"); !ok || a.Name.In("ru") == "" {
		t.Error("no civil registry in Eastmere")
	}
	if _, ok := d.Agency("elsewhere", "civil-registry"); ok {
		t.Error("an agency in an unknown municipality")
	}
}
