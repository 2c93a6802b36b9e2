package gtfs

import (
	"cmp"
	"slices"
	"strings"
)

// Fare is a price and what it is for ("fare_attributes.txt", "fare_rules.txt").
type Fare struct {
	ID, Agency string // the agency may be empty: any
	Amount     int64  // minor units
	Currency   string // ISO 4217
	OnBoard    bool   // paid in the vehicle (payment_method 0)
	Transfers  int    // how many changes it is good for; Unlimited
	Rules      []FareRule
}

// Unlimited is the number of transfers of a fare that does not bound them.
const Unlimited = -1

// FareRule says for what a fare is: each member that is not empty narrows it. A fare without rules is for everything.
type FareRule struct {
	Route                 string
	Origin, Dest, Contain string // fare zones
}

// Pay is the cheapest fare for a ride on a route through fare zones, the first of them where somebody gets on and the
// last where they get off; false when no fare is for it. A stop pair is priced by giving each stop a zone of its own.
func (f Feed) Pay(agency, route string, zones []string) (Fare, bool) {
	var best *Fare
	for i := range f.Fares {
		x := &f.Fares[i]
		if (x.Agency == "" || x.Agency == agency) && x.covers(route, zones) && (best == nil || x.Amount < best.Amount) {
			best = x
		}
	}
	if best == nil {
		return Fare{}, false
	}
	return *best, true
}

// covers applies the rules: rows that have a zone to pass through count together, and only when those zones are all the
// ride passes through ("fare_rules.txt", contains_id).
func (x Fare) covers(route string, zones []string) bool {
	if len(x.Rules) == 0 {
		return true
	}
	through := map[FareRule][]string{}
	for _, u := range x.Rules {
		if u.Route != "" && u.Route != route || u.Origin != "" && u.Origin != zones[0] || u.Dest != "" && u.Dest != zones[len(zones)-1] {
			continue
		}
		if u.Contain == "" {
			return true
		}
		same := u
		same.Contain = ""
		through[same] = append(through[same], u.Contain)
	}
	for _, all := range through {
		if slices.Equal(distinct(all), distinct(zones)) {
			return true
		}
	}
	return false
}

func distinct(in []string) []string { return slices.Compact(slices.Sorted(slices.Values(in))) }

// fare reads a row of "fare_attributes.txt".
func (r *reader) fare(w *row) {
	f := Fare{ID: w.id("fare_id", true), Currency: w.currency("currency_type"), OnBoard: w.choice("payment_method", true, 1) == 0, Transfers: Unlimited}
	if w.raw("transfers") != "" {
		f.Transfers = w.choice("transfers", true, 2)
	}
	if len(r.feed.Agencies) > 1 {
		f.Agency = w.agencyOf("agency_id")
	} else if id := w.id("agency_id", false); id != "" {
		w.named("agency_id", id, "agency.txt", r.agencies)
		f.Agency = id
	}
	f.Amount = w.price("price", f.Currency)
	if w.once("fare_id", f.ID, r.fares) {
		r.fares[f.ID] = len(r.feed.Fares)
		r.feed.Fares = append(r.feed.Fares, f)
	}
}

// fareRule reads a row of "fare_rules.txt".
func (r *reader) fareRule(w *row) {
	i, there := w.named("fare_id", w.id("fare_id", true), "fare_attributes.txt", r.fares)
	u := FareRule{Route: w.id("route_id", false), Origin: w.fareZone("origin_id"), Dest: w.fareZone("destination_id"), Contain: w.fareZone("contains_id")}
	w.named("route_id", u.Route, "routes.txt", r.routes)
	if there {
		r.feed.Fares[i].Rules = append(r.feed.Fares[i].Rules, u)
	}
}

func (w *row) fareZone(column string) string {
	id := w.id(column, false)
	if id != "" && !w.r.fareZones[id] && w.r.tells("stops.txt") {
		w.add(column, "reference")
	}
	return id
}

// decimals are those of the currencies that have not two (ISO 4217, minor units).
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

// currency reads a Currency code.
func (w *row) currency(column string) string {
	s := w.raw(column)
	if s == "" {
		w.add(column, "empty")
		return ""
	}
	if !currencies[s] {
		w.add(column, "currency")
		return ""
	}
	return s
}

// price reads an amount in a currency exactly: no floating point number ever holds money.
func (w *row) price(column, currency string) int64 {
	s := w.raw(column)
	if s == "" {
		w.add(column, "empty")
		return 0
	}
	places, known := decimals[currency]
	if !known {
		places = 2
	}
	whole, part, _ := strings.Cut(s, ".")
	kept := strings.TrimRight(part, "0")
	if len(kept) > places && currency != "" || len(whole) > 9 || len(part) > 9 {
		w.add(column, "price")
		return 0
	}
	kept += strings.Repeat("0", max(0, places-len(kept)))
	n, ok := digits(cmp.Or(whole, "0") + kept)
	if p, fine := digits("0" + part); !ok || !fine || p < 0 || whole+part == "" {
		w.add(column, "number")
		return 0
	}
	return int64(n)
}
