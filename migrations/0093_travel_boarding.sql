-- +goose Up
-- Looks at tickets that were made without network are handed in later, by several devices and in any order. Devices know a
-- ticket by the SHA-256 of its code. Only the module travel writes here.

CREATE UNIQUE INDEX ticket_hash ON travel.ticket (tenant_id, sha256(code::bytea));
CREATE INDEX ticket_departure ON travel.ticket (tenant_id, departure_id);

-- Every look at which somebody was let on with a ticket. The first by its own time, then by its id, is the one that used the
-- ticket: whatever order they arrive in, the first is the same.
CREATE TABLE travel.boarding (
  tenant_id  text        NOT NULL,
  code       text        NOT NULL, -- the ticket
  scan       uuid        NOT NULL, -- the look, as the device named it: handed in twice it counts once
  at         timestamptz NOT NULL, -- by the device's clock
  by         uuid,                 -- the conductor
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, code, scan),
  CONSTRAINT boarding_ticket_fkey FOREIGN KEY (tenant_id, code) REFERENCES travel.ticket (tenant_id, code)
);
SELECT app_distribute('travel.boarding');
SELECT app_protect('travel.boarding', 'insert');
