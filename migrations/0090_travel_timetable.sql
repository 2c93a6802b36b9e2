-- +goose Up
-- Timetables of the carriers: what runs when, from where to where. An operator is an agency of the municipality that runs
-- one feed. Only the module travel writes here.
CREATE EXTENSION IF NOT EXISTS pg_trgm; -- names of stops with a typing mistake
CREATE SCHEMA travel;

CREATE TABLE travel.operator (
  tenant_id  text        NOT NULL,
  id         text        NOT NULL, -- the agency's id; its name stands in the settings
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT operator_sizes CHECK (length(id) BETWEEN 1 AND 60)
);
SELECT app_distribute('travel.operator');
SELECT app_protect('travel.operator');

-- A version of an operator's timetable. One is in force; what earlier ones brought goes, except for the trips of departures
-- that are kept.
CREATE TABLE travel.feed (
  tenant_id    text        NOT NULL,
  id           uuid        NOT NULL,
  operator     text        NOT NULL,
  version      integer     NOT NULL,
  active       boolean     NOT NULL,
  name         text        NOT NULL, -- of the files
  sha256       bytea       NOT NULL, -- of what was read
  publisher    text        NOT NULL DEFAULT '',
  feed_version text        NOT NULL DEFAULT '',
  zone         text        NOT NULL, -- IANA: service days are of it
  first_day    date        NOT NULL, -- on which anything runs
  last_day     date        NOT NULL,
  longest      integer     NOT NULL, -- the latest time in it: seconds since noon minus 12 hours
  made_until   date        NOT NULL, -- departures exist up to and without this day of service
  fares        jsonb       NOT NULL DEFAULT '[]',
  counts       jsonb       NOT NULL,
  actor        uuid,
  imported_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT feed_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator (tenant_id, id),
  CONSTRAINT feed_version_key UNIQUE (tenant_id, operator, version),
  CONSTRAINT feed_days CHECK (last_day >= first_day),
  CONSTRAINT feed_sizes CHECK (version > 0 AND length(name) <= 200 AND length(sha256) = 32 AND length(zone) BETWEEN 1 AND 60 AND longest BETWEEN 0 AND 2000000
    AND length(publisher) <= 200 AND length(feed_version) <= 200 AND jsonb_typeof(fares) = 'array')
);
SELECT app_distribute('travel.feed');
SELECT app_protect('travel.feed');
CREATE UNIQUE INDEX feed_active ON travel.feed (tenant_id, operator) WHERE active;

-- A stop is the same one in every version of the timetable: it is found by the operator's own id for it. "station_id" is
-- where people search and change: the station it belongs to, else the stop itself.
CREATE TABLE travel.stop (
  tenant_id     text     NOT NULL,
  id            uuid     NOT NULL,
  operator      text     NOT NULL,
  code          text     NOT NULL, -- stop_id in the feed
  station_id    uuid     NOT NULL,
  kind          smallint NOT NULL, -- location_type: 0 stop, 1 station, 2 entrance, 3 node, 4 boarding place
  name          jsonb    NOT NULL, -- by locale
  folded        text     NOT NULL, -- its names as they are searched
  sign          text     NOT NULL DEFAULT '', -- what stands on it for passengers (stop_code)
  platform      text     NOT NULL DEFAULT '',
  fare_zone     text     NOT NULL DEFAULT '',
  latitude      double precision,
  longitude     double precision,
  zone          text     NOT NULL, -- IANA: times are shown in it
  wheelchair    smallint NOT NULL, -- 0 not told, 1 yes, 2 no
  active        boolean  NOT NULL DEFAULT true, -- in the timetable in force
  CONSTRAINT stop_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator (tenant_id, id),
  CONSTRAINT stop_code_key UNIQUE (tenant_id, operator, code),
  CONSTRAINT stop_values CHECK (kind BETWEEN 0 AND 4 AND wheelchair BETWEEN 0 AND 2 AND jsonb_typeof(name) = 'object'),
  CONSTRAINT stop_position CHECK ((latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180),
  CONSTRAINT stop_sizes CHECK (length(code) BETWEEN 1 AND 200 AND length(sign) <= 60 AND length(platform) <= 60 AND length(fare_zone) <= 200 AND length(zone) BETWEEN 1 AND 60)
);
-- Added after the other key: the first timetable is brought before there are statistics, and then the planner, to which two
-- indexes that begin with the municipality are alike, takes the younger one for each of a hundred thousand checks.
ALTER TABLE travel.stop ADD PRIMARY KEY (tenant_id, id),
  ADD CONSTRAINT stop_station_fkey FOREIGN KEY (tenant_id, station_id) REFERENCES travel.stop (tenant_id, id);
SELECT app_distribute('travel.stop');
SELECT app_protect('travel.stop');
CREATE INDEX stop_searched ON travel.stop (tenant_id) WHERE active AND id = station_id AND kind <= 1;

CREATE TABLE travel.route (
  tenant_id  text     NOT NULL,
  feed       uuid     NOT NULL,
  key        text     NOT NULL, -- route_id
  agency     text     NOT NULL DEFAULT '', -- agency_id: the carrier as the feed names it
  carrier    text     NOT NULL DEFAULT '', -- its name
  short      text     NOT NULL DEFAULT '',
  name       jsonb    NOT NULL, -- by locale
  means      text     NOT NULL,
  color      text     NOT NULL DEFAULT '',
  text_color text     NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, feed, key),
  CONSTRAINT route_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed (tenant_id, id),
  CONSTRAINT route_means_known CHECK (means IN ('tram', 'metro', 'rail', 'bus', 'coach', 'ferry', 'cable', 'air', 'taxi', 'other')),
  CONSTRAINT route_sizes CHECK (length(key) BETWEEN 1 AND 200 AND length(short) <= 60 AND color ~ '^([0-9a-f]{6})?$' AND text_color ~ '^([0-9a-f]{6})?$')
);
SELECT app_distribute('travel.route');
SELECT app_protect('travel.route');

-- The days of a service, exceptions already counted in.
CREATE TABLE travel.service_day (
  tenant_id text NOT NULL,
  feed      uuid NOT NULL,
  service   text NOT NULL,
  day       date NOT NULL,
  PRIMARY KEY (tenant_id, feed, day, service),
  CONSTRAINT service_day_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed (tenant_id, id)
);
SELECT app_distribute('travel.service_day');
SELECT app_protect('travel.service_day');

CREATE TABLE travel.trip (
  tenant_id  text     NOT NULL,
  feed       uuid     NOT NULL,
  number     integer  NOT NULL,
  key        text     NOT NULL, -- trip_id, with the time behind it for one of frequencies.txt
  route      text     NOT NULL,
  service    text     NOT NULL,
  headsign   jsonb    NOT NULL DEFAULT '{}', -- by locale
  name       text     NOT NULL DEFAULT '',
  direction  smallint NOT NULL,
  wheelchair smallint NOT NULL, -- 0 not told, 1 yes, 2 no
  bicycle    smallint NOT NULL,
  headway    integer  NOT NULL, -- seconds; above 0 the times are about right
  leaves     integer  NOT NULL, -- its first stop, in seconds since noon minus 12 hours
  ends       integer  NOT NULL,
  pattern    bytea    NOT NULL, -- of its calls: two trips of one pattern are the same to somebody who has booked
  PRIMARY KEY (tenant_id, feed, number),
  CONSTRAINT trip_key_key UNIQUE (tenant_id, key, feed), -- in this order, so that nothing but the primary key begins with the feed
  CONSTRAINT trip_route_fkey FOREIGN KEY (tenant_id, feed, route) REFERENCES travel.route (tenant_id, feed, key),
  CONSTRAINT trip_values CHECK (direction BETWEEN 0 AND 1 AND wheelchair BETWEEN 0 AND 2 AND bicycle BETWEEN 0 AND 2 AND headway >= 0 AND ends >= leaves),
  CONSTRAINT trip_sizes CHECK (length(key) BETWEEN 1 AND 210 AND length(name) <= 60 AND length(pattern) = 32)
);
SELECT app_distribute('travel.trip');
SELECT app_protect('travel.trip');

-- The calls of a trip, numbered from 0: segment n of a departure is from call n to call n + 1.
CREATE TABLE travel.stop_time (
  tenant_id  text     NOT NULL,
  feed       uuid     NOT NULL,
  trip       integer  NOT NULL,
  seq        smallint NOT NULL,
  stop_id    uuid     NOT NULL,
  arrives    integer  NOT NULL, -- seconds since noon minus 12 hours of the day of service (GTFS Schedule, "stop_times.txt")
  departs    integer  NOT NULL,
  pickup     smallint NOT NULL, -- 0 regular, 1 not at all, 2 by telephone, 3 ask the driver
  drop_off   smallint NOT NULL,
  estimated  boolean  NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, feed, trip, seq),
  CONSTRAINT stop_time_trip_fkey FOREIGN KEY (tenant_id, feed, trip) REFERENCES travel.trip (tenant_id, feed, number),
  CONSTRAINT stop_time_stop_fkey FOREIGN KEY (tenant_id, stop_id) REFERENCES travel.stop (tenant_id, id),
  CONSTRAINT stop_time_values CHECK (seq >= 0 AND arrives >= 0 AND departs >= arrives AND pickup BETWEEN 0 AND 3 AND drop_off BETWEEN 0 AND 3)
);
SELECT app_distribute('travel.stop_time');
SELECT app_protect('travel.stop_time');

-- One trip on one day of service: what seats are sold for. Its row is locked by whoever takes a seat, so that what somebody
-- has booked ("claimed") is never taken away by an import: it becomes a conflict.
CREATE TABLE travel.departure (
  tenant_id    text        NOT NULL,
  id           uuid        NOT NULL,
  operator     text        NOT NULL,
  feed         uuid        NOT NULL,
  trip         integer     NOT NULL,
  trip_key     text        NOT NULL,
  service_date date        NOT NULL,
  base_at      timestamptz NOT NULL, -- noon minus 12 hours: the times of its calls are counted from here
  starts_at    timestamptz NOT NULL,
  ends_at      timestamptz NOT NULL,
  layout       text        NOT NULL DEFAULT '', -- of the vehicle; empty: the operator's usual one
  state        text        NOT NULL DEFAULT 'scheduled',
  offered      boolean     NOT NULL DEFAULT true, -- as the timetable in force has it
  claimed      boolean     NOT NULL DEFAULT false, -- somebody has, or had, a seat
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT departure_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator (tenant_id, id),
  CONSTRAINT departure_trip_fkey FOREIGN KEY (tenant_id, feed, trip) REFERENCES travel.trip (tenant_id, feed, number),
  CONSTRAINT departure_once UNIQUE (tenant_id, operator, trip_key, service_date),
  CONSTRAINT departure_state_known CHECK (state IN ('scheduled', 'called-off')),
  CONSTRAINT departure_times CHECK (starts_at >= base_at AND ends_at >= starts_at),
  CONSTRAINT departure_sizes CHECK (length(trip_key) BETWEEN 1 AND 210 AND length(layout) <= 60)
);
SELECT app_distribute('travel.departure');
SELECT app_protect('travel.departure');
CREATE UNIQUE INDEX departure_trip ON travel.departure (tenant_id, feed, trip, service_date);
CREATE INDEX departure_withdrawn ON travel.departure (tenant_id, service_date) WHERE NOT offered OR state <> 'scheduled';
CREATE INDEX departure_ahead ON travel.departure (tenant_id, operator, starts_at);

-- The calls of departures, as moments.
CREATE VIEW travel.departure_call WITH (security_invoker = true) AS
  SELECT d.tenant_id, d.id AS departure_id, t.seq, t.stop_id, s.station_id, s.name AS stop_name, s.zone, s.fare_zone,
    d.base_at + t.arrives * interval '1 second' AS arrives_at, d.base_at + t.departs * interval '1 second' AS departs_at,
    t.pickup <> 1 AS pickup, t.drop_off <> 1 AS drop_off, t.estimated
  FROM travel.departure d
  JOIN travel.stop_time t ON t.tenant_id = d.tenant_id AND t.feed = d.feed AND t.trip = d.trip
  JOIN travel.stop s ON s.tenant_id = t.tenant_id AND s.id = t.stop_id;
GRANT SELECT ON travel.departure_call TO townhall_rw, townhall_ro;

-- What staff have to settle: a booked departure that the timetable in force does not have, or has otherwise.
CREATE TABLE travel.conflict (
  tenant_id    text        NOT NULL,
  id           uuid        NOT NULL,
  operator     text        NOT NULL,
  departure_id uuid        NOT NULL,
  feed         uuid        NOT NULL, -- in which it was seen last
  kind         text        NOT NULL,
  created_at   timestamptz NOT NULL,
  done_at      timestamptz,
  done_by      uuid,
  how          text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT conflict_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id),
  CONSTRAINT conflict_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed (tenant_id, id),
  CONSTRAINT conflict_kind_known CHECK (kind IN ('gone', 'changed')),
  CONSTRAINT conflict_done CHECK ((done_at IS NULL) = (how IS NULL)),
  CONSTRAINT conflict_how_known CHECK (how IN ('kept', 'moved', 'called-off', 'settled'))
);
SELECT app_distribute('travel.conflict');
SELECT app_protect('travel.conflict');
CREATE UNIQUE INDEX conflict_open ON travel.conflict (tenant_id, departure_id) WHERE done_at IS NULL;
CREATE INDEX conflict_operator ON travel.conflict (tenant_id, operator, created_at) WHERE done_at IS NULL;
