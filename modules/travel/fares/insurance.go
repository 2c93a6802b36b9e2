package fares

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"townhall/modules/kernel"
)

// Insurance is what an insurer offers with a ride: any of its products can be taken out, for everybody of a booking. One policy
// names all that were. Insurer is the agency whose policy it is and who gets the premiums; see By.
type Insurance struct {
	Insurer  string    `yaml:"insurer,omitempty" json:"insurer,omitempty"`
	Products []Product `yaml:"products" json:"products"`
}

// Product is one cover. Its premium is for the whole booking: Fixed, PerPerson for each passenger and Percent of the fare, at
// least Minimum. Whoever cancels before departure gets Covers percent of the fare back; costs of an accident or an illness on the
// way are paid up to UpTo for each passenger, when the insurer finds so on a claim. The premium itself is never given back to
// somebody who cancels.
type Product struct {
	Code      string      `yaml:"code" json:"code"`
	Name      kernel.Text `yaml:"name" json:"name"`
	Terms     kernel.Text `yaml:"terms" json:"terms"` // what is covered and what is not, as the policy says it
	Fixed     int64       `yaml:"fixed,omitempty" json:"fixed,omitempty"`
	PerPerson int64       `yaml:"per_person,omitempty" json:"per_person,omitempty"`
	Percent   int         `yaml:"percent,omitempty" json:"percent,omitempty"`
	Minimum   int64       `yaml:"minimum,omitempty" json:"minimum,omitempty"`
	Covers    int         `yaml:"covers,omitempty" json:"covers,omitempty"`
	UpTo      int64       `yaml:"up_to,omitempty" json:"up_to,omitempty"`
}

// Insurer is who insures where a table names nobody.
const Insurer kernel.AgencyID = "travel-insurance"

// Limits: a policy with everything taken out still fits its document.
const (
	MaxProducts = 4
	maxName     = 60
	maxTerms    = 600
)

// ErrNoProduct is the answer when the insurer offers no product of that code with this ride.
var ErrNoProduct = errors.New("no such insurance product")

// By is the agency that insures.
func (i Insurance) By() kernel.AgencyID {
	if i.Insurer == "" {
		return Insurer
	}
	return kernel.AgencyID(i.Insurer)
}

// Insured is the table for somebody who takes out these products and no others: its prices, refunds and terms are theirs. Errors:
// ErrNoProduct.
func (t Table) Insured(codes []string) (Table, error) {
	var chosen []Product
	for _, p := range t.Products() {
		if slices.Contains(codes, p.Code) {
			chosen = append(chosen, p)
		}
	}
	for _, code := range codes {
		if !slices.ContainsFunc(chosen, func(p Product) bool { return p.Code == code }) {
			return Table{}, ErrNoProduct
		}
	}
	if len(chosen) == 0 {
		t.Insurance = nil
		return t, nil
	}
	t.Insurance = &Insurance{Insurer: t.Insurance.Insurer, Products: chosen}
	return t, nil
}

// Products are what can be taken out; of an insured table, what was.
func (t Table) Products() []Product {
	if t.Insurance == nil {
		return nil
	}
	return t.Insurance.Products
}

// Premium is what all products of the table cost for a booking of so many people and such a fare.
func (t Table) Premium(fare int64, people int) (sum int64) {
	for _, p := range t.Products() {
		sum += p.Premium(fare, people)
	}
	return sum
}

// Premium is what one product costs. A share of a minor unit counts as a whole one. It never falls when the fare rises.
func (p Product) Premium(fare int64, people int) int64 {
	return max(p.Minimum, p.Fixed+p.PerPerson*int64(people)+(fare*int64(p.Percent)+99)/100)
}

// covers is the share of the fare that goes back to the insured until departure.
func (t Table) covers() (percent int) {
	for _, p := range t.Products() {
		percent = max(percent, p.Covers)
	}
	return percent
}

// check is of an insurance that may be nil.
func (i *Insurance) check(c *checking) {
	if i == nil {
		return
	}
	c.need(len(i.Insurer) <= 60, "insurance.insurer", "insurer", "Name the insurer by the id of its agency, at most 60 characters.")
	c.need(len(i.Products) > 0 && len(i.Products) <= MaxProducts, "insurance.products", "products", "An insurer offers between one and four products with a ride.")
	for n, p := range i.Products[:min(len(i.Products), MaxProducts)] {
		path := fmt.Sprintf("insurance.products[%d]", n)
		c.code(p.Code, path+".code")
		c.need(!slices.ContainsFunc(i.Products[:n], func(other Product) bool { return other.Code == p.Code }), path+".code", "product-twice", "This product is there twice.")
		c.text(p.Name, maxName, path+".name")
		c.text(p.Terms, maxTerms, path+".terms")
		c.amount(p.Fixed, path+".fixed")
		c.amount(p.PerPerson, path+".per_person")
		c.amount(p.Minimum, path+".minimum")
		c.amount(p.UpTo, path+".up_to")
		c.percent(p.Percent, path+".percent")
		c.percent(p.Covers, path+".covers")
		c.need(p.Fixed+p.PerPerson+p.Minimum != 0, path, "for-nothing", "A product costs something on a free ride too: give it a fixed premium, one per person, or a minimum.")
		c.need(p.Covers != 0 || p.UpTo != 0, path, "covers-nothing", "Say what the product covers: a share of the fare, or costs up to an amount.")
	}
}

// text needs something to read in every language.
func (c *checking) text(t kernel.Text, most int, path string) {
	for _, locale := range kernel.Locales {
		n := utf8.RuneCountInString(strings.TrimSpace(t[locale]))
		c.need(n > 0 && n <= most, path+"."+locale, "text", "Write it in every language: a name of at most 60 characters, terms of at most 600.")
	}
}
