package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type row struct {
	ID        string         `db:"id"`
	At        time.Time      `db:"at"`
	ActorKind string         `db:"actor_kind"`
	Actor     sql.NullString `db:"actor"`
	Client    string         `db:"client"`
	Agencies  []byte         `db:"agencies"`
	Action    string         `db:"action"`
	Case      sql.NullString `db:"case_id"`
	Subject   sql.NullString `db:"subject"`
	Details   []byte         `db:"details"`
}

const columns = `id, at, actor_kind, actor, client, agencies, action, case_id, subject, details`

// record is an entry as it is stored.
type record struct {
	entry
	grants, details string
}

var records = pg.NewRows(pg.OrderAudit, writeRecords)

func insert(ctx context.Context, tx kernel.Tx, e entry) error {
	if e.Details == nil {
		e.Details = map[string]string{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return fmt.Errorf("audit: details of %s: %w", e.Action, err)
	}
	grants, err := json.Marshal(e.Grants)
	if err != nil {
		return fmt.Errorf("audit: roles of %s: %w", e.Action, err)
	}
	return records.Put(ctx, tx, record{e, string(grants), string(details)})
}

func writeRecords(ctx context.Context, tx *pg.Tx, rows []record) error {
	var c pg.Columns
	for _, r := range rows {
		c.Add(pg.Text(r.ID), pg.Time(r.At), pg.Text(r.ActorKind), pg.TextOrNull(r.Actor), pg.Text(r.Client), pg.Text(r.grants), pg.Text(r.Action),
			pg.TextOrNull(r.Case), pg.TextOrNull(r.Subject), pg.Text(r.details))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit.entry (tenant_id, `+columns+`)
		SELECT $1, r.* FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[], $8::text[], $9::uuid[], $10::uuid[], $11::jsonb[]) AS r`,
		c.Args(tx.TenantID())...)
	if err != nil {
		return fmt.Errorf("audit: record %s: %w", rows[0].Action, err)
	}
	return nil
}

func ofCase(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]entry, error) {
	if !kernel.ValidID(string(c)) {
		return nil, nil
	}
	var rows []row
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+columns+` FROM audit.entry
		WHERE tenant_id = $1 AND case_id = $2 ORDER BY at, id LIMIT 1000`, tx.TenantID(), string(c))
	if err != nil {
		return nil, fmt.Errorf("audit: entries of case %s: %w", c, err)
	}
	return entries(rows)
}

// ofSubject lists what others did with a person's data, newest first. The place to continue from is found by id, so
// that no time is carried in an address.
func ofSubject(ctx context.Context, tx kernel.Tx, p kernel.PersonID, n page) ([]entry, error) {
	var rows []row
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+columns+` FROM audit.entry
		WHERE tenant_id = $1 AND subject = $2 AND actor_kind = ANY($3)
		  AND ($4::uuid IS NULL OR (at, id) < (SELECT at, id FROM audit.entry WHERE tenant_id = $1 AND subject = $2 AND id = $4::uuid))
		ORDER BY at DESC, id DESC LIMIT $5`,
		tx.TenantID(), string(p), pq.Array(lookers), orNull(n.Before), n.Limit)
	if err != nil {
		return nil, fmt.Errorf("audit: entries about person %s: %w", p, err)
	}
	return entries(rows)
}

func entries(rows []row) ([]entry, error) {
	out := make([]entry, len(rows))
	for i, r := range rows {
		out[i] = entry{ID: r.ID, AuditEntry: kernel.AuditEntry{
			At: r.At.UTC(), ActorKind: kernel.PrincipalKind(r.ActorKind), Actor: kernel.PersonID(r.Actor.String),
			Client: r.Client, Action: r.Action, Case: kernel.CaseID(r.Case.String), Subject: kernel.PersonID(r.Subject.String),
		}}
		if err := json.Unmarshal(r.Details, &out[i].Details); err != nil {
			return nil, fmt.Errorf("audit: details of entry %s: %w", r.ID, err)
		}
		if err := json.Unmarshal(r.Agencies, &out[i].Grants); err != nil {
			return nil, fmt.Errorf("audit: roles of entry %s: %w", r.ID, err)
		}
	}
	return out, nil
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
