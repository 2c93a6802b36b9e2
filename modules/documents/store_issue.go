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

// sealedFile is one revision of a document's file.
type sealedFile struct {
	Document    kernel.DocumentID
	Revision    int
	Bytes       []byte
	Level       string    // what our verifier found
	Proven      time.Time // zero: nobody confirms the time
	RenewBefore time.Time // zero: no document timestamp
}

func hasFile(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (bool, error) {
	var there bool
	err := pg.From(tx).GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM documents.file WHERE tenant_id = $1 AND document_id = $2)`, tx.TenantID(), id)
	return there, err
}

// newestFile returns the revision that is downloaded.
func newestFile(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (sealedFile, error) {
	var r struct {
		Revision    int          `db:"revision"`
		Bytes       []byte       `db:"bytes"`
		Level       string       `db:"level"`
		Proven      sql.NullTime `db:"proven_at"`
		RenewBefore sql.NullTime `db:"renew_before"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT revision, bytes, level, proven_at, renew_before FROM documents.file
		WHERE tenant_id = $1 AND document_id = $2 ORDER BY revision DESC LIMIT 1`, tx.TenantID(), id)
	if err != nil {
		return sealedFile{}, fmt.Errorf("file of document %s: %w", id, err)
	}
	return sealedFile{Document: id, Revision: r.Revision, Bytes: r.Bytes, Level: r.Level, Proven: utc(r.Proven), RenewBefore: utc(r.RenewBefore)}, nil
}

func fileOf(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) ([]byte, error) {
	f, err := newestFile(ctx, tx, id)
	return f.Bytes, err
}

// filesOf returns all revisions of a document's file.
func filesOf(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (all [][]byte, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT bytes FROM documents.file WHERE tenant_id = $1 AND document_id = $2 ORDER BY revision`, tx.TenantID(), id)
	if err != nil {
		return nil, fmt.Errorf("files of document %s: %w", id, err)
	}
	return all, nil
}

// sealTimes are the moments at which a document's revisions were sealed, first one first.
func sealTimes(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (all []time.Time, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT sealed_at FROM documents.file WHERE tenant_id = $1 AND document_id = $2 ORDER BY revision`, tx.TenantID(), id)
	return all, err
}

// storeFile is the compare-and-set: the first file of a revision stays. false when there was one.
func storeFile(ctx context.Context, tx kernel.Tx, f sealedFile, at time.Time) (bool, error) {
	res, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.file (tenant_id, document_id, revision, sha256, bytes, sealed_at, level, proven_at, renew_before)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, document_id, revision) DO NOTHING`,
		tx.TenantID(), f.Document, f.Revision, sum(f.Bytes), f.Bytes, at, f.Level, timeOrNull(f.Proven), timeOrNull(f.RenewBefore))
	if err != nil {
		return false, fmt.Errorf("storing the file of document %s: %w", f.Document, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// publishDocument makes a pending document valid, provided that its file is stored. false when somebody else did.
func publishDocument(ctx context.Context, tx kernel.Tx, id kernel.DocumentID, at time.Time) (bool, error) {
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'valid', published_at = $3, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND EXISTS (SELECT FROM documents.file WHERE tenant_id = $1 AND document_id = $2)`, tx.TenantID(), id, at)
	if err != nil {
		return false, fmt.Errorf("publishing document %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// supersedeOlder lets a document take the place of the valid ones of its kind in its case.
func supersedeOlder(ctx context.Context, tx kernel.Tx, r record, at time.Time) error {
	if r.Case == "" {
		return nil
	}
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE documents.document SET state = 'superseded', superseded_by = $2, superseded_at = $5, version = version + 1
		WHERE tenant_id = $1 AND case_id = $3 AND type = $4 AND state = 'valid' AND id <> $2`, tx.TenantID(), r.ID, r.Case, r.Type, at)
	if err != nil {
		return fmt.Errorf("superseding by document %s: %w", r.ID, err)
	}
	return nil
}

// newerValid returns the valid document of r's kind in its case that was asked for after r; empty when there is none.
func newerValid(ctx context.Context, tx kernel.Tx, r record) (id kernel.DocumentID, err error) {
	if r.Case == "" {
		return "", nil
	}
	err = pg.From(tx).GetContext(ctx, &id, `SELECT id FROM documents.document
		WHERE tenant_id = $1 AND case_id = $3 AND type = $4 AND state = 'valid' AND (issued_at, id) > ($5, $2::uuid)`, tx.TenantID(), r.ID, r.Case, r.Type, r.IssuedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// lockDocument reads a document and keeps others from changing it until the transaction ends.
func lockDocument(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (record, error) {
	if !kernel.ValidID(string(id)) {
		return record{}, kernel.NotThere("document")
	}
	return one(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.id = $2 FOR NO KEY UPDATE`, string(id))
}

// issuedOfAgencies lists documents for staff, newest first.
func issuedOfAgencies(ctx context.Context, tx kernel.Tx, agencies []string, q IssuedQuery) ([]record, error) {
	code, _ := parseNumber(q.Text)
	var rows []row
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+columns+` FROM documents.document d
		WHERE d.tenant_id = $1 AND d.agency = ANY ($2)
		  AND ($3 = '' OR d.code = $4 OR d.number ILIKE $5 OR d.title ILIKE $5 OR d.type = lower($3))
		  AND ($6 = '' OR d.type = $6) AND ($7 = '' OR d.state = $7)
		  AND ($8::uuid IS NULL OR (d.issued_at, d.id) < (SELECT b.issued_at, b.id FROM documents.document b WHERE b.tenant_id = $1 AND b.id = $8))
		ORDER BY d.issued_at DESC, d.id DESC LIMIT $9`,
		tx.TenantID(), textArray(agencies), q.Text, code, "%"+likeText(q.Text)+"%", q.Type, q.State, orNull(string(q.Before)), q.Limit)
	if err != nil {
		return nil, fmt.Errorf("issued documents: %w", pg.MapConstraint(err, nil))
	}
	out := make([]record, len(rows))
	for i, r := range rows {
		out[i] = r.record()
	}
	return out, nil
}

// reissuedAs returns the document that re-issues id, or an empty record.
func reissuedAs(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (record, error) {
	r, err := one(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.reissue_of = $2`, string(id))
	if kernel.KindOf(err) == kernel.NotFound {
		return record{}, nil
	}
	return r, err
}

// holdHalt reads the switch and keeps it as it is until the transaction ends: what this transaction writes is written
// before the switch is turned, or sees it turned. The row is made by whoever needs it first.
func holdHalt(ctx context.Context, tx kernel.Tx) (halt, error) {
	h, err := haltRow(ctx, tx, ` FOR SHARE`)
	if err != nil || h.version > 0 {
		return h, err
	}
	if err := needHalt(ctx, tx); err != nil {
		return halt{}, err
	}
	return haltRow(ctx, tx, ` FOR SHARE`)
}

func needHalt(ctx context.Context, tx kernel.Tx) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO documents.halt (tenant_id, halted) VALUES ($1, false) ON CONFLICT (tenant_id) DO NOTHING`, tx.TenantID())
	if err != nil {
		return fmt.Errorf("halt: %w", err)
	}
	return nil
}

// readHalt reads the switch as it is now.
func readHalt(ctx context.Context, tx kernel.Tx) (halt, error) { return haltRow(ctx, tx, "") }

func haltRow(ctx context.Context, tx kernel.Tx, lock string) (halt, error) {
	var r struct {
		Halted  bool         `db:"halted"`
		Reason  string       `db:"reason"`
		At      sql.NullTime `db:"changed_at"`
		Version int          `db:"version"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT halted, reason, changed_at, version FROM documents.halt WHERE tenant_id = $1`+lock, tx.TenantID())
	if errors.Is(err, sql.ErrNoRows) {
		return halt{}, nil
	}
	if err != nil {
		return halt{}, fmt.Errorf("halt: %w", err)
	}
	return halt{Halted: r.Halted, Reason: r.Reason, Since: utc(r.At), version: r.Version}, nil
}

// turnHalt turns the switch; Conflict when it stands there already. It waits for those who are storing or publishing.
func turnHalt(ctx context.Context, tx kernel.Tx, halted bool, reason string, by kernel.PersonID, at time.Time) (version int, err error) {
	if err := needHalt(ctx, tx); err != nil {
		return 0, err
	}
	err = pg.From(tx).GetContext(ctx, &version, `UPDATE documents.halt SET halted = $2, reason = $3, changed_by = $4, changed_at = $5, version = version + 1
		WHERE tenant_id = $1 AND halted <> $2 RETURNING version`, tx.TenantID(), halted, reason, orNull(string(by)), at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errHaltState
	}
	if err != nil {
		return 0, fmt.Errorf("halt: %w", pg.MapConstraint(err, nil))
	}
	return version, nil
}

// waiting counts what is not published yet.
func waiting(ctx context.Context, tx kernel.Tx) (n int, err error) {
	err = pg.From(tx).GetContext(ctx, &n, `SELECT count(*) FROM documents.document WHERE tenant_id = $1 AND state = 'pending'`, tx.TenantID())
	return n, err
}

// pendingAfter lists what is not published yet, a thousand at a time.
func pendingAfter(ctx context.Context, tx kernel.Tx, after string) ([]kernel.Document, error) {
	return plain(many(ctx, tx, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.state = 'pending' AND d.id > $2::uuid ORDER BY d.id LIMIT 1000`, after))
}

// notValidIn lists the places of one status list whose documents were revoked or superseded.
func notValidIn(ctx context.Context, tx kernel.Tx, from, to int) (revoked, superseded []int, err error) {
	var rows []struct {
		Place int    `db:"place"`
		State string `db:"state"`
	}
	err = pg.From(tx).SelectContext(ctx, &rows, `SELECT status_index - $2 AS place, state FROM documents.document
		WHERE tenant_id = $1 AND status_index >= $2 AND status_index < $3 AND state IN ('revoked', 'superseded')`, tx.TenantID(), from, to)
	if err != nil {
		return nil, nil, fmt.Errorf("status list: %w", err)
	}
	for _, r := range rows {
		if r.State == stateRevoked {
			revoked = append(revoked, r.Place)
		} else {
			superseded = append(superseded, r.Place)
		}
	}
	return revoked, superseded, nil
}

// listIsUsed says whether any document has a place from here on.
func listIsUsed(ctx context.Context, tx kernel.Tx, from int) (used bool, err error) {
	err = pg.From(tx).GetContext(ctx, &used, `SELECT EXISTS (SELECT FROM documents.document WHERE tenant_id = $1 AND status_index >= $2)`, tx.TenantID(), from)
	return used, err
}

// dueForRenewal lists published documents whose newest file ends before a moment: first those that have not ended yet,
// for what has ended may be past help and must not keep others from it.
func dueForRenewal(ctx context.Context, tx kernel.Tx, now, before time.Time, limit int) (all []renewal, err error) {
	var rows []struct {
		ID       string         `db:"id"`
		Case     sql.NullString `db:"case_id"`
		Revision int            `db:"revision"`
	}
	err = pg.From(tx).SelectContext(ctx, &rows, `SELECT d.id, d.case_id, f.revision FROM documents.file f
		JOIN documents.document d ON d.tenant_id = f.tenant_id AND d.id = f.document_id
		WHERE f.tenant_id = $1 AND d.tenant_id = $1 AND f.renew_before < $2 AND d.published_at IS NOT NULL
		  AND NOT EXISTS (SELECT FROM documents.file n WHERE n.tenant_id = $1 AND n.document_id = f.document_id AND n.revision > f.revision)
		ORDER BY f.renew_before < $4, f.renew_before LIMIT $3`, tx.TenantID(), before, limit, now)
	for _, r := range rows {
		all = append(all, renewal{Document: kernel.DocumentID(r.ID), Case: kernel.CaseID(r.Case.String), Revision: r.Revision})
	}
	return all, err
}

// lockFamily reads a document and the one it re-issues, and keeps everybody from changing them and the others of its kind
// in its case until the transaction ends: of two that are published at once, the second sees the first.
func lockFamily(ctx context.Context, tx kernel.Tx, id kernel.DocumentID) (r, old record, err error) {
	var rows []row
	err = pg.From(tx).SelectContext(ctx, &rows, `SELECT `+columns+` FROM documents.document d WHERE d.tenant_id = $1 AND d.id = ANY (ARRAY(
		  SELECT unnest(ARRAY[me.id, me.reissue_of]) FROM documents.document me WHERE me.tenant_id = $1 AND me.id = $2
		  UNION SELECT o.id FROM documents.document me JOIN documents.document o ON o.tenant_id = $1 AND o.case_id = me.case_id AND o.type = me.type
		  WHERE me.tenant_id = $1 AND me.id = $2))
		ORDER BY d.id FOR NO KEY UPDATE`, tx.TenantID(), id)
	if err != nil {
		return r, old, fmt.Errorf("document %s: %w", id, err)
	}
	for _, w := range rows {
		if w.ID == string(id) {
			r = w.record()
		}
	}
	for _, w := range rows {
		if r.ReissueOf != "" && w.ID == string(r.ReissueOf) {
			old = w.record()
		}
	}
	if r.ID == "" {
		return r, old, kernel.NotThere("document")
	}
	return r, old, nil
}

// revokeOfCase revokes the valid and the pending documents of one type in a case, and returns them. It takes the locks that
// publishing takes, in the same order; then the update looks anew, so that it meets what was published, or asked for again,
// while it waited.
func revokeOfCase(ctx context.Context, tx kernel.Tx, c kernel.CaseID, docType, reason string, by kernel.PersonID, at time.Time) ([]record, error) {
	if !kernel.ValidID(string(c)) {
		return nil, kernel.NotThere("case")
	}
	var ids []string
	err := pg.From(tx).SelectContext(ctx, &ids, `SELECT id FROM documents.document WHERE tenant_id = $1 AND case_id = $2 AND type = $3 ORDER BY id FOR NO KEY UPDATE`, tx.TenantID(), c, docType)
	if err != nil {
		return nil, fmt.Errorf("documents of case %s: %w", c, err)
	}
	var rows []row
	err = pg.From(tx).SelectContext(ctx, &rows, `UPDATE documents.document d SET state = 'revoked', revoked_at = $4, revoked_by = $5, revoke_reason = $6, version = version + 1
		WHERE tenant_id = $1 AND case_id = $2 AND type = $3 AND state IN ('pending', 'valid') RETURNING `+columns,
		tx.TenantID(), c, docType, at, orNull(string(by)), reason)
	if err != nil {
		return nil, fmt.Errorf("revoking documents of case %s: %w", c, pg.MapConstraint(err, nil))
	}
	out := make([]record, len(rows))
	for i, r := range rows {
		out[i] = r.record()
	}
	return out, nil
}
