package travel

import (
	"os"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/gtfs"
)

func TestEveryProblemOfATimetableHasWordsInEveryLanguage(t *testing.T) {
	t.Parallel()
	texts, err := ui.LoadTexts(os.DirFS("texts/timetable"))
	if err != nil {
		t.Fatal(err)
	}
	for _, slug := range append(gtfs.Slugs(), "none") {
		key := "travel.feed.line." + slug
		if texts.Has(key) != (slug != "none") {
			t.Errorf("%s: %v", key, texts.Has(key))
			continue
		}
		for _, l := range kernel.Locales {
			s := texts.T(l, key)
			if slug != "none" && (s == "" || l == "en" && s != gtfs.Message(slug) || l == "zh" && strings.EqualFold(s, gtfs.Message(slug))) {
				t.Errorf("%s in %s: %q", key, l, s)
			}
		}
	}
}
