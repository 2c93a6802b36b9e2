package kernel

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestANumberIsReadBackAsPeopleTypeIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := NewNumber(rapid.SampledFrom([]string{"RC", "P", "BIKE"}).Draw(t, "prefix"),
			time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
		for _, typed := range []string{number, strings.ToLower(number), strings.ReplaceAll(number, "-", " "), "  " + strings.ReplaceAll(number, "-", "") + " "} {
			if got, ok := ParseNumber(typed); !ok || got != number {
				t.Fatalf("ParseNumber(%q) = %q, %v; want %q", typed, got, ok, number)
			}
		}
	})
}

func TestOneWrongCharacterInANumberIsNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := NewNumber("RC", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		at := rapid.IntRange(8, len(number)-1).Filter(func(i int) bool { return number[i] != '-' }).Draw(t, "at")
		wrong := rapid.SampledFrom([]byte(crockford)).Filter(func(c byte) bool { return c != number[at] }).Draw(t, "wrong")
		typed := number[:at] + string(wrong) + number[at+1:]
		if got, ok := ParseNumber(typed); ok {
			t.Fatalf("ParseNumber(%q) = %q; the original is %q", typed, got, number)
		}
	})
}

func TestWhatIsNoNumberIsNotLookedUp(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"", "RC", "RC-2026-7K4M-93Q", "RC-20X6-7K4M-93Q2", "RC-2026-UUUU-UUUU", "ЯЯ-2026-0000-0000", strings.Repeat("7", 200)} {
		if got, ok := ParseNumber(typed); ok {
			t.Errorf("ParseNumber(%q) = %q", typed, got)
		}
	}
}
