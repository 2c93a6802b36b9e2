-- +goose Up
-- What is free in a municipality, in the order of time: the search begins here and goes by schedule only when few of those it
-- asks for have anything soon.
CREATE INDEX slot_soonest ON medical.slot (tenant_id, starts_at, id) WHERE spare AND open;
