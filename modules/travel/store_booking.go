package travel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type bookingRow struct {
	Case      string       `db:"case_id"`
	Number    string       `db:"number"`
	Service   string       `db:"service"`
	Operator  string       `db:"operator"`
	State     string       `db:"state"`
	Departure string       `db:"departure_id"`
	FromSeq   int          `db:"from_seq"`
	ToSeq     int          `db:"to_seq"`
	DepartsAt time.Time    `db:"departs_at"`
	ArrivesAt time.Time    `db:"arrives_at"`
	HoldUntil sql.NullTime `db:"hold_until"`
	Applicant string       `db:"applicant"`
	Locale    string       `db:"locale"`
	Insured   bool         `db:"insured"`
	Currency  string       `db:"currency"`
	Fare      int64        `db:"fare"`
	Insurance int64        `db:"insurance"`
	Rules     []byte       `db:"rules"`
	GivenBack int64        `db:"given_back"`
	CreatedAt time.Time    `db:"created_at"`
	UpdatedAt time.Time    `db:"updated_at"`
}

const bookingColumns = `case_id, number, service, operator, state, departure_id, from_seq, to_seq, departs_at, arrives_at, hold_until, applicant,
	locale, insured, currency, fare, insurance, rules, given_back, created_at, updated_at`

func (r bookingRow) booking() Booking {
	b := Booking{
		Case: kernel.CaseID(r.Case), Number: r.Number, Service: r.Service, Operator: kernel.AgencyID(r.Operator), State: r.State,
		Departure: DepartureID(r.Departure), FromSeq: r.FromSeq, ToSeq: r.ToSeq, DepartsAt: r.DepartsAt.UTC(), ArrivesAt: r.ArrivesAt.UTC(),
		Applicant: kernel.PersonID(r.Applicant), Locale: r.Locale, Insured: r.Insured, Currency: r.Currency, Fare: r.Fare, Insurance: r.Insurance,
		Rules: r.Rules, GivenBack: r.GivenBack, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.HoldUntil.Valid {
		b.HoldUntil = r.HoldUntil.Time.UTC()
	}
	return b
}

func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

// loadBooking reads one booking with its passengers, whoever asks; lock keeps others from changing it until the
// transaction ends. The service decides who may. NotThere when there is none.
func loadBooking(ctx context.Context, tx kernel.Tx, c kernel.CaseID, lock bool) (Booking, error) {
	if !kernel.ValidID(string(c)) {
		return Booking{}, kernel.NotThere("booking")
	}
	text := `SELECT ` + bookingColumns + ` FROM travel.booking WHERE tenant_id = $1 AND case_id = $2`
	if lock {
		text += ` FOR NO KEY UPDATE`
	}
	var r bookingRow
	err := pg.From(tx).GetContext(ctx, &r, text, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return Booking{}, kernel.NotThere("booking")
	}
	if err != nil {
		return Booking{}, fmt.Errorf("booking %s: %w", c, err)
	}
	all, err := withPassengers(ctx, tx, r.booking())
	if err != nil {
		return Booking{}, err
	}
	return all[0], nil
}

const draftsSQL = `SELECT ` + bookingColumns + ` FROM travel.booking
	WHERE tenant_id = $1 AND applicant = $2 AND service = $3 AND state = 'draft' AND created_at > $4 ORDER BY case_id DESC LIMIT 20 FOR NO KEY UPDATE`

// draftsOf reads the drafts of a person for a service that were begun after since, newest first. Until the transaction ends
// nobody else reads them so: two requests at once must not both find none.
func draftsOf(ctx context.Context, tx kernel.Tx, person kernel.PersonID, service string, since time.Time) ([]Booking, error) {
	_, err := pg.From(tx).ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'travel.person', $1::text, $2::text), 0))`, tx.TenantID(), person)
	if err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	return bookings(ctx, tx, draftsSQL, tx.TenantID(), person, service, since)
}

// bookingsOf reads a page of a person's bookings, newest first; before pages on, service empty: of all.
func bookingsOf(ctx context.Context, tx kernel.Tx, person kernel.PersonID, service string, before kernel.CaseID, n int) ([]Booking, error) {
	return bookings(ctx, tx, `SELECT `+bookingColumns+` FROM travel.booking WHERE tenant_id = $1 AND applicant = $2 AND ($3 = '' OR service = $3)
		AND ($4 = '' OR case_id < nullif($4, '')::uuid) ORDER BY case_id DESC LIMIT $5`, tx.TenantID(), person, service, before, n)
}

// bookingsOn lists who has, or is about to pay for, places of a departure, in the order in which they booked.
func bookingsOn(ctx context.Context, tx kernel.Tx, d DepartureID, states ...string) ([]Booking, error) {
	return bookings(ctx, tx, `SELECT `+bookingColumns+` FROM travel.booking WHERE tenant_id = $1 AND departure_id = $2 AND state = ANY ($3) ORDER BY case_id LIMIT 2000`,
		tx.TenantID(), d, pq.Array(states))
}

func bookings(ctx context.Context, tx kernel.Tx, text string, args ...any) ([]Booking, error) {
	var rows []bookingRow
	if err := pg.From(tx).SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("bookings: %w", err)
	}
	out := make([]Booking, len(rows))
	for i, r := range rows {
		out[i] = r.booking()
	}
	return withPassengers(ctx, tx, out...)
}

const insertBookingSQL = `INSERT INTO travel.booking (tenant_id, ` + bookingColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`

func insertBooking(ctx context.Context, tx kernel.Tx, b Booking) error {
	_, err := pg.From(tx).ExecContext(ctx, insertBookingSQL, tx.TenantID(), b.Case, b.Number, b.Service, b.Operator, b.State, b.Departure, b.FromSeq, b.ToSeq,
		b.DepartsAt, b.ArrivesAt, nullTime(b.HoldUntil), b.Applicant, b.Locale, b.Insured, b.Currency, b.Fare, b.Insurance, b.Rules, b.GivenBack, b.CreatedAt, b.UpdatedAt)
	if err != nil {
		return fmt.Errorf("booking %s: %w", b.Case, pg.MapConstraint(err, constraints))
	}
	return savePassengers(ctx, tx, b)
}

const updateBookingSQL = `UPDATE travel.booking SET state = $3, departure_id = $4, from_seq = $5, to_seq = $6, departs_at = $7, arrives_at = $8, hold_until = $9,
	insured = $10, currency = $11, fare = $12, insurance = $13, rules = $14, given_back = $15, updated_at = $16
	WHERE tenant_id = $1 AND case_id = $2`

// saveBooking writes a booking that was read under a lock, without its passengers.
func saveBooking(ctx context.Context, tx kernel.Tx, b Booking) error {
	_, err := pg.From(tx).ExecContext(ctx, updateBookingSQL, tx.TenantID(), b.Case, b.State, b.Departure, b.FromSeq, b.ToSeq, b.DepartsAt, b.ArrivesAt,
		nullTime(b.HoldUntil), b.Insured, b.Currency, b.Fare, b.Insurance, b.Rules, b.GivenBack, b.UpdatedAt)
	if err != nil {
		return fmt.Errorf("booking %s: %w", b.Case, pg.MapConstraint(err, constraints))
	}
	return nil
}
