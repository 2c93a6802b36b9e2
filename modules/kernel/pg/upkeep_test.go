package pg_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lib/pq"

	"townhall/modules/kernel/pg"
)

func TestAnAnswerIsForgottenWhenNoRetryCanComeAnyMore(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	runs := 0
	do := func(key string) {
		t.Helper()
		if _, err := pg.Once(withKey(t.Context(), "p", key, "h"), db, north, func(*pg.Tx) (int, error) { runs++; return runs, nil }); err != nil {
			t.Fatal(err)
		}
	}
	do("old")
	do("young")
	asOwner(t, url, `UPDATE kernel.idempotency SET created_at = now() - interval '73 hours' WHERE key = 'old'`)
	if err := db.ForgetAnswers(t.Context(), "eastmere"); err != nil {
		t.Fatal(err)
	}
	do("old")
	if runs != 2 {
		t.Error("another municipality's upkeep took the record")
	}
	if err := db.ForgetAnswers(t.Context(), north); err != nil {
		t.Fatal(err)
	}
	do("young")
	do("old")
	if runs != 3 {
		t.Errorf("%d runs: the young answer stays, the old one is gone", runs)
	}
}

// PostgreSQL quotes the value it cannot read. That may be somebody's address, and errors end in logs.
func TestADatabaseErrorDoesNotQuoteWhatSomebodyTyped(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	err := db.InTx(t.Context(), north, func(tx *pg.Tx) error {
		_, err := tx.Exec(`SELECT $1::text::integer`, "12 Mill Lane")
		return fmt.Errorf("note 7: %w", err)
	})
	var e *pq.Error
	if !errors.As(err, &e) || err.Error() != "note 7: database error 22P02" {
		t.Errorf("%v", err)
	}
}

// The next effect is the first entry of an index: a claim that sorts the queue takes 0.2 s at 100,000 waiting effects.
func TestAClaimDoesNotSortTheQueue(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	asOwner(t, url, `INSERT INTO kernel.effect (tenant_id, id, name, key, payload, due_at)
		SELECT 'northwick', gen_random_uuid(), 'note.written/test', n::text, '{}', CASE WHEN n % 3 = 0 THEN now() + interval '9 days' ELSE '-infinity' END
		FROM generate_series(1, 20000) n; ANALYZE kernel.effect`)
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		var plan []string
		err := db.InTx(t.Context(), north, func(tx *pg.Tx) error {
			if _, err := tx.Exec("SET LOCAL plan_cache_mode = " + mode + "; PREPARE claim_" + mode + " AS " + pg.ClaimSQL); err != nil {
				return err
			}
			return tx.Select(&plan, `EXPLAIN EXECUTE claim_`+mode+` ('northwick', NULL, '{note.written/test}', 12, 60000000, 8)`)
		})
		text := strings.Join(plan, "\n")
		if err != nil || strings.Contains(text, "Sort") || strings.Contains(text, "Seq Scan") || !strings.Contains(text, "effect_next") {
			t.Errorf("%s: %v\n%s", mode, err, text)
		}
	}
}
