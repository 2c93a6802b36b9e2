-- +goose Up
-- Who did or saw what. Insert-only by its grants: app_protect(..., 'insert') gives the writing role no UPDATE and
-- no DELETE, so a fault in our own code cannot rewrite history.
CREATE SCHEMA audit;

CREATE TABLE audit.entry (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL,
  at         timestamptz NOT NULL,
  actor_kind text        NOT NULL,
  actor      uuid,                 -- null: a program, the system or nobody
  client     text        NOT NULL, -- the OIDC client that spoke; empty when none did
  agencies   jsonb       NOT NULL, -- [{"agency","role"}] the actor held at that moment; roles change, history does not
  action     text        NOT NULL, -- e.g. case.read
  case_id    uuid,
  subject    uuid,                 -- whose data was touched; null: nobody's
  details    jsonb       NOT NULL, -- no personal data
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT entry_actor_kind_known CHECK (actor_kind IN ('anonymous', 'citizen', 'staff', 'integrator', 'host', 'system')),
  CONSTRAINT entry_people_are_named CHECK (actor_kind NOT IN ('citizen', 'staff') OR actor IS NOT NULL),
  CONSTRAINT entry_action_shape CHECK (action ~ '^[a-z][a-z0-9.-]{0,63}$'),
  CONSTRAINT entry_agencies_list CHECK (jsonb_typeof(agencies) = 'array'),
  CONSTRAINT entry_details_object CHECK (jsonb_typeof(details) = 'object' AND pg_column_size(details) <= 8192),
  CONSTRAINT entry_client_size CHECK (length(client) <= 255)
);
SELECT app_distribute('audit.entry');
SELECT app_protect('audit.entry', 'insert');

CREATE INDEX entry_case ON audit.entry (tenant_id, case_id, at, id) WHERE case_id IS NOT NULL;
CREATE INDEX entry_subject ON audit.entry (tenant_id, subject, at, id) WHERE subject IS NOT NULL;
