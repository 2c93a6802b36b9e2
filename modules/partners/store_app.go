package partners

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

type appRow struct {
	ID        string    `db:"id"`
	Partner   string    `db:"partner"`
	Template  string    `db:"template"`
	Blanks    []byte    `db:"blanks"`
	Slug      *string   `db:"slug"`
	Hash      *string   `db:"hash"`
	Version   int       `db:"version"`
	UpdatedAt time.Time `db:"updated_at"`
}

func (r appRow) app() (App, error) {
	a := App{ID: r.ID, Partner: kernel.CaseID(r.Partner), Template: r.Template, Version: r.Version, UpdatedAt: r.UpdatedAt.UTC()}
	if r.Slug != nil && r.Hash != nil {
		a.Slug, a.Hash = *r.Slug, *r.Hash
	}
	if err := json.Unmarshal(r.Blanks, &a.Blanks); err != nil {
		return a, fmt.Errorf("blanks of mini-app %s: %w", r.ID, err)
	}
	return a, nil
}

const appSelect = `SELECT id, partner, template, blanks, slug, hash, version, updated_at FROM partners.app WHERE tenant_id = $1`

func appsWhere(ctx context.Context, tx kernel.Tx, condition string, args ...any) ([]App, error) {
	var rows []appRow
	if err := pg.From(tx).SelectContext(ctx, &rows, appSelect+condition+` ORDER BY created_at, id`, append([]any{tx.TenantID()}, args...)...); err != nil {
		return nil, fmt.Errorf("mini-apps of partners: %w", err)
	}
	out := make([]App, 0, len(rows))
	for _, r := range rows {
		a, err := r.app()
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// appsOf returns a partner's mini-apps, the oldest first.
func appsOf(ctx context.Context, tx kernel.Tx, partner kernel.CaseID) ([]App, error) {
	return appsWhere(ctx, tx, ` AND partner = $2`, string(partner))
}

// madeApps returns every mini-app of the municipality that has a definition.
func madeApps(ctx context.Context, tx kernel.Tx) ([]App, error) {
	return appsWhere(ctx, tx, ` AND slug IS NOT NULL`)
}

// appOf returns one mini-app of a partner, or NotFound.
func appOf(ctx context.Context, tx kernel.Tx, partner kernel.CaseID, id string) (App, error) {
	if !kernel.ValidID(id) {
		return App{}, kernel.NotThere("mini-app")
	}
	found, err := appsWhere(ctx, tx, ` AND partner = $2 AND id = $3`, string(partner), id)
	if err != nil {
		return App{}, err
	}
	if len(found) != 1 {
		return App{}, kernel.NotThere("mini-app")
	}
	return found[0], nil
}

// insertApp writes a new one.
func insertApp(ctx context.Context, tx kernel.Tx, a App) error {
	blanks, err := json.Marshal(a.Blanks)
	if err != nil {
		return fmt.Errorf("blanks of mini-app %s: %w", a.ID, err)
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO partners.app (tenant_id, id, partner, template, blanks, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`,
		tx.TenantID(), a.ID, string(a.Partner), a.Template, blanks, a.UpdatedAt)
	if err != nil {
		return fmt.Errorf("mini-app %s: %w", a.ID, pg.MapConstraint(err, constraints))
	}
	return nil
}

// saveApp writes what was typed, and the definition in force. Error: ErrChanged.
func saveApp(ctx context.Context, tx kernel.Tx, a App) error {
	blanks, err := json.Marshal(a.Blanks)
	if err != nil {
		return fmt.Errorf("blanks of mini-app %s: %w", a.ID, err)
	}
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE partners.app SET blanks = $3, slug = $4, hash = $5, version = version + 1, updated_at = $6 WHERE tenant_id = $1 AND id = $2 AND version = $7`,
		tx.TenantID(), a.ID, blanks, orNull(a.Slug), orNull(a.Hash), a.UpdatedAt, a.Version)
	if err := oneRow(res, err); err != nil {
		return fmt.Errorf("mini-app %s: %w", a.ID, err)
	}
	return nil
}

// takeSlug gives a name to this municipality, for ever. Error: Invalid slug when it is given already.
func takeSlug(ctx context.Context, tx kernel.Tx, slug string) error {
	if _, err := pg.From(tx).ExecContext(ctx, `INSERT INTO partners.slug (slug, tenant) VALUES ($1, $2)`, slug, tx.TenantID()); err != nil {
		return fmt.Errorf("name of a mini-app: %w", pg.MapConstraint(err, constraints))
	}
	return nil
}

// keepDefinition writes a definition's files; the same again changes nothing.
func keepDefinition(ctx context.Context, tx kernel.Tx, slug, hash string, files map[string][]byte, by kernel.PersonID, at time.Time) error {
	texts := map[string]string{}
	for name, data := range files {
		texts[name] = string(data)
	}
	b, err := json.Marshal(texts)
	if err != nil {
		return fmt.Errorf("definition of %s: %w", slug, err)
	}
	if _, err := pg.From(tx).ExecContext(ctx, `INSERT INTO partners.definition (tenant_id, slug, hash, files, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, slug, hash) DO NOTHING`, tx.TenantID(), slug, hash, b, string(by), at); err != nil {
		return fmt.Errorf("definition of %s: %w", slug, err)
	}
	return nil
}

// kept is a definition as it was stored.
type kept struct {
	Slug  string `db:"slug"`
	Hash  string `db:"hash"`
	Files []byte `db:"files"`
}

// definition parses the files again. What was accepted once is accepted for ever, unless the language lost something.
func (k kept) definition(sector string) (*workflows.Definition, error) {
	texts := map[string]string{}
	if err := json.Unmarshal(k.Files, &texts); err != nil {
		return nil, fmt.Errorf("definition of %s: %w", k.Slug, err)
	}
	files := map[string][]byte{}
	for name, text := range texts {
		files[name] = []byte(text)
	}
	d, problems := workflows.ParseFiles(sector+"/"+k.Slug, files)
	if len(problems) > 0 {
		return nil, fmt.Errorf("definition of %s: %w", k.Slug, workflows.Problems(problems))
	}
	if d.Hash != k.Hash {
		return nil, fmt.Errorf("definition of %s: it was stored as %.12s and reads as %.12s", k.Slug, k.Hash, d.Hash)
	}
	return d, nil
}

// definitions returns every definition the municipality's partners ever made, the oldest first.
func definitions(ctx context.Context, tx kernel.Tx) ([]kept, error) {
	var out []kept
	if err := pg.From(tx).SelectContext(ctx, &out, `SELECT slug, hash, files FROM partners.definition WHERE tenant_id = $1 ORDER BY made_at, hash`, tx.TenantID()); err != nil {
		return nil, fmt.Errorf("definitions of partners: %w", err)
	}
	return out, nil
}
