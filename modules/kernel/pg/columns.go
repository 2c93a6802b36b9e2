package pg

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/lib/pq"
)

// Columns are new rows turned on their side: one array per column, for INSERT … SELECT … FROM unnest($2::uuid[], …). One
// statement text then serves any number of rows and stays prepared.
type Columns [][]byte

// Field is one value of a row.
type Field struct {
	text string
	null bool
}

// Text is a text, an id, JSON: whatever the server reads from characters.
func Text[S ~string](s S) Field { return Field{text: string(s)} }

// TextOrNull is a text, and NULL when it is empty.
func TextOrNull[S ~string](s S) Field { return Field{text: string(s), null: s == ""} }

// Int is a whole number.
func Int(n int) Field { return Field{text: strconv.Itoa(n)} }

// Bool is true or false.
func Bool(b bool) Field { return Field{text: strconv.FormatBool(b)} }

// Time is an instant, and NULL when it is zero.
func Time(t time.Time) Field {
	return Field{text: t.UTC().Format("2006-01-02 15:04:05.999999999Z07:00"), null: t.IsZero()}
}

// Bytes are bytes, and NULL when b is nil.
func Bytes(b []byte) Field { return Field{text: `\x` + hex.EncodeToString(b), null: b == nil} }

// Add appends one row; every row has the same number of fields.
func (c *Columns) Add(row ...Field) {
	if *c == nil {
		*c = make(Columns, len(row))
	}
	for i, f := range row {
		(*c)[i] = f.appendTo((*c)[i])
	}
}

// appendTo writes an element of an array literal (PostgreSQL, "Array Input and Output Syntax").
func (f Field) appendTo(b []byte) []byte {
	if len(b) == 0 {
		b = append(b, '{')
	} else {
		b = append(b, ',')
	}
	if f.null {
		return append(b, "NULL"...)
	}
	b = append(b, '"')
	for i := range len(f.text) {
		if f.text[i] == '"' || f.text[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, f.text[i])
	}
	return append(b, '"')
}

// Args are the arguments of a statement: first, then one array per column.
func (c Columns) Args(first ...any) []any {
	out := make([]any, len(first), len(first)+len(c))
	copy(out, first)
	for _, col := range c {
		out = append(out, string(append(col, '}')))
	}
	return out
}

// Among is the condition that column holds one of ids, which are parameter n of the statement, and the value of that parameter. A
// single id is compared by itself: the server keeps one plan for that, but plans anew, every time, for a list whose length
// it cannot know, and planning a join costs more than running it.
func Among[S ~string](column string, n int, ids []S) (condition string, value any) {
	if len(ids) == 1 {
		return column + " = $" + strconv.Itoa(n) + "::uuid", string(ids[0])
	}
	return column + " = ANY ($" + strconv.Itoa(n) + "::uuid[])", pq.Array(ids)
}
