package medical

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type visitRow struct {
	Code        string        `db:"code"`
	Service     string        `db:"service"`
	Name        []byte        `db:"name"`
	Minutes     int           `db:"minutes"`
	Level       string        `db:"level"`
	MinAge      sql.NullInt64 `db:"min_age"`
	MaxAge      sql.NullInt64 `db:"max_age"`
	Preparation []byte        `db:"preparation"`
	Bring       []byte        `db:"bring"`
	Needs       []byte        `db:"needs"`
	CancelHours int           `db:"cancel_hours"`
	Coding      []byte        `db:"coding"`
	Active      bool          `db:"active"`
	Version     int           `db:"version"`
}

func (r visitRow) visit() (VisitType, error) {
	v := VisitType{Code: r.Code, Service: r.Service, Minutes: r.Minutes, MinAge: int(r.MinAge.Int64), MaxAge: int(r.MaxAge.Int64),
		CancelHours: r.CancelHours, Active: r.Active, Version: r.Version}
	err := v.Level.UnmarshalText([]byte(r.Level))
	for _, f := range []struct {
		raw []byte
		out any
	}{{r.Name, &v.Name}, {r.Preparation, &v.Preparation}, {r.Bring, &v.Bring}, {r.Needs, &v.Needs}, {r.Coding, &v.Coding}} {
		if err == nil && f.raw != nil {
			err = json.Unmarshal(f.raw, f.out)
		}
	}
	if err != nil {
		return VisitType{}, fmt.Errorf("visit type %s: %w", r.Code, err)
	}
	return v, nil
}

// visitTypesOf reads the types of visits of the municipality, those that are no longer offered too when all is set.
func visitTypesOf(ctx context.Context, tx kernel.Tx, all bool) ([]VisitType, error) {
	var rows []visitRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT code, service, name, minutes, level, min_age, max_age, preparation, bring, to_json(needs) AS needs,
			cancel_hours, coding, active, version
		FROM medical.visit_type WHERE tenant_id = $1 AND (active OR $2) ORDER BY service, code LIMIT 1000`, tx.TenantID(), all)
	if err != nil {
		return nil, fmt.Errorf("visit types: %w", err)
	}
	out := make([]VisitType, len(rows))
	for i, r := range rows {
		if out[i], err = r.visit(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
