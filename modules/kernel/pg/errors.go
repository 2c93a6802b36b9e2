package pg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
)

// What InTx, Read and Shared answer when the database is the reason. Their texts are "error.<slug>".
var (
	// ErrUnknownOutcome: the link broke at COMMIT; it may have happened. Ask again with the same Idempotency-Key.
	ErrUnknownOutcome = retryAfter(2*time.Second, "outcome-unknown", "We cannot tell whether this was saved. Please look again before you repeat it.")
	// ErrNoDatabase: nothing was saved; the database does not answer, or the statement took too long.
	ErrNoDatabase = retryAfter(5*time.Second, "database-unavailable", "The service is not available at the moment. Nothing was saved; please try again.")
	// ErrBusy: nothing was saved; too many people changed the same thing at once.
	ErrBusy = retryAfter(time.Second, "busy", "Too many people are changing this at once. Nothing was saved; please try again.")
	// ErrText: a text holds a character that cannot be kept, such as NUL (SQLSTATE 22021).
	ErrText = kernel.NewError(kernel.Invalid, "unreadable-text", "A text holds a character that cannot be stored.")
)

func retryAfter(d time.Duration, slug, message string) *kernel.Error {
	e := kernel.NewError(kernel.Unavailable, slug, message)
	e.RetryAfter = d
	return e
}

// MapConstraint turns a violated constraint into the error people see: table maps a constraint's name, or the
// beginning of it (Citus appends shard ids), to its error; the longest match wins. A text that cannot be stored
// becomes ErrText. Any other error comes back as it is.
func MapConstraint(err error, table map[string]*kernel.Error) error {
	var e *pq.Error
	if !errors.As(err, &e) {
		return err
	}
	if unreadableText(e) {
		return ErrText.Wrap(err)
	}
	if e.Constraint == "" {
		return err
	}
	var found *kernel.Error
	longest := -1
	for prefix, mapped := range table {
		if strings.HasPrefix(e.Constraint, prefix) && len(prefix) > longest {
			found, longest = mapped, len(prefix)
		}
	}
	if found == nil {
		return err
	}
	return found.Wrap(err)
}

// 22021 is a byte sequence that is no text, 22P05 the escape \u0000 in a jsonb value.
func unreadableText(e *pq.Error) bool { return e.Code == "22021" || e.Code == "22P05" }

// commitError marks an error of COMMIT itself, which is never retried.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// refused reports whether the database itself said that the transaction did not happen. A FATAL message may
// follow a commit that did.
func (e *commitError) refused() bool {
	var answer *pq.Error
	if errors.As(e.err, &answer) {
		return answer.Severity == "ERROR"
	}
	return errors.Is(e.err, pq.ErrInFailedTransaction) || errors.Is(e.err, errNotSent) ||
		errors.Is(e.err, sql.ErrTxDone) || errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded)
}

// retryable: the database undid the transaction and says that doing it again may work.
func retryable(err error) bool {
	var c *commitError
	var e *pq.Error
	if errors.As(err, &c) || !errors.As(err, &e) {
		return false
	}
	return e.Code == "40001" || e.Code == "40P01" || stalePlan(e)
}

// stalePlan: a statement was prepared before a migration changed its result. The connection has dropped it.
func stalePlan(e *pq.Error) bool {
	return e.Code == "26000" || e.Code == "0A000" && strings.Contains(e.Message, "cached plan")
}

// asKernel gives the database's own troubles a kind, and leaves every other error as it is.
func asKernel(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var c *commitError
	if errors.As(err, &c) && !c.refused() {
		return ErrUnknownOutcome.Wrap(err)
	}
	var k *kernel.Error
	if errors.As(err, &k) {
		return err
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	var e *pq.Error
	if errors.As(err, &e) {
		switch {
		case unreadableText(e):
			return ErrText.Wrap(err)
		case e.Code == "55P03":
			return ErrBusy.Wrap(err)
		case e.Code == "57014", e.Code.Class() == "08", e.Code.Class() == "53", strings.HasPrefix(string(e.Code), "57P"),
			e.Code == "25006" && strings.Contains(e.Message, "recovery"):
			return ErrNoDatabase.Wrap(err)
		}
		return &quietError{err, e}
	}
	var n net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET) || errors.As(err, &n) {
		return ErrNoDatabase.Wrap(err)
	}
	return err
}

// quietError keeps the server's own words out of every log: they quote the value they complain about
// (invalid input syntax for type date: "…"). What is left says where to look.
type quietError struct {
	err error
	pq  *pq.Error
}

func (e *quietError) Error() string {
	said := strings.TrimSpace("database error " + string(e.pq.Code) + " " + e.pq.Constraint)
	before, _, found := strings.Cut(e.err.Error(), e.pq.Error())
	if !found {
		return said
	}
	return before + said
}

func (e *quietError) Unwrap() error { return e.err }
