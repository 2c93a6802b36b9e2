package pg_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"townhall/migrations"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// shared are the tables without a tenant: few, small and rarely written.
var shared = []string{"catalogue.log_record", "catalogue.log_hash", "catalogue.log_head", "catalogue.said", "catalogue.word", "partners.slug", "partners.turn"}

func TestEveryTableBelongsToOneMunicipality(t *testing.T) {
	t.Parallel()
	for _, broken := range kerneltest.Catalogue(t, kerneltest.URL(t), shared...) {
		t.Error(broken)
	}
}

func TestThePlantedBadTableIsFound(t *testing.T) {
	t.Parallel()
	const good = `CREATE SCHEMA planted;
		CREATE TABLE planted.good (tenant_id text NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id));
		SELECT app_distribute('planted.good'); SELECT app_protect('planted.good');`
	for sql, want := range map[string]string{
		"": "",
		`CREATE TABLE planted.bad (id uuid PRIMARY KEY)`:                                                                                                            "has no column tenant_id",
		`CREATE TABLE planted.bad (tenant_id text NOT NULL); SELECT app_protect('planted.bad')`:                                                                     "has no primary key",
		`CREATE TABLE planted.bad (tenant_id text NOT NULL, id uuid, PRIMARY KEY (id, tenant_id)); SELECT app_protect('planted.bad')`:                               "not first in planted.bad_pkey",
		`CREATE UNIQUE INDEX bad ON planted.good (id)`:                                                                                                              "not first in planted.bad",
		`CREATE UNIQUE INDEX bad ON planted.good (lower(tenant_id))`:                                                                                                "not first in planted.bad",
		`ALTER TABLE planted.good ADD CONSTRAINT bad EXCLUDE (id WITH =)`:                                                                                           "not first in planted.bad",
		`ALTER TABLE planted.good ADD UNIQUE (tenant_id, id), ADD parent text, ADD CONSTRAINT bad FOREIGN KEY (parent, id) REFERENCES planted.good (tenant_id, id)`: "both sides of bad",
		`ALTER TABLE planted.good ADD CONSTRAINT bad FOREIGN KEY (tenant_id, id) REFERENCES kernel.effect (tenant_id, id)`:                                          "refers to another schema by bad",
		`ALTER TABLE planted.good NO FORCE ROW LEVEL SECURITY`:                                                                                                      "not forced",
		`ALTER TABLE planted.good DISABLE ROW LEVEL SECURITY`:                                                                                                       "not forced",
		`CREATE POLICY loose ON planted.good USING (true)`:                                                                                                          "not just the policy",
		`ALTER POLICY tenant ON planted.good USING (true)`:                                                                                                          "not just the policy",
		`CREATE TRIGGER bad BEFORE UPDATE ON planted.good FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`:                                       "has the trigger bad",
		`GRANT TRUNCATE ON planted.good TO townhall_rw`:                                                                                                             "grants too much: TRUNCATE to townhall_rw",
		`GRANT SELECT ON planted.good TO PUBLIC`:                                                                                                                    "grants too much: SELECT to PUBLIC",
		`GRANT INSERT ON planted.good TO townhall_ro`:                                                                                                               "grants too much: INSERT to townhall_ro",
		`ALTER TABLE planted.good ALTER id SET DEFAULT gen_random_uuid()`:                                                                                           "makes an id in the database: id",
		`CREATE VIEW planted.bad AS SELECT * FROM planted.good`:                                                                                                     "view that reads as its owner",
		`CREATE FUNCTION planted.bad() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`:                                                                     "function that runs as its owner",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			url := kerneltest.URL(t)
			asOwner(t, url, good+sql)
			broken := strings.Join(kerneltest.Catalogue(t, url, shared...), "\n")
			if want == "" && broken != "" || !strings.Contains(broken, want) {
				t.Errorf("after %s: %q", sql, broken)
			}
		})
	}
}

// TestTheDumpedSchemaIsTheCommittedOne fails when a migration was added without `go test ./modules/kernel/pg -run
// Schema -update`.
func TestTheDumpedSchemaIsTheCommittedOne(t *testing.T) {
	t.Parallel()
	got, err := pg.DumpSchema(t.Context(), kerneltest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	kerneltest.Golden(t, "../../../migrations/schema.sql", got)
}

// with returns our migrations and one more.
func with(t *testing.T, name, sql string) fs.FS {
	t.Helper()
	files := fstest.MapFS{name: {Data: []byte("-- +goose Up\n" + sql)}}
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(migrations.FS, n)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = &fstest.MapFile{Data: b}
	}
	return files
}

func TestServeRefusesAnOlderSchemaAndTakesANewerOne(t *testing.T) {
	t.Parallel()
	url := kerneltest.EmptyURL(t)
	ctx := t.Context()
	db := open(t, url)
	if err := pg.CheckSchema(ctx, db, migrations.FS); err == nil || !strings.Contains(err.Error(), "townhall migrate") {
		t.Errorf("an empty database: %v", err)
	}
	if err := pg.Migrate(ctx, url, migrations.FS); err != nil {
		t.Fatal(err)
	}
	if err := pg.CheckSchema(ctx, db, migrations.FS); err != nil {
		t.Errorf("the very schema: %v", err)
	}
	newer := with(t, "0002_kernel_more.sql", "CREATE TABLE kernel.more (tenant_id text PRIMARY KEY);")
	if err := pg.CheckSchema(ctx, db, newer); err == nil || !strings.Contains(err.Error(), "0002_kernel_more.sql") {
		t.Errorf("an older schema: %v", err)
	}
	if err := pg.Migrate(ctx, url, newer); err != nil { // a low number that comes late
		t.Fatal(err)
	}
	if err := pg.CheckSchema(ctx, db, migrations.FS); err != nil {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestMigratingTwiceAtOnceIsOneMigration(t *testing.T) {
	t.Parallel()
	url := kerneltest.EmptyURL(t)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := pg.Migrate(context.Background(), url, migrations.FS); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := pg.CheckSchema(t.Context(), open(t, url), migrations.FS); err != nil {
		t.Error(err)
	}
}

func TestAFailedMigrationLeavesNothingOfItself(t *testing.T) {
	t.Parallel()
	url := kerneltest.EmptyURL(t)
	bad := with(t, "9999_kernel_bad.sql", "CREATE TABLE kernel.half (tenant_id text PRIMARY KEY);\nSELECT 1/0;")
	if err := pg.Migrate(t.Context(), url, bad); err == nil {
		t.Fatal("it did not fail")
	}
	if err := pg.CheckSchema(t.Context(), open(t, url), migrations.FS); err != nil {
		t.Errorf("those before it: %v", err)
	}
	if err := pg.Migrate(t.Context(), url, with(t, "9999_kernel_good.sql", "CREATE TABLE kernel.half (tenant_id text PRIMARY KEY);")); err != nil {
		t.Errorf("the table is half there: %v", err)
	}
}
