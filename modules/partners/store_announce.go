package partners

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type announcementRow struct {
	ID      string    `db:"id"`
	App     string    `db:"app"`
	Agency  string    `db:"agency"`
	Heading []byte    `db:"heading"`
	Body    []byte    `db:"body"`
	By      string    `db:"by"`
	ByName  string    `db:"by_name"`
	At      time.Time `db:"at"`
	Reached int       `db:"reached"`
}

func announcements(ctx context.Context, tx kernel.Tx, condition string, arg any) ([]Announcement, error) {
	var rows []announcementRow
	if err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, app, agency, heading, body, by, by_name, at, reached FROM partners.announcement WHERE tenant_id = $1 AND `+condition+` ORDER BY at DESC, id DESC LIMIT 100`,
		tx.TenantID(), arg); err != nil {
		return nil, fmt.Errorf("announcements: %w", err)
	}
	var out []Announcement
	for _, r := range rows {
		a := Announcement{ID: r.ID, App: r.App, Agency: kernel.AgencyID(r.Agency), By: kernel.PersonID(r.By), ByName: r.ByName, At: r.At.UTC(), Reached: r.Reached}
		if err := json.Unmarshal(r.Heading, &a.Heading); err != nil {
			return nil, fmt.Errorf("announcement %s: %w", r.ID, err)
		}
		if err := json.Unmarshal(r.Body, &a.Body); err != nil {
			return nil, fmt.Errorf("announcement %s: %w", r.ID, err)
		}
		out = append(out, a)
	}
	return out, nil
}

func announcementOf(ctx context.Context, tx kernel.Tx, id string) (Announcement, error) {
	found, err := announcements(ctx, tx, `id = $2`, id)
	if err == nil && len(found) != 1 {
		err = kernel.NotThere("announcement")
	}
	if err != nil {
		return Announcement{}, err
	}
	return found[0], nil
}

// announcedIn returns the newest announcements of one mini-app, a hundred at most.
func announcedIn(ctx context.Context, tx kernel.Tx, app string) ([]Announcement, error) {
	return announcements(ctx, tx, `app = $2`, app)
}

func insertAnnouncement(ctx context.Context, tx kernel.Tx, a Announcement) error {
	heading, err := json.Marshal(a.Heading)
	if err != nil {
		return fmt.Errorf("announcement %s: %w", a.ID, err)
	}
	body, err := json.Marshal(a.Body)
	if err != nil {
		return fmt.Errorf("announcement %s: %w", a.ID, err)
	}
	if _, err := pg.From(tx).ExecContext(ctx, `INSERT INTO partners.announcement (tenant_id, id, app, agency, heading, body, by, by_name, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		tx.TenantID(), a.ID, a.App, string(a.Agency), heading, body, string(a.By), a.ByName, a.At); err != nil {
		return fmt.Errorf("announcement %s: %w", a.ID, err)
	}
	return nil
}

// countReached adds to the subscribers an announcement was sent to.
func countReached(ctx context.Context, tx kernel.Tx, id string, n int) error {
	if _, err := pg.From(tx).ExecContext(ctx, `UPDATE partners.announcement SET reached = reached + $3 WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id, n); err != nil {
		return fmt.Errorf("announcement %s: %w", id, err)
	}
	return nil
}
