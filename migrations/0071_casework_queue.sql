-- +goose Up

-- The open cases with whose they are, so that the numbers above a queue are counted in the index alone.
CREATE INDEX case_open ON casework.case (tenant_id, agency, assignee, waiting, id) WHERE submitted_at IS NOT NULL AND NOT final;
