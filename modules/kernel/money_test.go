package kernel

import (
	"errors"
	"math"
	"testing"
)

func TestMoneyIsAddedInOneCurrencyAndNeverOverflows(t *testing.T) {
	t.Parallel()
	sum, err := Money{1250, "EUR"}.Plus(Money{50, "EUR"})
	if err != nil || sum != (Money{1300, "EUR"}) {
		t.Errorf("sum %v, %v", sum, err)
	}
	if sum, err := (Money{}).Plus(Money{5, "GBP"}); err != nil || sum != (Money{5, "GBP"}) {
		t.Errorf("nothing and five pounds: %v, %v", sum, err)
	}
	for _, pair := range [][2]Money{
		{{1, "EUR"}, {1, "GBP"}}, {{0, "EUR"}, {1, "GBP"}}, {{math.MaxInt64, "EUR"}, {1, "EUR"}}, {{math.MinInt64, "EUR"}, {-1, "EUR"}},
	} {
		if sum, err := pair[0].Plus(pair[1]); !errors.Is(err, ErrMoney) {
			t.Errorf("%v + %v = %v", pair[0], pair[1], sum)
		}
	}
	if n, err := (Money{1250, "EUR"}).Times(3); err != nil || n.Amount != 3750 {
		t.Errorf("three tickets: %v, %v", n, err)
	}
	for _, n := range []int64{2, -2, math.MaxInt64} {
		if p, err := (Money{math.MaxInt64, "EUR"}).Times(n); !errors.Is(err, ErrMoney) {
			t.Errorf("%d times everything = %v", n, p)
		}
	}
	if p, err := (Money{math.MinInt64, "EUR"}).Times(-1); !errors.Is(err, ErrMoney) {
		t.Errorf("the other side of the smallest = %v", p)
	}
}

func TestMoneyIsWrittenWithTheDigitsOfItsCurrency(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Money{
		"12.50 EUR": {1250, "EUR"}, "0.05 EUR": {5, "EUR"}, "-0.05 EUR": {-5, "EUR"}, "0.00 EUR": {0, "EUR"},
		"1250 JPY": {1250, "JPY"}, "1.250 KWD": {1250, "KWD"}, "-92233720368547758.08 EUR": {math.MinInt64, "EUR"},
	} {
		if got := m.String(); got != want {
			t.Errorf("%d %s is written %q, want %q", m.Amount, m.Currency, got, want)
		}
	}
	if (Money{1, "eur"}).Valid() || (Money{1, "EURO"}).Valid() || !(Money{1, "EUR"}).Valid() {
		t.Error("what is a currency code is judged wrongly")
	}
}
