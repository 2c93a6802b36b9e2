-- +goose Up

-- An idempotency record holds the answer, personal data and all: it goes when no retry can come any more.
GRANT DELETE ON kernel.idempotency TO townhall_rw;

-- The next effect is the first row of an index, however long the queue is. Sorting a queue of 100,000 for each claim
-- took 0.2 s.
CREATE INDEX effect_next ON kernel.effect (tenant_id, due_at, not_before, id) WHERE state = 'open';
DROP INDEX kernel.effect_open;
