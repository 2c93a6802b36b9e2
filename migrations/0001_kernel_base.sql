-- +goose Up

-- The application never works as the owner of the tables: it takes one of these roles when it connects, and
-- row-level security binds both. Roles belong to the whole server, so they may be there already.
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['townhall_rw', 'townhall_ro'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', r);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN -- another database of this server was quicker
      END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = r AND (rolsuper OR rolbypassrls)) THEN
      RAISE EXCEPTION 'role % must be neither superuser nor BYPASSRLS', r;
    END IF;
    IF NOT pg_has_role(current_user, r, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', r);
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

CREATE SCHEMA kernel;
GRANT USAGE ON SCHEMA kernel TO townhall_rw, townhall_ro;

-- The municipality of this transaction. It raises rather than returning NULL, because NULL would read as "no rows".
-- +goose StatementBegin
CREATE FUNCTION app_tenant() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE t text := current_setting('app.tenant', true);
BEGIN
  IF t IS NULL OR t = '' THEN
    RAISE EXCEPTION 'app.tenant is not set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN t;
END $$;
-- +goose StatementEnd

-- Call it right after CREATE TABLE, before the table has rows. On a plain server there is nothing to do; on Citus the
-- table is spread by municipality.
-- +goose StatementBegin
CREATE FUNCTION app_distribute(tbl text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    EXECUTE format('SELECT create_distributed_table(%L, %L)', tbl, 'tenant_id');
  END IF;
END $$;
-- +goose StatementEnd

-- Binds every reader and writer, the owner too, to the rows of one municipality, and grants what the application
-- needs. how = 'insert' makes the table insert-only.
-- +goose StatementBegin
CREATE FUNCTION app_protect(tbl text, how text DEFAULT 'change') RETURNS void LANGUAGE plpgsql AS $$
DECLARE schema_name text := split_part(tbl, '.', 1);
BEGIN
  IF how NOT IN ('change', 'insert') THEN
    RAISE EXCEPTION 'app_protect: % is neither change nor insert', how;
  END IF;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()))', tbl::regclass);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO townhall_rw, townhall_ro', schema_name);
  EXECUTE format('GRANT SELECT ON %s TO townhall_ro', tbl::regclass);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO townhall_rw', tbl::regclass);
  IF how = 'change' THEN
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO townhall_rw', tbl::regclass);
  END IF;
END $$;
-- +goose StatementEnd

-- One row per thing to be done after a step, written in the step's transaction and run by a dispatcher.
CREATE TABLE kernel.effect (
  tenant_id  text NOT NULL,
  id         uuid NOT NULL,
  name       text NOT NULL CHECK (name LIKE '%_/_%'), -- event/module
  key        text NOT NULL,
  case_id    uuid,
  payload    jsonb NOT NULL,
  state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'dead')),
  due_at     timestamptz NOT NULL,               -- -infinity: at once
  not_before timestamptz NOT NULL DEFAULT now(), -- end of the lease, or of the pause after a failure
  leased     boolean NOT NULL DEFAULT false,
  attempt    integer NOT NULL DEFAULT 0,         -- only ever grows: the fence
  tries      integer NOT NULL DEFAULT 0,         -- attempts since somebody last asked for it
  last_error text CHECK (length(last_error) <= 300),
  created_at timestamptz NOT NULL DEFAULT now(),
  done_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT effect_key UNIQUE (tenant_id, name, key),
  CONSTRAINT effect_done CHECK ((state = 'done') = (done_at IS NOT NULL))
);
SELECT app_distribute('kernel.effect');
SELECT app_protect('kernel.effect');
CREATE INDEX effect_open ON kernel.effect (tenant_id, due_at, not_before) WHERE state = 'open';
CREATE INDEX effect_case ON kernel.effect (tenant_id, case_id, id);

-- The answer a request got, written in the transaction of what the request did.
CREATE TABLE kernel.idempotency (
  tenant_id  text NOT NULL,
  principal  text NOT NULL,
  operation  text NOT NULL,
  key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  hash       text NOT NULL,
  result     json NOT NULL, -- json, not jsonb: a replay has the same bytes
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, principal, operation, key)
);
SELECT app_distribute('kernel.idempotency');
SELECT app_protect('kernel.idempotency', 'insert');
CREATE INDEX idempotency_age ON kernel.idempotency (tenant_id, created_at);

-- serve reads the schema's version under the roles above.
GRANT SELECT ON goose_db_version TO townhall_rw, townhall_ro;
