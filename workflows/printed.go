package workflows

import (
	"fmt"
	"strings"

	"townhall/modules/kernel"
)

// Unprintable reports the answers that a document of this service will print and that cannot be printed: Invalid with
// "field.not-printable" for each field of the command's form, naming the first such character, or nil. can says of a
// rune whether documents can show it. It is asked after Step and before anything is stored, so that the person who wrote
// the text learns it, and not the official who decides weeks later.
func (d *Definition) Unprintable(action string, o Outcome, can func(rune) bool) error {
	a := d.Action(action)
	if a == nil || a.Form == "" {
		return nil
	}
	var bad []kernel.FieldError
	for _, name := range d.Form(a.Form).FieldNames() {
		text, _ := o.Answers[name].(string)
		if f := d.compiled.byField[name]; !d.compiled.printed[name] || f.Type == TypeChoice {
			continue
		}
		for _, r := range text {
			if r != '\n' && !can(r) {
				bad = append(bad, *fieldError(name, "field.not-printable", "char", fmt.Sprintf("%c (U+%04X)", r, r)))
				break
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return kernel.InvalidFields(bad...)
}

// printedFields are the fields that some document of the service quotes.
func printedFields(d *Definition) map[string]bool {
	out := map[string]bool{}
	quote := func(ref string) {
		if name, ok := strings.CutPrefix(ref, "field."); ok {
			out[name] = true
		}
	}
	for _, doc := range d.Documents {
		prefix := "document." + doc.Name + "."
		for _, texts := range d.Texts {
			for key, text := range texts {
				if strings.HasPrefix(key, prefix) {
					for _, ref := range placeholders(text) {
						quote(ref)
					}
				}
			}
		}
		for _, b := range doc.Blocks {
			for _, item := range b.Items {
				quote(item)
			}
			for _, row := range b.Rows {
				for _, cell := range row {
					quote(cell)
				}
			}
		}
	}
	return out
}
