package identity

import (
	"encoding/json"
	"io/fs"
	"testing"

	"townhall/modules/kernel"
)

func TestEveryAnswerOfTheModuleHasItsWordsInEveryLanguage(t *testing.T) {
	t.Parallel()
	all := []*kernel.Error{errTarget, errIssuer, errFramed, errNoLogin, errRefused, errCancelled, errLevel, errOtherPerson, errNoRole, errIssuerAway, errToken, errMachine}
	for _, locale := range kernel.Locales {
		raw, err := fs.ReadFile(Texts(), locale+".json")
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		if len(words) != len(all) {
			t.Errorf("%s: %d texts for %d answers", locale, len(words), len(all))
		}
		for _, e := range all {
			if words["error."+e.Slug] == "" || locale == "en" && words["error."+e.Slug] != e.Message {
				t.Errorf("%s: error.%s is %q", locale, e.Slug, words["error."+e.Slug])
			}
		}
	}
}
