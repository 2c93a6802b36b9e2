package medical

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

// offer is a slot with everything somebody must know who books it for one type of visit.
type offer struct {
	Slot
	Place        Place
	Practitioner Practitioner // zero: nobody in particular
	Visit        VisitType
	Offered      bool // to somebody new: the type of visit, the schedule and the place are in use
}

// offerRow is an offer as the driver scans it.
type offerRow struct {
	ID           string         `db:"id"`
	Facility     string         `db:"facility"`
	Schedule     string         `db:"schedule_id"`
	Practitioner sql.NullString `db:"practitioner_id"`
	StartsAt     time.Time      `db:"starts_at"`
	EndsAt       time.Time      `db:"ends_at"`
	Capacity     int            `db:"capacity"`
	Booked       int            `db:"booked"`
	Open         bool           `db:"open"`

	Place      string `db:"place_id"`
	PlaceName  []byte `db:"place_name"`
	Street     string `db:"street"`
	PostalCode string `db:"postal_code"`
	Locality   string `db:"locality"`
	Country    string `db:"country"`
	Zone       string `db:"zone"`
	Phone      string `db:"phone"`
	Directions []byte `db:"directions"`

	PractitionerName sql.NullString `db:"practitioner_name"`
	Specialty        []byte         `db:"specialty"`

	Visit       string        `db:"visit"`
	Service     string        `db:"service"`
	VisitName   []byte        `db:"visit_name"`
	Minutes     int           `db:"minutes"`
	Level       string        `db:"level"`
	MinAge      sql.NullInt64 `db:"min_age"`
	MaxAge      sql.NullInt64 `db:"max_age"`
	Preparation []byte        `db:"preparation"`
	Bring       []byte        `db:"bring"`
	Needs       []byte        `db:"needs"` // as JSON: a null array of the driver's would need a type of its own
	CancelHours int           `db:"cancel_hours"`
	Offered     bool          `db:"offered"`
}

const offerColumns = `s.id, s.facility, s.schedule_id, s.practitioner_id, s.starts_at, s.ends_at, s.capacity, s.booked, s.open,
	p.id AS place_id, p.name AS place_name, p.street, p.postal_code, p.locality, p.country, p.zone, p.phone, p.directions,
	d.name AS practitioner_name, d.specialty,
	v.code AS visit, v.service, v.name AS visit_name, v.minutes, v.level, v.min_age, v.max_age, v.preparation, v.bring, to_json(v.needs) AS needs, v.cancel_hours,
	v.active AND p.active AND c.active AS offered`

const offerSQL = `SELECT ` + offerColumns + `
	FROM unnest($2::uuid[], $3::text[]) AS w (slot, visit)
	JOIN medical.slot s ON s.tenant_id = $1 AND s.id = w.slot
	JOIN medical.schedule c ON c.tenant_id = $1 AND c.id = s.schedule_id
	JOIN medical.place p ON p.tenant_id = $1 AND p.id = s.place_id
	JOIN medical.visit_type v ON v.tenant_id = $1 AND v.code = w.visit AND v.code = ANY (c.visit_types)
	LEFT JOIN medical.practitioner d ON d.tenant_id = $1 AND d.id = s.practitioner_id`

// loadOffer reads what the slot is for a visit of that type. NotThere when there is no such slot, or not for this visit.
func loadOffer(ctx context.Context, tx kernel.Tx, slot SlotID, visitType string) (offer, error) {
	if !kernel.ValidID(string(slot)) {
		return offer{}, kernel.NotThere("slot")
	}
	found, err := loadOffers(ctx, tx, []asked{{slot, visitType}})
	if err != nil {
		return offer{}, err
	}
	o, ok := found[asked{slot, visitType}]
	if !ok {
		return offer{}, kernel.NotThere("slot")
	}
	return o, nil
}

// loadOffers reads what is wished for; what there is not, or not for this visit, is not among the answers. The ids of the
// slots have the shape of ids.
func loadOffers(ctx context.Context, tx kernel.Tx, wanted []asked) (map[asked]offer, error) {
	out := make(map[asked]offer, len(wanted))
	if len(wanted) == 0 {
		return out, nil
	}
	var c pg.Columns
	for _, w := range wanted {
		c.Add(pg.Text(w.slot), pg.Text(w.visit))
	}
	var rows []offerRow
	if err := pg.From(tx).SelectContext(ctx, &rows, offerSQL, c.Args(tx.TenantID())...); err != nil {
		return nil, fmt.Errorf("slot %s: %w", wanted[0].slot, err)
	}
	zones := map[string]*time.Location{} // reading one costs more than the rest of an offer
	for _, r := range rows {
		o, err := r.offer()
		if err != nil {
			return nil, err
		}
		if zones[o.Place.Zone] == nil {
			zones[o.Place.Zone] = o.Place.Location()
		}
		o.Place.location = zones[o.Place.Zone]
		out[asked{o.ID, o.Visit.Code}] = o
	}
	return out, nil
}

func (r offerRow) offer() (offer, error) {
	o := offer{
		Slot: Slot{ID: SlotID(r.ID), Facility: kernel.AgencyID(r.Facility), Place: PlaceID(r.Place), Schedule: ScheduleID(r.Schedule),
			Practitioner: PractitionerID(r.Practitioner.String), StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), Capacity: r.Capacity, Booked: r.Booked, Open: r.Open},
		Place: Place{ID: PlaceID(r.Place), Facility: kernel.AgencyID(r.Facility), Street: r.Street, PostalCode: r.PostalCode, Locality: r.Locality,
			Country: r.Country, Zone: r.Zone, Phone: r.Phone},
		Practitioner: Practitioner{ID: PractitionerID(r.Practitioner.String), Name: r.PractitionerName.String},
		Visit: VisitType{Code: r.Visit, Service: r.Service, Minutes: r.Minutes, MinAge: int(r.MinAge.Int64), MaxAge: int(r.MaxAge.Int64),
			CancelHours: r.CancelHours, Active: true},
		Offered: r.Offered,
	}
	err := o.Visit.Level.UnmarshalText([]byte(r.Level))
	for _, f := range []struct {
		raw []byte
		out any
	}{{r.PlaceName, &o.Place.Name}, {r.Directions, &o.Place.Directions}, {r.Specialty, &o.Practitioner.Specialty}, {r.VisitName, &o.Visit.Name},
		{r.Preparation, &o.Visit.Preparation}, {r.Bring, &o.Visit.Bring}, {r.Needs, &o.Visit.Needs}} {
		if err == nil && f.raw != nil {
			err = json.Unmarshal(f.raw, f.out)
		}
	}
	if err != nil {
		return offer{}, fmt.Errorf("slot %s: %w", r.ID, err)
	}
	return o, nil
}

// The claiming statements. Each is one conditional UPDATE: a rival waits for the row, and then its condition is judged
// again on what the winner left. $3 is the case that claims; its own hold never stands in its way. What is judged is the
// database's clock at that very moment; what has run out is swept away by the transaction's, which is never later, so
// that the two arrays stay parallel.
const (
	othersHold = `(SELECT count(*) FROM unnest(hold_case, hold_until) AS h (c, u) WHERE u > clock_timestamp() AND c <> $3)`
	keptCases  = `(SELECT coalesce(array_agg(c), '{}') FROM unnest(hold_case, hold_until) AS h (c, u) WHERE u > now() AND c <> $3)`
	keptUntils = `(SELECT coalesce(array_agg(u), '{}') FROM unnest(hold_case, hold_until) AS h (c, u) WHERE u > now() AND c <> $3)`
	claimable  = ` WHERE tenant_id = $1 AND id = $2 AND open AND starts_at > clock_timestamp() AND booked + ` + othersHold + ` < capacity`

	holdSQL = `UPDATE medical.slot SET hold_case = ` + keptCases + ` || $3::uuid, hold_until = ` + keptUntils + ` || (now() + $4 * interval '1 second')` +
		claimable + ` RETURNING now() + $4 * interval '1 second'`
	bookSQL = `UPDATE medical.slot SET booked = booked + 1, spare = booked + 1 < capacity, hold_case = ` + keptCases + `, hold_until = ` + keptUntils + claimable
	dropSQL = `UPDATE medical.slot SET booked = booked - $4::int, spare = booked - $4::int < capacity, hold_case = ` + keptCases + `, hold_until = ` + keptUntils + `
		WHERE tenant_id = $1 AND id = $2`
)

// claimHold holds a place in the slot for the case, for so long; an earlier hold of the same case in it is replaced. false
// when there is no free place.
func claimHold(ctx context.Context, tx kernel.Tx, slot SlotID, c kernel.CaseID, d time.Duration) (until time.Time, ok bool, err error) {
	err = pg.From(tx).GetContext(ctx, &until, holdSQL, tx.TenantID(), slot, c, d.Seconds())
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("holding slot %s: %w", slot, err)
	}
	return until.UTC(), true, nil
}

// claimPlace books a place in the slot for the case, whose hold ends with it. false when there is no free place.
func claimPlace(ctx context.Context, tx kernel.Tx, slot SlotID, c kernel.CaseID) (bool, error) {
	return changed(pg.From(tx).ExecContext(ctx, bookSQL, tx.TenantID(), slot, c))
}

// dropPlace gives back what the case has of the slot: its booked place when it had one, and its hold.
func dropPlace(ctx context.Context, tx kernel.Tx, slot SlotID, c kernel.CaseID, booked bool) error {
	n := 0
	if booked {
		n = 1
	}
	if _, err := pg.From(tx).ExecContext(ctx, dropSQL, tx.TenantID(), slot, c, n); err != nil {
		return fmt.Errorf("giving back slot %s: %w", slot, err)
	}
	if !booked {
		return nil
	}
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM medical.occupancy o WHERE tenant_id = $1 AND slot_id = $2
		AND EXISTS (SELECT FROM medical.slot s WHERE s.tenant_id = $1 AND s.id = $2 AND s.booked = 0)`, tx.TenantID(), slot)
	if err != nil {
		return fmt.Errorf("giving back what slot %s uses: %w", slot, err)
	}
	return nil
}

// lockSlots takes the rows of several slots in the order of their ids, so that two people who change places with each
// other cannot wait for one another.
func lockSlots(ctx context.Context, tx kernel.Tx, slots ...SlotID) error {
	ids := make([]string, len(slots))
	for i, s := range slots {
		ids[i] = string(s)
	}
	_, err := pg.From(tx).ExecContext(ctx, `SELECT FROM medical.slot WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
		tx.TenantID(), pq.Array(ids))
	if err != nil {
		return fmt.Errorf("locking slots: %w", err)
	}
	return nil
}

// takeResources books one resource of each kind for the slot, unless it has one already. false when there is none free.
func takeResources(ctx context.Context, tx kernel.Tx, o offer) (bool, error) {
	for _, kind := range o.Visit.Needs {
		ok, err := takeResource(ctx, tx, o, kind)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

const (
	hasResourceSQL = `SELECT EXISTS (SELECT FROM medical.occupancy u JOIN medical.resource r ON r.tenant_id = $1 AND r.id = u.resource_id
		WHERE u.tenant_id = $1 AND u.slot_id = $2 AND r.kind = $3)`
	// A rival that took the same one first makes this insert nothing: the constraint decides, not what was read.
	takeResourceSQL = `INSERT INTO medical.occupancy (tenant_id, resource_id, slot_id, during)
		SELECT $1, r.id, $2, tstzrange($4, $5) FROM medical.resource r
		WHERE r.tenant_id = $1 AND r.place_id = $6 AND r.kind = $3 AND r.active AND NOT EXISTS (
			SELECT FROM medical.occupancy u WHERE u.tenant_id = $1 AND u.resource_id = r.id AND u.during && tstzrange($4, $5))
		ORDER BY r.name, r.id LIMIT 1 ON CONFLICT DO NOTHING`
	freeResourceSQL = `SELECT EXISTS (SELECT FROM medical.resource r
		WHERE r.tenant_id = $1 AND r.place_id = $5 AND r.kind = $2 AND r.active AND NOT EXISTS (
			SELECT FROM medical.occupancy u WHERE u.tenant_id = $1 AND u.resource_id = r.id AND u.during && tstzrange($3, $4)))`
)

func takeResource(ctx context.Context, tx kernel.Tx, o offer, kind string) (bool, error) {
	t := pg.From(tx)
	var there bool
	if err := t.GetContext(ctx, &there, hasResourceSQL, tx.TenantID(), o.ID, kind); err != nil || there {
		return there, err
	}
	for {
		ok, err := changed(t.ExecContext(ctx, takeResourceSQL, tx.TenantID(), o.ID, kind, o.StartsAt, o.EndsAt, o.Place.ID))
		if err != nil || ok {
			return ok, err
		}
		var another bool
		if err := t.GetContext(ctx, &another, freeResourceSQL, tx.TenantID(), kind, o.StartsAt, o.EndsAt, o.Place.ID); err != nil || !another {
			return false, err
		}
	}
}

const nextFreeSQL = `SELECT f.id, f.starts_at, f.ends_at, p.name AS place FROM medical.schedule c CROSS JOIN LATERAL (
		SELECT s.id, s.starts_at, s.ends_at, s.place_id FROM medical.slot s
		WHERE s.tenant_id = $1 AND s.schedule_id = c.id AND s.spare AND s.open AND s.starts_at > clock_timestamp()
			AND (s.hold_until = '{}' OR s.booked + medical.live_holds(s.hold_until) < s.capacity)
		ORDER BY s.starts_at LIMIT $4) f
	JOIN medical.place p ON p.tenant_id = $1 AND p.id = f.place_id
	WHERE c.tenant_id = $1 AND c.facility = $2 AND c.active AND c.visit_types @> ARRAY[$3]
	ORDER BY f.starts_at, f.id LIMIT $4`

// nextFree lists the next free times of a facility for one type of visit, soonest first.
func nextFree(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, visitType string, n int) ([]kernel.Alternative, error) {
	var rows []struct {
		ID       string    `db:"id"`
		StartsAt time.Time `db:"starts_at"`
		EndsAt   time.Time `db:"ends_at"`
		Place    []byte    `db:"place"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, nextFreeSQL, tx.TenantID(), facility, visitType, n); err != nil {
		return nil, fmt.Errorf("next free times of %s: %w", facility, err)
	}
	out := make([]kernel.Alternative, len(rows))
	for i, r := range rows {
		var name kernel.Text
		if err := json.Unmarshal(r.Place, &name); err != nil {
			return nil, err
		}
		out[i] = kernel.Alternative{ID: r.ID, StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), Place: name.In(kernel.LocaleOf(ctx))}
	}
	return out, nil
}

func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
