// Package pg is the only way to PostgreSQL: it opens the database, runs transactions for one
// municipality, keeps idempotency records, runs effects, migrates, and starts a private cluster when
// there is no server to talk to.
//
// Rules it keeps for everybody:
//   - No write outside a transaction. On a cut link database/sql repeats an autocommit statement on a new
//     connection without telling; inside a transaction it cannot. So DB has no Exec.
//   - A COMMIT is never repeated. When its answer is lost, the caller learns that the outcome is unknown and
//     finds out with its idempotency key.
//   - Every transaction names its municipality to the database first (app.tenant), and runs under a role that
//     row-level security binds, even when the URL's user owns the tables.
//   - A dead link ends: every read and write on the wire has a deadline.
package pg
