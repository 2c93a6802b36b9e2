package partners

import (
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
)

// Announcement is what an agency tells everybody who subscribed to its notices.
type Announcement struct {
	ID      string
	App     string
	Agency  kernel.AgencyID
	Heading kernel.Text
	Body    kernel.Text
	By      kernel.PersonID
	ByName  string
	At      time.Time
	Reached int // subscribers it was sent to so far
}

// The limits are those of the template's own form.
const maxHeading, maxBody = 150, 3000

// check wants both texts in every language: people subscribed in theirs. Error: Invalid naming heading.<language> or body.<language>.
func (a Announcement) check(printable func(rune) bool) error {
	var fields []kernel.FieldError
	look := func(name string, text kernel.Text, limit int, lines bool) {
		for _, l := range kernel.Locales {
			path, s := name+"."+l, text[l]
			switch {
			case s == "":
				fields = append(fields, wrong(path, "field.required", "Answer this question."))
			case utf8.RuneCountInString(s) > limit:
				e := wrong(path, "field.too-long", "This is too long.")
				e.Args = map[string]string{"max": number(limit)}
				fields = append(fields, e)
			case !lines && strings.ContainsAny(s, "\r\n"):
				fields = append(fields, wrong(path, "field.one-line", "Write one line."))
			default:
				for _, r := range s {
					if r != '\n' && r != '\r' && printable != nil && !printable(r) {
						e := wrong(path, "field.not-printable", "A character cannot be printed in a document.")
						e.Args = map[string]string{"char": string(r)}
						fields = append(fields, e)
						break
					}
				}
			}
		}
	}
	look("heading", a.Heading, maxHeading, false)
	look("body", a.Body, maxBody, true)
	if len(fields) > 0 {
		return kernel.InvalidFields(fields...)
	}
	return nil
}
