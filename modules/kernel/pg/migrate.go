package pg

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the database at url to the newest schema of files (NNNN_<module>_<change>.sql, up only), as the
// URL's user, who owns the tables. Several processes may call it at once: one migrates, the others wait. A
// migration that fails leaves nothing of itself, and those before it stay.
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
	// Numbers belong to modules, so a kernel migration may come after a casework one.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", asKernel(ctx, err))
	}
	return nil
}

// CheckSchema returns an error that names the first migration of files which db lacks: serve refuses an older
// schema. A newer one is fine, because migrations only expand what the running version uses.
func CheckSchema(ctx context.Context, db *DB, files fs.FS) error {
	sources, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	var applied []int64
	err = db.read.SelectContext(ctx, &applied, `SELECT version_id FROM goose_db_version WHERE is_applied`)
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "42P01" {
		return errors.New("the database is empty: run `townhall migrate`")
	}
	if err != nil {
		return fmt.Errorf("schema version: %w", asKernel(ctx, err))
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

// DumpSchema returns what the migrations add up to, as pg_dump tells it without what differs between versions of
// pg_dump and between machines. migrations/schema.sql is one.
func DumpSchema(ctx context.Context, url string) ([]byte, error) {
	bin, err := findTool(ctx, "pg_dump")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, bin, "--schema-only", "--no-owner", "--no-tablespaces",
		"--exclude-table=public.goose_db_version", "--exclude-table=public.goose_db_version_id_seq", "--dbname="+url)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pg_dump: %w\n%s", err, lastLines(stderr.Bytes(), 5))
	}
	return normaliseDump(out.Bytes()), nil
}

var (
	dumpNoise = regexp.MustCompile(`(?m)^(--.*|SET .*;|SELECT pg_catalog\.set_config\(.*|\\(un)?restrict .*)$`)
	dumpBlank = regexp.MustCompile(`\n{3,}`)
)

func normaliseDump(b []byte) []byte {
	b = dumpNoise.ReplaceAll(b, nil)
	b = dumpBlank.ReplaceAll(b, []byte("\n\n"))
	return append(bytes.TrimSpace(b), '\n')
}

// findTool finds a client program of PostgreSQL, the newest first: a client may be newer than its server.
func findTool(ctx context.Context, name string) (string, error) {
	for _, dir := range candidateFolders(ctx) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("%s was not found: %s", name, strings.SplitN(howToInstall(""), "\n", 2)[1])
}
