-- +goose Up
-- Departures: one trip on one day of service, as the timetable has it. Only the module travel writes here.
CREATE SCHEMA travel;

CREATE TABLE travel.departure (
  tenant_id    text    NOT NULL,
  id           uuid    NOT NULL,
  operator     text    NOT NULL, -- the agency that runs it
  trip_key     text    NOT NULL, -- the trip's id in the operator's feed
  service_date date    NOT NULL,
  route_name   text    NOT NULL,
  headsign     text    NOT NULL DEFAULT '',
  zone         text    NOT NULL, -- IANA
  layout       text    NOT NULL, -- code of the vehicle's layout
  state        text    NOT NULL DEFAULT 'scheduled',
  claimed      boolean NOT NULL DEFAULT false, -- somebody has booked it: no feed takes it away any more
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT departure_once UNIQUE (tenant_id, operator, trip_key, service_date),
  CONSTRAINT departure_state_known CHECK (state IN ('scheduled', 'called-off'))
);
SELECT app_distribute('travel.departure');
SELECT app_protect('travel.departure');

CREATE TABLE travel.departure_call (
  tenant_id    text        NOT NULL,
  departure_id uuid        NOT NULL,
  seq          integer     NOT NULL,
  stop_id      text        NOT NULL,
  stop_name    text        NOT NULL,
  arrives_at   timestamptz NOT NULL,
  departs_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, departure_id, seq),
  CONSTRAINT departure_call_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id),
  CONSTRAINT departure_call_times CHECK (departs_at >= arrives_at)
);
SELECT app_distribute('travel.departure_call');
SELECT app_protect('travel.departure_call');
CREATE INDEX departure_call_stop ON travel.departure_call (tenant_id, stop_id, departs_at);
