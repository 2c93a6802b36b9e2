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

// sealing is how the newest revision of a document's file is sealed, as our verifier found.
type sealing struct {
	Level  string
	Proven time.Time // zero: nobody but the issuer confirms the time
}

// sealingByCode returns the zero value when there is no such document, or no file yet.
func sealingByCode(ctx context.Context, tx kernel.Tx, code string) (sealing, error) {
	var r struct {
		Level  string       `db:"level"`
		Proven sql.NullTime `db:"proven_at"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT f.level, f.proven_at FROM documents.document d
		JOIN documents.file f ON f.tenant_id = d.tenant_id AND f.document_id = d.id
		WHERE d.tenant_id = $1 AND f.tenant_id = $1 AND d.code = $2 ORDER BY f.revision DESC LIMIT 1`, tx.TenantID(), code)
	if errors.Is(err, sql.ErrNoRows) {
		return sealing{}, nil
	}
	if err != nil {
		return sealing{}, fmt.Errorf("seal of a document: %w", err)
	}
	return sealing{Level: r.Level, Proven: utc(r.Proven)}, nil
}

// usesOfShares sums the looks through each link of a document.
func usesOfShares(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (map[string]int, error) {
	var rows []struct {
		Share string `db:"share_id"`
		Count int    `db:"count"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT share_id, sum(count)::integer AS count FROM documents.document_check
		WHERE tenant_id = $1 AND document_id = $2 AND how = 'share' GROUP BY share_id`, tx.TenantID(), id)
	if err != nil {
		return nil, fmt.Errorf("uses of the links to document %s: %w", id, err)
	}
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.Share] = r.Count
	}
	return out, nil
}
