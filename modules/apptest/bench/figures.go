package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// figures collects what the rounds measured and prints medians.
type figures struct {
	rows   []row // absolute figures, to read the ratios by
	ratios []row
	rates  []row
	p95s   []row
}

type row struct {
	name, unit string
	values     []float64
}

func (f *figures) note(name, unit string, v float64) { f.rows = add(f.rows, name, unit, v) }

// ratio takes the quotient of one round: its sides ran seconds apart.
func (f *figures) ratio(name string, v float64) { f.ratios = add(f.ratios, name, "", v) }

// perSecond is a rate that is watched by itself.
func (f *figures) perSecond(name string, v float64) { f.rates = add(f.rates, name, "", v) }

func (f *figures) p95(name string, took []time.Duration) {
	f.p95s = add(f.p95s, name, "ms", float64(percentile(took, 0.95))/float64(time.Millisecond))
}

func add(rows []row, name, unit string, v float64) []row {
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	if i < 0 {
		return append(rows, row{name, unit, []float64{v}})
	}
	rows[i].values = append(rows[i].values, v)
	return rows
}

// print writes the absolute figures first and ends with one line per figure that may be compared.
func (f *figures) print(w io.Writer) {
	fmt.Fprintln(w)
	for _, r := range sorted(f.rows) {
		fmt.Fprintf(w, "%-60s %8.0f %s  (%.0f to %.0f)\n", r.name, median(r.values), r.unit, slices.Min(r.values), slices.Max(r.values))
	}
	for _, r := range sorted(f.ratios) {
		fmt.Fprintf(w, "ratio %s %.2f\n", r.name, median(r.values))
	}
	for _, r := range sorted(f.rates) {
		fmt.Fprintf(w, "%s %.1f\n", r.name, median(r.values))
	}
	for _, r := range f.p95s {
		fmt.Fprintf(w, "p95_ms %s %.1f\n", r.name, median(r.values))
	}
}

// sorted because rounds begin with another side each.
func sorted(rows []row) []row {
	return slices.SortedFunc(slices.Values(rows), func(a, b row) int { return strings.Compare(a.name, b.name) })
}
