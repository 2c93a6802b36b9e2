-- +goose Up
-- The language in which somebody was told about a payment; empty: their own. The receipt speaks it, like the other documents of the
-- case.
ALTER TABLE payments.payment ADD COLUMN locale text NOT NULL DEFAULT '' CHECK (length(locale) <= 10);
