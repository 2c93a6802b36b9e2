// Package migrations holds the database's schema as numbered files, NNNN_<module>_<change>.sql in goose's format,
// up only. schema.sql is what they add up to, dumped and checked by a test; it is never run.
package migrations

import "embed"

// FS holds the migrations, and nothing else.
//
//go:embed [0-9]*.sql
var FS embed.FS
