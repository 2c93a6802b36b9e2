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

type shareRow struct {
	ID        string       `db:"id"`
	Document  string       `db:"document_id"`
	Label     string       `db:"label"`
	CreatedAt time.Time    `db:"created_at"`
	ExpiresAt time.Time    `db:"expires_at"`
	EndedAt   sql.NullTime `db:"ended_at"`
}

const shareColumns = `id, document_id, label, created_at, expires_at, ended_at`

func (r shareRow) share() share {
	return share{ID: r.ID, Document: kernel.DocumentID(r.Document), Label: r.Label, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), EndedAt: utc(r.EndedAt)}
}

// insertShare writes a share unless the document has as many as it may. The caller holds the document's row, so that two
// at once are counted one after the other.
func insertShare(ctx context.Context, tx kernel.Tx, s share, hash []byte) error {
	res, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.share (tenant_id, id, document_id, token_hash, label, created_at, expires_at)
		SELECT $1, $2, $3, $4, $5, $6::timestamptz, $7::timestamptz
		WHERE (SELECT count(*) FROM documents.share WHERE tenant_id = $1 AND document_id = $3 AND ended_at IS NULL AND expires_at > $6) < $8`,
		tx.TenantID(), s.ID, s.Document, hash, s.Label, s.CreatedAt, s.ExpiresAt, maxShares)
	if err != nil {
		return fmt.Errorf("share of document %s: %w", s.Document, pg.MapConstraint(err, nil))
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errShares
}

// sharesOfDocument lists shares, newest first.
func sharesOfDocument(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) ([]share, error) {
	var rows []shareRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+shareColumns+` FROM documents.share WHERE tenant_id = $1 AND document_id = $2
		ORDER BY created_at DESC, id DESC LIMIT 200`, tx.TenantID(), id)
	if err != nil {
		return nil, fmt.Errorf("shares of document %s: %w", id, err)
	}
	out := make([]share, len(rows))
	for i, r := range rows {
		out[i] = r.share()
	}
	return out, nil
}

// shareByToken returns the share of a link's hash, ended and expired ones too; NotFound otherwise.
func shareByToken(ctx context.Context, tx kernel.Tx, hash []byte) (share, error) {
	var r shareRow
	err := pg.From(tx).GetContext(ctx, &r, `SELECT `+shareColumns+` FROM documents.share WHERE tenant_id = $1 AND token_hash = $2`, tx.TenantID(), hash)
	if errors.Is(err, sql.ErrNoRows) {
		return share{}, kernel.NotThere("share")
	}
	if err != nil {
		return share{}, fmt.Errorf("share: %w", err)
	}
	return r.share(), nil
}

// endShare ends a share; ending it again changes nothing. NotFound when the document has no such share.
func endShare(ctx context.Context, tx kernel.Tx, document kernel.DocumentID, id string, at time.Time) error {
	if !kernel.ValidID(id) {
		return kernel.NotThere("share")
	}
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.share SET ended_at = coalesce(ended_at, $4) WHERE tenant_id = $1 AND document_id = $2 AND id = $3`,
		tx.TenantID(), document, id, at)
	if err != nil {
		return fmt.Errorf("ending share %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return kernel.NotThere("share")
}

const noShare = "00000000-0000-0000-0000-000000000000"

// countChecks adds n verifications to their hour.
func countChecks(ctx context.Context, tx kernel.Tx, k checkKey, n int) error {
	shareID := k.share
	if shareID == "" {
		shareID = noShare
	}
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.document_check AS c (tenant_id, document_id, hour, how, share_id, count) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, document_id, hour, how, share_id) DO UPDATE SET count = c.count + $6 WHERE c.count < 1000000000`,
		tx.TenantID(), k.document, k.hour, k.how, shareID, n)
	if err != nil {
		return fmt.Errorf("counting checks of document %s: %w", k.document, err)
	}
	return nil
}

// checksOfDocument lists the last thousand hours with a verification, newest first.
func checksOfDocument(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) ([]check, error) {
	var rows []struct {
		Hour  time.Time      `db:"hour"`
		How   string         `db:"how"`
		Label sql.NullString `db:"label"`
		Count int            `db:"count"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT c.hour, c.how, s.label, c.count FROM documents.document_check c
		LEFT JOIN documents.share s ON s.tenant_id = c.tenant_id AND s.id = c.share_id
		WHERE c.tenant_id = $1 AND c.document_id = $2 ORDER BY c.hour DESC, c.how, c.share_id LIMIT 1000`, tx.TenantID(), id)
	if err != nil {
		return nil, fmt.Errorf("checks of document %s: %w", id, err)
	}
	out := make([]check, len(rows))
	for i, r := range rows {
		out[i] = check{At: r.Hour.UTC(), How: r.How, Label: r.Label.String, Count: r.Count}
	}
	return out, nil
}

// forgetChecks deletes what nobody needs to know any more: checks and links from before a moment.
func forgetChecks(ctx context.Context, tx kernel.Tx, before time.Time) error {
	if _, err := pg.From(tx).ExecContext(ctx, `DELETE FROM documents.document_check WHERE tenant_id = $1 AND hour < $2`, tx.TenantID(), before); err != nil {
		return err
	}
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM documents.share WHERE tenant_id = $1 AND expires_at < $2`, tx.TenantID(), before)
	return err
}
