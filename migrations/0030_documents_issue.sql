-- +goose Up
-- What was promised to be issued (document), and what was issued (file). A document's number and date are final from
-- its first row on, so that a repeated rendering gives the same page.
CREATE SCHEMA documents;

CREATE TABLE documents.document (
  tenant_id     text        NOT NULL,
  id            uuid        NOT NULL,
  case_id       uuid,
  holder        uuid        NOT NULL,
  agency        text        NOT NULL,
  type          text        NOT NULL, -- e.g. residence-certificate
  number        text        NOT NULL, -- as printed
  code          text        NOT NULL, -- the number without its prefix and hyphens: what people's typing is reduced to
  title         text        NOT NULL,
  municipality  text        NOT NULL,
  issuer        text        NOT NULL,
  locale        text        NOT NULL,
  content       jsonb,                -- personal; gone once the file is published, which says the same
  content_hash  bytea       NOT NULL, -- SHA-256 of the content as it was intended
  template      text        NOT NULL, -- version of the layout
  state         text        NOT NULL,
  issued_at     timestamptz NOT NULL,
  valid_to      timestamptz,          -- null: no end
  published_at  timestamptz,
  superseded_by uuid,
  revoked_at    timestamptz,
  revoked_by    uuid,
  revoke_reason text,
  version       integer     NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT document_code_once UNIQUE (tenant_id, code),
  CONSTRAINT document_state_known CHECK (state IN ('pending', 'valid', 'superseded', 'revoked')),
  CONSTRAINT document_pending_has_content CHECK ((state = 'pending') = (content IS NOT NULL)),
  CONSTRAINT document_published_has_time CHECK ((state = 'pending') = (published_at IS NULL)),
  CONSTRAINT document_revoked_has_reason CHECK ((state = 'revoked') = (revoke_reason IS NOT NULL AND revoked_at IS NOT NULL)),
  CONSTRAINT document_superseded_by_another CHECK (state <> 'superseded' OR (superseded_by IS NOT NULL AND superseded_by <> id)),
  CONSTRAINT document_hash_is_sha256 CHECK (octet_length(content_hash) = 32)
);
SELECT app_distribute('documents.document');
SELECT app_protect('documents.document');
CREATE INDEX document_by_case ON documents.document (tenant_id, case_id, issued_at);
CREATE INDEX document_by_holder ON documents.document (tenant_id, holder, issued_at);

-- The sealed bytes, written once and never changed: the first seal wins, a second one is thrown away.
CREATE TABLE documents.file (
  tenant_id   text        NOT NULL,
  document_id uuid        NOT NULL,
  sha256      bytea       NOT NULL,
  bytes       bytea       NOT NULL,
  sealed_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, document_id),
  CONSTRAINT file_hash_once UNIQUE (tenant_id, sha256),
  CONSTRAINT file_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document (tenant_id, id),
  CONSTRAINT file_hash_is_sha256 CHECK (octet_length(sha256) = 32)
);
SELECT app_distribute('documents.file');
SELECT app_protect('documents.file', 'insert');
