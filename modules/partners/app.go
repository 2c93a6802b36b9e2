package partners

import (
	"regexp"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// App is one mini-app a partner makes from a template.
type App struct {
	ID        string
	Partner   kernel.CaseID
	Template  string
	Blanks    workflows.Blanks // what was typed so far
	Slug      string           // its name once it is made; empty before
	Hash      string           // of the definition in force
	Version   int              // counts changes
	UpdatedAt time.Time
}

// Made reports whether it is there, at whatever stage.
func (a App) Made() bool { return a.Slug != "" }

// MostApps is how many mini-apps a partner can have, those that are only drawn included.
const MostApps = 50

var (
	errSlugTaken = wrong("slug", "partners.slug-taken", "Another mini-app has this name. Choose another one.")
	slugShape    = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// checkSlug reports what is wrong with the name a mini-app is to have: it begins with its body's own, so that names tell whose they are.
func checkSlug(p Partner, slug string) error {
	switch {
	case slug == "":
		return kernel.InvalidFields(wrong("slug", "field.required", "Answer this question."))
	case !slugShape.MatchString(slug) || len(slug) > 60:
		return kernel.InvalidFields(wrong("slug", "partners.slug", "Use small letters, digits and hyphens, 60 at most."))
	case !strings.HasPrefix(slug, string(p.Agency)+"-"):
		e := wrong("slug", "partners.slug-prefix", "The name begins with the organisation's short name.")
		e.Args = map[string]string{"prefix": string(p.Agency) + "-"}
		return kernel.InvalidFields(e)
	}
	return nil
}

// prefixOf is the beginning of a mini-app's case numbers: the first letters of its name's words.
func prefixOf(slug string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(slug, "-") {
		if c := word[0]; c >= 'a' && c <= 'z' && out.Len() < 3 {
			out.WriteByte(c - 'a' + 'A')
		}
	}
	if out.Len() < 2 {
		return "MA"
	}
	return out.String()
}
