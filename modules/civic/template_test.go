package civic

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// example is the definition that the example of a template makes.
func example(t *testing.T, name string) *workflows.Definition {
	t.Helper()
	all, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Name == name {
			d, err := one.Example()
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no template %s", name)
	return nil
}

// A service that asks nothing but what is verified is one page with one button, in its own words.
func TestASubscriptionIsOnePageAndOneButton(t *testing.T) {
	t.Parallel()
	for _, locale := range kernel.Locales {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			d := example(t, "notices")
			s := newSiteOf(t, d.Slug, d)
			s.locale = locale
			at := s.fill("/apps/"+d.Slug+"/start", s.get("/apps/"+d.Slug), url.Values{}).Header().Get("Location")
			base, ok := strings.CutSuffix(at, "/check")
			if !ok {
				t.Fatalf("begins at %s", at)
			}
			page := s.get(at)
			for _, want := range []string{d.Text(locale, "page.you"), "Anna Whitfield", d.Text(locale, "action.subscribe")} {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not say %q:\n%s", want, page)
				}
			}
			if strings.Contains(page, "checkbox") || strings.Count(page, "<button") != 1 {
				t.Errorf("more than one button:\n%s", page)
			}
			if w := s.fill(base+"/submit", page, url.Values{}); w.Header().Get("Location") != base+"/done" {
				t.Fatalf("subscribing: %d %s", w.Code, w.Body)
			}
			if done := s.get(base + "/done"); !strings.Contains(done, d.Text(locale, "state.subscribed")) || !strings.Contains(done, d.Text(locale, "title")) {
				t.Errorf("done: %s", done)
			}
			for _, snap := range s.memory.cases {
				if snap.State != "subscribed" {
					t.Errorf("the case is %s", snap.State)
				}
			}
		})
	}
}

// The pages of an application whose questions an agency typed, without a line of code.
func TestAnAgencysOwnQuestionsAreAskedAndSent(t *testing.T) {
	t.Parallel()
	for _, locale := range kernel.Locales {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			d := example(t, "application")
			s := newSiteOf(t, d.Slug, d)
			s.locale = locale
			at := s.fill("/apps/"+d.Slug+"/start", s.get("/apps/"+d.Slug), url.Values{}).Header().Get("Location")
			base := strings.TrimSuffix(at, "/you")
			answers := []url.Values{{}, {"q1": {"Honey & <b>bread</b>"}}, {"q2": {"o2"}}, {"q3": {"2026-12-05"}, "q3-day": {"5"}, "q3-month": {"12"}, "q3-year": {"2026"}}, {"q4": {"3"}}, {"q5": {"true"}}, {"q6": {""}}}
			for _, form := range answers {
				at = s.next(at, form)
			}
			if at != base+"/check" {
				t.Fatalf("after the last page: %s", at)
			}
			page := s.get(at)
			for i := range 6 {
				if want := d.Text(locale, "field.q"+string(rune('1'+i))+".label"); !strings.Contains(page, want) {
					t.Errorf("the check page does not say %q", want)
				}
			}
			if !strings.Contains(page, "Honey &amp; &lt;b&gt;") {
				t.Errorf("an answer is not escaped:\n%s", page)
			}
			if w := s.fill(base+"/submit", page, url.Values{}); w.Code != http.StatusUnprocessableEntity {
				t.Fatalf("without the declaration: %d", w.Code)
			}
			if w := s.fill(base+"/submit", page, url.Values{"declaration": {"true"}}); w.Header().Get("Location") != base+"/done" {
				t.Fatalf("sending: %d %s", w.Code, w.Body)
			}
		})
	}
}
