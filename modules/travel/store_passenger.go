package travel

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type passengerRow struct {
	Case      string       `db:"case_id"`
	N         int          `db:"n"`
	Name      string       `db:"name"`
	Birthdate sql.NullTime `db:"birthdate"`
	Declared  bool         `db:"declared"`
	Self      bool         `db:"self"`
	Kind      string       `db:"kind"`
	Bicycle   bool         `db:"bicycle"`
	Class     string       `db:"class"`
	Proof     bool         `db:"proof"`
	Fare      int64        `db:"fare"`
	Place     string       `db:"place"`
	BikePlace string       `db:"bicycle_place"`
}

const passengerColumns = `case_id, n, name, birthdate, declared, self, kind, bicycle, class, proof, fare, place, bicycle_place`

// withPassengers fills in who rides.
func withPassengers(ctx context.Context, tx kernel.Tx, all ...Booking) ([]Booking, error) {
	if len(all) == 0 {
		return all, nil
	}
	ids := make([]kernel.CaseID, len(all))
	at := map[kernel.CaseID]int{}
	for i, b := range all {
		ids[i], at[b.Case] = b.Case, i
	}
	var rows []passengerRow
	among, value := pg.Among("case_id", 2, ids)
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+passengerColumns+` FROM travel.passenger WHERE tenant_id = $1 AND `+among+` ORDER BY case_id, n`, tx.TenantID(), value)
	if err != nil {
		return nil, fmt.Errorf("passengers: %w", err)
	}
	for _, r := range rows {
		p := Passenger{N: r.N, Name: r.Name, Declared: r.Declared, Self: r.Self, Kind: r.Kind, Bicycle: r.Bicycle, Class: r.Class, Proof: r.Proof, Fare: r.Fare,
			Place: r.Place, BikePlace: r.BikePlace}
		if r.Birthdate.Valid {
			p.Birthdate = r.Birthdate.Time.Format(time.DateOnly)
		}
		b := &all[at[kernel.CaseID(r.Case)]]
		b.Passengers = append(b.Passengers, p)
	}
	return all, nil
}

const savePassengersSQL = `WITH gone AS (DELETE FROM travel.passenger WHERE tenant_id = $1 AND case_id = $15 AND n > $16)
	INSERT INTO travel.passenger (tenant_id, ` + passengerColumns + `)
	SELECT $1, p.* FROM unnest($2::uuid[], $3::int[], $4::text[], $5::date[], $6::bool[], $7::bool[], $8::text[], $9::bool[], $10::text[], $11::bool[], $12::bigint[], $13::text[], $14::text[]) AS p
	ON CONFLICT (tenant_id, case_id, n) DO UPDATE SET name = excluded.name, birthdate = excluded.birthdate, declared = excluded.declared, self = excluded.self,
		kind = excluded.kind, bicycle = excluded.bicycle, class = excluded.class, proof = excluded.proof, fare = excluded.fare, place = excluded.place, bicycle_place = excluded.bicycle_place`

// savePassengers writes who rides; whoever is no longer among them is deleted.
func savePassengers(ctx context.Context, tx kernel.Tx, b Booking) error {
	var c pg.Columns
	for _, p := range b.Passengers { // in the order of passengerColumns
		c.Add(pg.Text(b.Case), pg.Int(p.N), pg.Text(p.Name), pg.TextOrNull(p.Birthdate), pg.Bool(p.Declared), pg.Bool(p.Self), pg.Text(p.Kind), pg.Bool(p.Bicycle),
			pg.Text(p.Class), pg.Bool(p.Proof), pg.Int(int(p.Fare)), pg.Text(p.Place), pg.Text(p.BikePlace))
	}
	if _, err := pg.From(tx).ExecContext(ctx, savePassengersSQL, append(c.Args(tx.TenantID()), b.Case, len(b.Passengers))...); err != nil {
		return fmt.Errorf("passengers of %s: %w", b.Case, pg.MapConstraint(err, constraints))
	}
	return nil
}

const forgetNamesSQL = `UPDATE travel.passenger p SET name = '', birthdate = NULL, declared = false FROM travel.booking b
	WHERE b.tenant_id = $1 AND p.tenant_id = $1 AND p.case_id = b.case_id AND b.service = $2 AND (p.name <> '' OR p.birthdate IS NOT NULL)
		AND (b.state = 'lapsed' AND b.updated_at < $3 OR b.state IN ('travelled', 'cancelled', 'called-off') AND b.updated_at < $4)`

// forgetNames deletes names and dates of birth of the bookings of a service that came to nothing before one moment, or ended
// otherwise before another.
func forgetNames(ctx context.Context, tx kernel.Tx, service string, lapsed, ended time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, forgetNamesSQL, tx.TenantID(), service, lapsed, ended)
	return err
}
