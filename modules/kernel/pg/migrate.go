package pg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"database/sql"
	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the database at url to the newest schema of files (NNNN_<module>_<change>.sql, up only), as the
// URL's user, who owns the tables. Several processes may call it at once: one migrates, the others wait.
func Migrate(ctx context.Context, url string, files fs.FS) error {
	cfg, err := pq.NewConfig(url)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	c, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	// Numbers belong to modules, so that a kernel migration may come after a casework one.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return errors.Join(fmt.Errorf("migrate: %w", err))
	}
	return nil
}

// CheckSchema returns an error when db lacks a migration of files: serve refuses an older schema. A newer one is
// fine, because migrations only expand what the running version uses.
func CheckSchema(ctx context.Context, db *DB, files fs.FS) error {
	sources, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	var applied []int64
	if err := db.read.SelectContext(ctx, &applied, `SELECT version_id FROM goose_db_version WHERE is_applied`); err != nil {
		return fmt.Errorf("the database has no schema of Townhall: run `townhall migrate` (%w)", asKernel(ctx, err))
	}
	have := map[int64]bool{}
	for _, v := range applied {
		have[v] = true
	}
	for _, name := range sources {
		v, err := goose.NumericComponent(name)
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		if !have[v] {
			return fmt.Errorf("the database lacks migration %s: run `townhall migrate`", name)
		}
	}
	return nil
}
