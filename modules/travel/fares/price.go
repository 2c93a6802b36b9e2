package fares

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// ErrNoFare is the answer when the table says nothing about a ride: it is not sold.
var ErrNoFare = errors.New("no fare for this ride")

// Traveller is what is known about somebody who rides.
type Traveller struct {
	Birthdate string            // YYYY-MM-DD; empty: not known
	Declared  bool              // the birthdate was said by somebody, not verified by an issuer: proof is shown on board
	Claims    map[string]string // verified; of the signed-in citizen alone
	Bicycle   bool
}

// Line is what one traveller pays.
type Line struct {
	Class  Class
	Amount int64 // with the bicycle's
	Proof  bool  // the class rests on a declared birthdate: the conductor asks for proof
}

// Price is what a booking costs, in minor units of the table's currency. Total = Fare + Insurance, Fare = the sum of Lines.
type Price struct {
	Currency  string
	Lines     []Line // one for each traveller, in their order
	Fare      int64
	Insurance int64 // 0: none
	Total     int64
}

// Price says what travellers pay for a ride between two stops that begins on the local day of departure, with the premium of every
// product of the table (see Insured). Errors: ErrNoFare.
func (t Table) Price(from, to string, day time.Time, all []Traveller) (Price, error) {
	full, ok := t.adult(from, to)
	if !ok {
		return Price{}, ErrNoFare
	}
	p := Price{Currency: t.Currency, Lines: make([]Line, len(all))}
	for i, who := range all {
		l := t.lineFor(full, who, day)
		if who.Bicycle {
			l.Amount += t.Bicycle
		}
		p.Lines[i] = l
		p.Fare += l.Amount
	}
	p.Insurance = t.Premium(p.Fare, len(all))
	p.Total = p.Fare + p.Insurance
	return p, nil
}

// adult is the full fare between two stops.
func (t Table) adult(from, to string) (int64, bool) {
	i := slices.IndexFunc(t.Pairs, func(p Pair) bool { return pair(p.From, p.To) == pair(from, to) })
	if i >= 0 {
		return t.Pairs[i].Amount, true
	}
	a, one := t.Zones[from]
	b, two := t.Zones[to]
	if !one || !two || len(t.ByZones) == 0 {
		return 0, false
	}
	return t.ByZones[min(max(a-b, b-a), len(t.ByZones)-1)], true
}

// lineFor gives somebody the class in which they pay least among those they belong to.
func (t Table) lineFor(full int64, who Traveller, day time.Time) Line {
	best := Line{Class: Adult, Amount: t.Rounding.round(full, 100)}
	for _, class := range Classes[1:] {
		rule, ok := t.Classes[class]
		if !ok || !rule.admits(class, who, day) {
			continue
		}
		l := Line{Class: class, Amount: t.Rounding.round(full, int64(rule.Percent)), Proof: class != Concession && who.Declared}
		if l.Amount < best.Amount {
			best = l
		}
	}
	return best
}

func (r Rule) admits(class Class, who Traveller, day time.Time) bool {
	age, known := Age(who.Birthdate, day)
	switch class {
	case Child:
		return known && age < r.Under
	case Senior:
		return known && age >= r.From
	case Concession:
		return r.Claim != "" && who.Claims[r.Claim] == r.Value
	}
	return false
}

// Age is the full years of somebody born on birthdate (YYYY-MM-DD) on a local day; false when that is not known, or in the
// future. Who was born on 29 February becomes a year older on 1 March.
func Age(birthdate string, day time.Time) (int, bool) {
	born, err := time.Parse(time.DateOnly, birthdate)
	if err != nil {
		return 0, false
	}
	years := day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		years--
	}
	return years, years >= 0
}

// round takes percent of amount to a whole number of steps. Amounts are not negative.
func (r Rounding) round(amount, percent int64) int64 {
	step := max(r.Step, 1) * 100
	n := amount * percent
	switch down := n / step; {
	case n%step == 0, r.Mode == "down":
		return down * step / 100
	case r.Mode == "up", n%step*2 >= step:
		return (down + 1) * step / 100
	default:
		return down * step / 100
	}
}

// Refundable is how much of a paid fare is given back to somebody who cancels at a moment, by the operator's rule or by the
// insurance of the table (see Insured), whichever gives more; nothing once the departure has begun. A share of a minor unit is not given back.
func (t Table) Refundable(paid int64, departs, at time.Time) int64 {
	return paid * int64(t.refundPercent(departs, at)) / 100
}

func (t Table) refundPercent(departs, at time.Time) int {
	if !at.Before(departs) {
		return 0
	}
	share := 0
	for _, step := range t.Refunds {
		if !at.After(departs.Add(-time.Duration(step.Hours) * time.Hour)) {
			share = step.Percent
			break
		}
	}
	return max(share, t.covers())
}

// Terms are the moments until which a share of the fare is given back, first the one that gives most, as people are told
// them before they pay. A moment that has passed at now is left out.
func (t Table) Terms(departs, now time.Time) (out []Term) {
	steps := append(slices.Clone(t.Refunds), Refund{Hours: 0, Percent: t.covers()})
	for _, s := range steps {
		until := departs.Add(-time.Duration(s.Hours) * time.Hour)
		if until.Before(now) || s.Percent == 0 {
			continue
		}
		out = append(out, Term{Until: until, Percent: max(s.Percent, t.refundPercent(departs, until))})
	}
	slices.SortStableFunc(out, func(a, b Term) int { return cmp.Or(cmp.Compare(b.Percent, a.Percent), b.Until.Compare(a.Until)) })
	return slices.CompactFunc(out, func(a, b Term) bool { return a.Percent == b.Percent })
}

// Term is one line of the terms.
type Term struct {
	Until   time.Time
	Percent int
}

// MayChange reports whether a booking can still be changed to another departure.
func (t Table) MayChange(departs, at time.Time) bool {
	return at.Before(departs) && !at.After(departs.Add(-time.Duration(t.ChangeHours)*time.Hour))
}

// MovedTolerance is by how much an operator may move a departure where its table says nothing.
const MovedTolerance = 15 * time.Minute

// Tolerated is by how much the operator may move a departure before whoever cancels gets everything back, the premium too.
func (t Table) Tolerated() time.Duration {
	if t.Tolerance == nil {
		return MovedTolerance
	}
	return time.Duration(*t.Tolerance) * time.Minute
}

// MovedTooFar reports whether a move, earlier or later, is more than the table tolerates.
func (t Table) MovedTooFar(by time.Duration) bool { return by.Abs() > t.Tolerated() }
