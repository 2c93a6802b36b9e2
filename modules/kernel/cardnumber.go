package kernel

import (
	"regexp"
	"strings"
	"time"
)

// CardNumberSlug is the field error of a text that holds a card number. We take no card data (PCI DSS 4.0, requirement 3): who
// pays by card types its number at the provider, and what is typed here by mistake is refused before it is kept.
const CardNumberSlug = "field.card-number"

// CardNumberMessage is its English text.
const CardNumberMessage = "Remove the card number. We never need it: you pay in your wallet or on the page of the card service."

// HasCardNumber reports whether s holds what looks like the number of a payment card: 13 to 19 digits, alone or in groups with
// single spaces or dashes between them, that begin as the numbers of a card network do (ISO/IEC 7812-1), have a length
// that network issues, and whose check digit is right (annex B, Luhn). What only looks similar passes: telephone numbers,
// IBANs, ids, references with letters, identity numbers that hold a date of birth.
func HasCardNumber(s string) bool {
	if countDigits(s) < 13 {
		return false
	}
	s = idShape.ReplaceAllString(s, "x")
	s = ibanShape.ReplaceAllStringFunc(s, func(found string) string {
		if validIBAN(found) {
			return "x"
		}
		return found
	})
	for _, run := range runShape.FindAllStringIndex(s, -1) {
		if run[0] > 0 && s[run[0]-1] == '+' { // a telephone number in full (E.164)
			continue
		}
		groups := strings.FieldsFunc(alone(s, run), func(r rune) bool { return r < '0' || r > '9' })
		for i := range groups {
			number := ""
			for _, g := range groups[i:] {
				if number += g; len(number) > 19 {
					break
				}
				if cardNumber(number) {
					return true
				}
			}
		}
	}
	return false
}

// alone is the run of digits without its first or last group when a letter or digit of another script stands right beside: that
// group is a part of something else.
func alone(s string, run []int) string {
	text := s[run[0]:run[1]]
	if run[0] > 0 && partOfWord(s[run[0]-1]) {
		if i := strings.IndexFunc(text, notDigit); i >= 0 {
			text = text[i:]
		} else {
			return ""
		}
	}
	if run[1] < len(s) && partOfWord(s[run[1]]) {
		return text[:strings.LastIndexFunc(text, notDigit)+1]
	}
	return text
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

func partOfWord(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_'
}

var (
	runShape  = regexp.MustCompile(`[0-9]+(?:[ \x{00a0}\x{2009}\x{202f}\x{2010}-\x{2015}-][0-9]+)*`)
	idShape   = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	ibanShape = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30}`)
)

func countDigits(s string) (n int) {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// networks are the beginnings of the numbers of the card networks and the lengths they issue.
var networks = []struct {
	from, to string // of the first digits, inclusive
	lengths  []int
}{
	{"4", "4", []int{13, 16, 19}},
	{"51", "55", []int{16}}, {"2221", "2720", []int{16}},
	{"34", "34", []int{15}}, {"37", "37", []int{15}},
	{"300", "305", []int{14}}, {"3095", "3095", []int{14}}, {"36", "36", []int{14}}, {"38", "39", []int{14}},
	{"6011", "6011", []int{16, 19}}, {"644", "649", []int{16, 19}}, {"65", "65", []int{16, 19}},
	{"3528", "3589", []int{16, 19}},
	{"62", "62", []int{16, 17, 18, 19}}, {"81", "81", []int{16, 17, 18, 19}},
	{"2200", "2204", []int{16, 17, 18, 19}},
	{"5018", "5018", []int{16, 18, 19}}, {"5020", "5020", []int{16, 18, 19}}, {"5038", "5038", []int{16, 18, 19}}, {"5893", "5893", []int{16, 18, 19}},
	{"6304", "6304", []int{16, 18, 19}}, {"6759", "6759", []int{16, 18, 19}}, {"6761", "6763", []int{16, 18, 19}},
	{"9792", "9792", []int{16}},
}

func cardNumber(digits string) bool {
	if len(digits) < 13 || !luhn(digits) || holdsBirthdate(digits) {
		return false
	}
	for _, n := range networks {
		head := digits[:len(n.from)]
		if head < n.from || head > n.to {
			continue
		}
		for _, length := range n.lengths {
			if length == len(digits) {
				return true
			}
		}
	}
	return false
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// holdsBirthdate: 18 digits with a date in the seventh to fourteenth are a resident identity number (GB 11643-1999).
func holdsBirthdate(digits string) bool {
	if len(digits) != 18 {
		return false
	}
	at, err := time.Parse("20060102", digits[6:14])
	return err == nil && at.Year() >= 1880 && at.Year() < 2100
}

// validIBAN is the check of ISO 13616-1 (ISO/IEC 7064, MOD 97-10).
func validIBAN(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	rest := 0
	for _, c := range s[4:] + s[:4] {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		default:
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}
