package travel

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
)

const coaches, ferries = kernel.AgencyID("northwick-coaches"), kernel.AgencyID("northwick-ferries")

// carriers is the usual directory with two agencies that run timetables.
type carriers struct{ kernel.Directory }

func (c carriers) Agency(t kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	if a == coaches || a == ferries {
		return kernel.Agency{ID: a, Name: kernel.Text{"en": string(a)}}, true
	}
	return c.Directory.Agency(t, a)
}

// timetableHouse is a municipality with carriers and nothing else. It is Monday, 16 November 2026, seven in the morning.
type timetableHouse struct {
	*Timetable
	t      testing.TB
	ctx    context.Context
	tenant kernel.Tenant
	clock  *kerneltest.FakeClock
}

func newTimetableHouse(t testing.TB) *timetableHouse {
	t.Helper()
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	clock := kerneltest.NewClock(time.Date(2026, 11, 16, 7, 0, 0, 0, time.UTC))
	return &timetableHouse{Timetable: &Timetable{DB: kerneltest.DB(t), Directory: carriers{kerneltest.Directory()}, Clock: clock}, t: t, tenant: tenant, clock: clock,
		ctx: kernel.WithPrincipal(kernel.WithTenant(context.Background(), tenant), kernel.SystemPrincipal(tenant.ID))}
}

func (h *timetableHouse) tx(fn func(*pg.Tx) error) {
	h.t.Helper()
	if err := h.DB.InTx(h.ctx, h.tenant.ID, fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *timetableHouse) bring(operator kernel.AgencyID, files []lines.File) Imported {
	h.t.Helper()
	done, err := h.Import(h.ctx, h.tenant, operator, files)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

func (h *timetableHouse) count(table string) (n int) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error { return tx.GetContext(h.ctx, &n, `SELECT count(*) FROM travel.`+table) })
	return n
}

func (h *timetableHouse) find(q JourneyQuery) Journeys {
	h.t.Helper()
	found, err := h.Search(h.ctx, q)
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// departure is that of a trip on a day; empty when there is none.
func (h *timetableHouse) departure(operator kernel.AgencyID, trip, day string) (id DepartureID) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		return tx.GetContext(h.ctx, &id, `SELECT coalesce((SELECT id::text FROM travel.departure WHERE operator = $1 AND trip_key = $2 AND service_date = $3), '')`, operator, trip, day)
	})
	return id
}

// claim is what taking a seat does to a departure's row.
func (h *timetableHouse) claim(id DepartureID) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		_, err := tx.ExecContext(h.ctx, `UPDATE travel.departure SET claimed = true WHERE id = $1`, id)
		return err
	})
}

func goodFeed(t testing.TB) (out []lines.File) {
	t.Helper()
	names, err := filepath.Glob("gtfs/testdata/good/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}

// reworded is a feed with other words in one of its files.
func reworded(t testing.TB, files []lines.File, name, old, new string) (out []lines.File) {
	t.Helper()
	for _, f := range files {
		if f.Name == name {
			if !strings.Contains(string(f.Data), old) {
				t.Fatalf("%s does not have %q", name, old)
			}
			f.Data = []byte(strings.ReplaceAll(string(f.Data), old, new))
		}
		out = append(out, f)
	}
	return out
}
