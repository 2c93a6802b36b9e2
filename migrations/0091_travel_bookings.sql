-- +goose Up
-- Who sits where on a departure, what it costs, who has paid. A booking is a case; only the module travel writes here.

-- Vehicles of an operator. The form is read by travel/seats.
CREATE TABLE travel.layout (
  tenant_id  text        NOT NULL,
  operator   text        NOT NULL,
  code       text        NOT NULL,
  form       jsonb       NOT NULL,
  version    integer     NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operator, code),
  CONSTRAINT layout_sizes CHECK (length(operator) BETWEEN 1 AND 60 AND length(code) BETWEEN 1 AND 60 AND length(form::text) <= 200000)
);
SELECT app_distribute('travel.layout');
SELECT app_protect('travel.layout');

-- What an operator charges, and by which service it is sold. The form is read by travel/fares.
CREATE TABLE travel.fare_table (
  tenant_id  text        NOT NULL,
  operator   text        NOT NULL,
  code       text        NOT NULL,
  service    text        NOT NULL, -- slug of the workflow
  routes     text[]      NOT NULL DEFAULT '{}', -- names of routes; none: every route that no other table names
  form       jsonb       NOT NULL,
  version    integer     NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operator, code),
  CONSTRAINT fare_table_sizes CHECK (length(operator) BETWEEN 1 AND 60 AND length(code) BETWEEN 1 AND 60 AND length(service) BETWEEN 1 AND 60
    AND cardinality(routes) <= 500 AND length(form::text) <= 2000000)
);
SELECT app_distribute('travel.fare_table');
SELECT app_protect('travel.fare_table');

-- The primary key is the truth about who has a place: one row per place and segment. Segment i is the ride from the i-th
-- call of the departure to the next, counted from 0. A row with hold_until is a hold, judged on the database's clock
-- inside the claim; one without is sold.
CREATE TABLE travel.occupancy (
  tenant_id    text        NOT NULL,
  departure_id uuid        NOT NULL,
  place        text        NOT NULL,
  segment      integer     NOT NULL,
  case_id      uuid        NOT NULL,
  hold_until   timestamptz,
  PRIMARY KEY (tenant_id, departure_id, place, segment),
  CONSTRAINT occupancy_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id),
  CONSTRAINT occupancy_sizes CHECK (length(place) BETWEEN 1 AND 6 AND segment BETWEEN 0 AND 999)
);
SELECT app_distribute('travel.occupancy');
SELECT app_protect('travel.occupancy');
CREATE INDEX occupancy_case ON travel.occupancy (tenant_id, case_id);
CREATE INDEX occupancy_lapsed ON travel.occupancy (tenant_id, hold_until) WHERE hold_until IS NOT NULL;

-- One booking per case of the sector.
CREATE TABLE travel.booking (
  tenant_id    text        NOT NULL,
  case_id      uuid        NOT NULL,
  number       text        NOT NULL,
  service      text        NOT NULL,
  operator     text        NOT NULL,
  state        text        NOT NULL, -- the case's
  departure_id uuid        NOT NULL,
  from_seq     integer     NOT NULL, -- calls of the departure
  to_seq       integer     NOT NULL,
  departs_at   timestamptz NOT NULL,
  arrives_at   timestamptz NOT NULL,
  hold_until   timestamptz,          -- as people were told; the rows of occupancy decide
  applicant    uuid        NOT NULL,
  locale       text        NOT NULL,
  insured      boolean     NOT NULL DEFAULT false,
  currency     text        NOT NULL,
  fare         bigint      NOT NULL, -- minor units, of all passengers
  insurance    bigint      NOT NULL DEFAULT 0,
  rules        jsonb       NOT NULL, -- the table's terms as they were told: refunds, insurance, changes
  given_back   bigint      NOT NULL DEFAULT 0, -- minor units ordered back because it was cancelled or called off
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id),
  CONSTRAINT booking_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id),
  CONSTRAINT booking_state_known CHECK (state IN ('draft', 'paying', 'booked', 'travelled', 'cancelled', 'lapsed', 'called-off')),
  CONSTRAINT booking_ride CHECK (to_seq > from_seq AND arrives_at >= departs_at),
  CONSTRAINT booking_amounts CHECK (fare >= 0 AND insurance >= 0 AND given_back >= 0 AND length(currency) = 3),
  CONSTRAINT booking_hold CHECK (hold_until IS NULL OR state IN ('draft', 'paying'))
);
SELECT app_distribute('travel.booking');
SELECT app_protect('travel.booking');
CREATE INDEX booking_mine ON travel.booking (tenant_id, applicant, case_id);
CREATE INDEX booking_departure ON travel.booking (tenant_id, departure_id, case_id);

-- Who rides, in the order in which they were named.
CREATE TABLE travel.passenger (
  tenant_id text    NOT NULL,
  case_id   uuid    NOT NULL,
  n         integer NOT NULL,
  name      text    NOT NULL DEFAULT '', -- personal data
  birthdate date,                        -- personal data
  declared  boolean NOT NULL DEFAULT false, -- the birthdate is not verified
  self      boolean NOT NULL DEFAULT false, -- the citizen themselves
  kind      text    NOT NULL DEFAULT 'seat',
  bicycle   boolean NOT NULL DEFAULT false,
  class     text    NOT NULL DEFAULT 'adult',
  proof     boolean NOT NULL DEFAULT false, -- the conductor asks for it
  fare      bigint  NOT NULL DEFAULT 0,
  place     text    NOT NULL,
  bicycle_place text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, case_id, n),
  CONSTRAINT passenger_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking (tenant_id, case_id),
  CONSTRAINT passenger_known CHECK (kind IN ('seat', 'wheelchair') AND class IN ('adult', 'child', 'senior', 'concession')),
  CONSTRAINT passenger_sizes CHECK (length(name) <= 200 AND n BETWEEN 1 AND 20 AND fare >= 0)
);
SELECT app_distribute('travel.passenger');
SELECT app_protect('travel.passenger');

-- What is asked for with kernel.Payments, and what this booking has of it.
CREATE TABLE travel.charge (
  tenant_id      text        NOT NULL,
  payment_id     uuid        NOT NULL,
  case_id        uuid        NOT NULL,
  purpose        text        NOT NULL,
  state          text        NOT NULL,
  fare           bigint      NOT NULL,
  insurance      bigint      NOT NULL,
  fare_back      bigint      NOT NULL DEFAULT 0, -- ordered back
  insurance_back bigint      NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, payment_id),
  CONSTRAINT charge_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking (tenant_id, case_id),
  CONSTRAINT charge_known CHECK (purpose IN ('booking', 'change') AND state IN ('open', 'placed', 'void')),
  CONSTRAINT charge_amounts CHECK (fare >= 0 AND insurance >= 0 AND fare + insurance > 0 AND fare_back BETWEEN 0 AND fare AND insurance_back BETWEEN 0 AND insurance
    AND (state = 'placed' OR fare_back + insurance_back = 0))
);
SELECT app_distribute('travel.charge');
SELECT app_protect('travel.charge');
CREATE INDEX charge_case ON travel.charge (tenant_id, case_id, payment_id);

-- Money that goes back. A refund is asked for once the money has been captured; until then it waits here.
CREATE TABLE travel.refund (
  tenant_id  text        NOT NULL,
  payment_id uuid        NOT NULL,
  key        text        NOT NULL,
  case_id    uuid        NOT NULL,
  reason     text        NOT NULL,
  fare       bigint      NOT NULL,
  insurance  bigint      NOT NULL,
  created_at timestamptz NOT NULL,
  ordered_at timestamptz,
  PRIMARY KEY (tenant_id, payment_id, key),
  CONSTRAINT refund_charge_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES travel.charge (tenant_id, payment_id),
  CONSTRAINT refund_amounts CHECK (fare >= 0 AND insurance >= 0 AND fare + insurance > 0)
);
SELECT app_distribute('travel.refund');
SELECT app_protect('travel.refund');
CREATE INDEX refund_case ON travel.refund (tenant_id, case_id);

-- Another departure that somebody has chosen and has yet to pay the difference for. Its places are held under the case.
CREATE TABLE travel.change (
  tenant_id    text        NOT NULL,
  case_id      uuid        NOT NULL,
  payment_id   uuid        NOT NULL,
  departure_id uuid        NOT NULL,
  from_seq     integer     NOT NULL,
  to_seq       integer     NOT NULL,
  fare         bigint      NOT NULL,
  seats        jsonb       NOT NULL, -- [{"place":"1A","bicycle":"B1","class":"adult","proof":false,"fare":1250}], in the order of the passengers
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, case_id),
  CONSTRAINT change_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking (tenant_id, case_id),
  CONSTRAINT change_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure (tenant_id, id)
);
SELECT app_distribute('travel.change');
SELECT app_protect('travel.change');

-- What is shown on board: one for each passenger, with an unguessable code.
CREATE TABLE travel.ticket (
  tenant_id    text        NOT NULL,
  code         text        NOT NULL,
  case_id      uuid        NOT NULL,
  n            integer     NOT NULL, -- the passenger
  departure_id uuid        NOT NULL,
  state        text        NOT NULL,
  used_at      timestamptz,
  used_by      uuid,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, code),
  CONSTRAINT ticket_passenger_fkey FOREIGN KEY (tenant_id, case_id, n) REFERENCES travel.passenger (tenant_id, case_id, n),
  CONSTRAINT ticket_state_known CHECK (state IN ('valid', 'used', 'void') AND (state <> 'used' OR used_at IS NOT NULL)),
  CONSTRAINT ticket_sizes CHECK (length(code) BETWEEN 16 AND 40)
);
SELECT app_distribute('travel.ticket');
SELECT app_protect('travel.ticket');
CREATE UNIQUE INDEX ticket_one_valid ON travel.ticket (tenant_id, case_id, n) WHERE state IN ('valid', 'used');
