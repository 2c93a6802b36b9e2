package workflows

import (
	"fmt"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Issuer is who issues a document and when.
type Issuer struct {
	Municipality kernel.Text
	Agency       kernel.Text
	Now          time.Time
}

// Content fills in a document's template. locale "" means the document's language field, else the case's language.
// NotFound when there is no such document.
func (d *Definition) Content(document, locale string, s Snapshot, by Issuer) (kernel.DocumentContent, error) {
	doc := d.Document(document)
	if doc == nil {
		return kernel.DocumentContent{}, kernel.NotThere("document " + document)
	}
	answers := d.canonicalAnswers(s.Answers)
	if chosen, _ := answers[doc.Language].(string); locale == "" && chosen != "" {
		locale = chosen
	}
	if locale == "" {
		locale = s.Locale
	}
	w := writer{d: d, s: &s, answers: answers, locale: locale, by: by}
	key := "document." + doc.Name
	c := kernel.DocumentContent{
		Locale: locale, Title: w.text(key + ".title"), ValidDays: doc.ValidDays, Attach: doc.Attach, Beside: doc.Beside,
		Municipality: by.Municipality.In(locale), Issuer: by.Agency.In(locale),
	}
	if d.HasText(key + ".subject") {
		c.Subject = w.text(key + ".subject")
	}
	for _, b := range doc.Blocks {
		sc := scope{d: d, s: &s, answers: answers, now: by.Now}
		if p := d.compiled.blocks[doc.Name+"/"+b.Name]; p != nil && !sc.holds(p) {
			continue
		}
		c.Blocks = append(c.Blocks, w.block(key+"."+b.Name, b)...)
	}
	return c, nil
}

// writer renders one document in one language.
type writer struct {
	d       *Definition
	s       *Snapshot
	answers map[string]any
	locale  string
	by      Issuer
}

// block renders one block; a text of several lines becomes several blocks, for a line break is a control
// character and no document prints those.
func (w *writer) block(key string, b Block) []kernel.DocumentBlock {
	out := kernel.DocumentBlock{Kind: b.Kind, Name: b.Name}
	switch b.Kind {
	case "fields":
		for _, item := range b.Items {
			if v := w.value(item); v != "" {
				out.Fields = append(out.Fields, [2]string{w.d.Text(w.locale, key+"."+item), oneLine(v)})
				out.Items = append(out.Items, item)
			}
		}
		if len(out.Fields) == 0 {
			return nil
		}
	case "codes":
		out.Text, out.Items = oneLine(w.text(key)), b.Items
		if out.Fields = codesIn(w.value(b.Items[0])); len(out.Fields) == 0 {
			return nil
		}
	case "table":
		for _, h := range b.Header {
			out.Header = append(out.Header, w.d.Text(w.locale, key+"."+h))
			out.Items = append(out.Items, h)
		}
		for _, row := range b.Rows {
			var cells []string
			for _, cell := range row {
				cells = append(cells, oneLine(w.value(cell)))
			}
			out.Rows = append(out.Rows, cells)
		}
	default:
		var blocks []kernel.DocumentBlock
		for line := range strings.SplitSeq(w.text(key), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				blocks = append(blocks, kernel.DocumentBlock{Kind: b.Kind, Name: b.Name, Text: line})
			}
		}
		return blocks
	}
	return []kernel.DocumentBlock{out}
}

// codesIn reads "12A K7M4-R2; 12B R6S7-Q3": each code after its label, separated by semicolons.
func codesIn(value string) (out [][2]string) {
	for one := range strings.SplitSeq(value, ";") {
		words := strings.Fields(one)
		if n := len(words) - 1; n > 0 {
			out = append(out, [2]string{strings.Join(words[:n], " "), words[n]})
		}
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// text fills the {placeholders} of a text of the document.
func (w *writer) text(key string) string {
	return expand(w.d.Text(w.locale, key), w.value)
}

// value is what a reference stands for: field.<name>, claim.<name>, text.<key>, case.number, case.submitted,
// date.issued, municipality, agency. Check knows that every reference is one of these.
func (w *writer) value(ref string) string {
	kind, name, _ := strings.Cut(ref, ".")
	switch kind {
	case "field":
		return w.d.Answer(w.locale, name, w.answers)
	case "claim":
		v := claimValue(w.s.Person, name)
		if t, err := time.Parse(time.DateOnly, v); err == nil {
			return longDate(w.locale, t)
		}
		return normalise(v)
	case "text":
		return w.d.Text(w.locale, name)
	}
	switch ref {
	case "case.number":
		return w.s.Number
	case "case.submitted":
		if w.s.Submitted.IsZero() {
			return ""
		}
		return longDate(w.locale, w.s.Submitted.In(w.s.zone()))
	case "date.issued":
		return longDate(w.locale, w.by.Now.In(w.s.zone()))
	case "municipality":
		return w.by.Municipality.In(w.locale)
	case "agency":
		return w.by.Agency.In(w.locale)
	}
	return ""
}

// Answer returns the answer to a field as a person reads it in locale: an option's text, a long date, "yes"; empty
// when there is none.
func (d *Definition) Answer(locale, field string, answers map[string]any) string {
	f := d.compiled.byField[field]
	if f == nil {
		return ""
	}
	v, ok := canonical(f, answers[field])
	if !ok {
		return ""
	}
	switch x := v.(type) {
	case bool:
		return yesNo[locale][x]
	case int64:
		return itoa(x)
	case []string:
		var parts []string
		for _, o := range x {
			parts = append(parts, d.Text(locale, "field."+field+".option."+o))
		}
		return strings.Join(parts, separator[locale])
	case string:
		if f.Type == TypeChoice {
			return d.Text(locale, "field."+field+".option."+x)
		}
		// A verified date of birth is a text whose claim is a date.
		if t, err := time.Parse(time.DateOnly, x); err == nil && (f.Type == TypeDate || f.Verified) {
			return longDate(locale, t)
		}
		return x
	}
	return ""
}

var (
	yesNo     = map[string]map[bool]string{"en": {true: "Yes", false: "No"}, "ru": {true: "Да", false: "Нет"}, "zh": {true: "是", false: "否"}}
	separator = map[string]string{"en": ", ", "ru": ", ", "zh": "、"}
	months    = map[string][12]string{
		"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		"ru": {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"},
	}
)

// longDate writes a date as official letters do in that language.
func longDate(locale string, t time.Time) string {
	y, m, day := t.Date()
	switch locale {
	case "zh":
		return fmt.Sprintf("%d年%d月%d日", y, int(m), day)
	case "ru":
		return fmt.Sprintf("%d %s %d г.", day, months["ru"][m-1], y)
	}
	return fmt.Sprintf("%d %s %d", day, months["en"][m-1], y)
}

// fill replaces {name} by values; an unknown name stays as it is.
func fill(text string, values map[string]string) string {
	return expand(text, func(name string) string {
		if v, ok := values[name]; ok {
			return v
		}
		return "{" + name + "}"
	})
}

// expand replaces every {name} once; what a value says is never expanded again.
func expand(text string, value func(string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			b.WriteString("{" + rest)
			return b.String()
		}
		b.WriteString(value(name))
		text = after
	}
}

// placeholders lists the {names} in a text.
func placeholders(text string) []string {
	var out []string
	expand(text, func(n string) string { out = append(out, n); return "" })
	return out
}
