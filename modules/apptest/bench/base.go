package bench

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"

	"townhall/migrations"
	"townhall/modules/kernel/pg"
)

// base is the PostgreSQL of a run: a private server as `townhall demo` starts it, with fsync and synchronous commit on.
// The application and pgbench have a database each, one a copy of the other, so that neither finds the other's effects.
type base struct {
	t       testing.TB
	cluster *pg.Cluster
	log     string
	rows    map[string]*sql.DB // by database, as the owner
}

const (
	appDB   = "townhall"
	benchDB = "statements"
)

func newBase(t testing.TB) *base {
	t.Helper()
	dir, err := os.MkdirTemp("", "townhall-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // started by root, the server runs as another user
		t.Fatal(err)
	}
	c, err := pg.Start(t.Context(), pg.Embedded{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := pg.Migrate(t.Context(), c.URL(appDB), migrations.FS); err != nil {
		t.Fatal(err)
	}
	b := &base{t: t, cluster: c, log: filepath.Join(dir, "pg", "server.log"), rows: map[string]*sql.DB{}}
	t.Cleanup(func() {
		for _, db := range b.rows {
			db.Close()
		}
	})
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var on string
		if err := b.owner(appDB).QueryRow("SHOW " + setting).Scan(&on); err != nil || on != "on" {
			t.Fatalf("%s is %q, %v: such figures would mean nothing", setting, on, err)
		}
	}
	return b
}

func (b *base) owner(name string) *sql.DB {
	b.t.Helper()
	if b.rows[name] == nil {
		db, err := sql.Open("postgres", b.cluster.URL(name))
		if err != nil {
			b.t.Fatal(err)
		}
		b.rows[name] = db
	}
	return b.rows[name]
}

func (b *base) exec(name, query string, args ...any) {
	b.t.Helper()
	if _, err := b.owner(name).Exec(query, args...); err != nil {
		b.t.Fatalf("%.60s: %v", query, err)
	}
}

// open is the application's way to a database; with logged, the server notes every statement it gets.
func (b *base) open(name string, logged bool) *pg.DB {
	b.t.Helper()
	address := b.cluster.URL(name)
	if logged {
		address += "&log_statement=all"
	}
	db, err := pg.Open(b.t.Context(), pg.Options{URL: address})
	if err != nil {
		b.t.Fatal(err)
	}
	return db
}

// copy makes benchDB from appDB, which nobody may be connected to meanwhile.
func (b *base) copy() {
	b.t.Helper()
	if err := b.owner(appDB).Close(); err != nil {
		b.t.Fatal(err)
	}
	delete(b.rows, appDB)
	b.exec("postgres", "CREATE DATABASE "+benchDB+" TEMPLATE "+appDB)
}

// listen returns what the server logs while do runs. A statement is logged before it is run, so that everything
// is there when the answer is.
func (b *base) listen(do func()) []statement {
	b.t.Helper()
	before, err := os.Stat(b.log)
	if err != nil {
		b.t.Fatal(err)
	}
	do()
	text, err := os.ReadFile(b.log)
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := parseLog(string(text[before.Size():]))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range all {
		if !all[i].simple {
			all[i].types = b.typesOf(all[i].text)
		}
	}
	return all
}

// typesOf asks the server which types it infers for a statement's parameters.
func (b *base) typesOf(query string) []string {
	b.t.Helper()
	c, err := b.owner(appDB).Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	ctx := b.t.Context()
	if _, err := c.ExecContext(ctx, "PREPARE asked AS "+query); err != nil {
		b.t.Fatal(err)
	}
	defer c.ExecContext(ctx, "DEALLOCATE asked")
	var types []string
	err = c.QueryRowContext(ctx, "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'asked'").Scan(pq.Array(&types))
	if err != nil {
		b.t.Fatal(err)
	}
	return types
}

// pool is a supply of cases in one database, all copies of one; each is used once.
type pool struct {
	*base
	db       string
	template string // the case copied
	from     int64  // the next number
	made     int64  // the last number that exists
	rate     float64
}

// caseID is the id of copy i; caseOf computes the same in SQL.
func caseID(i int64) string {
	h := fmt.Sprintf("%032x", i)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// ready makes enough cases for a run of d, then has everything written, so that every run begins the same.
func (p *pool) ready(d time.Duration) {
	p.t.Helper()
	if last := p.from + int64(1.6*max(p.rate, 1500)*d.Seconds()); last > p.made {
		p.exec(p.db, `INSERT INTO casework.case SELECT made.* FROM casework.case c, generate_series($2::bigint, $3::bigint) i,
			LATERAL jsonb_populate_record(c, jsonb_build_object('id', lpad(to_hex(i), 32, '0')::uuid, 'number', 'B' || i)) made
			WHERE c.id = $1`, p.template, p.made+1, last)
		p.exec(p.db, `INSERT INTO casework.event SELECT made.* FROM casework.event e, generate_series($2::bigint, $3::bigint) i,
			LATERAL jsonb_populate_record(e, jsonb_build_object('case_id', lpad(to_hex(i), 32, '0')::uuid)) made
			WHERE e.case_id = $1`, p.template, p.made+1, last)
		p.made = last
	}
	p.exec(p.db, "CHECKPOINT")
}

// used counts the cases from p.from on that went one step on, and makes the next run begin after them.
func (p *pool) used() int {
	p.t.Helper()
	var n int
	var last sql.NullString
	err := p.owner(p.db).QueryRow(`SELECT count(*), max(c.id::text) FROM casework.case c, casework.case t
		WHERE t.id = $1 AND c.id BETWEEN $2 AND $3 AND c.version = t.version + 1`, p.template, caseID(p.from), caseID(p.made)).Scan(&n, &last)
	if err != nil {
		p.t.Fatal(err)
	}
	if last.Valid {
		i, err := strconv.ParseInt(strings.ReplaceAll(last.String, "-", ""), 16, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		p.from = i + 1
	}
	return n
}
