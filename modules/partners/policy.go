package partners

import (
	"slices"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// Who may offer what, and what may be asked for it. Both are refused by machine: in the application, when a mini-app is made or changed,
// and, for the services of the settings, when the server starts.

var bodies = map[kernel.BodyKind]struct{}{kernel.PublicBody: {}, kernel.Company: {}}

// Category is one kind of service of the wallets' list, and who may offer it.
type Category struct {
	Name  string
	Kinds []kernel.BodyKind
}

// Categories are all there are. What has the force of a public decision is for public bodies.
var Categories = []Category{
	{"certificates", []kernel.BodyKind{kernel.PublicBody}},
	{"registration", []kernel.BodyKind{kernel.PublicBody}},
	{"permits", []kernel.BodyKind{kernel.PublicBody}},
	{"animals", []kernel.BodyKind{kernel.PublicBody, kernel.Company}},
	{"appointments", []kernel.BodyKind{kernel.PublicBody, kernel.Company}},
	{"health", []kernel.BodyKind{kernel.PublicBody, kernel.Company}},
	{"travel", []kernel.BodyKind{kernel.PublicBody, kernel.Company}},
}

// MayOffer reports whether bodies of a kind may offer services of a category. An unknown category is open to nobody.
func MayOffer(kind kernel.BodyKind, category string) bool {
	return slices.ContainsFunc(Categories, func(c Category) bool { return c.Name == category && slices.Contains(c.Kinds, kind) })
}

// Purpose is what a body registers that it uses people's data for, with the most it may ask for it and for how long it may keep it
// (Regulation (EU) 2016/679 art. 5(1)(b), (c) and (e)).
type Purpose struct {
	Name   string
	Claims []Allowed
}

// Allowed is one claim (OpenID Connect Core §5.1) a purpose covers. A claim covers its members: "address" covers "address.locality".
type Allowed struct {
	Claim string
	Days  int // how long it may be kept at most
}

const years = 366 // days, so that ten whole years fit

// Purposes are all there are.
var Purposes = []Purpose{
	{"appointment", []Allowed{{"name", 3 * years}, {"given_name", 3 * years}, {"family_name", 3 * years}, {"birthdate", 3 * years}, {"email", years}}},
	{"application", []Allowed{{"name", 10 * years}, {"given_name", 10 * years}, {"family_name", 10 * years}, {"birthdate", 10 * years}, {"address", 10 * years}, {"email", 3 * years}}},
	{"notice", []Allowed{{"name", years}}},
}

func purposeOf(name string) (Purpose, bool) {
	i := slices.IndexFunc(Purposes, func(p Purpose) bool { return p.Name == name })
	if i < 0 {
		return Purpose{}, false
	}
	return Purposes[i], true
}

// days is how long a claim may be kept; 0: it may not be asked for at all.
func (p Purpose) days(claim string) int {
	for _, a := range p.Claims {
		if a.Claim == claim || len(claim) > len(a.Claim) && claim[:len(a.Claim)+1] == a.Claim+"." {
			return a.Days
		}
	}
	return 0
}

// checkOffer reports what a mini-app asks for beyond what its body registered. Error: Invalid naming category, purpose or
// claims.<name>.
func (p Partner) checkOffer(d *workflows.Definition, purpose string) error {
	var fields []kernel.FieldError
	if !slices.Contains(p.Categories, d.Category) || !MayOffer(p.Kind, d.Category) {
		e := wrong("category", "partners.category-not-yours", "The organisation has not registered this kind of service.")
		e.Args = map[string]string{"category": d.Category}
		fields = append(fields, e)
	}
	covered, known := purposeOf(purpose)
	if !known || !slices.Contains(p.Purposes, purpose) {
		e := wrong("purpose", "partners.purpose-not-yours", "The organisation has not registered this purpose.")
		e.Args = map[string]string{"purpose": purpose}
		fields = append(fields, e)
	}
	for _, c := range d.Claims {
		switch days := covered.days(c.Name); {
		case days == 0:
			e := wrong("claims."+c.Name, "partners.over-asked", "The registered purpose does not need this.")
			e.Args = map[string]string{"claim": c.Name}
			fields = append(fields, e)
		case c.Days > days:
			e := wrong("claims."+c.Name, "partners.kept-too-long", "The registered purpose does not need this for so long.")
			e.Args = map[string]string{"days": number(days)}
			fields = append(fields, e)
		}
	}
	if len(fields) > 0 {
		return kernel.InvalidFields(fields...)
	}
	return nil
}
