-- +goose Up
-- What was published as a mini-app's manifest, by whom and when, in one log for all municipalities: append-only, so that
-- nobody can be shown something else than everybody. No personal data.
CREATE SCHEMA IF NOT EXISTS catalogue;

-- Grants what the application needs on a table that belongs to no municipality. how = 'insert' makes it insert-only. On Citus
-- every machine has a copy of the table.
-- +goose StatementBegin
CREATE FUNCTION app_share(tbl text, how text DEFAULT 'change') RETURNS void LANGUAGE plpgsql AS $$
DECLARE schema_name text := split_part(tbl, '.', 1);
BEGIN
  IF how NOT IN ('change', 'insert') THEN
    RAISE EXCEPTION 'app_share: % is neither change nor insert', how;
  END IF;
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    EXECUTE format('SELECT create_reference_table(%L)', tbl);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO townhall_rw, townhall_ro', schema_name);
  EXECUTE format('GRANT SELECT ON %s TO townhall_ro', tbl::regclass);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO townhall_rw', tbl::regclass);
  IF how = 'change' THEN
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO townhall_rw', tbl::regclass);
  END IF;
END $$;
-- +goose StatementEnd

-- One publication. leaf is what is hashed, byte for byte; tenant, app_id, code and hash are read out of it to find it by.
CREATE TABLE catalogue.log_record (
  position bigint      NOT NULL, -- in the log, from 0
  leaf     text        NOT NULL,
  tenant   text        NOT NULL,
  app_id   text        NOT NULL,
  code     integer     NOT NULL,
  hash     text        NOT NULL,
  since    timestamptz NOT NULL, -- when the process that published it had started
  at       timestamptz NOT NULL,
  PRIMARY KEY (position),
  CONSTRAINT log_record_version UNIQUE (tenant, app_id, code),
  CONSTRAINT log_record_sizes CHECK (position >= 0 AND code > 0 AND length(leaf) BETWEEN 1 AND 4000 AND length(tenant) BETWEEN 1 AND 63
    AND length(app_id) BETWEEN 1 AND 63 AND hash ~ '^sha256:[0-9a-f]{64}$')
);
SELECT app_share('catalogue.log_record', 'insert');

-- The Merkle tree over the leaves (RFC 6962), by the numbering of golang.org/x/mod/sumdb/tlog.
CREATE TABLE catalogue.log_hash (
  position bigint NOT NULL,
  hash     bytea  NOT NULL,
  PRIMARY KEY (position),
  CONSTRAINT log_hash_size CHECK (position >= 0 AND length(hash) = 32)
);
SELECT app_share('catalogue.log_hash', 'insert');

-- Every signed tree head there ever was: one per size, so that there are never two of the same size.
CREATE TABLE catalogue.log_head (
  size   bigint NOT NULL,
  signed text   NOT NULL,
  PRIMARY KEY (size),
  CONSTRAINT log_head_size CHECK (size > 0 AND length(signed) BETWEEN 1 AND 2000)
);
SELECT app_share('catalogue.log_head', 'insert');
