package apptest_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

var problemLink = regexp.MustCompile(`<li><a href="/organisations/market-office/mini-apps/[0-9a-f-]+/([^"#]+)#([^"]+)">([^<]+)</a></li>`)

// What is wrong with a mini-app is listed where it is made; each line leads to the box in which it is typed, which says the same.
func TestEveryProblemOfAMiniAppLeadsToWhereItIsTyped(t *testing.T) {
	t.Parallel()
	_, pages := fixtures(t, "partners-app-", 20)
	page := func(locale, name string) string {
		t.Helper()
		for _, f := range pages {
			if f.Name == "partners-app-"+name {
				out, err := ui.RenderFixture(locale, f)
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			}
		}
		t.Fatalf("there is no page %s", name)
		return ""
	}
	shown := map[string]string{"words": "words-wrong", "data": "data-wrong", "document": "document-wrong", "questions?at=0": "question-wrong", "questions?at=1": "question-choice-wrong"}
	for _, l := range kernel.Locales {
		check := page(l, "check-problems")
		_, summary, _ := strings.Cut(check, `class="problems"`)
		summary, _, _ = strings.Cut(summary, "</div>")
		links := problemLink.FindAllStringSubmatch(summary, -1)
		if n := strings.Count(summary, "<li>"); n < 8 || len(links) != n {
			t.Errorf("%s: %d of %d problems have a link:\n%s", l, len(links), n, summary)
		}
		texts := map[string]bool{}
		for _, m := range links {
			name, known := shown[html.UnescapeString(m[1])]
			if !known {
				t.Errorf("%s: %s is no part that has a problem", l, m[1])
				continue
			}
			form := page(l, name)
			if !strings.Contains(form, ` id="`+m[2]+`"`) || !strings.Contains(form, `id="`+m[2]+`-error"`) {
				t.Errorf("%s: %s#%s: nothing is wrong there", l, name, m[2])
			}
			if texts[m[3]] {
				t.Errorf("%s: two problems read alike: %s", l, m[3])
			}
			texts[m[3]] = true
		}
	}
}

// What a purpose does not cover is refused by machine, so a form does not offer it either: with notices no address.
func TestWhatAPurposeDoesNotCoverIsNotOffered(t *testing.T) {
	t.Parallel()
	_, pages := fixtures(t, "partners-app-data", 4)
	offered := map[string]string{}
	for _, f := range pages {
		out, err := ui.RenderFixture("en", f)
		if err != nil {
			t.Fatal(err)
		}
		offered[f.Name] = string(out)
	}
	if page := offered["partners-app-data"]; !strings.Contains(page, `name="ask.address"`) {
		t.Error("an application does not offer the address, which its purpose covers")
	}
	if page := offered["partners-app-data-notices"]; strings.Contains(page, `name="ask.address"`) || !strings.Contains(page, `name="claims.name.retention_days"`) || !strings.Contains(page, "At most 366 days.") {
		t.Error("notices offer more than their purpose covers")
	}
}
