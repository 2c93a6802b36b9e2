-- +goose Up
-- People, their sessions, and sign-ins under way. Secrets a browser holds are kept as SHA-256 only.
CREATE SCHEMA IF NOT EXISTS identity;

-- One person at one municipality: (issuer, subject) as the issuer vouched for it, never an e-mail address.
CREATE TABLE identity.person (
    tenant_id  text        NOT NULL,
    id         uuid        NOT NULL,
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    area       text        NOT NULL,
    name       text        NOT NULL DEFAULT '',
    locale     text        NOT NULL DEFAULT '',
    claims     jsonb       NOT NULL DEFAULT '{}',
    claims_at  timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT person_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT person_subject_key UNIQUE (tenant_id, issuer, subject),
    CONSTRAINT person_area_check CHECK (area IN ('citizen', 'staff')),
    CONSTRAINT person_subject_check CHECK (length(subject) BETWEEN 1 AND 255)
);
SELECT app_distribute('identity.person');
SELECT app_protect('identity.person');

CREATE TABLE identity.session (
    tenant_id  text        NOT NULL,
    id         uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    area       text        NOT NULL,
    person_id  uuid        NOT NULL,
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    sid        text        NOT NULL DEFAULT '', -- the issuer's session, for back-channel logout
    client     text        NOT NULL,
    level      smallint    NOT NULL,
    auth_time  timestamptz,                     -- null: the issuer did not say, so no age limit is ever met
    groups     jsonb       NOT NULL DEFAULT '[]',
    launch     jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT session_token_key UNIQUE (tenant_id, token_hash),
    CONSTRAINT session_person_fkey FOREIGN KEY (tenant_id, person_id) REFERENCES identity.person (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT session_area_check CHECK (area IN ('citizen', 'staff')),
    CONSTRAINT session_level_check CHECK (level BETWEEN 0 AND 3),
    CONSTRAINT session_token_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT session_end_check CHECK (expires_at > created_at)
);
CREATE INDEX session_person_idx ON identity.session (tenant_id, person_id);
CREATE INDEX session_subject_idx ON identity.session (tenant_id, issuer, subject);
CREATE INDEX session_sid_idx ON identity.session (tenant_id, issuer, sid) WHERE sid <> '';
CREATE INDEX session_end_idx ON identity.session (tenant_id, expires_at);
SELECT app_distribute('identity.session');
SELECT app_protect('identity.session');

-- One sign-in under way. The row is deleted by the one callback that may use it.
CREATE TABLE identity.login (
    tenant_id    text        NOT NULL,
    state_hash   bytea       NOT NULL,
    browser_hash bytea       NOT NULL,
    area         text        NOT NULL,
    app          text        NOT NULL,
    issuer       text        NOT NULL,
    nonce        text        NOT NULL,
    verifier     text        NOT NULL,
    target       text        NOT NULL,
    level        smallint    NOT NULL,
    max_age_s    integer     NOT NULL,
    subject      text        NOT NULL DEFAULT '', -- step-up: who must come back
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT login_pkey PRIMARY KEY (tenant_id, state_hash),
    CONSTRAINT login_area_check CHECK (area IN ('citizen', 'staff')),
    CONSTRAINT login_level_check CHECK (level BETWEEN 0 AND 3),
    CONSTRAINT login_hash_check CHECK (octet_length(state_hash) = 32 AND octet_length(browser_hash) = 32)
);
CREATE INDEX login_end_idx ON identity.login (tenant_id, expires_at);
SELECT app_distribute('identity.login');
SELECT app_protect('identity.login');

-- Logout tokens already obeyed: each works once.
CREATE TABLE identity.logout_token (
    tenant_id  text        NOT NULL,
    issuer     text        NOT NULL,
    jti_hash   bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT logout_token_pkey PRIMARY KEY (tenant_id, issuer, jti_hash)
);
CREATE INDEX logout_token_end_idx ON identity.logout_token (tenant_id, expires_at);
SELECT app_distribute('identity.logout_token');
SELECT app_protect('identity.logout_token');
