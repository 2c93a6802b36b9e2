package travel

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type onBoardRow struct {
	ticketRow
	Hash      string `db:"hash"`
	Operator  string `db:"operator"`
	Applicant string `db:"applicant"`
	FromSeq   int    `db:"from_seq"`
	ToSeq     int    `db:"to_seq"`
	Class     string `db:"class"`
	Proof     bool   `db:"proof"`
	Place     string `db:"place"`
	BikePlace string `db:"bicycle_place"`
}

func (r onBoardRow) onBoard() OnBoard {
	t := r.ticket()
	return OnBoard{Hash: r.Hash, State: t.State, Class: r.Class, Proof: r.Proof, Place: r.Place, BikePlace: r.BikePlace, UsedAt: t.UsedAt, code: t.Code, departure: t.Departure,
		operator: kernel.AgencyID(r.Operator), booking: Booking{Case: t.Case, Applicant: kernel.PersonID(r.Applicant)}, fromSeq: r.FromSeq, toSeq: r.ToSeq}
}

const onBoardSQL = `SELECT t.code, t.case_id, t.n, t.departure_id, t.state, t.used_at, encode(sha256(t.code::bytea), 'hex') AS hash,
		b.operator, b.applicant, b.from_seq, b.to_seq, p.class, p.proof, p.place, p.bicycle_place
	FROM travel.ticket t
	JOIN travel.booking b ON b.tenant_id = $1 AND b.case_id = t.case_id
	JOIN travel.passenger p ON p.tenant_id = $1 AND p.case_id = t.case_id AND p.n = t.n
	WHERE t.tenant_id = $1`

func onBoards(ctx context.Context, tx kernel.Tx, text string, args ...any) ([]OnBoard, error) {
	var rows []onBoardRow
	if err := pg.From(tx).SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("tickets on board: %w", err)
	}
	out := make([]OnBoard, len(rows))
	for i, r := range rows {
		out[i] = r.onBoard()
	}
	return out, nil
}

// ticketsOn lists the tickets of a departure in the order of the places, the void ones with them.
func ticketsOn(ctx context.Context, tx kernel.Tx, d DepartureID) ([]OnBoard, error) {
	return onBoards(ctx, tx, onBoardSQL+` AND t.departure_id = $2 ORDER BY t.state = 'void', substring(p.place FROM '^\d+')::int NULLS LAST, p.place, t.code LIMIT 4000`, tx.TenantID(), d)
}

// lockTickets reads tickets by their hashes, and lets nobody else use or take away one of them until the transaction ends. They
// are locked in one order, so that two devices which hand in the same tickets do not wait for one another.
func lockTickets(ctx context.Context, tx kernel.Tx, hashes []string) (map[string]OnBoard, error) {
	all, err := onBoards(ctx, tx, onBoardSQL+` AND sha256(t.code::bytea) IN (SELECT decode(h, 'hex') FROM unnest($2::text[]) AS h) ORDER BY t.code FOR NO KEY UPDATE OF t`,
		tx.TenantID(), pq.Array(hashes))
	out := make(map[string]OnBoard, len(all))
	for _, t := range all {
		out[t.Hash] = t
	}
	return out, err
}

// boarding is a look with which somebody was let on.
type boarding struct {
	code, scan string
	at         time.Time
}

// insertBoardings keeps looks and returns the codes of the tickets of those that are new.
func insertBoardings(ctx context.Context, tx kernel.Tx, all []boarding, by kernel.PersonID, now time.Time) (fresh []string, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	var c pg.Columns
	for _, b := range all {
		c.Add(pg.Text(b.code), pg.Text(b.scan), pg.Time(b.at))
	}
	err = pg.From(tx).SelectContext(ctx, &fresh, `INSERT INTO travel.boarding (tenant_id, code, scan, at, by, created_at)
		SELECT $1, n.code, n.scan, n.at, nullif($2, '')::uuid, $3 FROM unnest($4::text[], $5::uuid[], $6::timestamptz[]) AS n (code, scan, at)
		ON CONFLICT DO NOTHING RETURNING code`, c.Args(tx.TenantID(), by, now)...)
	if err != nil {
		return nil, fmt.Errorf("boardings: %w", pg.MapConstraint(err, constraints))
	}
	return fresh, nil
}

const useFirstSQL = `UPDATE travel.ticket t SET state = 'used', used_at = f.at, used_by = f.by
	FROM (SELECT DISTINCT ON (code) code, at, by FROM travel.boarding WHERE tenant_id = $1 AND code = ANY ($2) ORDER BY code, at, scan) f
	WHERE t.tenant_id = $1 AND t.code = f.code AND (t.state = 'valid' OR t.state = 'used' AND t.used_at > f.at)
	RETURNING t.code, t.used_at`

// useFirst marks tickets, which the transaction has locked, as used by the first of their looks, and returns the time of those
// that changed. One that was used still earlier, or is void, stays as it is.
func useFirst(ctx context.Context, tx kernel.Tx, codes []string) (map[string]time.Time, error) {
	var rows []struct {
		Code   string    `db:"code"`
		UsedAt time.Time `db:"used_at"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, useFirstSQL, tx.TenantID(), pq.Array(codes)); err != nil {
		return nil, fmt.Errorf("using tickets: %w", err)
	}
	out := map[string]time.Time{}
	for _, r := range rows {
		out[r.Code] = r.UsedAt.UTC()
	}
	return out, nil
}

// boardingsOf reads the looks with which people were let on, by the codes of the tickets.
func boardingsOf(ctx context.Context, tx kernel.Tx, codes []string) (map[string]boardings, error) {
	var rows []struct {
		Code string    `db:"code"`
		Scan string    `db:"scan"`
		At   time.Time `db:"at"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT code, scan, at FROM travel.boarding WHERE tenant_id = $1 AND code = ANY ($2) ORDER BY code, at, scan`, tx.TenantID(), pq.Array(codes))
	if err != nil {
		return nil, fmt.Errorf("boardings: %w", err)
	}
	out := map[string]boardings{}
	for _, r := range rows {
		b, ok := out[r.Code]
		if !ok {
			b = boardings{first: r.Scan, at: r.At.UTC(), ids: map[string]bool{}}
		}
		b.all++
		b.ids[r.Scan] = true
		out[r.Code] = b
	}
	return out, nil
}

// boardRow is one departure with how full it is.
type boardRow struct {
	ID       DepartureID `db:"id"`
	Expected int         `db:"expected"`
	Boarded  int         `db:"boarded"`
}

// departuresBetween lists the departures of an operator that are under way at some moment between two, the soonest first, with
// how many tickets are good for each and how many of them were used.
func departuresBetween(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, from, until time.Time, n int) ([]boardRow, error) {
	var rows []boardRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT d.id, count(t.code) AS expected, count(t.code) FILTER (WHERE t.state = 'used') AS boarded
		FROM (SELECT id, starts_at FROM travel.departure WHERE tenant_id = $1 AND operator = $2 AND starts_at < $4 AND ends_at > $3 AND (offered OR claimed)
			ORDER BY starts_at, id LIMIT $5) d
		LEFT JOIN travel.ticket t ON t.tenant_id = $1 AND t.departure_id = d.id AND t.state <> 'void'
		GROUP BY d.id, d.starts_at ORDER BY d.starts_at, d.id`, tx.TenantID(), operator, from, until, n)
	if err != nil {
		return nil, fmt.Errorf("departures on board: %w", err)
	}
	return rows, nil
}
