package identity

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

func TestEveryAnswerOfTheModuleHasItsWordsInEveryLanguage(t *testing.T) {
	t.Parallel()
	all := []*kernel.Error{errTarget, errIssuer, errFramed, errNoLogin, errRefused, errCancelled, errLevel, errOtherPerson, errNoRole, errIssuerAway, errToken, errMachine, errNotAsked}
	for _, locale := range kernel.Locales {
		raw, err := fs.ReadFile(Texts(), locale+".json")
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		ofThePage := 0
		for key := range words {
			if strings.HasPrefix(key, "identity.employers.") {
				ofThePage++
			}
		}
		if len(words) != len(all)+len(flaws)+ofThePage+1 { // and one word beside a claim
			t.Errorf("%s: %d texts for %d answers, %d flaws and %d words of the page", locale, len(words), len(all), len(flaws), ofThePage)
		}
		if said := words[notAsked.Slug]; said == "" || locale == "en" && said != notAsked.Message {
			t.Errorf("%s: %s is %q", locale, notAsked.Slug, said)
		}
		for _, f := range flaws {
			if words[f.slug] == "" || locale == "en" && words[f.slug] != f.message {
				t.Errorf("%s: %s is %q", locale, f.slug, words[f.slug])
			}
		}
		for _, e := range all {
			if words["error."+e.Slug] == "" || locale == "en" && words["error."+e.Slug] != e.Message {
				t.Errorf("%s: error.%s is %q", locale, e.Slug, words["error."+e.Slug])
			}
		}
	}
}
