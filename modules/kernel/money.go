package kernel

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Money is an amount in minor units of one currency: 1250 and "EUR" are twelve euros fifty. Currency is an alphabetic code
// of ISO 4217. The zero Money is nothing in no currency; adding it changes nothing.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// ErrMoney is what sums answer that have no meaning: two currencies, or more than can be counted.
var ErrMoney = errors.New("kernel: amounts that cannot be added")

// Plus returns the sum. ErrMoney when the currencies differ or the sum is too large.
func (m Money) Plus(n Money) (Money, error) {
	switch {
	case m.Currency == "" && m.Amount == 0:
		return n, nil
	case n.Currency == "" && n.Amount == 0:
		return m, nil
	case m.Currency != n.Currency:
		return Money{}, fmt.Errorf("%w: %s and %s", ErrMoney, m.Currency, n.Currency)
	case n.Amount > 0 && m.Amount > math.MaxInt64-n.Amount, n.Amount < 0 && m.Amount < math.MinInt64-n.Amount:
		return Money{}, fmt.Errorf("%w: too large", ErrMoney)
	}
	return Money{m.Amount + n.Amount, m.Currency}, nil
}

// Times returns n of m: three tickets. ErrMoney when that is too large.
func (m Money) Times(n int64) (Money, error) {
	if m.Amount != 0 && n != 0 {
		if p := m.Amount * n; p/n != m.Amount || m.Amount == math.MinInt64 && n == -1 {
			return Money{}, fmt.Errorf("%w: too large", ErrMoney)
		}
	}
	return Money{m.Amount * n, m.Currency}, nil
}

// IsZero reports whether there is nothing to pay.
func (m Money) IsZero() bool { return m.Amount == 0 }

// Valid reports whether the currency has the shape of an ISO 4217 code.
func (m Money) Valid() bool {
	if len(m.Currency) != 3 {
		return false
	}
	for _, c := range m.Currency {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// MinorDigits is how many digits of an amount stand behind the point (ISO 4217, "minor unit"): 2 but for a few.
func MinorDigits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	}
	return 2
}

// Decimal is the amount with a point, without the currency: "12.50". For files that programs read; pages say ui.Money.
func (m Money) Decimal() string {
	digits := MinorDigits(m.Currency)
	sign, n := "", strconv.FormatUint(magnitude(m.Amount), 10)
	if m.Amount < 0 {
		sign = "-"
	}
	if digits == 0 {
		return sign + n
	}
	for len(n) <= digits {
		n = "0" + n
	}
	return sign + n[:len(n)-digits] + "." + n[len(n)-digits:]
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

// String is the amount for logs: "12.50 EUR".
func (m Money) String() string { return m.Decimal() + " " + m.Currency }
