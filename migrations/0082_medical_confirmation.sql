-- +goose Up
-- The numbers of the confirmations that were issued for an appointment: the desk finds it by the code that is printed on
-- any of them.
CREATE TABLE medical.confirmation (
  tenant_id text NOT NULL,
  number    text NOT NULL,
  case_id   uuid NOT NULL,
  PRIMARY KEY (tenant_id, number),
  CONSTRAINT confirmation_of_appointment FOREIGN KEY (tenant_id, case_id) REFERENCES medical.appointment (tenant_id, case_id),
  CONSTRAINT confirmation_sizes CHECK (length(number) BETWEEN 1 AND 60)
);
SELECT app_distribute('medical.confirmation');
SELECT app_protect('medical.confirmation');

-- A note without its person's key could never be read again.
ALTER TABLE medical.note
  ADD CONSTRAINT note_has_key FOREIGN KEY (tenant_id, person) REFERENCES medical.person_key (tenant_id, person);
