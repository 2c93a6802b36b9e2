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

// The two answers a reused key can get besides the replay.
var (
	ErrKeyReused  = NewError(Invalid, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
	ErrKeyRunning = NewError(Conflict, "idempotency-key-running", "The first request with this Idempotency-Key is still running.")
)
