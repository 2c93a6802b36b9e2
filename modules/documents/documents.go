package documents

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// States of a document as others see it. "pending" is nobody's business: to a stranger it is unknown.
const (
	statePending    = "pending"
	stateValid      = "valid"
	stateSuperseded = "superseded"
	stateRevoked    = "revoked"
	stateExpired    = "expired" // valid once, and its last day has passed
	stateUnknown    = "unknown"
	stateAltered    = "altered"
)

// record is one row of documents.document.
type record struct {
	kernel.Document
	Holder       kernel.PersonID
	Agency       kernel.AgencyID
	Municipality string
	Issuer       string
	Locale       string
	Content      []byte
	ContentHash  []byte
	Template     string
	RevokedAt    time.Time
	Version      int

	ReissueOf     kernel.DocumentID // the document whose content this one has; empty: none
	ReissueReason string
	SupersededBy  kernel.DocumentID
	SupersededAt  time.Time
	PublishedAt   time.Time
	RevokeReason  string
	StatusIndex   int // place in the municipality's status lists; -1: none yet
}

// published: it was issued, and there is a file. One whose case ended while it was being made is revoked without.
func (r record) published() bool { return !r.PublishedAt.IsZero() }

// publicState is what a stranger is told at a moment.
func (r record) publicState(now time.Time) string {
	switch {
	case r.State == statePending:
		return stateUnknown
	case r.State == stateValid && !r.ValidTo.IsZero() && now.After(r.ValidTo):
		return stateExpired
	}
	return r.State
}

// verification is the answer to a stranger: nothing in it is personal.
type verification struct {
	State        string
	Reasons      []string // of an uploaded file that is not as sealed
	Notes        []string // of an uploaded file: what could not be checked, whatever the state
	CheckAt      string   // of another municipality's file: where its number can be checked
	CheckName    string   // that municipality's name
	Number       string
	Type         string
	Title        string
	Municipality string
	Issuer       string
	Locale       string // the language of the four texts above
	IssuedAt     time.Time
	ValidTo      time.Time
	RevokedAt    time.Time
}

func (r record) verification(now time.Time) verification {
	state := r.publicState(now)
	if state == stateUnknown {
		return verification{State: state}
	}
	return verification{State: state, Number: r.Number, Type: r.Type, Title: r.Title, Municipality: r.Municipality, Issuer: r.Issuer,
		Locale: r.Locale, IssuedAt: r.IssuedAt, ValidTo: r.ValidTo, RevokedAt: r.RevokedAt}
}

// validTo is the end of the last day, counted in calendar days of the municipality; zero without an end.
func validTo(issued time.Time, days int, zone *time.Location) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	d := issued.In(zone)
	return time.Date(d.Year(), d.Month(), d.Day()+days+1, 0, 0, 0, 0, zone).Add(-time.Second).UTC()
}

// A document's number is a prefix of its type, 75 random bits and a check character, e.g. RC-7K4M-93Q2-TX8D-6HRW: nobody
// guesses one, and a slip of the pen is told apart from a forgery. Letters are Crockford's, without I, L, O and U.
const (
	alphabet   = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 16
)

// newCode returns 15 random characters and their check character.
func newCode() string {
	var b [codeLength]byte
	rand.Read(b[:codeLength-1])
	for i := range b[:codeLength-1] {
		b[i] = alphabet[b[i]&31]
	}
	b[codeLength-1] = checkCharacter(string(b[:codeLength-1]))
	return string(b[:])
}

// checkCharacter is a Reed-Solomon check over GF(32): every single wrong character and every exchange of two is found.
func checkCharacter(s string) byte {
	sum := 0
	for i := range len(s) {
		v := strings.IndexByte(alphabet, s[i])
		for range i + 1 { // times the generator to the power of the place
			v <<= 1
			if v > 31 {
				v ^= 0b100101
			}
		}
		sum ^= v
	}
	return alphabet[sum]
}

// formatNumber is how a number is printed.
func formatNumber(docType, code string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(docType, "-") {
		if part != "" && b.Len() < 4 {
			b.WriteString(strings.ToUpper(part[:1]))
		}
	}
	for i := 0; i < len(code); i += 4 {
		b.WriteByte('-')
		b.WriteString(code[i : i+4])
	}
	return b.String()
}

// parseNumber reduces what a person typed to a code: case, spaces, hyphens and the prefix do not matter, and O, I and L
// are read as the digits they look like. false when it cannot be a number of ours.
func parseNumber(s string) (string, bool) {
	if len(s) > 64 {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(s) {
		switch {
		case r == 'O':
			b.WriteByte('0')
		case r == 'I' || r == 'L':
			b.WriteByte('1')
		case r < 128 && strings.IndexByte(alphabet, byte(r)) >= 0:
			b.WriteByte(byte(r))
		case r >= 'A' && r <= 'Z':
			b.WriteByte('?') // a U: can only be in the prefix
		case r == ' ' || r == '-' || r == '–' || r == '‑' || r == '\u00a0':
		default:
			return "", false
		}
	}
	all := b.String()
	if len(all) < codeLength || len(all) > codeLength+4 {
		return "", false
	}
	code := all[len(all)-codeLength:]
	if strings.ContainsRune(code, '?') || checkCharacter(code[:codeLength-1]) != code[codeLength-1] {
		return "", false
	}
	return code, true
}

// randomInt draws evenly from [0, n), n a power of two up to 2^24.
func randomInt(n int) int {
	var b [3]byte
	rand.Read(b[:])
	return (int(b[0])<<16 | int(b[1])<<8 | int(b[2])) & (n - 1)
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func sortEvents(all []documentEvent) {
	slices.SortStableFunc(all, func(a, b documentEvent) int { return a.At.Compare(b.At) })
}

// The answers this module gives besides the kernel's.
var (
	errNotValid  = kernel.NewError(kernel.Conflict, "document-not-valid", "This can only be done with a valid document.")
	errNoContent = kernel.NewError(kernel.Conflict, "document-content-gone", "The content of this document was not kept, so it cannot be issued again.")
	errShares    = kernel.NewError(kernel.Conflict, "too-many-shares", "A document can have at most 20 links at a time. End one first.")
	errHalted    = kernel.NewError(kernel.Unavailable, "documents-halted", "The issuing of documents is halted.")
	errHaltRight = kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	errHaltState = kernel.NewError(kernel.Conflict, "halt-unchanged", "The switch already stands as you want it.")
	errNoFile    = kernel.NewError(kernel.Malformed, "no-file", "Send one PDF file.")
	errTooLarge  = kernel.NewError(kernel.TooLarge, "file-too-large", "The file is larger than 10 MB.")
	errSealing   = kernel.NewError(kernel.Unavailable, "seal-unavailable", "Documents cannot be sealed at the moment.")
)
