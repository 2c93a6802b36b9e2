package pg_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

const north, east = kerneltest.Northwick, kerneltest.Eastmere

// notes makes a database with one more tenant table, pgtest.note.
func notes(t *testing.T) (*pg.DB, string) {
	t.Helper()
	url := kerneltest.URL(t)
	asOwner(t, url, `
		CREATE SCHEMA pgtest;
		CREATE TABLE pgtest.note (tenant_id text NOT NULL, id text NOT NULL, n int NOT NULL DEFAULT 0,
		  PRIMARY KEY (tenant_id, id), CONSTRAINT note_small CHECK (n < 1000));
		SELECT app_distribute('pgtest.note');
		SELECT app_protect('pgtest.note')`)
	return open(t, url), url
}

func open(t *testing.T, url string) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Options{URL: url, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func asOwner(t *testing.T, url, query string) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func insert(ctx context.Context, tx *pg.Tx, tenant kernel.TenantID, id string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO pgtest.note (tenant_id, id) VALUES ($1, $2)`, string(tenant), id)
	return err
}

// count counts what a tenant's transaction sees, without naming the tenant in the query.
func count(t *testing.T, db *pg.DB, tenant kernel.TenantID) (n int) {
	t.Helper()
	if err := db.Read(t.Context(), tenant, func(tx *pg.Tx) error {
		return tx.GetContext(t.Context(), &n, `SELECT count(*) FROM pgtest.note`)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestATransactionSeesAndWritesOnlyItsMunicipality(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error { return insert(ctx, tx, north, "a") }); err != nil {
		t.Fatal(err)
	}
	if n, e := count(t, db, north), count(t, db, east); n != 1 || e != 0 {
		t.Errorf("northwick sees %d rows and eastmere %d, want 1 and 0", n, e)
	}
	err := db.InTx(ctx, east, func(tx *pg.Tx) error { return insert(ctx, tx, north, "b") })
	var refused *pq.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "row-level security") {
		t.Errorf("writing another municipality's row: %v", err)
	}
	err = db.InTx(ctx, east, func(tx *pg.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE pgtest.note SET n = 1 WHERE tenant_id = $1`, string(north))
		if err != nil {
			return err
		}
		if n, _ := r.RowsAffected(); n != 0 {
			t.Errorf("%d foreign rows changed", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestATenantTableRaisesWithoutATenant(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error { return insert(ctx, tx, north, "a") }); err != nil {
		t.Fatal(err)
	}
	// The same connections, which once had a tenant, are used again.
	for range 20 {
		err := db.Shared(ctx, func(tx *pg.Tx) error {
			var n int
			return tx.GetContext(ctx, &n, `SELECT count(*) FROM pgtest.note`)
		})
		var said *pq.Error // the refusal in the server's own words, which no log gets to see
		if !errors.As(err, &said) || !strings.Contains(said.Message, "app.tenant is not set") {
			t.Fatalf("a query without a tenant: %v", err)
		}
	}
	for _, bad := range []kernel.TenantID{"", "north'wick", "north\x00wick", "North"} {
		if err := db.InTx(ctx, bad, func(*pg.Tx) error { t.Error("ran"); return nil }); err == nil {
			t.Errorf("%q was taken for a tenant", bad)
		}
	}
}

func TestTheApplicationCannotBypassRowLevelSecurity(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error { return insert(ctx, tx, north, "a") }); err != nil {
		t.Fatal(err)
	}
	for _, trick := range []string{"SET LOCAL row_security = off", "RESET ROLE", "SET LOCAL SESSION AUTHORIZATION DEFAULT",
		"ALTER TABLE pgtest.note DISABLE ROW LEVEL SECURITY", "ALTER TABLE pgtest.note NO FORCE ROW LEVEL SECURITY", "DROP POLICY tenant ON pgtest.note"} {
		var seen int
		err := db.InTx(ctx, east, func(tx *pg.Tx) error {
			if _, err := tx.ExecContext(ctx, trick); err != nil {
				return err
			}
			return tx.GetContext(ctx, &seen, `SELECT count(*) FROM pgtest.note`)
		})
		if err == nil && seen != 0 {
			t.Errorf("after %s eastmere sees %d rows of northwick", trick, seen)
		}
	}
	var who string
	var strong bool
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error {
		return errors.Join(tx.GetContext(ctx, &who, `SELECT current_user`),
			tx.GetContext(ctx, &strong, `SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname IN ('townhall_rw', 'townhall_ro')`))
	}); err != nil || who != "townhall_rw" || strong {
		t.Errorf("works as %q, bypass %v: %v", who, strong, err)
	}
}

func TestTheReadHandleCannotWrite(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	for _, q := range []string{`INSERT INTO pgtest.note VALUES ('northwick', 'a')`, `SET TRANSACTION READ WRITE`} {
		err := db.Read(t.Context(), north, func(tx *pg.Tx) error {
			if _, err := tx.ExecContext(t.Context(), q); err != nil {
				return err
			}
			return insert(t.Context(), tx, north, "b")
		})
		if err == nil {
			t.Errorf("%s went through", q)
		}
	}
	if n := count(t, db, north); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestAFailedOrPanickingTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	boom := errors.New("boom")
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error { return errors.Join(insert(ctx, tx, north, "a"), boom) }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	for range 30 { // more than there are connections: each must come back
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = db.InTx(ctx, north, func(tx *pg.Tx) error { _ = insert(ctx, tx, north, "b"); panic("boom") })
		}()
	}
	if n := count(t, db, north); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestADeadlockIsRetried(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error {
		return errors.Join(insert(ctx, tx, north, "a"), insert(ctx, tx, north, "b"))
	}); err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int32
	var both, met sync.WaitGroup
	met.Add(2)
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		both.Go(func() {
			first := true
			if err := db.InTx(ctx, north, func(tx *pg.Tx) error {
				runs.Add(1)
				for i, id := range order {
					if _, err := tx.ExecContext(ctx, `UPDATE pgtest.note SET n = n + 1 WHERE tenant_id = $1 AND id = $2`, "northwick", id); err != nil {
						return err
					}
					if i == 0 && first {
						first = false
						met.Done()
						met.Wait()
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	var sum int
	if err := db.Read(ctx, north, func(tx *pg.Tx) error { return tx.GetContext(ctx, &sum, `SELECT sum(n) FROM pgtest.note`) }); err != nil {
		t.Fatal(err)
	}
	if runs.Load() < 3 || sum != 4 {
		t.Errorf("%d runs added up to %d, want at least 3 runs and 4", runs.Load(), sum)
	}
}

func TestAPreparedStatementSurvivesAMigration(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	ctx := t.Context()
	read := func() error {
		return db.Read(ctx, north, func(tx *pg.Tx) error {
			rows, err := tx.QueryxContext(ctx, `SELECT * FROM pgtest.note WHERE tenant_id = $1`, "northwick")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Err()
		})
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	asOwner(t, url, `ALTER TABLE pgtest.note ADD COLUMN more text`)
	if err := read(); err != nil {
		t.Error(err)
	}
}

func TestConstraintsBecomeErrorsPeopleUnderstand(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	ctx := t.Context()
	taken := kernel.NewError(kernel.Conflict, "taken", "Taken.")
	short := kernel.NewError(kernel.Invalid, "wrong", "Wrong.")
	table := map[string]*kernel.Error{"note_": short, "note_pkey": taken}
	put := func(id string) error {
		return db.InTx(ctx, north, func(tx *pg.Tx) error { return pg.MapConstraint(insert(ctx, tx, north, id), table) })
	}
	if err := put("a"); err != nil {
		t.Fatal(err)
	}
	if err := put("a"); !errors.Is(err, taken) {
		t.Errorf("second: %v", err)
	}
	// As Citus names it.
	if err := pg.MapConstraint(&pq.Error{Code: "23505", Constraint: "note_pkey_102008"}, table); !errors.Is(err, taken) {
		t.Errorf("a shard's constraint: %v", err)
	}
	if err := put("a\x00b"); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("a NUL: %v", err)
	}
	if err := db.InTx(ctx, north, func(tx *pg.Tx) error { return insert(ctx, tx, north, "a\x00b") }); !errors.Is(err, pg.ErrText) {
		t.Errorf("a NUL nobody mapped: %v", err)
	}
	other := errors.New("other")
	if err := pg.MapConstraint(other, table); err != other {
		t.Errorf("another error became %v", err)
	}
}
