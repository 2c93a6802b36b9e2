package kernel

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// crockford is Douglas Crockford's base 32: no I, L, O or U, so that a reference can be read out on
// the telephone and typed from paper.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewNumber makes a fresh reference such as RC-2026-7K4M-93Q2: a prefix of capital letters, the year, 35
// random bits and a check character. It cannot be guessed from another one, and it is no credential: knowing a
// reference opens nothing.
func NewNumber(prefix string, at time.Time) string {
	var raw [7]byte
	rand.Read(raw[:])
	code := make([]byte, 0, 8)
	for _, b := range raw {
		code = append(code, crockford[b&31])
	}
	code = append(code, checkCharacter(string(code)))
	return fmt.Sprintf("%s-%04d-%s-%s", prefix, at.Year(), code[:4], code[4:])
}

// checkCharacter is Luhn's sum over base 32 ("Luhn mod N"): it finds every single wrong character and
// almost every swap of two neighbours.
func checkCharacter(code string) byte {
	sum, factor := 0, 2
	for i := len(code) - 1; i >= 0; i-- {
		add := factor * strings.IndexByte(crockford, code[i])
		sum += add/32 + add%32
		factor = 3 - factor
	}
	return crockford[(32-sum%32)%32]
}

// ParseNumber reads a reference as people type it (lower case, spaces, O for 0, I or L for 1) and
// returns its one true form; false when it cannot be a reference, so that a typing error is told before anything
// is looked up.
func ParseNumber(typed string) (string, bool) {
	s := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ' || r == '\u2010' || r == '\u2011' || r == '\u2013':
			return -1
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, strings.TrimSpace(typed))
	if len(s) < 13 || len(s) > 16 {
		return "", false
	}
	head, year, code := s[:len(s)-12], s[len(s)-12:len(s)-8], s[len(s)-8:]
	code = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(code)
	for _, r := range head {
		if r < 'A' || r > 'Z' {
			return "", false
		}
	}
	for _, r := range year {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	for i := range len(code) {
		if strings.IndexByte(crockford, code[i]) < 0 {
			return "", false
		}
	}
	if checkCharacter(code[:7]) != code[7] {
		return "", false
	}
	return head + "-" + year + "-" + code[:4] + "-" + code[4:], true
}
