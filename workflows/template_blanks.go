package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"townhall/modules/kernel"
)

// Blanks is what an agency fills in.
type Blanks struct {
	Slug       string          `json:"slug"`     // of the mini-app, unique in the installation: who stores it sees to that
	Agency     kernel.AgencyID `json:"agency"`   // that decides
	Prefix     string          `json:"prefix"`   // of case numbers: two or three capital letters
	Category   string          `json:"category"` // where the wallet's list shows it
	Level      kernel.Level    `json:"level"`    // of the sign-in to begin with
	Title      kernel.Text     `json:"title"`
	Summary    kernel.Text     `json:"summary"`
	Search     kernel.Text     `json:"search"` // words with commas
	Start      kernel.Text     `json:"start"`  // what to have ready; may have several lines
	Claims     []ClaimBlank    `json:"claims"`
	Questions  []Question      `json:"questions,omitempty"` // where the template Asks
	Document   DocumentBlank   `json:"document,omitzero"`   // where the template Prints; ignored elsewhere
	ClosedDays int             `json:"closed_days"`         // how long a closed case is kept
}

// ClaimBlank is one verified claim the agency asks for.
type ClaimBlank struct {
	Name          string      `json:"name"`
	Required      bool        `json:"required"`
	RetentionDays int         `json:"retention_days"` // after the case is closed
	Purpose       kernel.Text `json:"purpose"`
}

// Question is one question of the agency's own. Type is one of QuestionTypes.
type Question struct {
	Label    kernel.Text   `json:"label"`
	Hint     kernel.Text   `json:"hint,omitempty"` // in all languages or in none
	Type     string        `json:"type"`
	Required bool          `json:"required"`
	Options  []kernel.Text `json:"options,omitempty"` // choice
}

// DocumentBlank is what the signed document says beside what is verified and answered.
type DocumentBlank struct {
	Title kernel.Text `json:"title"`
	Text  kernel.Text `json:"text"` // may have several lines
}

// QuestionTypes are the types of questions an agency may ask.
var QuestionTypes = []string{TypeText, TypeTextarea, TypeChoice, TypeDate, TypeInteger, TypeBoolean, TypeEmail}

// Limits of what an agency fills in. Lengths are characters of one language.
const (
	MaxQuestions = 20
	MaxOptions   = 20

	maxSlug         = 60
	maxTitle        = 80
	maxSummary      = 200
	maxSearch       = 300
	maxStart        = 1500
	maxPurpose      = 300
	maxLabel        = 150
	maxHint         = 300
	maxOption       = 100
	maxDocTitle     = 120
	maxDocText      = 2000
	maxLines        = 40
	minClosedDays   = 30
	maxPrefix       = 3
	maxQuestionArea = 2000 // of an answer: twenty of them must fit into one document
)

// BlankLimit is how many characters of one language a blank may have.
type BlankLimit struct {
	Blank string // as in the path of its error, without the numbers of questions and options
	Most  int
}

// BlankLimits are those of every text an agency writes.
func BlankLimits() []BlankLimit {
	return []BlankLimit{
		{"slug", maxSlug}, {"title", maxTitle}, {"summary", maxSummary}, {"search", maxSearch}, {"start", maxStart}, {"claims.purpose", maxPurpose},
		{"questions.label", maxLabel}, {"questions.hint", maxHint}, {"questions.options", maxOption}, {"document.title", maxDocTitle}, {"document.text", maxDocText},
	}
}

// blanksCheck normalises what was filled in and collects what is wrong with it.
type blanksCheck struct {
	t     *Template
	wrong []kernel.FieldError
}

func (c *blanksCheck) say(path, slug string, args ...string) {
	c.wrong = append(c.wrong, *fieldError(path, slug, args...))
}

// checked returns b with its texts in their one form (NFC, one kind of line end, no blanks around), and what is wrong.
func (t *Template) checked(b Blanks) (Blanks, []kernel.FieldError) {
	c := &blanksCheck{t: t}
	c.name("slug", b.Slug, maxSlug)
	c.name("agency", string(b.Agency), 60)
	c.name("category", b.Category, 60)
	switch {
	case b.Prefix == "":
		c.say("prefix", "field.required")
	case !prefixPattern.MatchString(b.Prefix) || len(b.Prefix) > maxPrefix:
		c.say("prefix", "field.wrong-format")
	}
	if b.Level < kernel.Low || b.Level > kernel.High {
		c.say("level", "field.not-an-option")
	}
	b.Title = c.text("title", b.Title, TypeText, maxTitle)
	b.Summary = c.text("summary", b.Summary, TypeText, maxSummary)
	b.Search = c.search(b.Search)
	b.Start = c.text("start", b.Start, TypeTextarea, maxStart)
	b.Claims = c.claims(b.Claims)
	b.Questions = c.questions(b.Questions)
	if t.Prints {
		b.Document.Title = c.text("document.title", b.Document.Title, TypeText, maxDocTitle)
		b.Document.Text = c.text("document.text", b.Document.Text, TypeTextarea, maxDocText)
	}
	c.days("closed_days", b.ClosedDays, minClosedDays, t.terms.Longest)
	return b, c.wrong
}

// name checks what becomes part of an address.
func (c *blanksCheck) name(path, s string, limit int) {
	switch {
	case s == "":
		c.say(path, "field.required")
	case len(s) > limit:
		c.say(path, "field.too-long", "max", strconv.Itoa(limit))
	case !slugPattern.MatchString(s):
		c.say(path, "field.wrong-format")
	}
}

func (c *blanksCheck) days(path string, n, low, high int) {
	if n < low || n > high {
		c.say(path, "field.out-of-range", "min", strconv.Itoa(low), "max", strconv.Itoa(high))
	}
}

// text checks a text that is wanted in every language; each fault names its language.
func (c *blanksCheck) text(path string, t kernel.Text, kind string, limit int) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		at := path + "." + l
		s, err := cleanText(&Field{Name: at, Type: kind, MaxLength: limit}, t[l], nil)
		switch {
		case err != nil:
			c.wrong = append(c.wrong, *err)
		case s == "":
			c.say(at, "field.required")
		case strings.ContainsAny(s, "{}"): // a text of ours fills in what stands between them
			c.say(at, "field.braces")
		case strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }):
			c.say(at, "field.bad-characters")
		case strings.Count(s, "\n") >= maxLines:
			c.say(at, "field.too-many-lines", "max", strconv.Itoa(maxLines))
		}
		out[l] = s
	}
	for l := range t {
		if !slices.Contains(kernel.Locales, l) {
			c.say(path, "field.unknown")
			break
		}
	}
	return out
}

func (c *blanksCheck) search(t kernel.Text) kernel.Text {
	out := c.text("search", t, TypeText, maxSearch)
	for _, l := range kernel.Locales {
		if out[l] != "" && strings.Trim(out[l], ", ") == "" {
			c.say("search."+l, "field.required")
		}
	}
	return out
}

func (c *blanksCheck) claims(list []ClaimBlank) []ClaimBlank {
	var out []ClaimBlank
	seen := map[string]bool{}
	for i, b := range list {
		offered := c.t.claim(b.Name)
		if offered == nil {
			c.say(fmt.Sprintf("claims.%d", i), "field.not-an-option")
			continue
		}
		path := "claims." + b.Name
		if seen[b.Name] {
			c.say(path, "field.twice")
			continue
		}
		seen[b.Name] = true
		if offered.Required && !b.Required {
			c.say(path+".required", "field.required")
		}
		c.days(path+".retention_days", b.RetentionDays, 1, offered.LongestDays)
		b.Purpose = c.text(path+".purpose", b.Purpose, TypeText, maxPurpose)
		out = append(out, b)
	}
	for _, offered := range c.t.terms.Claims {
		if offered.Required && !seen[offered.Name] {
			c.say("claims."+offered.Name, "field.required")
		}
	}
	return out
}

func (c *blanksCheck) questions(list []Question) []Question {
	switch {
	case len(list) > 0 && !c.t.Asks:
		c.say("questions", "field.unknown")
		return nil
	case len(list) > MaxQuestions:
		c.say("questions", "field.too-many", "max", strconv.Itoa(MaxQuestions))
		return nil
	}
	var out []Question
	for i, q := range list {
		path := fmt.Sprintf("questions.%d", i)
		q.Label = c.text(path+".label", q.Label, TypeText, maxLabel)
		if q.Hint = given(q.Hint); q.Hint != nil {
			q.Hint = c.text(path+".hint", q.Hint, TypeText, maxHint)
		}
		if !slices.Contains(QuestionTypes, q.Type) {
			c.say(path+".type", "field.not-an-option")
		}
		q.Options = c.options(path+".options", q)
		out = append(out, q)
	}
	return out
}

// given is nil for a text that says nothing in any language.
func given(t kernel.Text) kernel.Text {
	for _, s := range t {
		if strings.TrimSpace(s) != "" {
			return t
		}
	}
	return nil
}

func (c *blanksCheck) options(path string, q Question) []kernel.Text {
	switch n := len(q.Options); {
	case q.Type != TypeChoice && n > 0:
		c.say(path, "field.unknown")
		return nil
	case q.Type != TypeChoice:
		return nil
	case n < 2:
		c.say(path, "field.too-few", "min", "2")
		return nil
	case n > MaxOptions:
		c.say(path, "field.too-many", "max", strconv.Itoa(MaxOptions))
		return nil
	}
	var out []kernel.Text
	for i, o := range q.Options {
		o = c.text(fmt.Sprintf("%s.%d", path, i), o, TypeText, maxOption)
		for _, l := range kernel.Locales {
			if o[l] != "" && slices.ContainsFunc(out, func(other kernel.Text) bool { return other[l] == o[l] }) {
				c.say(fmt.Sprintf("%s.%d.%s", path, i, l), "field.twice")
			}
		}
		out = append(out, o)
	}
	return out
}

// Unprintable reports the texts that a document will print and that cannot be printed: Invalid with "field.not-printable",
// naming the first such character of each, or nil. can says of a rune whether documents can show it. It is asked beside
// Fill, so that the agency learns it, and not the official who issues the first document.
func (t *Template) Unprintable(b Blanks, can func(rune) bool) error {
	b, _ = t.checked(b)
	var bad []kernel.FieldError
	look := func(path string, text kernel.Text) {
		for _, l := range kernel.Locales {
			for _, r := range text[l] {
				if r != '\n' && !can(r) {
					bad = append(bad, *fieldError(path+"."+l, "field.not-printable", "char", fmt.Sprintf("%c (U+%04X)", r, r)))
					break
				}
			}
		}
	}
	if !t.Prints {
		return nil
	}
	look("title", b.Title)
	look("document.title", b.Document.Title)
	look("document.text", b.Document.Text)
	for i, q := range b.Questions {
		look(fmt.Sprintf("questions.%d.label", i), q.Label)
		for j, o := range q.Options {
			look(fmt.Sprintf("questions.%d.options.%d", i, j), o)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return kernel.InvalidFields(bad...)
}
