package kernel

import (
	"context"
	"slices"
	"time"
)

// Locales are the languages every user-visible text must exist in; the first is the fallback.
var Locales = []string{"en", "ru", "zh"}

// Text is one text in several languages, by locale.
type Text map[string]string

// In returns the text in locale, or in English, or any, so that a page is never blank.
func (t Text) In(locale string) string {
	if s := t[locale]; s != "" {
		return s
	}
	for _, l := range Locales {
		if s := t[l]; s != "" {
			return s
		}
	}
	return ""
}

// Tenant is a municipality. It is found by the request's host name.
type Tenant struct {
	ID      TenantID
	Host    string // e.g. "northwick.localhost:8080"; what the citizen's browser shows
	Origin  string // scheme and host, e.g. "http://northwick.localhost:8080"; no trailing slash
	Name    Text
	Zone    string // IANA time zone, e.g. "Europe/London"
	Country string // ISO 3166-1 alpha-2
	Colour  string // the municipality's accent colour, "#rrggbb", for crest and header
	Crest   string // SVG made of paths, at most 16 kB, for documents; empty: a town gate in the accent colour

	Services []string // slugs of the workflows it offers

	location *time.Location // of Zone, when Located has read it
}

// Currency is what the municipality charges its fees in (ISO 4217), by its country.
func (t Tenant) Currency() string {
	switch t.Country {
	case "GB":
		return "GBP"
	case "US":
		return "USD"
	case "CN":
		return "CNY"
	case "RU":
		return "RUB"
	case "PL":
		return "PLN"
	}
	return "EUR"
}

// Located returns t with its zone read, so that Location need not read the system's zone file for every date.
func (t Tenant) Located() Tenant {
	t.location = t.Location()
	return t
}

// Location returns the tenant's time zone; UTC when the zone is unknown to this machine.
func (t Tenant) Location() *time.Location {
	if t.location != nil {
		return t.location
	}
	if l, err := time.LoadLocation(t.Zone); err == nil {
		return l
	}
	return time.UTC
}

// Agency is a body of a municipality that offers services; cases are decided by its staff.
type Agency struct {
	ID     AgencyID
	Name   Text
	Kind   BodyKind
	Office *Office // nil: none that people are told of

	Partner   bool // it joined while the house runs: it offers its own mini-apps and takes part in no shared one
	Suspended bool // nothing new is opened to people for it; what runs goes on
}

// BodyKind is what kind of body an agency is: what it may offer depends on it. Persons are none.
type BodyKind string

const (
	PublicBody BodyKind = "public-body"
	Company    BodyKind = "company" // with a licence for what it offers
)

// Office is where an agency sees people.
type Office struct {
	Position
	Address string // one line, as written on a letter there
}

func WithTenant(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, tenantKey, t)
}

// TenantOf returns the municipality of the request; the zero Tenant outside one.
func TenantOf(ctx context.Context) Tenant {
	t, _ := ctx.Value(tenantKey).(Tenant)
	return t
}

func WithLocale(ctx context.Context, locale string) context.Context {
	return context.WithValue(ctx, localeKey, locale)
}

// LocaleOf returns the language to answer in: one of Locales, always.
func LocaleOf(ctx context.Context) string {
	if l, ok := ctx.Value(localeKey).(string); ok && slices.Contains(Locales, l) {
		return l
	}
	return Locales[0]
}
