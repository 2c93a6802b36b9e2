package documents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type row struct {
	ID           string         `db:"id"`
	Case         sql.NullString `db:"case_id"`
	Holder       string         `db:"holder"`
	Agency       string         `db:"agency"`
	Type         string         `db:"type"`
	Number       string         `db:"number"`
	Title        string         `db:"title"`
	Municipality string         `db:"municipality"`
	Issuer       string         `db:"issuer"`
	Locale       string         `db:"locale"`
	Content      []byte         `db:"content"`
	ContentHash  []byte         `db:"content_hash"`
	Template     string         `db:"template"`
	State        string         `db:"state"`
	IssuedAt     time.Time      `db:"issued_at"`
	ValidTo      sql.NullTime   `db:"valid_to"`
	RevokedAt    sql.NullTime   `db:"revoked_at"`
	Version      int            `db:"version"`
}

const columns = `d.id, d.case_id, d.holder, d.agency, d.type, d.number, d.title, d.municipality, d.issuer, d.locale, d.content, d.content_hash, d.template, d.state, d.issued_at, d.valid_to, d.revoked_at, d.version`

func (r row) record() record {
	return record{
		Document: kernel.Document{ID: kernel.DocumentID(r.ID), Case: kernel.CaseID(r.Case.String), Number: r.Number, Type: r.Type, Title: r.Title, State: r.State,
			IssuedAt: r.IssuedAt.UTC(), ValidTo: utc(r.ValidTo)},
		Holder: kernel.PersonID(r.Holder), Agency: kernel.AgencyID(r.Agency), Municipality: r.Municipality, Issuer: r.Issuer, Locale: r.Locale,
		Content: r.Content, ContentHash: r.ContentHash, Template: r.Template, RevokedAt: utc(r.RevokedAt), Version: r.Version,
	}
}

func utc(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func timeOrNull(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func insertDocument(ctx context.Context, tx kernel.Tx, r record, code string) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.document
		(tenant_id, id, case_id, holder, agency, type, number, code, title, municipality, issuer, locale, content, content_hash, template, state, issued_at, valid_to)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		tx.TenantID(), r.ID, orNull(string(r.Case)), r.Holder, r.Agency, r.Type, r.Number, code, r.Title, r.Municipality, r.Issuer, r.Locale,
		string(r.Content), r.ContentHash, r.Template, r.State, r.IssuedAt, timeOrNull(r.ValidTo))
	if err != nil {
		return fmt.Errorf("intent of document %s: %w", r.ID, pg.MapConstraint(err, nil))
	}
	return nil
}

func documentByID(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (record, error) {
	if !kernel.ValidID(string(id)) {
		return record{}, kernel.NotThere("document")
	}
	return one(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.id = $2`, string(id))
}

func documentByCode(ctx context.Context, tx kernel.Tx, code string) (record, error) {
	return one(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.code = $2`, code)
}

func documentByFile(ctx context.Context, tx kernel.Tx, hash []byte) (record, error) {
	return one(ctx, tx, `SELECT `+columns+` FROM documents.document d JOIN documents.file f ON f.tenant_id = d.tenant_id AND f.document_id = d.id
		WHERE d.tenant_id = $1 AND f.tenant_id = $1 AND f.sha256 = $2`, hash)
}

func one(ctx context.Context, tx kernel.Tx, query string, arg any) (record, error) {
	var r row
	err := pg.From(tx).GetContext(ctx, &r, query, tx.TenantID(), arg)
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, kernel.NotThere("document")
	}
	if err != nil {
		return record{}, fmt.Errorf("document: %w", err)
	}
	return r.record(), nil
}

func documentsOfCase(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]kernel.Document, error) {
	if !kernel.ValidID(string(c)) {
		return nil, nil
	}
	return many(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.case_id = $2 ORDER BY d.issued_at DESC, d.id DESC LIMIT 200`, string(c))
}

func documentsOfHolder(ctx context.Context, tx kernel.Tx, p kernel.PersonID) ([]kernel.Document, error) {
	return many(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.holder = $2 ORDER BY d.issued_at DESC, d.id DESC LIMIT 200`, string(p))
}

func many(ctx context.Context, tx kernel.Tx, query string, arg any) ([]kernel.Document, error) {
	var rows []row
	if err := pg.From(tx).SelectContext(ctx, &rows, query, tx.TenantID(), arg); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	out := make([]kernel.Document, len(rows))
	for i, r := range rows {
		out[i] = r.record().Document
	}
	return out, nil
}

func hasFile(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (bool, error) {
	var there bool
	err := pg.From(tx).GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM documents.file WHERE tenant_id = $1 AND document_id = $2)`, tx.TenantID(), id)
	return there, err
}

func fileOf(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) ([]byte, error) {
	var file []byte
	err := pg.From(tx).GetContext(ctx, &file, `SELECT bytes FROM documents.file WHERE tenant_id = $1 AND document_id = $2`, tx.TenantID(), id)
	if err != nil {
		return nil, fmt.Errorf("file of document %s: %w", id, err)
	}
	return file, nil
}

// storeFile is the compare-and-set: the first file stays.
func storeFile(ctx context.Context, tx kernel.Tx, id kernel.DocumentID, file []byte, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.file (tenant_id, document_id, sha256, bytes, sealed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, document_id) DO NOTHING`, tx.TenantID(), id, sum(file), file, at)
	if err != nil {
		return fmt.Errorf("storing the file of document %s: %w", id, err)
	}
	return nil
}

// publishDocument makes a pending document valid, provided that its file is stored, and lets it take the place of an
// older one of the same kind in the same case. false when somebody else published it.
func publishDocument(ctx context.Context, tx kernel.Tx, r record, at time.Time) (bool, error) {
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'valid', content = NULL, published_at = $3, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND EXISTS (SELECT FROM documents.file WHERE tenant_id = $1 AND document_id = $2)`, tx.TenantID(), r.ID, at)
	if err != nil {
		return false, fmt.Errorf("publishing document %s: %w", r.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if r.Case == "" {
		return true, nil
	}
	_, err = pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'superseded', superseded_by = $2, version = version + 1
		WHERE tenant_id = $1 AND case_id = $3 AND type = $4 AND state = 'valid' AND id <> $2`, tx.TenantID(), r.ID, r.Case, r.Type)
	if err != nil {
		return false, fmt.Errorf("superseding by document %s: %w", r.ID, err)
	}
	return true, nil
}

func revokeDocument(ctx context.Context, tx kernel.Tx, r record, reason string, by kernel.PersonID, at time.Time) error {
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'revoked', revoked_at = $4, revoked_by = $5, revoke_reason = $6, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND version = $3 AND state = 'valid'`, tx.TenantID(), r.ID, r.Version, at, orNull(string(by)), reason)
	if err != nil {
		return pg.MapConstraint(err, nil)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errNotValid
	}
	return nil
}
