-- +goose Up
-- Bookings whose departure the operator moved. A row is written with the move and is open until its booking is settled: while
-- one is, nothing of the departure is sold. It stays for as long as the booking rides there, because whoever was moved further
-- than the operator's terms tolerate may cancel with everything back.
CREATE TABLE travel.moved (
  tenant_id    text        NOT NULL,
  case_id      uuid        NOT NULL,
  departure_id uuid        NOT NULL, -- which was moved
  from_stop    uuid        NOT NULL, -- where the booking begins and ends: its calls have other numbers now
  to_stop      uuid        NOT NULL,
  departs_at   timestamptz NOT NULL, -- when the ride was to begin and end as the citizen chose it
  arrives_at   timestamptz NOT NULL,
  seats        jsonb       NOT NULL DEFAULT '[]', -- [{"place":"1A","bicycle":"B1"}], in the order of the passengers; none: it does not fit any more
  created_at   timestamptz NOT NULL,
  done_at      timestamptz,
  PRIMARY KEY (tenant_id, case_id),
  CONSTRAINT moved_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking (tenant_id, case_id),
  CONSTRAINT moved_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id),
  CONSTRAINT moved_times CHECK (arrives_at >= departs_at)
);
SELECT app_distribute('travel.moved');
SELECT app_protect('travel.moved');
CREATE INDEX moved_open ON travel.moved (tenant_id, departure_id) WHERE done_at IS NULL;
