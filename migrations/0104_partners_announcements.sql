-- +goose Up
-- What an agency told everybody who subscribed to its notices: kept, so that everybody can see what was said, by whom and when.
CREATE TABLE partners.announcement (
  tenant_id text        NOT NULL,
  id        uuid        NOT NULL,
  app       text        NOT NULL, -- the mini-app's slug
  agency    text        NOT NULL,
  heading   jsonb       NOT NULL, -- by language
  body      jsonb       NOT NULL,
  by        uuid        NOT NULL,
  by_name   text        NOT NULL,
  at        timestamptz NOT NULL,
  reached   integer     NOT NULL DEFAULT 0, -- subscribers it was sent to
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT announcement_sizes CHECK (jsonb_typeof(heading) = 'object' AND jsonb_typeof(body) = 'object' AND pg_column_size(heading) <= 4096 AND pg_column_size(body) <= 65536
    AND length(by_name) <= 200 AND reached >= 0)
);
CREATE INDEX announcement_of_app ON partners.announcement (tenant_id, app, at);
SELECT app_distribute('partners.announcement');
SELECT app_protect('partners.announcement');
