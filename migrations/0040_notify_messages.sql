-- +goose Up
-- The citizens' inbox, and what became of the copies that left the house.
CREATE SCHEMA notify;

CREATE TABLE notify.message (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL, -- the effect that brought it: one notice, one message
  person     uuid        NOT NULL,
  case_id    uuid        NOT NULL,
  service    text        NOT NULL,
  number     text        NOT NULL, -- of the case
  notice     text        NOT NULL, -- its name in the workflow's definition
  title      jsonb       NOT NULL, -- locale → text, without personal data
  body       jsonb       NOT NULL,
  path       text        NOT NULL, -- where the citizen goes on, on the municipality's own origin
  created_at timestamptz NOT NULL,
  read_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT message_texts CHECK (jsonb_typeof(title) = 'object' AND jsonb_typeof(body) = 'object'),
  CONSTRAINT message_path_local CHECK (path ~ '^/([^/\\]|$)'),
  CONSTRAINT message_times_in_order CHECK (read_at IS NULL OR read_at >= created_at)
);
SELECT app_distribute('notify.message');
SELECT app_protect('notify.message');

CREATE INDEX message_inbox ON notify.message (tenant_id, person, created_at, id);
CREATE INDEX message_unread ON notify.message (tenant_id, person) WHERE read_at IS NULL;

-- One row per copy that reached its end: delivered, or refused for good by the other side.
CREATE TABLE notify.delivery (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL, -- the effect; also webhook-id and the local part of Message-ID
  message_id uuid        NOT NULL,
  channel    text        NOT NULL,
  outcome    text        NOT NULL,
  attempt    integer     NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT delivery_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES notify.message (tenant_id, id) ON DELETE CASCADE,
  CONSTRAINT delivery_once_per_channel UNIQUE (tenant_id, message_id, channel),
  CONSTRAINT delivery_channel_known CHECK (channel IN ('webhook', 'email')),
  CONSTRAINT delivery_outcome_known CHECK (outcome IN ('delivered', 'refused', 'no-address')),
  CONSTRAINT delivery_attempt_counts CHECK (attempt >= 1)
);
SELECT app_distribute('notify.delivery');
SELECT app_protect('notify.delivery');
