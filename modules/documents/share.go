package documents

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"townhall/modules/kernel"
)

// Bounds of a share.
const (
	maxShares     = 20 // live ones of one document
	maxShareDays  = 90
	maxShareLabel = 80 // characters
)

// share is a link by which the holder shows one document to somebody, for some days. Anybody who has the link sees the
// document and its file; the link itself is not kept, only its hash.
type share struct {
	ID        string
	Document  kernel.DocumentID
	Label     string // for whom, in the holder's own words
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // zero: not ended by the holder
}

// live says whether the link still opens.
func (s share) live(now time.Time) bool { return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) }

// Ways in which somebody verified a document. A QR code is the number by another road. The status list is fetched as a
// whole, so that nobody, we included, learns which document it was fetched for: it cannot be counted.
const (
	checkNumber = "number"
	checkFile   = "file"
	checkShare  = "share"
)

// check is: within this hour, somebody verified the document so many times. Who it was is not known.
type check struct {
	At    time.Time // start of the hour
	How   string    // number, file, share
	Label string    // of the share; to the agency it stays empty
	Count int
}

const tokenSize = 24 // bytes

// tokenHash is all that is kept of a link; false for what cannot be one.
func tokenHash(token string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenSize {
		return nil, false
	}
	return sum(raw), true
}

// checkLabel cleans what the holder typed: 1 to 80 characters that can be seen.
func checkLabel(label string) (string, *kernel.FieldError) {
	label = strings.TrimSpace(label)
	n := utf8.RuneCountInString(label)
	switch {
	case n == 0 || n > maxShareLabel:
		return "", &kernel.FieldError{Path: "body.label", Slug: "share.label-length", Message: "Say in 1 to 80 characters whom the link is for."}
	case !utf8.ValidString(label) || strings.ContainsFunc(label, hidden):
		return "", &kernel.FieldError{Path: "body.label", Slug: "share.label-characters", Message: "Use letters, digits and punctuation only."}
	}
	return label, nil
}

// hidden are control and format characters: line breaks, NUL, and those that turn the direction of the text around.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

func checkDays(days int) *kernel.FieldError {
	if days < 1 || days > maxShareDays {
		return &kernel.FieldError{Path: "body.days", Slug: "share.days", Message: "A link lives for 1 to 90 days."}
	}
	return nil
}
