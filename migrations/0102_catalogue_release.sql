-- +goose Up
-- How far each mini-app has been released, who may try it before everybody can, and every change with who proposed and who
-- approved it. A mini-app without a row here is there for everybody. Only the module catalogue writes here.
CREATE SCHEMA IF NOT EXISTS catalogue;

CREATE TABLE catalogue.release (
  tenant_id       text        NOT NULL,
  app             text        NOT NULL, -- the workflow's slug
  stage           text        NOT NULL,
  share           integer     NOT NULL DEFAULT 100, -- percent of people who may begin while it is public
  paused_from     text,                 -- the stage it goes back to
  reason          jsonb       NOT NULL DEFAULT '{}', -- why it is paused, by language; everybody reads it
  back_on         date,                 -- when it is expected back; null: not known
  season_from     text,                 -- MM-DD, both days included; the season may span the new year
  season_until    text,
  min_host        text        NOT NULL DEFAULT '', -- oldest version of a host that can open it, e.g. 2.1
  proposed_stage  text,                 -- what waits for a second official; null: nothing
  proposed_share  integer,
  proposed_by     uuid,
  proposed_name   text,
  proposed_reason text,
  proposed_at     timestamptz,
  version         integer     NOT NULL,
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, app),
  CONSTRAINT release_stage_known CHECK (stage IN ('draft', 'review', 'beta', 'public', 'paused', 'retired')),
  CONSTRAINT release_paused_from CHECK ((stage = 'paused') = (paused_from IS NOT NULL) AND (paused_from IS NULL OR paused_from IN ('draft', 'beta', 'public'))),
  CONSTRAINT release_share_percent CHECK (share BETWEEN 1 AND 100),
  CONSTRAINT release_season_days CHECK ((season_from IS NULL) = (season_until IS NULL) AND season_from ~ '^[01]\d-[0-3]\d$' AND season_until ~ '^[01]\d-[0-3]\d$'),
  CONSTRAINT release_proposal_whole CHECK ((proposed_stage IS NULL) = (proposed_by IS NULL) AND (proposed_by IS NULL) = (proposed_at IS NULL)
    AND (proposed_by IS NULL) = (proposed_reason IS NULL) AND (proposed_by IS NULL) = (proposed_name IS NULL) AND (proposed_by IS NULL) = (proposed_share IS NULL)),
  CONSTRAINT release_proposal_known CHECK (proposed_stage IN ('draft', 'beta', 'public', 'retired') AND proposed_share BETWEEN 1 AND 100 AND (stage <> 'retired' OR proposed_stage IS NULL)),
  CONSTRAINT release_sizes CHECK (length(app) BETWEEN 1 AND 100 AND length(min_host) <= 20 AND pg_column_size(reason) <= 8192 AND jsonb_typeof(reason) = 'object'
    AND length(proposed_reason) <= 500 AND length(proposed_name) <= 200),
  CONSTRAINT release_version_counts CHECK (version >= 1)
);
SELECT app_distribute('catalogue.release');
SELECT app_protect('catalogue.release');

-- One row per version of a release, so that of two changes made from one version only one can be written down.
CREATE TABLE catalogue.release_change (
  tenant_id     text        NOT NULL,
  app           text        NOT NULL,
  version       integer     NOT NULL,
  at            timestamptz NOT NULL,
  action        text        NOT NULL,
  actor         uuid        NOT NULL,
  actor_name    text        NOT NULL,
  proposed_by   uuid,                 -- with an approval or a refusal: whose proposal it was
  proposed_name text        NOT NULL DEFAULT '',
  from_stage    text        NOT NULL,
  to_stage      text        NOT NULL,
  from_share    integer     NOT NULL,
  to_share      integer     NOT NULL,
  reason        text        NOT NULL,
  details       jsonb       NOT NULL DEFAULT '{}', -- what else changed; no personal data
  PRIMARY KEY (tenant_id, app, version),
  CONSTRAINT release_change_action_known CHECK (action IN ('begin', 'propose', 'approve', 'refuse', 'share', 'halt', 'conditions', 'testers')),
  CONSTRAINT release_change_four_eyes CHECK (action <> 'approve' OR proposed_by IS NOT NULL AND proposed_by <> actor),
  CONSTRAINT release_change_sizes CHECK (length(reason) BETWEEN 5 AND 500 AND length(actor_name) <= 200 AND length(proposed_name) <= 200
    AND jsonb_typeof(details) = 'object' AND pg_column_size(details) <= 8192)
);
SELECT app_distribute('catalogue.release_change');
SELECT app_protect('catalogue.release_change', 'insert');

-- Who may use a mini-app before it is public, by our id of the person or by the identifier their issuer gives us.
CREATE TABLE catalogue.tester (
  tenant_id text        NOT NULL,
  app       text        NOT NULL,
  who       text        NOT NULL,
  added_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, app, who),
  CONSTRAINT tester_release_fkey FOREIGN KEY (tenant_id, app) REFERENCES catalogue.release (tenant_id, app),
  CONSTRAINT tester_who_size CHECK (length(who) BETWEEN 1 AND 255)
);
SELECT app_distribute('catalogue.tester');
SELECT app_protect('catalogue.tester');
