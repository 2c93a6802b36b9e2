-- +goose Up
-- Bodies that offer mini-apps of their own: who applied, what was verified, which terms were signed, how their staff sign in and
-- which mini-apps they made from a template. Only the module partners writes here.
CREATE SCHEMA IF NOT EXISTS partners;

-- One application, and what became of it. agency is the body's name among the municipality's agencies.
CREATE TABLE partners.partner (
  tenant_id      text             NOT NULL,
  id             uuid             NOT NULL, -- the case it applied with
  agency         text             NOT NULL,
  state          text             NOT NULL,
  kind           text             NOT NULL,
  name           jsonb            NOT NULL, -- by language
  registration   text             NOT NULL,
  licence        text             NOT NULL DEFAULT '',
  licence_until  date,
  categories     text[]           NOT NULL, -- kinds of service it may offer
  purposes       text[]           NOT NULL, -- what it has registered to use people's data for
  email          text             NOT NULL,
  address        text             NOT NULL,
  latitude       double precision,
  longitude      double precision,
  representative uuid             NOT NULL, -- the person who applied, and signs for it
  sign_in        jsonb            NOT NULL DEFAULT '{}', -- how its staff sign in; {}: not at all yet
  reason         text             NOT NULL DEFAULT '', -- why it is suspended
  version        integer          NOT NULL,
  created_at     timestamptz      NOT NULL,
  updated_at     timestamptz      NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT partner_state_known CHECK (state IN ('applied', 'approved', 'active', 'suspended', 'dropped')),
  CONSTRAINT partner_kind_known CHECK (kind IN ('public-body', 'company')),
  CONSTRAINT partner_licence_of_companies CHECK ((kind = 'company') = (licence_until IS NOT NULL) AND (kind = 'company') = (licence <> '')),
  CONSTRAINT partner_position_whole CHECK ((latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180),
  CONSTRAINT partner_reason_given CHECK ((state = 'suspended') = (reason <> '')),
  CONSTRAINT partner_sizes CHECK (agency ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(agency) <= 31 AND jsonb_typeof(name) = 'object' AND jsonb_typeof(sign_in) = 'object'
    AND pg_column_size(name) <= 4096 AND pg_column_size(sign_in) <= 8192 AND length(reason) <= 500 AND cardinality(categories) BETWEEN 1 AND 20 AND cardinality(purposes) BETWEEN 1 AND 20),
  CONSTRAINT partner_version_counts CHECK (version >= 1)
);
CREATE UNIQUE INDEX partner_agency_once ON partners.partner (tenant_id, agency) WHERE state <> 'dropped';
CREATE INDEX partner_of_person ON partners.partner (tenant_id, representative);
SELECT app_distribute('partners.partner');
SELECT app_protect('partners.partner');

-- A mini-app a body makes from a template: what was typed so far, and, once it is made, the definition in force.
CREATE TABLE partners.app (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL,
  partner    uuid        NOT NULL,
  template   text        NOT NULL,
  blanks     jsonb       NOT NULL, -- workflows.Blanks, as typed
  slug       text,                 -- null until it is made
  hash       text,                 -- of the definition in force
  version    integer     NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT app_partner_fkey FOREIGN KEY (tenant_id, partner) REFERENCES partners.partner (tenant_id, id),
  CONSTRAINT app_slug_once UNIQUE (tenant_id, slug),
  CONSTRAINT app_made_whole CHECK ((slug IS NULL) = (hash IS NULL)),
  CONSTRAINT app_sizes CHECK (pg_column_size(blanks) <= 262144 AND jsonb_typeof(blanks) = 'object' AND length(template) <= 60),
  CONSTRAINT app_version_counts CHECK (version >= 1)
);
CREATE INDEX app_of_partner ON partners.app (tenant_id, partner);
SELECT app_distribute('partners.app');
SELECT app_protect('partners.app');

-- Every definition that was ever made: cases are pinned to them by hash.
CREATE TABLE partners.definition (
  tenant_id text        NOT NULL,
  slug      text        NOT NULL,
  hash      text        NOT NULL,
  files     jsonb       NOT NULL, -- name → text
  made_by   uuid        NOT NULL,
  made_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, slug, hash),
  CONSTRAINT definition_sizes CHECK (hash ~ '^[0-9a-f]{64}$' AND jsonb_typeof(files) = 'object')
);
SELECT app_distribute('partners.definition');
SELECT app_protect('partners.definition', 'insert');

-- The name of a mini-app is given once in the whole installation: a definition means the same everywhere.
CREATE TABLE partners.slug (
  slug   text NOT NULL,
  tenant text NOT NULL,
  PRIMARY KEY (slug),
  CONSTRAINT slug_shape CHECK (slug ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(slug) BETWEEN 3 AND 60)
);
SELECT app_share('partners.slug', 'insert');

-- Counts what changed in a municipality, so that every process sees with one small question whether it has to read again.
CREATE TABLE partners.turn (
  tenant text   NOT NULL,
  n      bigint NOT NULL,
  PRIMARY KEY (tenant),
  CONSTRAINT turn_counts CHECK (n >= 1)
);
SELECT app_share('partners.turn');
