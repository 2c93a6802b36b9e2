package catalogue

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"townhall/modules/kernel"
)

//go:embed synonyms/*.txt
var synonymFiles embed.FS

// layout changes when the vectors are made in another way: every row is written anew then.
const layout = "2"

// saying is what a service says in one language.
type saying struct {
	Slug, Lang, Category, Agency string
	Title, Words, Summary        string
	Made                         bool // while the house runs; else it came with the program
}

// digestOf tells whether something is still made from the same.
func digestOf(what ...any) []byte {
	b, err := json.Marshal(what)
	if err != nil {
		panic(err) // strings and slices of them only
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}

// group is a set of terms that mean the same, each cut into tokens.
type group [][]string

// simplified maps traditional characters to simplified ones.
var simplified = sync.OnceValue(func() map[rune]rune {
	out := map[rune]rune{}
	for line := range lines("traditional") {
		for _, pair := range strings.Fields(line) {
			r := []rune(pair)
			out[r[0]] = r[1]
		}
	}
	for from, to := range out {
		if simpler, ok := out[to]; ok {
			out[from] = simpler
		}
	}
	return out
})

// synonyms are the groups of every language.
var synonyms = sync.OnceValue(func() map[string][]group {
	out := map[string][]group{}
	for _, lang := range kernel.Locales {
		for line := range lines(lang) {
			var g group
			for term := range strings.SplitSeq(line, ",") {
				g = append(g, textsOf(term))
			}
			out[lang] = append(out[lang], g)
		}
	}
	return out
})

// lines are those of a file that say something.
func lines(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		f, err := synonymFiles.Open("synonyms/" + name + ".txt")
		if err != nil {
			panic(err) // it is embedded
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

func textsOf(s string) []string {
	var out []string
	for _, t := range tokenise(s) {
		out = append(out, t.text)
	}
	return out
}

// vectors builds the two tsvectors of a row.
type vectors struct {
	stems      map[string]string // of every word that may come; Chinese has none
	word, stem vector
}

// vector is a tsvector: the labels of each lexeme.
type vector map[string]string

func (v vector) add(lexeme string, label byte) {
	if lexeme != "" && !strings.Contains(v[lexeme], string(label)) {
		v[lexeme] += string(label)
	}
}

// String is the vector in PostgreSQL's form. Lexemes are letters and digits, so that there is nothing to escape. The positions mean
// nothing but that a label is there.
func (v vector) String() string {
	var b strings.Builder
	for lexeme, labels := range v {
		b.WriteString(" '" + lexeme + "':")
		for i, label := range []byte(labels) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%d%c", label-'A'+1, label)
		}
	}
	return b.String()
}

// add gives texts a label. Words that say nothing, such as "for", are left out.
func (v *vectors) add(texts []string, label byte) {
	for _, t := range texts {
		if stem, word := v.stems[t]; stem != "" || !word {
			v.word.add(t, label)
			v.stem.add(stem, label)
		}
	}
}

// vectorsOf are the vectors of what a service says: A the title, B the search words and what means the same as the title, C the
// summary and what means the same as the search words, D category, agency and slug.
func vectorsOf(s saying, groups []group, stems map[string]string) (word, stem vector) {
	v := vectors{stems: stems, word: vector{}, stem: vector{}}
	title, words := textsOf(s.Title), textsOf(s.Words)
	v.add(title, 'A')
	v.add(words, 'B')
	v.add(textsOf(s.Summary), 'C')
	if s.Lang == kernel.Locales[0] { // they are English words
		for _, t := range []string{s.Category, s.Agency, s.Slug} {
			v.add(textsOf(t), 'D')
		}
	}
	for _, g := range groups {
		label := byte(0)
		switch {
		case g.in(title, stems):
			label = 'B'
		case g.in(words, stems):
			label = 'C'
		default:
			continue
		}
		for _, term := range g {
			v.add(term, label)
		}
	}
	return v.word, v.stem
}

// in reports whether one of the terms stands in texts; endings do not matter.
func (g group) in(texts []string, stems map[string]string) bool {
	same := func(a, b string) bool { return a == b || stems[a] != "" && stems[a] == stems[b] }
	return slices.ContainsFunc(g, func(term []string) bool {
		for i := 0; i+len(term) <= len(texts); i++ {
			if slices.EqualFunc(texts[i:i+len(term)], term, same) {
				return true
			}
		}
		return false
	})
}
