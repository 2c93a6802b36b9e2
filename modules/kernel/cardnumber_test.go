package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The networks' published test numbers; none is anybody's.
var testCards = []string{
	"4242424242424242", "4000056655665556", "4111111111111111", "4222222222222", "5555555555554444", "2223003122003222", "5105105105105100",
	"378282246310005", "371449635398431", "6011111111111117", "6011000990139424", "30569309025904", "36227206271667", "3566002020360505",
	"6200000000000005", "6205500000000000004", "2200000000000004", "6759649826438453",
}

func TestACardNumberIsFoundHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for _, card := range testCards {
		if !luhn(card) {
			t.Errorf("%s is a bad example", card)
		}
		if !HasCardNumber(card) {
			t.Errorf("%s is not found", card)
		}
		for _, text := range []string{
			"My card is " + card + ", please charge it.", "card:" + card, card + " 12/28", card + " 12 28 123", "номер карты " + card + "。", "卡号" + card + "。",
			card[:4] + " " + card[4:8] + " " + card[8:12] + " " + card[12:], card[:4] + "-" + card[4:8] + "-" + card[8:12] + "-" + card[12:],
			card[:4] + "\u00a0" + card[4:8] + "\u00a0" + card[8:], card[:4] + "\u2013" + card[4:], "(" + card + ")",
			"RC-2026-7K4M-93Q2 and " + card, "+44 20 7946 0958, " + card, "\"" + card + "\"",
		} {
			if !HasCardNumber(text) {
				t.Errorf("not found in %q", text)
			}
		}
		wrong := []byte(card)
		wrong[len(wrong)-1] = '0' + (wrong[len(wrong)-1]-'0'+1)%10
		if HasCardNumber(string(wrong)) {
			t.Errorf("%s has a wrong check digit", wrong)
		}
	}
}

func TestWhatIsNoCardNumberPasses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "4242", "0123456789012", "RC-2026-7K4M-93Q2", "PA-2026-1234-5678", "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11",
		"DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19", "NO93 8601 1117 947", "FR14 2004 1010 0505 0001 3M02 606", "AE070331234567890123456",
		"+4915112345678", "+44 20 7946 0958", "+7 (495) 123-45-67", "+86 138 0013 8000", "0049 151 12345678", "020 7946 0958 or 020 7946 0959",
		"490154203237518", "978-3-16-148410-0", "2026-11-30 12:00 2026-12-01 13:00", "1 000 000 000 000 000", "112-233-445 95",
		"x4242424242424242", "4242424242424242a", "order_4242424242424242", "42424242424242424242424242424242",
	} {
		if HasCardNumber(text) {
			t.Errorf("%q is taken for a card", text)
		}
	}
}

// No made-up telephone number, IBAN, id, reference or identity number is ever refused.
func TestNothingPeopleTypeEveryDayIsTakenForACard(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + random.IntN(10))
		}
		return string(b)
	}
	iban := func() string {
		body := digits(18)
		for check := range 97 {
			if s := fmt.Sprintf("DE%02d%s", check+2, body); validIBAN(s) {
				return s
			}
		}
		return ""
	}
	for range 20_000 {
		day := time.Date(1940+random.IntN(80), time.Month(1+random.IntN(12)), 1+random.IntN(28), 0, 0, 0, 0, time.UTC)
		one := iban()
		for kind, text := range map[string]string{
			"phone": "+" + digits(7+random.IntN(9)), "phone in groups": "+49 " + digits(3) + " " + digits(8), "local phone": "0" + digits(3) + "-" + digits(7),
			"id": NewID(), "number": NewNumber("PA", day), "iban": one, "iban in groups": one[:4] + " " + one[4:8] + " " + one[8:12] + " " + one[12:16] + " " + one[16:20] + " " + one[20:],
			"resident": "62" + digits(4) + day.Format("20060102") + digits(4), "date and time": day.Format("2006-01-02 15:04"), "passport": digits(4) + " " + digits(6), "insurance": digits(3) + "-" + digits(3) + "-" + digits(3) + " " + digits(2),
		} {
			if HasCardNumber(text) {
				t.Fatalf("%s %q is taken for a card", kind, text)
			}
		}
	}
}
