-- +goose Up
-- Cases and their history. A case is one instance of a declared workflow; casework alone writes here.
CREATE SCHEMA casework;

CREATE TABLE casework.case (
  tenant_id      text        NOT NULL,
  id             uuid        NOT NULL,
  number         text        NOT NULL, -- the reference people quote, e.g. RC-2026-7K4M-93Q2
  service        text        NOT NULL, -- slug of the workflow
  sector         text        NOT NULL,
  workflow_hash  text        NOT NULL, -- the version of the definition this case follows to its end
  agency         text        NOT NULL,
  applicant      uuid        NOT NULL,
  applicant_name text        NOT NULL, -- personal data
  assignee       uuid,
  state          text        NOT NULL,
  final          boolean     NOT NULL,
  waiting        text        NOT NULL, -- whose turn it is, so that a queue is one index scan
  version        integer     NOT NULL, -- counts steps; a step names the version it was decided on
  entered        integer     NOT NULL, -- the version in which the present state was entered; timers are set in it
  answers        jsonb       NOT NULL, -- personal data
  locale         text        NOT NULL,
  channel        text        NOT NULL,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  entered_at     timestamptz NOT NULL, -- waiting since
  submitted_at   timestamptz,          -- null: a draft, which the agency does not see
  due_at         timestamptz,
  closed_at      timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT case_number_key UNIQUE (tenant_id, number),
  CONSTRAINT case_version_counts CHECK (version >= 1 AND entered BETWEEN 1 AND version),
  CONSTRAINT case_closed_when_final CHECK (final = (closed_at IS NOT NULL)),
  CONSTRAINT case_final_waits_for_nobody CHECK (NOT final OR (waiting = 'nobody' AND due_at IS NULL)),
  CONSTRAINT case_waiting_known CHECK (waiting IN ('applicant', 'agency', 'nobody')),
  CONSTRAINT case_locale_known CHECK (locale IN ('en', 'ru', 'zh')),
  CONSTRAINT case_channel_known CHECK (channel IN ('', 'list', 'search', 'qr', 'share', 'recents', 'nearby', 'push')),
  CONSTRAINT case_answers_object CHECK (jsonb_typeof(answers) = 'object'),
  CONSTRAINT case_sizes CHECK (length(number) <= 40 AND length(applicant_name) <= 300 AND pg_column_size(answers) <= 131072),
  CONSTRAINT case_times_in_order CHECK (updated_at >= created_at AND entered_at >= created_at
    AND (submitted_at IS NULL OR submitted_at >= created_at) AND (closed_at IS NULL OR closed_at >= created_at))
);
SELECT app_distribute('casework.case');
SELECT app_protect('casework.case');

-- The agency's queue: submitted and open, whose turn, in the order of the ids (which begin with their time).
CREATE INDEX case_queue ON casework.case (tenant_id, agency, waiting, id) WHERE submitted_at IS NOT NULL AND NOT final;
CREATE INDEX case_agency ON casework.case (tenant_id, agency, id) WHERE submitted_at IS NOT NULL;
CREATE INDEX case_assignee ON casework.case (tenant_id, assignee, id) WHERE assignee IS NOT NULL AND NOT final;
CREATE INDEX case_applicant ON casework.case (tenant_id, applicant, id);

-- The history: one row per step, with the version the step made. Insert-only by its grants.
CREATE TABLE casework.event (
  tenant_id  text        NOT NULL,
  case_id    uuid        NOT NULL,
  seq        integer     NOT NULL,
  action     text        NOT NULL,
  from_state text        NOT NULL, -- empty in the first event
  to_state   text        NOT NULL,
  actor_kind text        NOT NULL,
  role       text        NOT NULL, -- the role the actor used: applicant, system or a staff role
  actor_id   uuid,                 -- null: the system
  actor_name text        NOT NULL, -- personal data of an official or the applicant
  input      jsonb       NOT NULL, -- personal data
  at         timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id, seq),
  CONSTRAINT event_case_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES casework.case (tenant_id, id),
  CONSTRAINT event_seq_counts CHECK (seq >= 1),
  CONSTRAINT event_actor_known CHECK (actor_kind IN ('citizen', 'staff', 'system')),
  CONSTRAINT event_person_acts CHECK ((actor_kind = 'system') = (actor_id IS NULL)),
  CONSTRAINT event_first_opens CHECK ((seq = 1) = (from_state = '')),
  CONSTRAINT event_input_object CHECK (jsonb_typeof(input) = 'object')
);
SELECT app_distribute('casework.event');
SELECT app_protect('casework.event', 'insert');
