package pg_test

import (
	"database/sql"
	"testing"
	"time"

	"townhall/modules/kernel/pg"
)

func TestColumnsArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	texts := []string{"", "NULL", `{"a":"\"\\n{},"}`, "a'b\\", "Ж 家 \U0001F600\n\t", "{", ","}
	at := time.Date(2026, 11, 23, 4, 5, 6, 789_123_000, time.FixedZone("", 3*3600))
	var c pg.Columns
	for i, s := range texts {
		when := at
		if i%2 == 1 {
			when = time.Time{}
		}
		c.Add(pg.Text(s), pg.TextOrNull(s), pg.Int(-i), pg.Bool(i%2 == 0), pg.Time(when), pg.Bytes([]byte(s)))
	}
	var rows []struct {
		A     string
		B     sql.NullString
		N     int
		Even  bool
		At    sql.NullTime
		Bytes []byte
	}
	if err := db.Read(t.Context(), north, func(tx *pg.Tx) error {
		return tx.SelectContext(t.Context(), &rows, `SELECT r.* FROM unnest($1::text[], $2::text[], $3::int[], $4::bool[], $5::timestamptz[], $6::bytea[])
			AS r (a, b, n, even, at, bytes)`, c.Args()...)
	}); err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.A != texts[i] || r.B.String != texts[i] || r.B.Valid != (texts[i] != "") || r.N != -i || r.Even != (i%2 == 0) || string(r.Bytes) != texts[i] {
			t.Errorf("row %d: %+v instead of %q", i, r, texts[i])
		}
		if r.At.Valid != r.Even || r.Even && !r.At.Time.Equal(at) {
			t.Errorf("row %d: %v", i, r.At)
		}
	}
	if len(rows) != len(texts) {
		t.Errorf("%d rows", len(rows))
	}
}
