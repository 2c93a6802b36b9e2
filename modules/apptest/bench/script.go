package bench

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// captured is the transaction of one request on one case.
type captured struct {
	kase       string
	statements []statement
}

// script is a transaction for pgbench: its text, and the variables that hold the values of the real request.
type script struct {
	text string
	vars []string // name=value
}

var (
	uuids       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	placeholder = regexp.MustCompile(`\$(\d+)`)
)

// The number of the case, taken from n, clients and client_id, makes every transaction one of its own: clients take
// turns, so that a run uses up a dense range of cases. The case's id is computed from it as seed does.
const (
	numbering = "\\set n :n + 1\n\\set i :base + (:n - 1) * :clients + :client_id\n"
	caseOf    = "lpad(to_hex(:i::bigint), 32, '0')::uuid::text"
)

// freshOf is the k-th new id of a transaction. Computed like the case's, because random ids would touch a random page
// of every index, which the application's, beginning with the time, do not.
func freshOf(k int) string {
	return fmt.Sprintf("('f%07x' || lpad(to_hex(:i::bigint), 24, '0'))::uuid::text", k)
}

// newScript writes the pgbench script of a transaction. again is the same request on another case: the ids that differ
// between the two are the case's and those made anew for each request, everything else is sent as it was.
func newScript(once, again captured) (script, error) {
	if len(once.statements) != len(again.statements) {
		return script{}, fmt.Errorf("the same request sent %d statements, then %d", len(once.statements), len(again.statements))
	}
	w := writer{kase: once.kase}
	w.text.WriteString(numbering)
	for i, s := range once.statements {
		if again.statements[i].text != s.text {
			return script{}, fmt.Errorf("the same request sent another statement %d", i+1)
		}
		if err := w.add(i, s, again.statements[i]); err != nil {
			return script{}, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return script{w.text.String(), w.vars}, nil
}

type writer struct {
	kase  string
	text  strings.Builder
	vars  []string
	fresh []string // ids of the first capture that are made anew
}

func (w *writer) add(n int, s, again statement) error {
	if s.simple {
		w.simple(s.text)
		return nil
	}
	if len(s.types) != len(s.params) || len(again.params) != len(s.params) {
		return fmt.Errorf("%d parameters, %d types, then %d parameters", len(s.params), len(s.types), len(again.params))
	}
	values := make([]string, len(s.params))
	for j, p := range s.params {
		v, err := w.value(fmt.Sprintf("s%dp%d", n+1, j+1), p, again.params[j])
		if err != nil {
			return err
		}
		values[j] = "(" + v + ")::" + s.types[j]
	}
	w.text.WriteString(placeholder.ReplaceAllStringFunc(s.text, func(ref string) string {
		var j int
		fmt.Sscanf(ref, "$%d", &j)
		return values[j-1]
	}) + ";\n")
	return nil
}

// simple writes statements that were sent together, in one round trip, so that pgbench needs one too.
func (w *writer) simple(text string) {
	parts := strings.Split(text, "; ")
	if len(parts) == 1 {
		w.text.WriteString(text + ";\n")
		return
	}
	w.text.WriteString("\\startpipeline\n" + strings.Join(parts, ";\n") + ";\n\\endpipeline\n")
}

// value is the SQL of one parameter: a variable, or variables joined with the ids that are this transaction's.
func (w *writer) value(name string, p, again param) (string, error) {
	if p.null {
		return "NULL", nil
	}
	found, others := uuids.FindAllStringIndex(p.value, -1), uuids.FindAllString(again.value, -1)
	if len(found) != len(others) {
		return "", fmt.Errorf("%s held %d ids, then %d", name, len(found), len(others))
	}
	var parts []string
	from := 0
	for k, at := range found {
		id := p.value[at[0]:at[1]]
		if id == others[k] {
			continue // a person's: the same in every request
		}
		parts = w.piece(parts, fmt.Sprintf("%s_%d", name, k), p.value[from:at[0]])
		parts = append(parts, w.idOf(id))
		from = at[1]
	}
	if parts = w.piece(parts, name, p.value[from:]); len(parts) == 0 {
		return "''", nil
	}
	return strings.Join(parts, " || "), nil
}

func (w *writer) idOf(id string) string {
	if id == w.kase {
		return caseOf
	}
	k := slices.Index(w.fresh, id)
	if k < 0 {
		k = len(w.fresh)
		w.fresh = append(w.fresh, id)
	}
	return freshOf(k)
}

// piece adds a fixed part; pgbench refuses an empty variable, and nothing needs none.
func (w *writer) piece(parts []string, name, value string) []string {
	if value == "" {
		return parts
	}
	w.vars = append(w.vars, name+"="+value)
	return append(parts, ":"+name+"::text")
}
