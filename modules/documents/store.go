package documents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type row struct {
	ID            string         `db:"id"`
	Case          sql.NullString `db:"case_id"`
	Holder        string         `db:"holder"`
	Agency        string         `db:"agency"`
	Type          string         `db:"type"`
	Number        string         `db:"number"`
	Title         string         `db:"title"`
	Municipality  string         `db:"municipality"`
	Issuer        string         `db:"issuer"`
	Locale        string         `db:"locale"`
	Content       []byte         `db:"content"`
	ContentHash   []byte         `db:"content_hash"`
	Template      string         `db:"template"`
	State         string         `db:"state"`
	IssuedAt      time.Time      `db:"issued_at"`
	ValidTo       sql.NullTime   `db:"valid_to"`
	PublishedAt   sql.NullTime   `db:"published_at"`
	RevokedAt     sql.NullTime   `db:"revoked_at"`
	RevokeReason  sql.NullString `db:"revoke_reason"`
	SupersededBy  sql.NullString `db:"superseded_by"`
	SupersededAt  sql.NullTime   `db:"superseded_at"`
	ReissueOf     sql.NullString `db:"reissue_of"`
	ReissueReason sql.NullString `db:"reissue_reason"`
	StatusIndex   sql.NullInt64  `db:"status_index"`
	Version       int            `db:"version"`
}

const columns = `d.id, d.case_id, d.holder, d.agency, d.type, d.number, d.title, d.municipality, d.issuer, d.locale, d.content, d.content_hash, d.template, d.state, d.issued_at, d.valid_to,
	d.published_at, d.revoked_at, d.revoke_reason, d.superseded_by, d.superseded_at, d.reissue_of, d.reissue_reason, d.status_index, d.version`

func (r row) record() record {
	out := record{
		Document: kernel.Document{ID: kernel.DocumentID(r.ID), Case: kernel.CaseID(r.Case.String), Number: r.Number, Type: r.Type, Title: r.Title, State: r.State,
			IssuedAt: r.IssuedAt.UTC(), ValidTo: utc(r.ValidTo)},
		Holder: kernel.PersonID(r.Holder), Agency: kernel.AgencyID(r.Agency), Municipality: r.Municipality, Issuer: r.Issuer, Locale: r.Locale,
		Content: r.Content, ContentHash: r.ContentHash, Template: r.Template, Version: r.Version,
		PublishedAt: utc(r.PublishedAt), RevokedAt: utc(r.RevokedAt), RevokeReason: r.RevokeReason.String,
		SupersededBy: kernel.DocumentID(r.SupersededBy.String), SupersededAt: utc(r.SupersededAt),
		ReissueOf: kernel.DocumentID(r.ReissueOf.String), ReissueReason: r.ReissueReason.String, StatusIndex: -1,
	}
	if r.StatusIndex.Valid {
		out.StatusIndex = int(r.StatusIndex.Int64)
	}
	return out
}

func utc(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func textArray(all []string) any { return pq.Array(all) }

// likeText makes a typed text harmless inside a LIKE pattern.
func likeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func timeOrNull(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

// pendingDocument is a new document with the code of its QR code.
type pendingDocument struct {
	record
	code string
}

var pendingDocuments = pg.NewRows(pg.OrderDocuments, writePending)

// insertDocument writes a new, pending document with a place in the status lists. Errors: Conflict (document-not-valid)
// when the document it re-issues has a successor already.
func insertDocument(ctx context.Context, tx kernel.Tx, r record, code string) error {
	return pendingDocuments.Put(ctx, tx, pendingDocument{r, code})
}

// writePending writes documents; those whose place was taken draw another.
func writePending(ctx context.Context, tx *pg.Tx, rows []pendingDocument) error {
	for try := range maxPlaceTries {
		var c pg.Columns
		for _, r := range rows {
			c.Add(pg.Text(r.ID), pg.TextOrNull(r.Case), pg.Text(r.Holder), pg.Text(r.Agency), pg.Text(r.Type), pg.Text(r.Number), pg.Text(r.code), pg.Text(r.Title),
				pg.Text(r.Municipality), pg.Text(r.Issuer), pg.Text(r.Locale), pg.Text(string(r.Content)), pg.Bytes(r.ContentHash), pg.Text(r.Template), pg.Text(r.State),
				pg.Time(r.IssuedAt), pg.Time(r.ValidTo), pg.TextOrNull(r.ReissueOf), pg.TextOrNull(r.ReissueReason), pg.Int(randomPlace(try)))
		}
		var written []string
		err := tx.SelectContext(ctx, &written, `INSERT INTO documents.document
			(tenant_id, id, case_id, holder, agency, type, number, code, title, municipality, issuer, locale, content, content_hash, template, state, issued_at, valid_to, reissue_of, reissue_reason, status_index)
			SELECT $1, r.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
				$13::jsonb[], $14::bytea[], $15::text[], $16::text[], $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::text[], $21::int[]) AS r
			ON CONFLICT (tenant_id, status_index) DO NOTHING RETURNING id`, c.Args(tx.TenantID())...)
		if err != nil {
			return fmt.Errorf("intent of document %s: %w", rows[0].ID, pg.MapConstraint(err, map[string]*kernel.Error{"document_reissued_once": errNotValid}))
		}
		rows = slices.DeleteFunc(rows, func(r pendingDocument) bool { return slices.Contains(written, string(r.ID)) })
		if len(rows) == 0 {
			return nil
		}
	}
	return fmt.Errorf("document %s: no free place in %d draws from the status lists", rows[0].ID, maxPlaceTries)
}

// givePlace gives a document of before the status lists its place, and returns it.
func givePlace(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (int, error) {
	for try := range maxPlaceTries {
		var place sql.NullInt64
		err := pg.From(tx).GetContext(ctx, &place, `UPDATE documents.document SET status_index = coalesce(status_index, $3)
			WHERE tenant_id = $1 AND id = $2 AND (status_index IS NOT NULL OR NOT EXISTS (SELECT FROM documents.document WHERE tenant_id = $1 AND status_index = $3))
			RETURNING status_index`, tx.TenantID(), id, randomPlace(try))
		if err == nil {
			return int(place.Int64), nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return 0, fmt.Errorf("place of document %s: %w", id, err)
		}
	}
	return 0, fmt.Errorf("document %s: no free place in %d draws from the status lists", id, maxPlaceTries)
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

// listed is the condition of lists: what was taken back before it was issued is nothing a person holds.
const listed = `(d.state = 'pending' OR d.published_at IS NOT NULL)`

func documentsOfCase(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]record, error) {
	if !kernel.ValidID(string(c)) {
		return nil, nil
	}
	return many(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.case_id = $2 AND `+listed+` ORDER BY d.issued_at DESC, d.id DESC LIMIT 200`, string(c))
}

func documentsOfHolder(ctx context.Context, tx kernel.Tx, p kernel.PersonID) ([]record, error) {
	return many(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.holder = $2 AND `+listed+` ORDER BY d.issued_at DESC, d.id DESC LIMIT 200`, string(p))
}

func many(ctx context.Context, tx kernel.Tx, query string, arg any) ([]record, error) {
	var rows []row
	if err := pg.From(tx).SelectContext(ctx, &rows, query, tx.TenantID(), arg); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	out := make([]record, len(rows))
	for i, r := range rows {
		out[i] = r.record()
	}
	return out, nil
}

// plain is what the other modules see of records; it passes on an error of the call it is wrapped around.
func plain(all []record, err error) ([]kernel.Document, error) {
	if err != nil {
		return nil, err
	}
	out := make([]kernel.Document, len(all))
	for i, r := range all {
		out[i] = r.Document
	}
	return out, nil
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

// supersedeDocument lets a successor take the place of a document that is still valid.
func supersedeDocument(ctx context.Context, tx kernel.Tx, id, by kernel.DocumentID, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'superseded', superseded_by = $3, superseded_at = $4, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND state = 'valid' AND id <> $3`, tx.TenantID(), id, by, at)
	if err != nil {
		return fmt.Errorf("document %s superseded by %s: %w", id, by, err)
	}
	return nil
}
