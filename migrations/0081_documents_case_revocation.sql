-- +goose Up
-- A case that ends takes back what it issued, also what is still being made: such a document is revoked without ever having
-- been published. Everything else that is not pending was.
ALTER TABLE documents.document
  DROP CONSTRAINT document_published_has_time,
  ADD CONSTRAINT document_published_has_time
    CHECK (CASE state WHEN 'pending' THEN published_at IS NULL WHEN 'revoked' THEN true ELSE published_at IS NOT NULL END) NOT VALID;
ALTER TABLE documents.document VALIDATE CONSTRAINT document_published_has_time;
