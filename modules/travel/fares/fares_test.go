package fares

import (
	"errors"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"

	"pgregory.net/rapid"
)

const coast = `
code: coast-line
currency: EUR
pairs:
  - {from: harbour, to: airport, amount: 1255}
  - {from: mill, to: airport, amount: 0}
zones: {harbour: 1, mill: 2, hill: 4, far: 9}
by_zones: [180, 260, 340]
classes:
  child: {percent: 50, under: 14}
  senior: {percent: 70, from: 65}
  concession: {percent: 60, claim: address.locality, value: Northwick}
rounding: {step: 5, mode: nearest}
bicycle: 300
refunds:
  - {hours: 48, percent: 90}
  - {hours: 2, percent: 50}
insurance:
  products:
    - {code: cancellation, name: {en: Cancellation, ru: Отмена, zh: 取消}, terms: {en: Any reason., ru: Любая причина., zh: 任何原因。}, fixed: 100, percent: 4, minimum: 150, covers: 80}
    - {code: accident, name: {en: Accident, ru: Случай, zh: 意外}, terms: {en: On board., ru: В пути., zh: 途中。}, per_person: 120, up_to: 500000}
change_hours: 1
`

var day = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func table(t testing.TB) Table {
	t.Helper()
	out, err := Read([]byte(coast))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFareIsOfThePairOrOfTheZonesAndOfTheClass(t *testing.T) {
	t.Parallel()
	local := map[string]string{"address.locality": "Northwick"}
	for name, c := range map[string]struct {
		from, to string
		who      Traveller
		want     Line
	}{
		"an adult, by the pair":                {"harbour", "airport", Traveller{}, Line{Adult, 1255, false}},
		"the other way":                        {"airport", "harbour", Traveller{}, Line{Adult, 1255, false}},
		"a free shuttle":                       {"mill", "airport", Traveller{}, Line{Adult, 0, false}},
		"one zone":                             {"harbour", "harbour", Traveller{}, Line{Adult, 180, false}},
		"two zones":                            {"harbour", "mill", Traveller{}, Line{Adult, 260, false}},
		"more zones than have a fare":          {"harbour", "far", Traveller{}, Line{Adult, 340, false}},
		"a child pays half, rounded to a step": {"harbour", "airport", Traveller{Birthdate: "2015-03-04"}, Line{Child, 630, false}},
		"one day before fourteen":              {"harbour", "mill", Traveller{Birthdate: "2012-12-02"}, Line{Child, 130, false}},
		"fourteen today":                       {"harbour", "mill", Traveller{Birthdate: "2012-12-01"}, Line{Adult, 260, false}},
		"a declared child shows a proof":       {"harbour", "mill", Traveller{Birthdate: "2020-01-01", Declared: true}, Line{Child, 130, true}},
		"a declared adult has nothing to show": {"harbour", "mill", Traveller{Birthdate: "1990-01-01", Declared: true}, Line{Adult, 260, false}},
		"sixty-five today":                     {"harbour", "mill", Traveller{Birthdate: "1961-12-01"}, Line{Senior, 180, false}},
		"whoever lives here":                   {"harbour", "mill", Traveller{Claims: local}, Line{Concession, 155, false}},
		"a senior who lives here pays less":    {"harbour", "mill", Traveller{Birthdate: "1950-01-01", Claims: local}, Line{Concession, 155, false}},
		"born in the future":                   {"harbour", "mill", Traveller{Birthdate: "2030-01-01"}, Line{Adult, 260, false}},
		"no date at all":                       {"harbour", "mill", Traveller{Birthdate: "yesterday"}, Line{Adult, 260, false}},
		"with a bicycle":                       {"harbour", "mill", Traveller{Bicycle: true}, Line{Adult, 560, false}},
	} {
		p, err := insured(t).Price(c.from, c.to, day, []Traveller{c.who})
		if err != nil || p.Lines[0] != c.want || p.Total != c.want.Amount {
			t.Errorf("%s: %+v %v, want %+v", name, p, err, c.want)
		}
	}
	if _, err := insured(t).Price("harbour", "moon", day, nil); !errors.Is(err, ErrNoFare) {
		t.Errorf("to the moon: %v", err)
	}
}

func TestRoundingGoesWhereTheTableSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r                     Rounding
		amount, percent, want int64
	}{
		{Rounding{}, 101, 50, 51}, {Rounding{}, 101, 49, 49}, {Rounding{Mode: "up"}, 101, 49, 50}, {Rounding{Mode: "down"}, 101, 99, 99},
		{Rounding{Step: 10}, 104, 100, 100}, {Rounding{Step: 10}, 105, 100, 110}, {Rounding{Step: 10, Mode: "up"}, 101, 100, 110},
		{Rounding{Step: 10, Mode: "down"}, 109, 100, 100}, {Rounding{Step: 50}, 0, 100, 0}, {Rounding{Step: 5, Mode: "up"}, 1255, 50, 630},
	} {
		if got := c.r.round(c.amount, c.percent); got != c.want {
			t.Errorf("%+v of %d %%: %d, want %d", c.r, c.percent, got, c.want)
		}
	}
}

func TestWhatIsGivenBackFollowsTheSteps(t *testing.T) {
	t.Parallel()
	departs := day.Add(12 * time.Hour)
	before := func(d time.Duration) time.Time { return departs.Add(-d) }
	for name, c := range map[string]struct {
		at      time.Time
		insured bool
		want    int64
	}{
		"a week before":                    {before(168 * time.Hour), false, 901},
		"48 hours before":                  {before(48 * time.Hour), false, 901},
		"a moment later":                   {before(48*time.Hour - time.Second), false, 501},
		"two hours before":                 {before(2 * time.Hour), false, 501},
		"after that":                       {before(time.Hour), false, 0},
		"after that, insured":              {before(time.Second), true, 801},
		"early, insured: the rule is more": {before(72 * time.Hour), true, 901},
		"at departure, insured":            {departs, true, 0},
		"afterwards":                       {before(-time.Hour), false, 0},
	} {
		tab := insured(t)
		if c.insured {
			tab = insured(t, "cancellation", "accident")
		}
		if got := tab.Refundable(1002, departs, c.at); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	terms := insured(t, "cancellation").Terms(departs, before(60*time.Hour))
	if len(terms) != 2 || terms[0] != (Term{before(48 * time.Hour), 90}) || terms[1] != (Term{departs, 80}) {
		t.Errorf("terms %v", terms)
	}
	if terms := insured(t, "accident").Terms(departs, before(time.Hour)); len(terms) != 0 {
		t.Errorf("terms too late: %v", terms)
	}
	if tab := table(t); !tab.MayChange(departs, before(time.Hour)) || tab.MayChange(departs, before(time.Hour-1)) || tab.MayChange(departs, departs) {
		t.Error("changes end elsewhere than an hour before")
	}
}

func TestAProductCostsAtLeastItsMinimum(t *testing.T) {
	t.Parallel()
	for fare, want := range map[int64]int64{0: 150, 1000: 150, 1250: 150, 1251: 151, 10000: 500} {
		if got := insured(t, "cancellation").Premium(fare, 3); got != want {
			t.Errorf("premium of %d: %d, want %d", fare, got, want)
		}
		if got := insured(t, "accident", "cancellation").Premium(fare, 3); got != want+360 {
			t.Errorf("both premiums of %d: %d, want %d", fare, got, want+360)
		}
	}
	p, err := insured(t, "cancellation").Price("harbour", "airport", day, make([]Traveller, 3))
	if err != nil || p.Fare != 3765 || p.Insurance != 251 || p.Total != 4016 {
		t.Errorf("%+v %v", p, err)
	}
	if p, _ := insured(t).Price("harbour", "airport", day, make([]Traveller, 1)); p.Insurance != 0 {
		t.Errorf("a premium without an insurance: %+v", p)
	}
	for _, codes := range [][]string{{"war"}, {"cancellation", "war"}, {""}} {
		if _, err := table(t).Insured(codes); !errors.Is(err, ErrNoProduct) {
			t.Errorf("%v: %v", codes, err)
		}
	}
	without := table(t)
	without.Insurance = nil
	if _, err := without.Insured([]string{"cancellation"}); !errors.Is(err, ErrNoProduct) {
		t.Errorf("insured by nobody: %v", err)
	}
}

// insured is the table for who takes these products out.
func insured(t testing.TB, codes ...string) Table {
	t.Helper()
	out, err := table(t).Insured(codes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryMistakeInATableIsNamedWithItsField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Table)
		want   string
	}{
		"nothing":                         {func(*Table) {}, ""},
		"a long code":                     {func(t *Table) { t.Code = strings.Repeat("a", 61) }, "code travel.fares.code"},
		"euro":                            {func(t *Table) { t.Currency = "euro" }, "currency travel.fares.currency"},
		"no ride":                         {func(t *Table) { t.Pairs, t.Zones, t.ByZones = nil, nil, nil }, "pairs travel.fares.no-fare"},
		"zones without fares":             {func(t *Table) { t.ByZones = nil }, "by_zones travel.fares.zones"},
		"from a stop to itself":           {func(t *Table) { t.Pairs[0].To = "harbour" }, "pairs[0] travel.fares.stops"},
		"a pair twice, the other way":     {func(t *Table) { t.Pairs[1] = Pair{"airport", "harbour", 1} }, "pairs[1] travel.fares.twice"},
		"below nothing":                   {func(t *Table) { t.Pairs[1].Amount = -1 }, "pairs[1].amount travel.fares.amount"},
		"cheaper for more zones":          {func(t *Table) { t.ByZones[2] = 250 }, "by_zones[2] travel.fares.falling"},
		"a zone below nothing":            {func(t *Table) { t.Zones["hill"] = -1 }, "zones.hill travel.fares.zone"},
		"more than everything":            {func(t *Table) { t.Classes[Child] = Rule{Percent: 101, Under: 14} }, "classes.child.percent travel.fares.percent"},
		"a child of any age":              {func(t *Table) { t.Classes[Child] = Rule{Percent: 50} }, "classes.child.under travel.fares.age"},
		"a senior by a claim":             {func(t *Table) { t.Classes[Senior] = Rule{From: 65, Claim: "a", Value: "b"} }, "classes.senior.claim travel.fares.claim"},
		"a concession for all":            {func(t *Table) { t.Classes[Concession] = Rule{Percent: 50, Claim: "a"} }, "classes.concession.claim travel.fares.claim"},
		"a class nobody knows":            {func(t *Table) { t.Classes["pirate"] = Rule{} }, "classes.pirate travel.fares.class"},
		"rounding somewhere":              {func(t *Table) { t.Rounding.Mode = "sideways" }, "rounding.mode travel.fares.mode"},
		"more back later":                 {func(t *Table) { t.Refunds[1].Percent = 95 }, "refunds[1].percent travel.fares.rising"},
		"steps in the wrong order":        {func(t *Table) { t.Refunds[1].Hours = 60 }, "refunds[1].hours travel.fares.order"},
		"an insurer with an endless name": {func(t *Table) { t.Insurance.Insurer = strings.Repeat("x", 61) }, "insurance.insurer travel.fares.insurer"},
		"a product that covers double":    {func(t *Table) { t.Insurance.Products[0].Covers = 200 }, "insurance.products[0].covers travel.fares.percent"},
		"a product that covers nothing":   {func(t *Table) { t.Insurance.Products[1].UpTo = 0 }, "insurance.products[1] travel.fares.covers-nothing"},
		"a product for nothing":           {func(t *Table) { t.Insurance.Products[1].PerPerson = 0 }, "insurance.products[1] travel.fares.for-nothing"},
		"a share of a free ride":          {func(t *Table) { t.Insurance.Products[1].PerPerson, t.Insurance.Products[1].Percent = 0, 5 }, "insurance.products[1] travel.fares.for-nothing"},
		"a product without a code":        {func(t *Table) { t.Insurance.Products[0].Code = "" }, "insurance.products[0].code travel.fares.code"},
		"a product twice":                 {func(t *Table) { t.Insurance.Products[1].Code = "cancellation" }, "insurance.products[1].code travel.fares.product-twice"},
		"terms in two languages":          {func(t *Table) { delete(t.Insurance.Products[0].Terms, "zh") }, "insurance.products[0].terms.zh travel.fares.text"},
		"an endless name":                 {func(t *Table) { t.Insurance.Products[0].Name["ru"] = strings.Repeat("д", 61) }, "insurance.products[0].name.ru travel.fares.text"},
		"an insurer without a product":    {func(t *Table) { t.Insurance.Products = nil }, "insurance.products travel.fares.products"},
		"five products":                   {func(t *Table) { t.Insurance.Products = make([]Product, 5) }, "insurance.products"},
	} {
		tab := table(t)
		c.change(&tab)
		err := tab.Check()
		got := ""
		if err != nil {
			for _, f := range kernel.AsError(err).Fields {
				got += f.Path + " " + f.Slug + " "
			}
		}
		if strings.TrimSpace(got) != c.want && (name != "five products" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, text := range []string{"{", "[]", "code: a\nfree: yes", coast + "\n---\ncode: b"} {
		if _, err := Read([]byte(text)); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	if again, err := Read(table(t).JSON()); err != nil || string(again.JSON()) != string(table(t).JSON()) {
		t.Errorf("as JSON it is another table: %v", err)
	}
}

// drawn is any table that passes the check, with the stops a and b.
func drawn(t *rapid.T) Table {
	amount := rapid.Int64Range(0, MaxAmount)
	percent := rapid.IntRange(0, 100)
	tab := Table{
		Code: "t", Currency: "EUR", Pairs: []Pair{{"a", "b", amount.Draw(t, "fare")}}, Bicycle: amount.Draw(t, "bicycle"),
		Classes: map[Class]Rule{
			Child: {Percent: percent.Draw(t, "child"), Under: 14}, Senior: {Percent: percent.Draw(t, "senior"), From: 65},
			Concession: {Percent: percent.Draw(t, "concession"), Claim: "c", Value: "v"},
		},
		Rounding: Rounding{rapid.Int64Range(0, 100).Draw(t, "step"), rapid.SampledFrom([]string{"", "up", "down", "nearest"}).Draw(t, "mode")},
	}
	hours, share := 400, 100
	for range rapid.IntRange(0, 4).Draw(t, "steps") {
		hours, share = rapid.IntRange(0, hours-1).Draw(t, "hours"), rapid.IntRange(0, share).Draw(t, "share")
		tab.Refunds = append(tab.Refunds, Refund{hours, share})
		if hours == 0 {
			break
		}
	}
	if rapid.Bool().Draw(t, "insurance") {
		words := kernel.Text{"en": "a", "ru": "б", "zh": "丙"}
		tab.Insurance = &Insurance{}
		for n := range rapid.IntRange(1, MaxProducts).Draw(t, "products") {
			tab.Insurance.Products = append(tab.Insurance.Products, Product{Code: string(rune('a' + n)), Name: words, Terms: words, Fixed: amount.Draw(t, "fixed"), PerPerson: amount.Draw(t, "person"),
				Percent: percent.Draw(t, "premium"), Minimum: 1 + amount.Draw(t, "minimum")/2, Covers: percent.Draw(t, "covers"), UpTo: 1})
		}
	}
	if err := tab.Check(); err != nil {
		t.Fatalf("drew a wrong table: %v", err)
	}
	return tab
}

func TestSumsAreTheirLinesAndNobodyGetsMoreBackThanWasPaid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tab := drawn(t)
		var all []Traveller
		for range rapid.IntRange(0, 9).Draw(t, "travellers") {
			all = append(all, Traveller{Birthdate: rapid.SampledFrom([]string{"", "2020-01-01", "1950-01-01", "1990-01-01"}).Draw(t, "born"),
				Bicycle: rapid.Bool().Draw(t, "bike"), Claims: map[string]string{"c": rapid.SampledFrom([]string{"", "v"}).Draw(t, "claim")}})
		}
		bare := tab
		bare.Insurance = nil
		p, err := tab.Price("a", "b", day, all)
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for i, l := range p.Lines {
			sum += l.Amount
			adult, _ := bare.Price("a", "b", day, []Traveller{{Bicycle: all[i].Bicycle}})
			if l.Amount < 0 || l.Amount > adult.Total {
				t.Fatalf("%+v pays more than an adult, %d", l, adult.Total)
			}
		}
		if sum != p.Fare || p.Total != p.Fare+p.Insurance || (p.Insurance > 0) != (tab.Insurance != nil) || len(p.Lines) != len(all) {
			t.Fatalf("%+v does not add up to %d", p, sum)
		}
		// One more traveller never makes it cheaper, nor does insurance.
		more, _ := tab.Price("a", "b", day, append(all, Traveller{}))
		if more.Fare < p.Fare || more.Total < p.Total {
			t.Fatalf("%+v with one more is %+v", p, more)
		}
		departs := day.Add(500 * time.Hour)
		early := rapid.IntRange(0, 500*3600).Draw(t, "early")
		late := rapid.IntRange(early, 501*3600).Draw(t, "late")
		a := tab.Refundable(p.Fare, departs, day.Add(time.Duration(early)*time.Second))
		b := tab.Refundable(p.Fare, departs, day.Add(time.Duration(late)*time.Second))
		if a < 0 || b < 0 || a > p.Fare || b > a {
			t.Fatalf("of %d paid, %d is given back early and %d late", p.Fare, a, b)
		}
		if without := bare.Refundable(p.Fare, departs, day.Add(time.Duration(early)*time.Second)); without > a {
			t.Fatalf("the insured get less, %d, than others, %d", a, without)
		}
		if less := tab.Refundable(p.Fare/2, departs, day); less > a && early == 0 {
			t.Fatalf("half the fare gives back more: %d of %d", less, a)
		}
	})
}
