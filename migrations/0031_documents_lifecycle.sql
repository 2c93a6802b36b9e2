-- +goose Up
-- A document's life after it was issued: re-issue, shares, checks, renewal of the seal, and the halt of a municipality.
-- A server of the version before keeps working beside this one, except that it cannot store a file: its effect fails,
-- waits, and is run by a new one.

ALTER TABLE documents.document
  ADD COLUMN reissue_of     uuid,        -- the document whose content this one has
  ADD COLUMN reissue_reason text,
  ADD COLUMN superseded_at  timestamptz, -- null for those superseded before this column was there
  ADD COLUMN status_index   integer;     -- place in the municipality's status lists; null only until it is sealed

-- The content stays as long as the file that says the same: a re-issue needs it.
ALTER TABLE documents.document
  DROP CONSTRAINT document_pending_has_content,
  ADD CONSTRAINT document_pending_has_content CHECK (state <> 'pending' OR content IS NOT NULL) NOT VALID,
  ADD CONSTRAINT document_status_index_not_negative CHECK (status_index >= 0) NOT VALID,
  ADD CONSTRAINT document_reissue_has_reason CHECK ((reissue_of IS NULL) = (reissue_reason IS NULL) AND reissue_of <> id) NOT VALID;
ALTER TABLE documents.document VALIDATE CONSTRAINT document_pending_has_content;
ALTER TABLE documents.document VALIDATE CONSTRAINT document_status_index_not_negative;
ALTER TABLE documents.document VALIDATE CONSTRAINT document_reissue_has_reason;

-- Places are drawn at random, so that nobody reads the order of issue from them: random order, then an odd factor,
-- which maps the 2^20 places of a list onto themselves. Row-level security binds the owner too, but for this.
ALTER TABLE documents.document NO FORCE ROW LEVEL SECURITY;
UPDATE documents.document d SET status_index = p.place
FROM (
  SELECT tenant_id, id, ((n - 1) / 1048576 * 1048576 + (n * 614657) % 1048576)::integer AS place
  FROM (SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY random()) AS n FROM documents.document) numbered) p
WHERE d.tenant_id = p.tenant_id AND d.id = p.id;
ALTER TABLE documents.document FORCE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX document_status_index_once ON documents.document (tenant_id, status_index);
-- One successor: a document that was re-issued is not re-issued again.
CREATE UNIQUE INDEX document_reissued_once ON documents.document (tenant_id, reissue_of);
CREATE INDEX document_by_agency ON documents.document (tenant_id, agency, issued_at, id);
CREATE INDEX document_not_valid ON documents.document (tenant_id, status_index) WHERE state IN ('revoked', 'superseded');
CREATE INDEX document_pending ON documents.document (tenant_id, id) WHERE state = 'pending';

-- A renewal of the document timestamp is another revision of the file. None is ever changed, and each stays known.
ALTER TABLE documents.file
  ADD COLUMN revision     integer NOT NULL DEFAULT 1,
  ADD COLUMN level        text    NOT NULL DEFAULT 'B-B', -- what our verifier found in it
  ADD COLUMN proven_at    timestamptz,                    -- time of its oldest good timestamp; null: nobody confirms the time
  ADD COLUMN renew_before timestamptz;                    -- end of the certificate of its newest document timestamp
ALTER TABLE documents.file
  DROP CONSTRAINT file_pkey,
  ADD CONSTRAINT file_pkey PRIMARY KEY (tenant_id, document_id, revision);
ALTER TABLE documents.file ADD CONSTRAINT file_revision_counts CHECK (revision > 0) NOT VALID;
ALTER TABLE documents.file ADD CONSTRAINT file_level_known CHECK (level IN ('B-B', 'B-T', 'B-LT', 'B-LTA')) NOT VALID;
ALTER TABLE documents.file VALIDATE CONSTRAINT file_revision_counts;
ALTER TABLE documents.file VALIDATE CONSTRAINT file_level_known;
CREATE INDEX file_to_renew ON documents.file (tenant_id, renew_before) WHERE renew_before IS NOT NULL;

-- The switch of one municipality: while it is halted, nothing is sealed or published. Whoever stores or publishes a
-- file holds the row, shared, so that after the switch nothing follows.
CREATE TABLE documents.halt (
  tenant_id  text        NOT NULL,
  halted     boolean     NOT NULL,
  reason     text        NOT NULL DEFAULT '',
  changed_at timestamptz,
  changed_by uuid,
  version    integer     NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id),
  CONSTRAINT halt_has_reason CHECK (NOT halted OR (reason <> '' AND changed_at IS NOT NULL))
);
SELECT app_distribute('documents.halt');
SELECT app_protect('documents.halt');

-- A link by which the holder shows a document to somebody for some days. The link itself is not kept.
CREATE TABLE documents.share (
  tenant_id   text        NOT NULL,
  id          uuid        NOT NULL,
  document_id uuid        NOT NULL,
  token_hash  bytea       NOT NULL, -- SHA-256
  label       text        NOT NULL, -- personal: for whom, in the holder's words
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  ended_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT share_token_once UNIQUE (tenant_id, token_hash),
  CONSTRAINT share_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document (tenant_id, id),
  CONSTRAINT share_token_is_sha256 CHECK (octet_length(token_hash) = 32),
  CONSTRAINT share_label_short CHECK (length(label) BETWEEN 1 AND 80),
  CONSTRAINT share_expires CHECK (expires_at > created_at)
);
SELECT app_distribute('documents.share');
SELECT app_protect('documents.share');
CREATE INDEX share_by_document ON documents.share (tenant_id, document_id, created_at);

-- How often somebody verified a document, by hour: nothing about who it was.
CREATE TABLE documents.document_check (
  tenant_id   text        NOT NULL,
  document_id uuid        NOT NULL,
  hour        timestamptz NOT NULL,
  how         text        NOT NULL,
  share_id    uuid        NOT NULL, -- all zero: through no share
  count       integer     NOT NULL,
  PRIMARY KEY (tenant_id, document_id, hour, how, share_id),
  CONSTRAINT document_check_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document (tenant_id, id),
  CONSTRAINT document_check_how_known CHECK (how IN ('number', 'file', 'share')),
  CONSTRAINT document_check_of_a_share CHECK ((how = 'share') = (share_id <> '00000000-0000-0000-0000-000000000000')),
  CONSTRAINT document_check_counts CHECK (count > 0)
);
SELECT app_distribute('documents.document_check');
SELECT app_protect('documents.document_check');
CREATE INDEX document_check_age ON documents.document_check (tenant_id, hour);
