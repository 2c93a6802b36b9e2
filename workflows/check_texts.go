package workflows

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
)

// noticeValues are what a notice may say besides its text: it leaves the house, so nothing personal.
var noticeValues = []string{"number", "service", "due", "was"}

// texts checks that every text is there in every language, and that no text is there for nothing.
func (c *checker) texts() {
	required, optional := c.textKeys()
	for _, l := range kernel.Locales {
		file := "i18n/" + l + ".yaml"
		for _, k := range required {
			if strings.TrimSpace(c.d.Texts[l][k]) == "" {
				c.fault(file, k, "is missing")
			}
		}
		for _, k := range slices.Sorted(maps.Keys(c.d.Texts[l])) {
			if !slices.Contains(required, k) && !slices.Contains(optional, k) {
				c.fault(file, k, "is used nowhere")
			}
			c.text(file, k, c.d.Texts[l][k])
		}
	}
	for _, k := range optional {
		for _, l := range kernel.Locales {
			if c.d.Texts[l][k] == "" && c.anywhere(k) {
				c.fault("i18n/"+l+".yaml", k, "is missing: another language has it")
			}
		}
	}
	c.samePlaceholders(append(required, optional...))
}

func (c *checker) anywhere(key string) bool {
	return slices.ContainsFunc(kernel.Locales, func(l string) bool { return c.d.Texts[l][key] != "" })
}

func (c *checker) text(file, key, text string) {
	if !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) {
		c.fault(file, key, "is not in Unicode's composed form (NFC)")
	}
	for _, p := range placeholders(text) {
		switch {
		case strings.HasPrefix(key, "document."):
			c.reference(file, key, p)
		case strings.HasPrefix(key, "notice.") && slices.Contains(noticeValues, p):
		default:
			c.fault(file, key, "nothing is known to fill {%s} with", p)
		}
	}
}

func (c *checker) samePlaceholders(keys []string) {
	first := kernel.Locales[0]
	for _, k := range keys {
		want := sortedPlaceholders(c.d.Texts[first][k])
		for _, l := range kernel.Locales[1:] {
			if t := c.d.Texts[l][k]; t != "" && !slices.Equal(sortedPlaceholders(t), want) {
				c.fault("i18n/"+l+".yaml", k, "has other {placeholders} than %s", first)
			}
		}
	}
}

func sortedPlaceholders(text string) []string {
	p := placeholders(text)
	slices.Sort(p)
	return p
}

// textKeys lists the keys a definition must have, and those it may have.
func (c *checker) textKeys() (required, optional []string) {
	d := c.d
	required = []string{"title", "summary", "search", "start", "retention"}
	for _, r := range d.Roles {
		required = append(required, "role."+r)
	}
	for _, cl := range d.Claims {
		required = append(required, "claim."+cl.Name, "claim."+cl.Name+".purpose")
	}
	for _, s := range d.States {
		required = append(required, "state."+s.Name, "state."+s.Name+".staff", "state."+s.Name+".next")
	}
	for _, a := range d.Actions {
		key := "action." + a.Name
		required = append(required, key+".past")
		if !a.bySystemAlone() {
			required = append(required, key)
			optional = append(optional, key+".hint")
		}
		if a.Declare {
			required = append(required, key+".declare")
		}
		for _, g := range a.Guards {
			if k := "error." + g.Error; !slices.Contains(required, k) {
				required = append(required, k)
			}
		}
	}
	for _, n := range d.Notices {
		required = append(required, "notice."+n+".title", "notice."+n+".body")
	}
	r, o := formKeys(d)
	required, optional = append(required, r...), append(optional, o...)
	r, o = documentKeys(d)
	return append(required, r...), append(optional, o...)
}

func formKeys(d *Definition) (required, optional []string) {
	for _, f := range d.Fields {
		key := "field." + f.Name
		required = append(required, key+".label")
		optional = append(optional, key+".hint")
		for _, o := range f.Options {
			required = append(required, key+".option."+o)
			optional = append(optional, key+".option."+o+".hint")
		}
	}
	for _, f := range d.Forms {
		for _, p := range f.Pages {
			required = append(required, "page."+p.Name)
			optional = append(optional, "page."+p.Name+".hint")
		}
	}
	return required, optional
}

func documentKeys(d *Definition) (required, optional []string) {
	for _, doc := range d.Documents {
		key := "document." + doc.Name
		required = append(required, key+".title")
		optional = append(optional, key+".subject")
		for _, b := range doc.Blocks {
			at := key + "." + b.Name
			switch b.Kind {
			case "fields":
				for _, it := range b.Items {
					required = append(required, at+"."+it)
				}
			case "table":
				for _, h := range b.Header {
					required = append(required, at+"."+h)
				}
				for _, row := range b.Rows {
					for _, cell := range row {
						if k, ok := strings.CutPrefix(cell, "text."); ok && !slices.Contains(required, k) {
							required = append(required, k)
						}
					}
				}
			default:
				required = append(required, at)
			}
		}
	}
	return required, optional
}
