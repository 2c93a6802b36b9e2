package partners

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// constraints are the faults a database may find that a person can mend.
var constraints = map[string]*kernel.Error{
	"partner_agency_once": kernel.InvalidFields(errTaken),
	"slug_pkey":           kernel.InvalidFields(errSlugTaken),
	"app_slug_once":       kernel.InvalidFields(errSlugTaken),
	"app_sizes":           kernel.InvalidFields(errTooMuch),
}

type partnerRow struct {
	ID             string          `db:"id"`
	Agency         string          `db:"agency"`
	State          string          `db:"state"`
	Kind           string          `db:"kind"`
	Name           []byte          `db:"name"`
	Registration   string          `db:"registration"`
	Licence        string          `db:"licence"`
	LicenceUntil   sql.NullTime    `db:"licence_until"`
	Categories     pq.StringArray  `db:"categories"`
	Purposes       pq.StringArray  `db:"purposes"`
	Email          string          `db:"email"`
	Address        string          `db:"address"`
	Latitude       sql.NullFloat64 `db:"latitude"`
	Longitude      sql.NullFloat64 `db:"longitude"`
	Representative string          `db:"representative"`
	SignIn         []byte          `db:"sign_in"`
	Reason         string          `db:"reason"`
	Version        int             `db:"version"`
	CreatedAt      time.Time       `db:"created_at"`
	UpdatedAt      time.Time       `db:"updated_at"`
}

func (r partnerRow) partner() (Partner, error) {
	p := Partner{
		ID: kernel.CaseID(r.ID), Agency: kernel.AgencyID(r.Agency), State: State(r.State), Kind: kernel.BodyKind(r.Kind), Registration: r.Registration, Licence: r.Licence,
		Categories: r.Categories, Purposes: r.Purposes, Email: r.Email, Address: r.Address, Representative: kernel.PersonID(r.Representative), Reason: r.Reason,
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.LicenceUntil.Valid {
		p.LicenceUntil = r.LicenceUntil.Time.Format(time.DateOnly)
	}
	if r.Latitude.Valid {
		p.Position = &kernel.Position{Latitude: r.Latitude.Float64, Longitude: r.Longitude.Float64}
	}
	if err := json.Unmarshal(r.Name, &p.Name); err != nil {
		return p, fmt.Errorf("name of partner %s: %w", r.ID, err)
	}
	if err := json.Unmarshal(r.SignIn, &p.SignIn); err != nil {
		return p, fmt.Errorf("sign-in of partner %s: %w", r.ID, err)
	}
	return p, nil
}

const partnerSelect = `SELECT id, agency, state, kind, name, registration, licence, licence_until, categories, purposes, email, address, latitude, longitude, representative,
	sign_in, reason, version, created_at, updated_at FROM partners.partner WHERE tenant_id = $1`

// partnersWhere returns the partners of the transaction's municipality that a condition over $2 holds for, by short name.
func partnersWhere(ctx context.Context, tx kernel.Tx, condition string, arg any) ([]Partner, error) {
	var rows []partnerRow
	if err := pg.From(tx).SelectContext(ctx, &rows, partnerSelect+` AND `+condition+` ORDER BY agency, created_at`, tx.TenantID(), arg); err != nil {
		return nil, fmt.Errorf("partners: %w", err)
	}
	out := make([]Partner, 0, len(rows))
	for _, r := range rows {
		p, err := r.partner()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func one(found []Partner, err error) (Partner, error) {
	if err == nil && len(found) != 1 {
		err = kernel.NotThere("partner")
	}
	if err != nil {
		return Partner{}, err
	}
	return found[0], nil
}

// partnerByCase returns the body that applied with a case, or NotFound.
func partnerByCase(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (Partner, error) {
	return one(partnersWhere(ctx, tx, `id = $2`, string(id)))
}

// partnerByAgency returns the body of that short name, whatever its state but dropped, or NotFound.
func partnerByAgency(ctx context.Context, tx kernel.Tx, agency kernel.AgencyID) (Partner, error) {
	return one(partnersWhere(ctx, tx, `agency = $2 AND state <> 'dropped'`, string(agency)))
}

// partnersOf returns the bodies a person acts for.
func partnersOf(ctx context.Context, tx kernel.Tx, who kernel.PersonID) ([]Partner, error) {
	return partnersWhere(ctx, tx, `representative = $2 AND state <> 'dropped'`, string(who))
}

// allPartners returns those in one of the states.
func allPartners(ctx context.Context, tx kernel.Tx, states ...State) ([]Partner, error) {
	var in pq.StringArray
	for _, s := range states {
		in = append(in, string(s))
	}
	return partnersWhere(ctx, tx, `state = ANY($2)`, in)
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// insertPartner writes a new one. Error: Invalid short_name when another body has it.
func insertPartner(ctx context.Context, tx kernel.Tx, p Partner) error {
	name, err := json.Marshal(p.Name)
	if err != nil {
		return fmt.Errorf("name of partner %s: %w", p.ID, err)
	}
	var at kernel.Position
	if p.Position != nil {
		at = *p.Position
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO partners.partner (tenant_id, id, agency, state, kind, name, registration, licence, licence_until, categories, purposes, email, address,
		latitude, longitude, representative, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $17)`,
		tx.TenantID(), string(p.ID), string(p.Agency), string(p.State), string(p.Kind), name, p.Registration, p.Licence, orNull(p.LicenceUntil), pq.StringArray(p.Categories),
		pq.StringArray(p.Purposes), p.Email, p.Address, sql.NullFloat64{Float64: at.Latitude, Valid: p.Position != nil}, sql.NullFloat64{Float64: at.Longitude, Valid: p.Position != nil},
		string(p.Representative), p.CreatedAt)
	if err != nil {
		return fmt.Errorf("partner %s: %w", p.ID, pg.MapConstraint(err, constraints))
	}
	return nil
}

// savePartner writes state, sign-in and reason of one whose version is still the one that was read, and makes every process read again.
// Error: ErrChanged.
func savePartner(ctx context.Context, tx kernel.Tx, p Partner) error {
	signIn, err := json.Marshal(p.SignIn)
	if err != nil {
		return fmt.Errorf("sign-in of partner %s: %w", p.ID, err)
	}
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE partners.partner SET state = $3, sign_in = $4, reason = $5, version = version + 1, updated_at = $6 WHERE tenant_id = $1 AND id = $2 AND version = $7`,
		tx.TenantID(), string(p.ID), string(p.State), signIn, p.Reason, p.UpdatedAt, p.Version)
	if err := oneRow(res, err); err != nil {
		return fmt.Errorf("partner %s: %w", p.ID, err)
	}
	return turn(ctx, tx)
}

func oneRow(res sql.Result, err error) error {
	if err != nil {
		return pg.MapConstraint(err, constraints)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return kernel.ErrChanged
}

// turn makes every process read the municipality's partners again. The row is the last that a transaction writes: nobody waits for it
// longer than for a commit.
func turn(ctx context.Context, tx kernel.Tx) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO partners.turn AS t (tenant, n) VALUES ($1, 1) ON CONFLICT (tenant) DO UPDATE SET n = t.n + 1`, tx.TenantID())
	if err != nil {
		return fmt.Errorf("turn of the partners: %w", err)
	}
	return nil
}

// turns are how often each municipality's partners changed.
func turns(ctx context.Context, db *pg.DB) (map[kernel.TenantID]int64, error) {
	var rows []struct {
		Tenant string `db:"tenant"`
		N      int64  `db:"n"`
	}
	err := db.Shared(ctx, func(tx *pg.Tx) error {
		rows = nil
		return tx.SelectContext(ctx, &rows, `SELECT tenant, n FROM partners.turn`)
	})
	if err != nil {
		return nil, fmt.Errorf("turns of the partners: %w", err)
	}
	out := map[kernel.TenantID]int64{}
	for _, r := range rows {
		out[kernel.TenantID(r.Tenant)] = r.N
	}
	return out, nil
}

// isThere reports whether an error says that there is something; NotFound is no error of the caller's.
func isThere(err error) (bool, error) {
	var e *kernel.Error
	if errors.As(err, &e) && e.Kind == kernel.NotFound {
		return false, nil
	}
	return err == nil, err
}
