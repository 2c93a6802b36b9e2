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
