package casework

import (
	"database/sql"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// A page of a queue is the first rows of an index: nothing reads, let alone sorts, all cases of an agency for it.
func TestAPageOfAQueueDoesNotReadTheWholeAgency(t *testing.T) {
	t.Parallel()
	url := kerneltest.URL(t)
	owner, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	_, err = owner.Exec(`INSERT INTO casework.case (tenant_id, id, number, service, sector, workflow_hash, agency, applicant, applicant_name, state, final,
			waiting, version, entered, answers, locale, channel, created_at, updated_at, entered_at, submitted_at, closed_at)
		SELECT 'northwick', gen_random_uuid(), 'RC-' || n, 'residence-certificate', 'civic', 'h', 'civil-registry', gen_random_uuid(), '', 'submitted', n % 2 = 0,
			CASE WHEN n % 2 = 0 THEN 'nobody' WHEN n % 3 = 0 THEN 'applicant' ELSE 'agency' END, 1, 1, '{}', 'en', '', now(), now(), now(), now(),
			CASE WHEN n % 2 = 0 THEN now() END
		FROM generate_series(1, 20000) n; ANALYZE casework.case`)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open(t.Context(), pg.Options{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, queue := range []string{QueueTodo, QueueUnassigned, QueueMine, QueueAll} {
		for _, prepared := range []string{"force_custom_plan", "force_generic_plan"} {
			f := filter{Agencies: []kernel.AgencyID{"civil-registry"}, Queue: queue, Mine: kernel.PersonID(kernel.NewID())}
			text, person := f.statement()
			var plan []string
			err := db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
				if _, err := tx.Exec("SET LOCAL plan_cache_mode = " + prepared); err != nil {
					return err
				}
				return tx.Select(&plan, "EXPLAIN (ANALYZE, TIMING OFF) "+text, "northwick", 50, f.agencies(), nullID(person), "", "", "", false, nullID(""))
			})
			all := strings.Join(plan, "\n")
			if err != nil || strings.Contains(all, "Seq Scan") || wholeAgency.MatchString(all) {
				t.Errorf("%s, %s: %v\n%s", queue, prepared, err, all)
			}
		}
	}
}

var wholeAgency = regexp.MustCompile(`actual rows=\d{4,}|Filter: [5-9]\d{3}|Filter: \d{5,}`)

// An integrator whose scopes name an agency twice gets each case once.
func TestAnAgencyNamedTwiceListsItsCasesOnce(t *testing.T) {
	t.Parallel()
	for _, queue := range []string{QueueTodo, QueueUnassigned, QueueMine, QueueAll} {
		if text, _ := (filter{Queue: queue}).statement(); !strings.Contains(text, "DISTINCT agency") {
			t.Errorf("%s: %s", queue, text)
		}
	}
}
