-- +goose Up
-- Clinics, their calendars and the appointments in them. A facility is an agency of the municipality; an appointment is
-- a case. Only the module medical writes here.
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE SCHEMA medical;

CREATE TABLE medical.facility (
  tenant_id  text        NOT NULL,
  id         text        NOT NULL, -- the agency's id; its name stands in the settings
  phone      text        NOT NULL DEFAULT '',
  website    text        NOT NULL DEFAULT '',
  published  boolean     NOT NULL DEFAULT true, -- in feeds and in the search
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT facility_sizes CHECK (length(id) BETWEEN 1 AND 60 AND length(phone) <= 40 AND length(website) <= 300)
);
SELECT app_distribute('medical.facility');
SELECT app_protect('medical.facility');

CREATE TABLE medical.place (
  tenant_id   text    NOT NULL,
  id          uuid    NOT NULL,
  facility    text    NOT NULL,
  code        text    NOT NULL, -- what people and import files call it
  name        jsonb   NOT NULL, -- by locale
  street      text    NOT NULL,
  postal_code text    NOT NULL,
  locality    text    NOT NULL,
  country     text    NOT NULL,
  latitude    double precision,
  longitude   double precision,
  zone        text    NOT NULL, -- IANA
  phone       text    NOT NULL DEFAULT '',
  directions  jsonb   NOT NULL DEFAULT '{}', -- by locale
  opening     jsonb   NOT NULL DEFAULT '[]', -- [{"days":[1,2],"from":"08:00","until":"18:00"}], 1 is Monday
  door_code   text    NOT NULL, -- behind the QR code at the door; it opens nothing, it names the place
  active      boolean NOT NULL DEFAULT true,
  version     integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT place_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility (tenant_id, id),
  CONSTRAINT place_code_key UNIQUE (tenant_id, facility, code),
  CONSTRAINT place_door_key UNIQUE (tenant_id, door_code),
  CONSTRAINT place_position CHECK ((latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180),
  CONSTRAINT place_texts CHECK (jsonb_typeof(name) = 'object' AND jsonb_typeof(directions) = 'object' AND jsonb_typeof(opening) = 'array'),
  CONSTRAINT place_sizes CHECK (length(code) BETWEEN 1 AND 60 AND length(street) <= 200 AND length(postal_code) <= 20 AND length(locality) <= 100
    AND length(country) = 2 AND length(zone) <= 60 AND length(phone) <= 40 AND length(door_code) BETWEEN 8 AND 64)
);
SELECT app_distribute('medical.place');
SELECT app_protect('medical.place');

CREATE TABLE medical.practitioner (
  tenant_id text    NOT NULL,
  id        uuid    NOT NULL,
  facility  text    NOT NULL,
  code      text    NOT NULL,
  name      text    NOT NULL,
  specialty jsonb   NOT NULL DEFAULT '{}', -- by locale
  languages text[]  NOT NULL DEFAULT '{}', -- BCP 47
  person    uuid,                          -- their own sign-in, when known
  active    boolean NOT NULL DEFAULT true,
  version   integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT practitioner_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility (tenant_id, id),
  CONSTRAINT practitioner_code_key UNIQUE (tenant_id, facility, code),
  CONSTRAINT practitioner_sizes CHECK (length(code) BETWEEN 1 AND 60 AND length(name) BETWEEN 1 AND 200 AND cardinality(languages) <= 20)
);
SELECT app_distribute('medical.practitioner');
SELECT app_protect('medical.practitioner');

CREATE TABLE medical.visit_type (
  tenant_id    text    NOT NULL,
  code         text    NOT NULL,
  service      text    NOT NULL, -- slug of the workflow
  name         jsonb   NOT NULL,
  minutes      integer NOT NULL,
  level        text    NOT NULL, -- of the sign-in that confirms it
  min_age      integer,          -- in full years on the day of the visit
  max_age      integer,
  preparation  jsonb   NOT NULL DEFAULT '{}',
  bring        jsonb   NOT NULL DEFAULT '{}',
  needs        text[]  NOT NULL DEFAULT '{}', -- kinds of resources taken with the practitioner
  cancel_hours integer NOT NULL DEFAULT 0,    -- the citizen may change it until so long before
  coding       jsonb,                         -- {"system","code","display"} for FHIR
  active       boolean NOT NULL DEFAULT true,
  version      integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, code),
  CONSTRAINT visit_type_level CHECK (level IN ('low', 'substantial', 'high')),
  CONSTRAINT visit_type_ages CHECK (min_age BETWEEN 0 AND 150 AND max_age BETWEEN 0 AND 150 AND coalesce(min_age, 0) <= coalesce(max_age, 150)),
  CONSTRAINT visit_type_sizes CHECK (length(code) BETWEEN 1 AND 60 AND length(service) BETWEEN 1 AND 60 AND minutes BETWEEN 1 AND 1440
    AND cardinality(needs) <= 10 AND cancel_hours BETWEEN 0 AND 720)
);
SELECT app_distribute('medical.visit_type');
SELECT app_protect('medical.visit_type');

-- Rooms and equipment that a visit needs together with the practitioner.
CREATE TABLE medical.resource (
  tenant_id text    NOT NULL,
  id        uuid    NOT NULL,
  place_id  uuid    NOT NULL,
  kind      text    NOT NULL, -- e.g. "ultrasound"
  name      text    NOT NULL,
  active    boolean NOT NULL DEFAULT true,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT resource_place_fkey FOREIGN KEY (tenant_id, place_id) REFERENCES medical.place (tenant_id, id),
  CONSTRAINT resource_name_key UNIQUE (tenant_id, place_id, name),
  CONSTRAINT resource_sizes CHECK (length(kind) BETWEEN 1 AND 60 AND length(name) BETWEEN 1 AND 100)
);
SELECT app_distribute('medical.resource');
SELECT app_protect('medical.resource');

-- What slots come from: a weekly plan of a place, an imported feed, or the desk (walk-ins).
CREATE TABLE medical.schedule (
  tenant_id       text    NOT NULL,
  id              uuid    NOT NULL,
  facility        text    NOT NULL,
  place_id        uuid    NOT NULL,
  practitioner_id uuid,             -- null: nobody in particular, e.g. a vaccination station
  origin          text    NOT NULL, -- plan, feed, desk
  feed_key        text,             -- the schedule's id in its feed
  visit_types     text[]  NOT NULL,
  rrule           text    NOT NULL DEFAULT '', -- RFC 5545 §3.3.10, by the place's local dates
  time_from       time,
  time_until      time,
  slot_minutes    integer NOT NULL,
  capacity        integer NOT NULL DEFAULT 1, -- people per slot
  starts_on       date    NOT NULL,
  ends_on         date,
  made_until      date,             -- slots exist up to and without this local day
  active          boolean NOT NULL DEFAULT true,
  version         integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT schedule_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility (tenant_id, id),
  CONSTRAINT schedule_place_fkey FOREIGN KEY (tenant_id, place_id) REFERENCES medical.place (tenant_id, id),
  CONSTRAINT schedule_practitioner_fkey FOREIGN KEY (tenant_id, practitioner_id) REFERENCES medical.practitioner (tenant_id, id),
  CONSTRAINT schedule_feed_key UNIQUE (tenant_id, facility, feed_key),
  CONSTRAINT schedule_origin_known CHECK (origin IN ('plan', 'feed', 'desk') AND (origin = 'feed') = (feed_key IS NOT NULL)),
  CONSTRAINT schedule_plan_complete CHECK (origin <> 'plan' OR (rrule <> '' AND time_from IS NOT NULL AND time_until > time_from)),
  CONSTRAINT schedule_sizes CHECK (slot_minutes BETWEEN 1 AND 1440 AND capacity BETWEEN 1 AND 1000 AND length(rrule) <= 500
    AND cardinality(visit_types) BETWEEN 0 AND 50 AND coalesce(ends_on, starts_on) >= starts_on)
);
SELECT app_distribute('medical.schedule');
SELECT app_protect('medical.schedule');
CREATE INDEX schedule_visits ON medical.schedule USING gin (visit_types) WHERE active;

CREATE TABLE medical.holiday (
  tenant_id text  NOT NULL,
  id        uuid  NOT NULL,
  facility  text, -- null: the whole municipality's
  day       date  NOT NULL,
  name      jsonb NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT app_distribute('medical.holiday');
SELECT app_protect('medical.holiday');
CREATE UNIQUE INDEX holiday_once ON medical.holiday (tenant_id, (coalesce(facility, '')), day);

-- Exceptions in time: "closed" takes time away from a schedule, a practitioner, a place or the facility; "extra" adds a
-- session to a schedule.
CREATE TABLE medical.exception (
  tenant_id       text        NOT NULL,
  id              uuid        NOT NULL,
  facility        text        NOT NULL,
  kind            text        NOT NULL,
  schedule_id     uuid,
  practitioner_id uuid,
  place_id        uuid,
  from_at         timestamptz NOT NULL,
  until_at        timestamptz NOT NULL,
  reason          text        NOT NULL DEFAULT '', -- for the staff
  created_by      uuid,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT exception_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility (tenant_id, id),
  CONSTRAINT exception_schedule_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES medical.schedule (tenant_id, id),
  CONSTRAINT exception_kind_known CHECK (kind IN ('closed', 'extra') AND (kind = 'closed' OR schedule_id IS NOT NULL)),
  CONSTRAINT exception_times CHECK (until_at > from_at),
  CONSTRAINT exception_sizes CHECK (length(reason) <= 300)
);
SELECT app_distribute('medical.exception');
SELECT app_protect('medical.exception');
CREATE INDEX exception_time ON medical.exception (tenant_id, facility, until_at);

-- The slot's row is the truth about who has it: booked counts confirmed appointments, a hold is a case with the moment
-- its claim ends. Free is booked + live holds < capacity, judged inside the claiming statement. "spare" is booked <
-- capacity once more, as a column of its own: the index of the search is over it, and a group slot that is not full yet is
-- updated without touching any index.
CREATE TABLE medical.slot (
  tenant_id       text          NOT NULL,
  id              uuid          NOT NULL,
  facility        text          NOT NULL,
  place_id        uuid          NOT NULL,
  schedule_id     uuid          NOT NULL,
  practitioner_id uuid,
  starts_at       timestamptz   NOT NULL,
  ends_at         timestamptz   NOT NULL,
  capacity        integer       NOT NULL,
  booked          integer       NOT NULL DEFAULT 0,
  spare           boolean       NOT NULL DEFAULT true,
  open            boolean       NOT NULL DEFAULT true, -- false: no longer offered; kept for who booked it
  hold_case       uuid[]        NOT NULL DEFAULT '{}',
  hold_until      timestamptz[] NOT NULL DEFAULT '{}', -- parallel to hold_case
  feed_key        text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT slot_schedule_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES medical.schedule (tenant_id, id),
  CONSTRAINT slot_once UNIQUE (tenant_id, schedule_id, starts_at),
  CONSTRAINT slot_not_overbooked CHECK (booked BETWEEN 0 AND capacity),
  CONSTRAINT slot_spare_true CHECK (spare = (booked < capacity)),
  CONSTRAINT slot_times CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '1 day'),
  CONSTRAINT slot_holds CHECK (cardinality(hold_case) = cardinality(hold_until) AND cardinality(hold_case) <= 2000),
  -- Nobody treats two patients at once.
  CONSTRAINT slot_practitioner_free EXCLUDE USING gist (tenant_id WITH =, practitioner_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
    WHERE (practitioner_id IS NOT NULL)
);
SELECT app_distribute('medical.slot');
SELECT app_protect('medical.slot');
CREATE INDEX slot_free ON medical.slot (tenant_id, schedule_id, starts_at) WHERE spare AND open;
CREATE INDEX slot_day ON medical.slot (tenant_id, facility, starts_at);

-- How many holds of a slot still count.
CREATE FUNCTION medical.live_holds(until timestamptz[]) RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
  AS 'SELECT count(*) FROM unnest(until) AS u WHERE u > clock_timestamp()';
GRANT EXECUTE ON FUNCTION medical.live_holds(timestamptz[]) TO townhall_rw, townhall_ro;

-- A resource that a booked slot uses. It belongs to the slot: a group shares it.
CREATE TABLE medical.occupancy (
  tenant_id   text      NOT NULL,
  resource_id uuid      NOT NULL,
  slot_id     uuid      NOT NULL,
  during      tstzrange NOT NULL,
  PRIMARY KEY (tenant_id, resource_id, slot_id),
  CONSTRAINT occupancy_resource_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES medical.resource (tenant_id, id),
  CONSTRAINT occupancy_slot_fkey FOREIGN KEY (tenant_id, slot_id) REFERENCES medical.slot (tenant_id, id),
  CONSTRAINT occupancy_free EXCLUDE USING gist (tenant_id WITH =, resource_id WITH =, during WITH &&)
);
SELECT app_distribute('medical.occupancy');
SELECT app_protect('medical.occupancy');
CREATE INDEX occupancy_slot ON medical.occupancy (tenant_id, slot_id);

-- One appointment per case of the sector. The case's history says who did what; here stands where and when.
CREATE TABLE medical.appointment (
  tenant_id         text        NOT NULL,
  case_id           uuid        NOT NULL,
  number            text        NOT NULL,
  service           text        NOT NULL,
  facility          text        NOT NULL,
  visit_type        text        NOT NULL,
  state             text        NOT NULL, -- the case's
  slot_id           uuid,                 -- the slot that is booked; null while nothing is
  place_id          uuid,
  practitioner_id   uuid,
  starts_at         timestamptz,
  ends_at           timestamptz,
  hold_slot         uuid,                 -- the slot that is held
  hold_until        timestamptz,
  applicant         uuid        NOT NULL,
  for_whom          text        NOT NULL,
  patient_name      text        NOT NULL, -- personal data
  patient_birthdate date,                 -- personal data
  relation          text        NOT NULL DEFAULT '',
  locale            text        NOT NULL,
  sequence          integer     NOT NULL DEFAULT 0, -- RFC 5545 §3.8.7.4
  calendar_token    text        NOT NULL, -- the unguessable part of the calendar link
  cancel_reason     text        NOT NULL DEFAULT '',
  checked_in_at     timestamptz,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id),
  CONSTRAINT appointment_slot_fkey FOREIGN KEY (tenant_id, slot_id) REFERENCES medical.slot (tenant_id, id),
  CONSTRAINT appointment_calendar_key UNIQUE (tenant_id, calendar_token),
  CONSTRAINT appointment_state_known CHECK (state IN ('draft', 'waiting', 'offered', 'booked', 'arrived', 'attended', 'closed', 'cancelled', 'missed', 'lapsed')),
  CONSTRAINT appointment_has_slot CHECK ((state IN ('booked', 'arrived', 'attended', 'closed', 'missed')) = (slot_id IS NOT NULL)),
  CONSTRAINT appointment_times CHECK ((slot_id IS NULL OR starts_at IS NOT NULL) AND (starts_at IS NULL) = (ends_at IS NULL)),
  CONSTRAINT appointment_hold CHECK ((hold_slot IS NULL) = (hold_until IS NULL) AND (hold_slot IS NULL OR state IN ('draft', 'offered'))),
  CONSTRAINT appointment_for_whom CHECK (for_whom IN ('self', 'child', 'mandate', 'desk')),
  CONSTRAINT appointment_sizes CHECK (length(patient_name) <= 300 AND length(relation) <= 60 AND length(cancel_reason) <= 60 AND length(calendar_token) >= 22)
);
SELECT app_distribute('medical.appointment');
SELECT app_protect('medical.appointment');
CREATE UNIQUE INDEX appointment_same_time ON medical.appointment (tenant_id, slot_id, applicant, patient_name) WHERE slot_id IS NOT NULL;
CREATE INDEX appointment_day ON medical.appointment (tenant_id, facility, starts_at) WHERE starts_at IS NOT NULL;
CREATE INDEX appointment_mine ON medical.appointment (tenant_id, applicant, case_id);

-- The key of one person's health data, wrapped by a key outside of the database. Without its row nothing of theirs can be
-- read again.
CREATE TABLE medical.person_key (
  tenant_id  text        NOT NULL,
  person     uuid        NOT NULL,
  master     text        NOT NULL, -- which key wraps it
  wrapped    bytea       NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, person),
  CONSTRAINT person_key_sizes CHECK (length(master) BETWEEN 1 AND 60 AND length(wrapped) BETWEEN 32 AND 200)
);
SELECT app_distribute('medical.person_key');
SELECT app_protect('medical.person_key');

-- Health data in free text, sealed.
CREATE TABLE medical.note (
  tenant_id  text        NOT NULL,
  case_id    uuid        NOT NULL,
  kind       text        NOT NULL,
  person     uuid        NOT NULL, -- whose key
  sealed     bytea       NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id, kind),
  CONSTRAINT note_kind_known CHECK (kind IN ('reason', 'outcome')),
  CONSTRAINT note_sizes CHECK (length(sealed) <= 20000)
);
SELECT app_distribute('medical.note');
SELECT app_protect('medical.note');

-- The waiting list: what somebody wishes, and what they are offered.
CREATE TABLE medical.waiting (
  tenant_id    text        NOT NULL,
  case_id      uuid        NOT NULL,
  visit_type   text        NOT NULL,
  facility     text        NOT NULL,
  place_id     uuid,                 -- null: any of the facility
  from_day     date        NOT NULL,
  until_day    date        NOT NULL,
  part         text        NOT NULL, -- of the day
  state        text        NOT NULL,
  offered_slot uuid,
  offer_until  timestamptz,
  offers       integer     NOT NULL DEFAULT 0,
  joined_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id),
  CONSTRAINT waiting_state_known CHECK (state IN ('waiting', 'offered', 'ended')),
  CONSTRAINT waiting_part_known CHECK (part IN ('any', 'morning', 'afternoon')),
  CONSTRAINT waiting_days CHECK (until_day >= from_day),
  CONSTRAINT waiting_offer CHECK ((state = 'offered') = (offered_slot IS NOT NULL) AND (offered_slot IS NULL) = (offer_until IS NULL))
);
SELECT app_distribute('medical.waiting');
SELECT app_protect('medical.waiting');
CREATE INDEX waiting_line ON medical.waiting (tenant_id, facility, visit_type, joined_at) WHERE state = 'waiting';

-- What a person has to settle: a booked slot that its schedule no longer makes, a practitioner in two places.
CREATE TABLE medical.task (
  tenant_id   text        NOT NULL,
  id          uuid        NOT NULL,
  facility    text        NOT NULL,
  kind        text        NOT NULL,
  slot_id     uuid,
  case_id     uuid,
  schedule_id uuid,
  details     jsonb       NOT NULL DEFAULT '{}', -- nothing personal
  created_at  timestamptz NOT NULL,
  done_at     timestamptz,
  done_by     uuid,
  how         text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT task_kind_known CHECK (kind IN ('slot-gone', 'blocked', 'overlap', 'feed-gone')),
  CONSTRAINT task_done CHECK ((done_at IS NULL) = (how IS NULL)),
  CONSTRAINT task_how_known CHECK (how IN ('moved', 'called-off', 'kept', 'settled'))
);
SELECT app_distribute('medical.task');
SELECT app_protect('medical.task');
CREATE UNIQUE INDEX task_once ON medical.task (tenant_id, kind, (coalesce(slot_id, schedule_id, id)), (coalesce(case_id, id))) WHERE done_at IS NULL AND case_id IS NOT NULL;
CREATE INDEX task_open ON medical.task (tenant_id, facility, created_at) WHERE done_at IS NULL;

-- What was imported, when and by whom.
CREATE TABLE medical.import (
  tenant_id text        NOT NULL,
  id        uuid        NOT NULL,
  facility  text        NOT NULL,
  kind      text        NOT NULL,
  name      text        NOT NULL,
  sha256    bytea       NOT NULL,
  counts    jsonb       NOT NULL,
  actor     uuid,
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT import_kind_known CHECK (kind IN ('sheets', 'feed')),
  CONSTRAINT import_sizes CHECK (length(name) <= 200 AND length(sha256) = 32)
);
SELECT app_distribute('medical.import');
SELECT app_protect('medical.import', 'insert');
