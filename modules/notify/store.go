package notify

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type row struct {
	ID        string       `db:"id"`
	Person    string       `db:"person"`
	Case      string       `db:"case_id"`
	Service   string       `db:"service"`
	Number    string       `db:"number"`
	Notice    string       `db:"notice"`
	Title     []byte       `db:"title"`
	Body      []byte       `db:"body"`
	Path      string       `db:"path"`
	CreatedAt time.Time    `db:"created_at"`
	ReadAt    sql.NullTime `db:"read_at"`
}

const columns = `id, person, case_id, service, number, notice, title, body, path, created_at, read_at`

func (r row) message() (Message, error) {
	m := Message{
		ID: r.ID, Person: kernel.PersonID(r.Person), Case: kernel.CaseID(r.Case), Service: r.Service, Number: r.Number,
		Notice: r.Notice, Path: r.Path, CreatedAt: r.CreatedAt.UTC(), ReadAt: r.ReadAt.Time.UTC(),
	}
	if !r.ReadAt.Valid {
		m.ReadAt = time.Time{}
	}
	if err := errors.Join(json.Unmarshal(r.Title, &m.Title), json.Unmarshal(r.Body, &m.Body)); err != nil {
		return Message{}, fmt.Errorf("notify: texts of message %s: %w", r.ID, err)
	}
	return m, nil
}

func insertMessage(ctx context.Context, tx *pg.Tx, m Message) error {
	title, err := json.Marshal(m.Title)
	if err != nil {
		return err
	}
	body, err := json.Marshal(m.Body)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO notify.message (tenant_id, id, person, case_id, service, number, notice, title, body, path, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		tx.TenantID(), m.ID, string(m.Person), string(m.Case), m.Service, m.Number, m.Notice, string(title), string(body), m.Path, m.CreatedAt)
	if err != nil {
		return fmt.Errorf("notify: message %s: %w", m.ID, err)
	}
	return nil
}

func getMessage(ctx context.Context, tx *pg.Tx, id string) (Message, error) {
	var r row
	err := tx.GetContext(ctx, &r, `SELECT `+columns+` FROM notify.message WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return Message{}, kernel.NotThere("message " + id)
	}
	if err != nil {
		return Message{}, fmt.Errorf("notify: message %s: %w", id, err)
	}
	return r.message()
}

func messagesOf(ctx context.Context, tx *pg.Tx, p kernel.PersonID) ([]Message, error) {
	var rows []row
	err := tx.SelectContext(ctx, &rows, `SELECT `+columns+` FROM notify.message
		WHERE tenant_id = $1 AND person = $2 ORDER BY created_at DESC, id DESC LIMIT 100`, tx.TenantID(), string(p))
	if err != nil {
		return nil, fmt.Errorf("notify: inbox of %s: %w", p, err)
	}
	out := make([]Message, len(rows))
	for i, r := range rows {
		if out[i], err = r.message(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// markRead names the newest message shown, so that one which arrived after the page was made stays unread.
func markRead(ctx context.Context, tx *pg.Tx, p kernel.PersonID, upTo string, at time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE notify.message SET read_at = greatest($4, created_at)
		WHERE tenant_id = $1 AND person = $2 AND read_at IS NULL
		  AND (created_at, id) <= (SELECT created_at, id FROM notify.message WHERE tenant_id = $1 AND person = $2 AND id = $3)`,
		tx.TenantID(), string(p), upTo, at)
	if err != nil {
		return fmt.Errorf("notify: read up to %s: %w", upTo, err)
	}
	return nil
}

func countUnread(ctx context.Context, tx *pg.Tx, p kernel.PersonID) (int, error) {
	var n int
	err := tx.GetContext(ctx, &n, `SELECT count(*) FROM notify.message WHERE tenant_id = $1 AND person = $2 AND read_at IS NULL`, tx.TenantID(), string(p))
	return n, err
}

// insertDelivery may meet the delivery of a former effect for the same message, when staff had it run again: the first
// one stands.
func insertDelivery(ctx context.Context, tx *pg.Tx, e kernel.Effect, message, channel string, o outcome, at time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO notify.delivery (tenant_id, id, message_id, channel, outcome, attempt, at)
		SELECT $1, $2, id, $4, $5, $6, $7 FROM notify.message WHERE tenant_id = $1 AND id = $3
		ON CONFLICT DO NOTHING`,
		tx.TenantID(), e.ID, message, channel, string(o), e.Attempt, at)
	if err != nil {
		return fmt.Errorf("notify: delivery %s: %w", e.ID, err)
	}
	return nil
}

func deleteMessages(ctx context.Context, tx *pg.Tx, before time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM notify.message WHERE tenant_id = $1 AND created_at < $2`, tx.TenantID(), before)
	return err
}
