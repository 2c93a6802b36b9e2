package workflows

import (
	"slices"
	"strings"
)

func (c *checker) form(key, format string, args ...any) { c.fault("form.yaml", key, format, args...) }

func (c *checker) fields() {
	seen := map[string]bool{}
	for i := range c.d.Fields {
		f := &c.d.Fields[i]
		key := "fields." + f.Name
		c.name("form.yaml", key, f.Name, namePattern, seen)
		if f.Name == Declaration {
			c.form(key, "this name is the declaration's")
		}
		c.fieldType(key, f)
		c.fieldLimits(key, f)
		c.fieldSource(key, f)
	}
}

func (c *checker) fieldType(key string, f *Field) {
	types := []string{TypeText, TypeTextarea, TypeChoice, TypeMulti, TypeDate, TypeInteger, TypeBoolean, TypeEmail, TypeInstant}
	if !slices.Contains(types, f.Type) {
		c.form(key+".type", "unknown type %q: want one of %s", f.Type, strings.Join(types, ", "))
	}
	chooses := f.Type == TypeChoice || f.Type == TypeMulti
	if chooses && len(f.Options) == 0 {
		c.form(key+".options", "a choice needs options")
	}
	if !chooses && len(f.Options) > 0 {
		c.form(key+".options", "only a choice or multi has options")
	}
	seen := map[string]bool{}
	for _, o := range f.Options {
		if !optionPattern.MatchString(o) || seen[o] {
			c.form(key+".options", "option %q: want small letters and digits, each option once", o)
		}
		seen[o] = true
	}
	if f.Visible != "" && f.Visible != VisibleAll && f.Visible != VisibleStaff && f.Visible != VisibleDecision {
		c.form(key+".visible", "want all, staff or decision")
	}
}

func (c *checker) fieldLimits(key string, f *Field) {
	if (f.Min != nil || f.Max != nil) && f.Type != TypeInteger {
		c.form(key, "min and max are for integers")
	}
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		c.form(key, "min is above max")
	}
	written := f.Type == TypeText || f.Type == TypeTextarea
	if (f.MinLength != 0 || f.MaxLength != 0) && !written {
		c.form(key, "min_length and max_length are for text and textarea")
	}
	if f.MinLength < 0 || f.MaxLength < 0 || f.MaxLength > 20_000 || f.MinLength > f.limit() {
		c.form(key, "lengths want 0 ≤ min_length ≤ max_length ≤ 20000")
	}
	if f.Pattern != "" && f.Type != TypeText {
		c.form(key+".pattern", "is for text")
	}
	if (f.From != "" || f.Until != "") && f.Type != TypeDate {
		c.form(key, "from and until are for dates")
	}
	if !validDateBound(f.From) || !validDateBound(f.Until) {
		c.form(key, "from and until want YYYY-MM-DD or today")
	}
}

func (c *checker) fieldSource(key string, f *Field) {
	if f.Prefill != "" && f.Prefill != "locale" && c.d.Claim(f.Prefill) == nil {
		c.form(key+".prefill", "claim %q is not among the claims of service.yaml", f.Prefill)
	}
	if f.Prefill != "" && f.Default != "" {
		c.form(key+".default", "a prefilled field has no default")
	}
	if f.Verified && (f.Prefill == "" || f.Prefill == "locale") {
		c.form(key+".verified", "want prefill with the claim it shows")
	}
	if f.Verified && (f.Type != TypeText && f.Type != TypeDate && f.Type != TypeEmail || f.ShowIf != "" || f.Pattern != "") {
		c.form(key+".verified", "a verified claim is a text, date or email without show_if and pattern")
	}
	if f.Default != "" && f.Type == TypeChoice && !slices.Contains(f.Options, f.Default) {
		c.form(key+".default", "%q is not an option", f.Default)
	}
}

func (c *checker) forms() {
	forms, pages := map[string]bool{}, map[string]bool{}
	for _, f := range c.d.Forms {
		c.name("form.yaml", "forms."+f.Name, f.Name, slugPattern, forms)
		if len(f.Pages) == 0 {
			c.form("forms."+f.Name, "has no page")
		}
		asked := map[string]bool{}
		for _, p := range f.Pages {
			key := "forms." + f.Name + "." + p.Name
			c.name("form.yaml", key, p.Name, slugPattern, pages)
			if len(p.Fields) == 0 {
				c.form(key, "asks nothing")
			}
			for _, n := range p.Fields {
				if c.d.Field(n) == nil {
					c.form(key, "unknown field %q", n)
				}
				if asked[n] {
					c.form(key, "%s is asked twice", n)
				}
				asked[n] = true
			}
		}
	}
}

func (c *checker) doc(key, format string, args ...any) {
	c.fault("document.yaml", key, format, args...)
}

func (c *checker) documents() {
	seen := map[string]bool{}
	for _, doc := range c.d.Documents {
		key := "documents." + doc.Name
		c.name("document.yaml", key, doc.Name, slugPattern, seen)
		if !slugPattern.MatchString(doc.Type) {
			c.doc(key+".type", "want a name like residence-certificate")
		}
		if doc.ValidDays < 0 {
			c.doc(key+".valid_days", "is below 0")
		}
		if doc.Language != "" {
			c.documentLanguage(key+".language", doc.Language)
		}
		if len(doc.Blocks) == 0 {
			c.doc(key, "says nothing")
		}
		blocks := map[string]bool{"title": true, "subject": true}
		for _, b := range doc.Blocks {
			c.name("document.yaml", key+"."+b.Name, b.Name, slugPattern, blocks)
			c.block(key+"."+b.Name, b)
		}
	}
}

func (c *checker) block(key string, b Block) {
	switch b.Kind {
	case "heading", "paragraph", "notice":
		if len(b.Items)+len(b.Header)+len(b.Rows) > 0 {
			c.doc(key, "a %s has a text only", b.Kind)
		}
	case "fields":
		if len(b.Items) == 0 {
			c.doc(key, "names no item")
		}
		for _, it := range b.Items {
			c.reference("document.yaml", key, it)
		}
	case "codes":
		if len(b.Items) != 1 || len(b.Header)+len(b.Rows) > 0 {
			c.doc(key, "codes name one item and nothing else")
		}
		for _, it := range b.Items {
			c.reference("document.yaml", key, it)
		}
	case "table":
		if len(b.Header) == 0 || len(b.Rows) == 0 {
			c.doc(key, "a table has a header and rows")
		}
		for _, row := range b.Rows {
			if len(row) != len(b.Header) {
				c.doc(key, "a row has %d cells under %d headings", len(row), len(b.Header))
			}
			for _, cell := range row {
				c.reference("document.yaml", key, cell)
			}
		}
	default:
		c.doc(key+".kind", "unknown kind %q: want heading, paragraph, fields, table, notice or codes", b.Kind)
	}
}

// reference checks what a document quotes.
func (c *checker) reference(file, key, ref string) {
	kind, name, _ := strings.Cut(ref, ".")
	switch {
	case kind == "field" && c.d.Field(name) != nil:
	case kind == "claim" && c.d.Claim(name) != nil:
	case kind == "text" && name != "":
	case slices.Contains([]string{"case.number", "case.submitted", "date.issued", "municipality", "agency"}, ref):
	case kind == "field":
		c.fault(file, key, "unknown field %q", name)
	case kind == "claim":
		c.fault(file, key, "claim %q is not among the claims of service.yaml", name)
	default:
		c.fault(file, key, "%q is nothing a document can quote", ref)
	}
}

// documentLanguage checks that every option of the field is a language we have texts in.
func (c *checker) documentLanguage(key, field string) {
	f := c.d.Field(field)
	if f == nil || f.Type != TypeChoice {
		c.doc(key, "want a choice field, not %q", field)
		return
	}
	for _, o := range f.Options {
		if _, ok := c.d.Texts[o]; !ok {
			c.doc(key, "option %q of %s is not a language", o, field)
		}
	}
}
