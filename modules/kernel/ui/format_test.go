package ui_test

import (
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel/ui"
)

func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

func TestDatesReadAsInEachLanguageAndInThePlacesTime(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	summer := time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC) // half past midnight in London, on the first of July
	for locale, want := range map[string]string{"en": "1 July 2026, 00:30", "ru": "1 июля 2026 г., 00:30", "zh": "2026年7月1日 00:30"} {
		if got := plain(ui.DateTime(locale, london, summer)); got != want {
			t.Errorf("%s: %q, want %q", locale, got, want)
		}
	}
	for locale, want := range map[string]string{"en": "12 April 1991", "ru": "12 апреля 1991 г.", "zh": "1991年4月12日"} {
		if got := plain(ui.Day(locale, "1991-04-12")); got != want {
			t.Errorf("%s: %q, want %q", locale, got, want)
		}
	}
	if got := ui.Day("en", "soon"); got != "soon" {
		t.Errorf("what is no date became %q", got)
	}
	if got := ui.DateTime("en", london, time.Time{}); got != "" {
		t.Errorf("the zero time reads %q", got)
	}
}

func TestMoneyIsExactInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		locale, currency string
		minor            int64
		want             string
	}{
		{"en", "GBP", 125000, "£1,250.00"}, {"ru", "GBP", 125000, "1 250,00 £"}, {"zh", "CNY", 5, "¥0.05"}, {"en", "GBP", -1, "−£0.01"},
		{"en", "JPY", 1234567, "JP¥1,234,567"}, {"en", "XYZ", 100, "1.00 XYZ"}, {"ru", "RUB", 9223372036854775807, "92 233 720 368 547 758,07 ₽"},
	} {
		if got := plain(ui.Money(c.locale, c.minor, c.currency)); got != c.want {
			t.Errorf("%s %d %s: %q, want %q", c.locale, c.minor, c.currency, got, c.want)
		}
	}
}

func TestSizesAreShort(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{7: "7 Б", 34_400: "34 КБ", 1_250_000: "1,2 МБ"} {
		if got := plain(ui.Bytes("ru", n)); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
