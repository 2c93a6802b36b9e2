package kernel

import "context"

// Idempotency identifies one attempt to create or pay (draft-ietf-httpapi-idempotency-key). kernel/web puts it
// into the context of every POST that declares it; pg.Once keeps the record in the same transaction as the effect.
type Idempotency struct {
	Key       string // the client's, 1 to 255 visible ASCII characters
	Operation string // the operation id, so that one key cannot mean two things
	Hash      string // hex SHA-256 of the request's path and body
}

const idempotencyKey ctxKey = 100

func WithIdempotency(ctx context.Context, i Idempotency) context.Context {
	return context.WithValue(ctx, idempotencyKey, i)
}

// IdempotencyOf returns the attempt the context carries; false outside an idempotent operation.
func IdempotencyOf(ctx context.Context) (Idempotency, bool) {
	i, ok := ctx.Value(idempotencyKey).(Idempotency)
	return i, ok
}

// WithPart names one of several transactions of the attempt the context carries, so that each keeps a record of its own: a
// request in steps that is sent again does only what is left, and answers the same about what was done. The same outside an
// idempotent operation.
func WithPart(ctx context.Context, part string) context.Context {
	i, ok := IdempotencyOf(ctx)
	if !ok {
		return ctx
	}
	i.Operation += "/" + part
	return WithIdempotency(ctx, i)
}

// The two answers a reused key can get besides the replay.
var (
	ErrKeyReused  = NewError(Invalid, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
	ErrKeyRunning = NewError(Conflict, "idempotency-key-running", "The first request with this Idempotency-Key is still running.")
)
