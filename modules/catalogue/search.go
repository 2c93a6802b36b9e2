package catalogue

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The search in short. catalogue.said holds, for every service and language, the words it is found by: as they stand, their
// stems, and in Chinese, which has no spaces, each character and each pair of neighbours. A query is cut into tokens the same way.
// The first statement tells of each token its stem and whether any service has it; if none has, words that are like it. From that
// this file makes lexemes, each with a factor for how sure it is (exact, prefix, stem, misspelling), and the second statement
// adds up what they find. Synonyms are in the index, not in the query: a query stays short, and what is typed wrong in a synonym
// is corrected like any other word.

// Factors of a hit, from sure to unsure. A misspelling counts the less the more of it is wrong.
const (
	exactly     = 1.0
	asPrefix    = 0.8
	asStem      = 0.75
	asCharacter = 0.3 // one Chinese character where the pair is not known
	asSlip      = 0.6
)

const (
	mostWords       = 10   // of a query; what comes after is not looked at
	mostCharacters  = 32   // Chinese characters and pairs of them, likewise
	mostFound       = 25   // services an answer holds
	plenty          = 100  // rows that have a word as it stands: others with its stem, or that begin with it, are not looked for
	longestToken    = 40   // letters; the rest is cut off
	mostCorrections = 5    // of one token
	alike           = 0.45 // pg_trgm's similarity that passes whatever the distance is
)

// token is a word of a query, or a pair of Chinese characters, or one character.
type token struct {
	text string
	han  bool
	pair bool // of two neighbours
	run  int  // which run of Chinese characters it is of
	at   int  // where in the run
}

// tokenise cuts a text at everything that is no letter, digit or mark, and Chinese into its characters and pairs.
func tokenise(s string) []token {
	var out []token
	run := 0
	for _, word := range strings.FieldsFunc(fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }) {
		for piece, han := range pieces(word) {
			if !han {
				out = append(out, token{text: shortened(piece)})
				continue
			}
			run++
			r := []rune(piece)
			for i := range r {
				out = append(out, token{text: string(r[i]), han: true, run: run, at: i})
				if i+1 < len(r) {
					out = append(out, token{text: string(r[i : i+2]), han: true, pair: true, run: run, at: i})
				}
			}
		}
	}
	return out
}

// pieces cuts a word where Chinese begins or ends.
func pieces(word string) func(yield func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		for word != "" {
			first, _ := utf8.DecodeRuneInString(word)
			han := unicode.Is(unicode.Han, first)
			end := strings.IndexFunc(word, func(r rune) bool { return unicode.Is(unicode.Han, r) != han })
			if end < 0 {
				end = len(word)
			}
			if !yield(word[:end], han) {
				return
			}
			word = word[end:]
		}
	}
}

// fold makes alike what people take for the same: case and width (Unicode NFKC), ё and е, traditional and simplified characters.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 'ё' {
			return 'е'
		}
		if simple, ok := simplified()[r]; ok {
			return simple
		}
		return r
	}, strings.ToLower(norm.NFKC.String(s)))
}

func shortened(s string) string {
	if r := []rune(s); len(r) > longestToken {
		return string(r[:longestToken])
	}
	return s
}

// queryTokens are the tokens of a query that are looked up, each once.
func queryTokens(query string) []token {
	var out []token
	words, characters := 0, 0
	for _, t := range tokenise(query) {
		n, most := &words, mostWords
		if t.han {
			n, most = &characters, mostCharacters
		}
		if *n == most || slices.ContainsFunc(out, func(o token) bool { return o.text == t.text }) {
			continue
		}
		*n++
		out = append(out, t)
	}
	return out
}

// dictionary is the stemmer for a word's script, as PostgreSQL calls it.
func dictionary(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
		return "russian_stem"
	}
	return "english_stem"
}

// looked is what the database knows of a token.
type looked struct {
	stem  string // empty for a word that says nothing, such as "the"
	found int    // rows that have the token as it stands
	like  []likeness
}

// likeness is a word that some service has, and that a token may mean.
type likeness struct {
	word  string
	found int
	share float64 // of letter triples in common (pg_trgm's similarity)
}

// sought is one lexeme to look for.
type sought struct {
	token  int
	factor float64
	lexeme string
	prefix bool
	stem   bool // among the stems, not the words
}

// plan is what a query comes to. A service must have enough of its tokens: their cover adds up to need or, where none is that good, to
// least.
type plan struct {
	lexemes     []sought
	cover       []int // by token
	need, least int
}

// planOf says what to look for. Of three words one may be missing, of two only if no service has both, so that one too many does not hide what the other means ("covid shot").
// Chinese pairs that no service has are taken for the seam between two words.
func planOf(tokens []token, known []looked) plan {
	p := plan{cover: make([]int, len(tokens))}
	words, pairs := 0, 0
	for i, t := range tokens {
		switch {
		case t.han && t.pair && known[i].found > 0:
			p.cover[i] = 1
			pairs++
			p.add(i, exactly, known[i].found, sought{lexeme: t.text})
		case !t.han && known[i].stem != "":
			p.cover[i] = 1
			words++
			p.addWord(i, t, known[i])
		}
	}
	singles := 0
	for i, t := range tokens { // a character where no pair is known: "出登记" lacks one
		if !t.han || t.pair || known[i].found == 0 || p.covers(tokens, t) {
			continue
		}
		if pairs == 0 {
			p.cover[i] = 1
			singles++
		}
		p.add(i, asCharacter, known[i].found, sought{lexeme: t.text})
	}
	p.need = (2*words+2)/3 + (pairs+singles+1)/2
	p.least = (words+1)/2 + (pairs+singles+1)/2
	return p
}

// covers reports whether a known pair holds the character.
func (p *plan) covers(tokens []token, single token) bool {
	for i, t := range tokens {
		if t.pair && p.cover[i] > 0 && t.run == single.run && (t.at == single.at || t.at+1 == single.at) {
			return true
		}
	}
	return false
}

func (p *plan) addWord(i int, t token, k looked) {
	found := k.found
	corrections := correct(t.text, k)
	if found == 0 && len(corrections) > 0 {
		found = corrections[0].found
	}
	p.add(i, exactly, found, sought{lexeme: t.text})
	if k.found < plenty {
		p.add(i, asStem, found, sought{lexeme: k.stem, stem: true})
		if utf8.RuneCountInString(t.text) >= 3 {
			p.add(i, asPrefix, found, sought{lexeme: t.text, prefix: true})
		}
	}
	for _, c := range corrections {
		p.add(i, asSlip*c.share, found, sought{lexeme: c.word})
	}
}

// add notes a lexeme. What few services have says more than what many have.
func (p *plan) add(i int, factor float64, found int, s sought) {
	s.token, s.factor = i, factor/(1+0.5*math.Log10(float64(max(found, 1))))
	p.lexemes = append(p.lexemes, s)
}

// correct returns the words a token that no service has may stand for, the likeliest first; share is how much of it is right.
func correct(text string, k looked) []likeness {
	if k.found > 0 {
		return nil
	}
	n := utf8.RuneCountInString(text)
	var out []likeness
	for _, c := range k.like {
		wrong := min(distance(text, c.word), distance(k.stem, c.word))
		right := 1 - float64(wrong)/float64(max(n, 1))
		switch {
		case n <= 3 && !sameLetters(text, c.word): // too short to be told apart by a letter
			continue
		case wrong <= 1, wrong == 2 && n >= 6, c.share >= alike:
		default:
			continue
		}
		out = append(out, likeness{c.word, c.found, max(right, c.share)})
	}
	slices.SortFunc(out, func(a, b likeness) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(b.found, a.found), cmp.Compare(a.word, b.word))
	})
	return out[:min(len(out), mostCorrections)]
}

func sameLetters(a, b string) bool {
	x, y := []rune(a), []rune(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// distance is how many letters must be added, left out, changed or swapped with their neighbour to make b of a (optimal string
// alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			changed := 1
			if x[i-1] == y[j-1] {
				changed = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+changed)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
