-- +goose Up
-- The insurance that was taken out with a booking: one policy, which follows it to another departure and ends with it. Only the
-- module travel writes here.
CREATE TABLE travel.policy (
  tenant_id  text        NOT NULL,
  number     text        NOT NULL, -- as people type it
  case_id    uuid        NOT NULL,
  insurer    text        NOT NULL, -- the agency that insures
  state      text        NOT NULL,
  begins_on  date        NOT NULL, -- days by the clock of the municipality; the last one also by that of the place of arrival
  ends_on    date        NOT NULL,
  voided_on  date,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, number),
  CONSTRAINT policy_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking (tenant_id, case_id),
  CONSTRAINT policy_state_known CHECK (state IN ('force', 'void') AND (state = 'void') = (voided_on IS NOT NULL)),
  CONSTRAINT policy_days CHECK (begins_on <= ends_on),
  CONSTRAINT policy_sizes CHECK (length(number) BETWEEN 8 AND 40 AND length(insurer) BETWEEN 1 AND 60)
);
SELECT app_distribute('travel.policy');
SELECT app_protect('travel.policy');
CREATE UNIQUE INDEX policy_one ON travel.policy (tenant_id, case_id);
