package catalogue

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// entry is what a search sees of one mini-app.
type entry struct {
	app, category string
	words         []weighted
}

// weighted is a text and how much a hit in it counts.
type weighted struct {
	text   string
	weight float64
}

// alike is how much of two words' letter triples must be shared for one to pass as a misspelling of the other.
const alike = 0.4

// search returns the apps that match, the best first, and the order given among equals. Every word of the query must
// be found in some language; Chinese, which has no spaces, is found by its characters. An empty query matches all.
func search(list []entry, category, query string) []string {
	tokens := tokensOf(query)
	type hit struct {
		app   string
		score float64
	}
	var hits []hit
	for _, e := range list {
		if category != "" && e.category != category {
			continue
		}
		if score, ok := e.score(tokens); ok {
			hits = append(hits, hit{e.app, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.app
	}
	return out
}

func (e entry) score(tokens []string) (float64, bool) {
	total := 0.0
	for _, token := range tokens {
		best := 0.0
		for _, w := range e.words {
			best = max(best, w.weight*match(token, w.text))
		}
		if best == 0 {
			return 0, false
		}
		total += best
	}
	return total, true
}

// match is 1 for a word, less for its beginning, less again for a misspelling, 0 for none.
func match(token, text string) float64 {
	best := 0.0
	for _, word := range tokensOf(text) {
		switch {
		case word == token:
			return 1
		case strings.HasPrefix(word, token) && len([]rune(token)) > 1:
			best = max(best, 0.8)
		case han(token) && strings.Contains(word, token):
			best = max(best, 0.9)
		default:
			if s := similarity(token, word); s >= alike {
				best = max(best, 0.6*s)
			}
		}
	}
	return best
}

// tokensOf folds case and width (Unicode NFKC) and cuts at everything that is no letter or digit.
func tokensOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFKC.String(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
}

func han(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// similarity is the share of letter triples two words have in common (Jaccard), counting their ends.
func similarity(a, b string) float64 {
	x, y := triples(a), triples(b)
	if len(x) < 4 || len(y) < 4 { // too short to be told apart by a letter
		return 0
	}
	common := 0
	for t := range x {
		if y[t] {
			common++
		}
	}
	return float64(common) / float64(len(x)+len(y)-common)
}

func triples(s string) map[string]bool {
	r := []rune("  " + s + " ")
	out := map[string]bool{}
	for i := 0; i+3 <= len(r); i++ {
		out[string(r[i:i+3])] = true
	}
	return out
}
