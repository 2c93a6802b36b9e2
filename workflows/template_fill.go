package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
)

// questionsMark stands in a template's form and documents where the agency's own questions come.
const questionsMark = "questions"

// Fill makes the definition's files (service.yaml, form.yaml, document.yaml, i18n/*.yaml), by name; the same blanks give the
// same bytes. Invalid with Fields names each wrong blank: "title.ru", "claims.birthdate.purpose.en", "questions.2.options".
// What was typed is only ever a value in the files, written by the encoder.
func (t *Template) Fill(b Blanks) (map[string][]byte, error) {
	b, wrong := t.checked(b)
	if len(wrong) > 0 {
		return nil, kernel.InvalidFields(wrong...)
	}
	f := filling{t: t, b: b, texts: t.cloneTexts(), files: map[string][]byte{}}
	for name, fill := range map[string]func(map[string]any){"service.yaml": f.service, "form.yaml": f.form, "document.yaml": f.document} {
		whole, err := t.read(name)
		if err != nil {
			return nil, fmt.Errorf("template %s: %s: %w", t.Name, name, err)
		}
		fill(whole)
		if err := f.write(name, whole); err != nil {
			return nil, err
		}
	}
	f.typed()
	for _, l := range kernel.Locales {
		if err := f.write("i18n/"+l+".yaml", f.texts[l]); err != nil {
			return nil, err
		}
	}
	// A fault here is one of the template, and nobody's who filled it in.
	if _, problems := ParseFiles(t.Sector+"/"+b.Slug, f.files); len(problems) > 0 {
		return nil, fmt.Errorf("template %s: %w", t.Name, Problems(problems))
	}
	return f.files, nil
}

// filling is one definition in the making.
type filling struct {
	t     *Template
	b     Blanks // checked
	texts Texts
	files map[string][]byte
}

func (f *filling) write(name string, v any) error {
	data, err := yaml.Dump(v)
	if err != nil {
		return fmt.Errorf("template %s: %s: %w", f.t.Name, name, err)
	}
	f.files[name] = data
	return nil
}

func (f *filling) service(s map[string]any) {
	s["slug"], s["agency"], s["prefix"], s["category"] = f.b.Slug, string(f.b.Agency), f.b.Prefix, f.b.Category
	s["start"] = map[string]any{"level": f.b.Level.String()}
	var claims []any
	for _, c := range f.b.Claims {
		claims = append(claims, map[string]any{"name": c.Name, "required": c.Required, "retention_days": c.RetentionDays})
	}
	s["claims"] = claims
	if r, ok := s["retention"].(map[string]any); ok {
		r["closed_days"] = f.b.ClosedDays
		f.retention(r["draft_days"])
	}
}

// retention writes the number of days into the text that names them.
func (f *filling) retention(draft any) {
	for _, l := range kernel.Locales {
		f.texts[l]["retention"] = fill(f.texts[l]["retention"], map[string]string{"draft_days": fmt.Sprint(draft), "closed_days": strconv.Itoa(f.b.ClosedDays)})
	}
}

// form leaves out the claims that are not asked for, and asks the agency's questions, each on a page of its own.
func (f *filling) form(form map[string]any) {
	var fields []any
	for _, one := range list(form["fields"]) {
		field, _ := one.(map[string]any)
		name, _ := field["name"].(string)
		switch verified, _ := field["verified"].(bool); {
		case verified && !f.asked(name):
			continue
		case verified:
			field["required"] = f.requires(name)
		}
		fields = append(fields, field)
	}
	for i, q := range f.b.Questions {
		fields = append(fields, f.question(i, q))
	}
	form["fields"] = fields
	for _, one := range list(form["forms"]) {
		asked, _ := one.(map[string]any)
		var pages []any
		for _, p := range list(asked["pages"]) {
			if page, _ := p.(map[string]any); page["name"] != questionsMark {
				page["fields"] = f.kept(page["fields"], "")
				pages = append(pages, page)
				continue
			}
			for i := range f.b.Questions {
				pages = append(pages, map[string]any{"name": questionName(i), "fields": []any{questionName(i)}})
			}
		}
		asked["pages"] = pages
	}
}

func (f *filling) question(i int, q Question) map[string]any {
	field := map[string]any{"name": questionName(i), "type": q.Type, "required": q.Required}
	if q.Type == TypeTextarea {
		field["max_length"] = maxQuestionArea
	}
	var options []any
	for n := range q.Options {
		options = append(options, optionName(n))
	}
	if options != nil {
		field["options"] = options
	}
	return field
}

func (f *filling) document(d map[string]any) {
	for _, one := range list(d["documents"]) {
		doc, _ := one.(map[string]any)
		var blocks []any
		for _, b := range list(doc["blocks"]) {
			block, _ := b.(map[string]any)
			if items, ok := block["items"]; ok {
				kept := f.kept(items, "field.")
				if len(kept) == 0 {
					continue
				}
				if block["items"] = kept; slices.Contains(list(items), any(questionsMark)) {
					f.labels(fmt.Sprintf("document.%v.%v.field.", doc["name"], block["name"]))
				}
			}
			blocks = append(blocks, block)
		}
		doc["blocks"] = blocks
	}
}

// kept returns the names of a page or a document's block: without claims that are not asked for, with the questions for
// their mark.
func (f *filling) kept(names any, prefix string) (out []any) {
	for _, n := range list(names) {
		name, _ := n.(string)
		field := strings.TrimPrefix(name, prefix)
		switch {
		case name == questionsMark:
			for i := range f.b.Questions {
				out = append(out, prefix+questionName(i))
			}
		case f.t.claim(field) == nil || f.asked(field):
			out = append(out, name)
		}
	}
	return out
}

// labels gives the questions' labels to a document that prints the answers.
func (f *filling) labels(prefix string) {
	for i, q := range f.b.Questions {
		f.put(prefix+questionName(i), q.Label)
	}
}

// typed puts what was typed where its texts are, and takes out those of claims that are not asked for.
func (f *filling) typed() {
	for _, c := range f.t.terms.Claims {
		if !f.asked(c.Name) {
			f.forget(c.Name)
		}
	}
	for l, texts := range f.texts { // before anything typed is among them
		maps.Copy(texts, titled(texts, f.b.Title[l]))
	}
	f.put("title", f.b.Title)
	f.put("summary", f.b.Summary)
	f.put("search", f.b.Search)
	f.put("start", f.b.Start)
	for _, c := range f.b.Claims {
		f.put("claim."+c.Name+".purpose", c.Purpose)
	}
	for i, q := range f.b.Questions {
		key := "field." + questionName(i)
		f.put("page."+questionName(i), q.Label)
		f.put(key+".label", q.Label)
		if q.Hint != nil {
			f.put(key+".hint", q.Hint)
		}
		for n, o := range q.Options {
			f.put(key+".option."+optionName(n), o)
		}
	}
	if f.t.Prints {
		f.put(f.t.documentKey("title"), f.b.Document.Title)
		f.put(f.t.documentKey("text"), f.b.Document.Text)
	}
}

// titled are the texts that name the service, "{title}", with its title.
func titled(texts map[string]string, title string) map[string]string {
	out := map[string]string{}
	for k, s := range texts {
		if strings.Contains(s, "{title}") {
			out[k] = fill(s, map[string]string{"title": title})
		}
	}
	return out
}

func (f *filling) put(key string, t kernel.Text) {
	for _, l := range kernel.Locales {
		f.texts[l][key] = t[l]
	}
}

// forget takes out the texts of a claim and of the field that shows it.
func (f *filling) forget(claim string) {
	for _, texts := range f.texts {
		maps.DeleteFunc(texts, func(k, _ string) bool {
			return k == "claim."+claim || strings.HasPrefix(k, "claim."+claim+".") || strings.HasPrefix(k, "field."+claim+".") ||
				strings.HasPrefix(k, "document.") && strings.HasSuffix(k, ".field."+claim)
		})
	}
}

func (f *filling) asked(claim string) bool {
	return slices.ContainsFunc(f.b.Claims, func(c ClaimBlank) bool { return c.Name == claim })
}

func (f *filling) requires(claim string) bool {
	return slices.ContainsFunc(f.b.Claims, func(c ClaimBlank) bool { return c.Name == claim && c.Required })
}

func questionName(i int) string { return "q" + strconv.Itoa(i+1) }

func optionName(i int) string { return "o" + strconv.Itoa(i+1) }

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
