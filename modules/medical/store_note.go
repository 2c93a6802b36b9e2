package medical

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/sealed"
)

// wrappedKey reads a person's key as it is stored; false when there is none.
func wrappedKey(ctx context.Context, tx kernel.Tx, p kernel.PersonID) (sealed.Wrapped, bool, error) {
	var r struct {
		Master  string `db:"master"`
		Wrapped []byte `db:"wrapped"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT master, wrapped FROM medical.person_key WHERE tenant_id = $1 AND person = $2`, tx.TenantID(), p)
	if errors.Is(err, sql.ErrNoRows) {
		return sealed.Wrapped{}, false, nil
	}
	if err != nil {
		return sealed.Wrapped{}, false, fmt.Errorf("key of person %s: %w", p, err)
	}
	n, err := strconv.Atoi(r.Master)
	if err != nil {
		return sealed.Wrapped{}, false, fmt.Errorf("key of person %s: master %q is no number", p, r.Master)
	}
	return sealed.Wrapped{Master: n, Key: r.Wrapped}, true, nil
}

// keepKey stores a person's first key. Somebody else's that was stored meanwhile stays: read it again.
func keepKey(ctx context.Context, tx kernel.Tx, p kernel.PersonID, w sealed.Wrapped, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO medical.person_key (tenant_id, person, master, wrapped, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, person) DO NOTHING`, tx.TenantID(), p, strconv.Itoa(w.Master), w.Key, at)
	if err != nil {
		return fmt.Errorf("key of person %s: %w", p, err)
	}
	return nil
}

// rewrapKey replaces a person's wrapped key, unless somebody else has replaced it meanwhile.
func rewrapKey(ctx context.Context, tx kernel.Tx, p kernel.PersonID, old, next sealed.Wrapped) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.person_key SET master = $4, wrapped = $5 WHERE tenant_id = $1 AND person = $2 AND wrapped = $3`,
		tx.TenantID(), p, old.Key, strconv.Itoa(next.Master), next.Key)
	return err
}

// keysNotUnder lists persons whose key is wrapped by another master key than this one.
func keysNotUnder(ctx context.Context, tx kernel.Tx, master, limit int) (all []kernel.PersonID, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT person FROM medical.person_key WHERE tenant_id = $1 AND master <> $2 ORDER BY person LIMIT $3`,
		tx.TenantID(), strconv.Itoa(master), limit)
	return all, err
}

// sealedNote is a text nobody can read without its person's key.
type sealedNote struct {
	Person kernel.PersonID `db:"person"`
	Sealed []byte          `db:"sealed"`
}

func putNote(ctx context.Context, tx kernel.Tx, c kernel.CaseID, kind string, n sealedNote, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO medical.note (tenant_id, case_id, kind, person, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, case_id, kind) DO UPDATE SET person = excluded.person, sealed = excluded.sealed, created_at = excluded.created_at`,
		tx.TenantID(), c, kind, n.Person, n.Sealed, at)
	if err != nil {
		return fmt.Errorf("note of case %s: %w", c, pg.MapConstraint(err, constraints))
	}
	return nil
}

// noteOf reads a sealed note; false when there is none.
func noteOf(ctx context.Context, tx kernel.Tx, c kernel.CaseID, kind string) (n sealedNote, ok bool, err error) {
	err = pg.From(tx).GetContext(ctx, &n, `SELECT person, sealed FROM medical.note WHERE tenant_id = $1 AND case_id = $2 AND kind = $3`, tx.TenantID(), c, kind)
	if errors.Is(err, sql.ErrNoRows) {
		return sealedNote{}, false, nil
	}
	if err != nil {
		return sealedNote{}, false, fmt.Errorf("note of case %s: %w", c, err)
	}
	return n, true, nil
}

func dropNote(ctx context.Context, tx kernel.Tx, c kernel.CaseID, kind string) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM medical.note WHERE tenant_id = $1 AND case_id = $2 AND kind = $3`, tx.TenantID(), c, kind)
	return err
}

// dropNotesOver deletes the notes of visits that ended before a moment, also where nobody wrote down what became of them, and
// those of visits that never took place and ended before another.
func dropNotesOver(ctx context.Context, tx kernel.Tx, service string, visited, unvisited time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM medical.note n USING medical.appointment a
		WHERE n.tenant_id = $1 AND a.tenant_id = $1 AND a.case_id = n.case_id AND a.service = $2
		  AND (a.state IN ('booked', 'arrived', 'attended', 'closed', 'missed') AND a.ends_at < $3 OR a.state IN ('draft', 'cancelled', 'lapsed') AND a.updated_at < $4)`,
		tx.TenantID(), service, visited, unvisited)
	if err != nil {
		return fmt.Errorf("notes: %w", err)
	}
	return nil
}

// dropIdleKeys deletes the keys of people who have no note, and have done nothing here since a moment. What was in copies
// of their notes cannot be read again.
func dropIdleKeys(ctx context.Context, tx kernel.Tx, since time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM medical.person_key k WHERE k.tenant_id = $1 AND k.created_at < $2
		AND NOT EXISTS (SELECT FROM medical.note n WHERE n.tenant_id = $1 AND n.person = k.person)
		AND NOT EXISTS (SELECT FROM medical.appointment a WHERE a.tenant_id = $1 AND a.applicant = k.person AND a.updated_at >= $2)`, tx.TenantID(), since)
	return err
}
