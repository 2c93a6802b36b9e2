package catalogue

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

// releaseConstraints are the faults a database may find that a person can mend: somebody else was quicker.
var releaseConstraints = map[string]*kernel.Error{
	"release_change_pkey":      kernel.ErrChanged,
	"release_change_four_eyes": errSamePerson,
}

type releaseRow struct {
	App            string         `db:"app"`
	Stage          string         `db:"stage"`
	Share          int            `db:"share"`
	PausedFrom     sql.NullString `db:"paused_from"`
	Reason         []byte         `db:"reason"`
	BackOn         sql.NullTime   `db:"back_on"`
	SeasonFrom     sql.NullString `db:"season_from"`
	SeasonUntil    sql.NullString `db:"season_until"`
	MinHost        string         `db:"min_host"`
	ProposedStage  sql.NullString `db:"proposed_stage"`
	ProposedShare  sql.NullInt64  `db:"proposed_share"`
	ProposedBy     sql.NullString `db:"proposed_by"`
	ProposedName   sql.NullString `db:"proposed_name"`
	ProposedReason sql.NullString `db:"proposed_reason"`
	ProposedAt     sql.NullTime   `db:"proposed_at"`
	Version        int            `db:"version"`
	UpdatedAt      time.Time      `db:"updated_at"`
	Testers        pq.StringArray `db:"testers"`
}

func (r releaseRow) release() (Release, error) {
	out := Release{App: r.App, Stage: Stage(r.Stage), Share: r.Share, PausedFrom: Stage(r.PausedFrom.String), Season: Season{r.SeasonFrom.String, r.SeasonUntil.String},
		MinHost: r.MinHost, Version: r.Version, UpdatedAt: r.UpdatedAt.UTC(), Testers: r.Testers}
	if err := json.Unmarshal(r.Reason, &out.Reason); err != nil {
		return Release{}, fmt.Errorf("release of %s: %w", r.App, err)
	}
	if r.BackOn.Valid {
		out.BackOn = r.BackOn.Time.Format(time.DateOnly)
	}
	if r.ProposedStage.Valid {
		out.Proposal = &Proposal{Stage: Stage(r.ProposedStage.String), Share: int(r.ProposedShare.Int64), By: kernel.PersonID(r.ProposedBy.String),
			Name: r.ProposedName.String, Reason: r.ProposedReason.String, At: r.ProposedAt.Time.UTC()}
	}
	return out, nil
}

const releaseSelect = `SELECT r.app, r.stage, r.share, r.paused_from, r.reason, r.back_on, r.season_from, r.season_until, r.min_host, r.proposed_stage, r.proposed_share,
	r.proposed_by, r.proposed_name, r.proposed_reason, r.proposed_at, r.version, r.updated_at,
	ARRAY(SELECT t.who FROM catalogue.tester t WHERE t.tenant_id = $1 AND t.app = r.app ORDER BY t.added_at, t.who) AS testers
	FROM catalogue.release r WHERE r.tenant_id = $1`

// releasesOf reads every release of the transaction's municipality.
func releasesOf(ctx context.Context, tx kernel.Tx) (map[string]Release, error) {
	var rows []releaseRow
	if err := pg.From(tx).SelectContext(ctx, &rows, releaseSelect, tx.TenantID()); err != nil {
		return nil, fmt.Errorf("releases: %w", err)
	}
	out := make(map[string]Release, len(rows))
	for _, r := range rows {
		one, err := r.release()
		if err != nil {
			return nil, err
		}
		out[one.App] = one
	}
	return out, nil
}

// releaseOf reads one release; an untouched one when there is no row.
func releaseOf(ctx context.Context, tx kernel.Tx, app string) (Release, error) {
	var rows []releaseRow
	if err := pg.From(tx).SelectContext(ctx, &rows, releaseSelect+` AND r.app = $2`, tx.TenantID(), app); err != nil {
		return Release{}, fmt.Errorf("release of %s: %w", app, err)
	}
	if len(rows) == 0 {
		return untouched(app), nil
	}
	return rows[0].release()
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// saveRelease writes a release over the version before it, and the line of its history. Error: changed-meanwhile when
// somebody else was quicker.
func saveRelease(ctx context.Context, tx kernel.Tx, r Release, h Change) error {
	reason := r.Reason
	if reason == nil {
		reason = kernel.Text{}
	}
	b, err := json.Marshal(reason)
	if err != nil {
		return fmt.Errorf("release of %s: %w", r.App, err)
	}
	p := Proposal{}
	if r.Proposal != nil {
		p = *r.Proposal
	}
	args := []any{tx.TenantID(), r.App, string(r.Stage), r.Share, orNull(string(r.PausedFrom)), b, orNull(r.BackOn), orNull(r.Season.From), orNull(r.Season.Until), r.MinHost,
		orNull(string(p.Stage)), sql.NullInt64{Int64: int64(p.Share), Valid: r.Proposal != nil}, orNull(string(p.By)), sql.NullString{String: p.Name, Valid: r.Proposal != nil},
		sql.NullString{String: p.Reason, Valid: r.Proposal != nil}, sql.NullTime{Time: p.At, Valid: r.Proposal != nil}, r.Version, r.UpdatedAt}
	text := `INSERT INTO catalogue.release (tenant_id, app, stage, share, paused_from, reason, back_on, season_from, season_until, min_host, proposed_stage, proposed_share,
		proposed_by, proposed_name, proposed_reason, proposed_at, version, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (tenant_id, app) DO NOTHING`
	if r.Version > 1 {
		text = `UPDATE catalogue.release SET stage = $3, share = $4, paused_from = $5, reason = $6, back_on = $7, season_from = $8, season_until = $9, min_host = $10,
			proposed_stage = $11, proposed_share = $12, proposed_by = $13, proposed_name = $14, proposed_reason = $15, proposed_at = $16, version = $17, updated_at = $18
			WHERE tenant_id = $1 AND app = $2 AND version = $17 - 1`
	}
	res, err := pg.From(tx).ExecContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("release of %s: %w", r.App, pg.MapConstraint(err, releaseConstraints))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("release of %s: %w", r.App, err)
	}
	if n != 1 {
		return kernel.ErrChanged
	}
	return insertChange(ctx, tx, r.App, h)
}

func insertChange(ctx context.Context, tx kernel.Tx, app string, h Change) error {
	details, err := json.Marshal(h.Details)
	if err != nil {
		return fmt.Errorf("change of %s: %w", app, err)
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO catalogue.release_change (tenant_id, app, version, at, action, actor, actor_name, proposed_by, proposed_name,
		from_stage, to_stage, from_share, to_share, reason, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		tx.TenantID(), app, h.Version, h.At, h.Action, h.Actor, h.ActorName, orNull(string(h.ProposedBy)), h.ProposedName, string(h.From), string(h.To), h.FromShare, h.ToShare, h.Reason, details)
	if err != nil {
		return fmt.Errorf("change of %s: %w", app, pg.MapConstraint(err, releaseConstraints))
	}
	return nil
}

// saveTesters replaces who may try an app. Who was named before keeps their day.
func saveTesters(ctx context.Context, tx kernel.Tx, app string, testers []string, at time.Time) error {
	q := pg.From(tx)
	if _, err := q.ExecContext(ctx, `DELETE FROM catalogue.tester WHERE tenant_id = $1 AND app = $2 AND NOT who = ANY($3)`, tx.TenantID(), app, pq.StringArray(testers)); err != nil {
		return fmt.Errorf("testers of %s: %w", app, err)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO catalogue.tester (tenant_id, app, who, added_at) SELECT $1, $2, w, $4 FROM unnest($3::text[]) w
		ON CONFLICT (tenant_id, app, who) DO NOTHING`, tx.TenantID(), app, pq.StringArray(testers), at); err != nil {
		return fmt.Errorf("testers of %s: %w", app, pg.MapConstraint(err, releaseConstraints))
	}
	return nil
}

// changesOf reads the history of a release, newest first, at most limit lines older than version before; 0: from the newest on.
func changesOf(ctx context.Context, tx kernel.Tx, app string, before, limit int) ([]Change, error) {
	var rows []struct {
		Version      int            `db:"version"`
		At           time.Time      `db:"at"`
		Action       string         `db:"action"`
		Actor        string         `db:"actor"`
		ActorName    string         `db:"actor_name"`
		ProposedBy   sql.NullString `db:"proposed_by"`
		ProposedName string         `db:"proposed_name"`
		From         string         `db:"from_stage"`
		To           string         `db:"to_stage"`
		FromShare    int            `db:"from_share"`
		ToShare      int            `db:"to_share"`
		Reason       string         `db:"reason"`
		Details      []byte         `db:"details"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT version, at, action, actor, actor_name, proposed_by, proposed_name, from_stage, to_stage, from_share, to_share, reason, details
		FROM catalogue.release_change WHERE tenant_id = $1 AND app = $2 AND ($3 = 0 OR version < $3) ORDER BY version DESC LIMIT $4`, tx.TenantID(), app, before, limit)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", app, err)
	}
	out := make([]Change, len(rows))
	for i, r := range rows {
		out[i] = Change{Version: r.Version, At: r.At.UTC(), Action: r.Action, Actor: kernel.PersonID(r.Actor), ActorName: r.ActorName, ProposedBy: kernel.PersonID(r.ProposedBy.String),
			ProposedName: r.ProposedName, From: Stage(r.From), To: Stage(r.To), FromShare: r.FromShare, ToShare: r.ToShare, Reason: r.Reason}
		if err := json.Unmarshal(r.Details, &out[i].Details); err != nil {
			return nil, fmt.Errorf("history of %s: %w", app, err)
		}
	}
	return out, nil
}
