// Package fares says what a ride costs and what of it is given back: fares by pair of stops or by zones, classes of
// passengers, insurance, refunds. All amounts are whole minor units of one currency; no floating point comes near money.
package fares

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
)

// Class is what kind of passenger somebody is.
type Class string

// Classes of passengers. Everybody is at least an adult.
const (
	Adult      Class = "adult"
	Child      Class = "child"      // younger than Rule.Under on the day of departure
	Senior     Class = "senior"     // at least Rule.From on the day of departure
	Concession Class = "concession" // has the verified claim that the rule names
)

// Classes in the order in which they are shown.
var Classes = []Class{Adult, Child, Senior, Concession}

// Table is what an operator charges, as people write it, in YAML or JSON. Fares are found by pair first, then by zones:
//
//	code: coast-line
//	currency: EUR
//	pairs:                                   # both ways
//	  - {from: harbour, to: airport, amount: 1250}
//	zones: {harbour: 1, mill-lane: 2}        # rings: who crosses from 1 to 3 rides through three zones
//	by_zones: [180, 260, 340]                # for one zone, two, three; the last one holds for all beyond
//	classes:
//	  child: {percent: 50, under: 14}
//	  senior: {percent: 70, from: 65}
//	  concession: {percent: 60, claim: address.locality, value: Northwick}
//	rounding: {step: 5, mode: nearest}       # up, down or nearest; half a step goes up
//	bicycle: 300
//	refunds:                                 # until so many hours before departure, so much is given back
//	  - {hours: 48, percent: 90}
//	  - {hours: 2, percent: 50}
//	insurance:                               # see Insurance
//	  insurer: harbour-mutual
//	  products:
//	    - code: cancellation
//	      name: {en: Trip cancellation, ru: Отмена поездки, zh: 行程取消}
//	      terms: {en: Holds until departure., ru: Действует до отправления., zh: 保障至发车前。}
//	      fixed: 100
//	      percent: 4
//	      minimum: 150
//	      covers: 100
//	change_hours: 1                          # a booking can be changed until then
//	moved_tolerance: 15                      # minutes; whoever the operator moves further gets everything back
type Table struct {
	Code        string         `yaml:"code" json:"code"`
	Currency    string         `yaml:"currency" json:"currency"` // ISO 4217
	Pairs       []Pair         `yaml:"pairs,omitempty" json:"pairs,omitempty"`
	Zones       map[string]int `yaml:"zones,omitempty" json:"zones,omitempty"`
	ByZones     []int64        `yaml:"by_zones,omitempty" json:"by_zones,omitempty"`
	Classes     map[Class]Rule `yaml:"classes,omitempty" json:"classes,omitempty"`
	Rounding    Rounding       `yaml:"rounding,omitempty" json:"rounding"`
	Bicycle     int64          `yaml:"bicycle,omitempty" json:"bicycle,omitempty"`
	Refunds     []Refund       `yaml:"refunds,omitempty" json:"refunds,omitempty"`
	Insurance   *Insurance     `yaml:"insurance,omitempty" json:"insurance,omitempty"`
	ChangeHours int            `yaml:"change_hours,omitempty" json:"change_hours,omitempty"`
	Tolerance   *int           `yaml:"moved_tolerance,omitempty" json:"moved_tolerance,omitempty"` // minutes; see MovedTooFar
}

// Pair is the fare of an adult between two stops, whichever way.
type Pair struct {
	From   string `yaml:"from" json:"from"`
	To     string `yaml:"to" json:"to"`
	Amount int64  `yaml:"amount" json:"amount"`
}

// Rule says who belongs to a class and what share of the adult's fare they pay.
type Rule struct {
	Percent int    `yaml:"percent" json:"percent"`
	Under   int    `yaml:"under,omitempty" json:"under,omitempty"` // child: full years
	From    int    `yaml:"from,omitempty" json:"from,omitempty"`   // senior: full years
	Claim   string `yaml:"claim,omitempty" json:"claim,omitempty"` // concession: name of a verified claim (OpenID Connect Core §5.1)
	Value   string `yaml:"value,omitempty" json:"value,omitempty"` // which it has
}

// Rounding is of one passenger's fare. The zero value rounds to whole minor units, half up.
type Rounding struct {
	Step int64  `yaml:"step,omitempty" json:"step,omitempty"`
	Mode string `yaml:"mode,omitempty" json:"mode,omitempty"` // up, down, nearest; empty: nearest
}

// Refund is one step: whoever cancels at least Hours before departure gets Percent of the fare back.
type Refund struct {
	Hours   int `yaml:"hours" json:"hours"`
	Percent int `yaml:"percent" json:"percent"`
}

// Limits. MaxAmount keeps every sum of a booking far below what 64 bits hold.
const (
	MaxAmount = 1_000_000_000
	maxPairs  = 20_000
	maxStops  = 5_000
	maxZones  = 200
	maxSteps  = 20
)

// Read reads a table from YAML or JSON and checks it. What it does not know is an error. Errors: Invalid, with every field
// that is wrong.
func Read(data []byte) (Table, error) {
	unreadable := kernel.InvalidFields(wrong("fares", "unreadable", "This is not a table of fares that can be read."))
	var t Table
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		return Table{}, unreadable.Wrap(err)
	}
	if err := dec.Decode(&struct{}{}); err != io.EOF {
		return Table{}, unreadable
	}
	return t, t.Check()
}

// JSON is the table as it is kept.
func (t Table) JSON() []byte {
	b, _ := json.Marshal(t) // texts and numbers alone: it cannot fail
	return b
}

// YAML is the table as people edit it.
func (t Table) YAML() string {
	b, _ := yaml.Marshal(t) // texts and numbers alone: it cannot fail
	return string(b)
}

func wrong(path, slug, message string) kernel.FieldError {
	return kernel.FieldError{Path: path, Slug: "travel.fares." + slug, Message: message}
}

// checking collects what is wrong with a table.
type checking struct{ bad []kernel.FieldError }

func (c *checking) need(ok bool, path, slug, message string) {
	if !ok {
		c.bad = append(c.bad, wrong(path, slug, message))
	}
}

func (c *checking) code(code, path string) {
	c.need(code != "" && len(code) <= 60 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789-") == "", path, "code", "Use small letters, digits and hyphens, at most 60.")
}

func (c *checking) amount(n int64, path string) {
	c.need(n >= 0 && n <= MaxAmount, path, "amount", "An amount is a whole number of minor units, not below 0 and at most 1 000 000 000.")
}

func (c *checking) percent(n int, path string) {
	c.need(n >= 0 && n <= 100, path, "percent", "A share is between 0 and 100 percent.")
}

// Check reports everything that is wrong with the table: Invalid with fields, or nil.
func (t Table) Check() error {
	c := &checking{}
	c.code(t.Code, "code")
	c.need(len(t.Currency) == 3 && strings.Trim(t.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "", "currency", "currency", "Name the currency by its three letters, such as EUR.")
	t.checkRides(c)
	t.checkClasses(c)
	c.need(t.Rounding.Step >= 0 && t.Rounding.Step <= MaxAmount, "rounding.step", "amount", "An amount is a whole number of minor units, not below 0 and at most 1 000 000 000.")
	c.need(slices.Contains([]string{"", "up", "down", "nearest"}, t.Rounding.Mode), "rounding.mode", "mode", "Round up, down or to the nearest.")
	c.amount(t.Bicycle, "bicycle")
	c.need(t.ChangeHours >= 0 && t.ChangeHours <= 8760, "change_hours", "hours", "Between 0 hours and a year.")
	c.need(t.Tolerance == nil || *t.Tolerance >= 0 && *t.Tolerance <= 1440, "moved_tolerance", "tolerance", "Between 0 minutes and a day.")
	t.checkRefunds(c)
	t.Insurance.check(c)
	if len(c.bad) > 0 {
		return kernel.InvalidFields(c.bad...)
	}
	return nil
}

func (t Table) checkRides(c *checking) {
	c.need(len(t.Pairs) > 0 || len(t.Zones) > 0, "pairs", "no-fare", "Give fares by pairs of stops, by zones, or both.")
	c.need(len(t.Pairs) <= maxPairs, "pairs", "too-many", "These are too many.")
	c.need(len(t.Zones) <= maxStops, "zones", "too-many", "These are too many.")
	c.need(len(t.ByZones) <= maxZones, "by_zones", "too-many", "These are too many.")
	c.need((len(t.Zones) > 0) == (len(t.ByZones) > 0), "by_zones", "zones", "Zones and their fares belong together.")
	seen := map[[2]string]bool{}
	for i, p := range t.Pairs[:min(len(t.Pairs), maxPairs)] {
		path := fmt.Sprintf("pairs[%d]", i)
		c.need(p.From != "" && p.To != "" && p.From != p.To, path, "stops", "A pair is two different stops.")
		c.need(!seen[pair(p.From, p.To)], path, "twice", "This pair of stops is there twice.")
		seen[pair(p.From, p.To)] = true
		c.amount(p.Amount, path+".amount")
	}
	for i, n := range t.ByZones[:min(len(t.ByZones), maxZones)] {
		path := fmt.Sprintf("by_zones[%d]", i)
		c.amount(n, path)
		c.need(i == 0 || n >= t.ByZones[i-1], path, "falling", "More zones never cost less.")
	}
	stops := make([]string, 0, len(t.Zones))
	for stop := range t.Zones {
		stops = append(stops, stop)
	}
	slices.Sort(stops)
	for _, stop := range stops {
		c.need(stop != "" && t.Zones[stop] >= 0 && t.Zones[stop] <= maxZones, "zones."+stop, "zone", "A zone is a number between 0 and 200.")
	}
}

func (t Table) checkClasses(c *checking) {
	for _, class := range Classes[1:] {
		r, ok := t.Classes[class]
		if !ok {
			continue
		}
		path := "classes." + string(class)
		c.percent(r.Percent, path+".percent")
		c.need((class == Child) == (r.Under > 0) && r.Under >= 0 && r.Under <= 30, path+".under", "age", "Say for a child, and for nobody else, below which age it is one.")
		c.need((class == Senior) == (r.From > 0) && r.From >= 0 && r.From <= 120, path+".from", "age", "Say for a senior, and for nobody else, from which age.")
		c.need((class == Concession) == (r.Claim != "") && (r.Claim == "") == (r.Value == ""), path+".claim", "claim", "Say for the concession, and for nothing else, which verified claim must have which value.")
	}
	for class := range t.Classes {
		c.need(slices.Contains(Classes[1:], class), "classes."+string(class), "class", "The classes are child, senior and concession; everybody else is an adult.")
	}
}

func (t Table) checkRefunds(c *checking) {
	c.need(len(t.Refunds) <= maxSteps, "refunds", "too-many", "These are too many.")
	for i, r := range t.Refunds[:min(len(t.Refunds), maxSteps)] {
		path := fmt.Sprintf("refunds[%d]", i)
		c.percent(r.Percent, path+".percent")
		c.need(r.Hours >= 0 && r.Hours <= 8760, path+".hours", "hours", "Between 0 hours and a year.")
		if i > 0 {
			c.need(r.Hours < t.Refunds[i-1].Hours, path+".hours", "order", "Name the longest time before departure first.")
			c.need(r.Percent <= t.Refunds[i-1].Percent, path+".percent", "rising", "Whoever cancels later never gets more back.")
		}
	}
}

func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }
