-- +goose Up
-- What the issuer gave of a person to one mini-app, when it last asked through that mini-app's own client: consent is per
-- purpose, and what one mini-app was given is not there for another.
CREATE TABLE identity.consent (
    tenant_id text        NOT NULL,
    person_id uuid        NOT NULL,
    app       text        NOT NULL, -- '': given before this was kept; cases that ran then go on with it
    asked     jsonb       NOT NULL, -- names of claims the issuer was asked for
    given     jsonb       NOT NULL, -- names of those it gave; their values are the person's
    at        timestamptz NOT NULL,
    CONSTRAINT consent_pkey PRIMARY KEY (tenant_id, person_id, app),
    CONSTRAINT consent_person_fkey FOREIGN KEY (tenant_id, person_id) REFERENCES identity.person (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT consent_names_check CHECK (jsonb_typeof(asked) = 'array' AND jsonb_typeof(given) = 'array')
);
SELECT app_distribute('identity.consent');

-- Row-level security binds the owner too, but for this.
ALTER TABLE identity.person NO FORCE ROW LEVEL SECURITY;
INSERT INTO identity.consent (tenant_id, person_id, app, asked, given, at)
  SELECT tenant_id, id, '', '[]', (SELECT COALESCE(jsonb_agg(k ORDER BY k), '[]') FROM jsonb_object_keys(claims) k), COALESCE(claims_at, created_at)
  FROM identity.person WHERE area = 'citizen' AND claims <> '{}';
ALTER TABLE identity.person FORCE ROW LEVEL SECURITY;

SELECT app_protect('identity.consent');
