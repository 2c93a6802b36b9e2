package partners

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Sector is the name of the workflows whose effects this module has.
const Sector = "partners"

// RoleOfficer looks after partners: examines applications, suspends and resumes. The agency is the one that decides the applications.
const RoleOfficer = "officer"

// State of a partner.
type State string

const (
	Applied   State = "applied"   // being examined
	Approved  State = "approved"  // verified; the terms are not signed yet
	Active    State = "active"    // may set up its sign-in and its mini-apps
	Suspended State = "suspended" // nothing new begins at its mini-apps; what runs goes on
	Dropped   State = "dropped"   // refused, withdrawn or lapsed: its short name is free again
)

// Partner is one body that offers mini-apps of its own, or asks to.
type Partner struct {
	ID             kernel.CaseID   // the case it applied with
	Agency         kernel.AgencyID // its short name, among the municipality's agencies
	State          State
	Kind           kernel.BodyKind
	Name           kernel.Text
	Registration   string
	Licence        string // companies only
	LicenceUntil   string // YYYY-MM-DD; companies only
	Categories     []string
	Purposes       []string
	Email          string // of the office, for the municipality
	Address        string
	Position       *kernel.Position // nil: not on the map
	Representative kernel.PersonID  // who applied, and signs for it
	SignIn         SignIn
	Reason         string // why it is suspended
	Version        int    // counts changes
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// SignIn says how a partner's staff sign in.
type SignIn struct {
	Issuer string            `json:"issuer,omitempty"` // of its own; empty: the municipality's
	ACR    map[string]string `json:"acr,omitempty"`    // level → the issuer's acr value for it
	Groups map[string]string `json:"groups,omitempty"` // role → group whose members hold it
}

// Set reports whether anybody can sign in.
func (s SignIn) Set() bool { return len(s.Groups) > 0 }

// Roles are those a partner's staff can hold in it: whoever approves releases is never one of them.
var Roles = []string{kernel.RolePublisher, "officer", "reception", "practitioner", "planner"}

// signInLevels are the levels an issuer of a partner's own can vouch for, the lowest first.
var signInLevels = []kernel.Level{kernel.Low, kernel.Substantial, kernel.High}

var (
	errTaken        = kernel.FieldError{Path: "short_name", Slug: "partners.short-name-taken", Message: "Another agency has this short name. Choose another one."}
	errIssuerOurs   = kernel.FieldError{Path: "issuer_url", Slug: "partners.issuer-ours", Message: "This is the municipality's own sign-in. Choose it above."}
	errIssuerShared = kernel.FieldError{Path: "issuer_url", Slug: "partners.issuer-shared", Message: "Another partner uses this sign-in with other values for its levels. Name the same ones, or another sign-in."}
	errTooMuch      = kernel.FieldError{Path: "questions", Slug: "partners.too-much", Message: "All questions together are too long. Shorten or remove some."}
	errNotActive    = kernel.NewError(kernel.Conflict, "partner-not-active", "This is possible while the organisation is a partner.")
	errNotNow       = kernel.NewError(kernel.Conflict, "partner-not-now", "This is not possible in the organisation's present state.")
	errNoSignIn     = kernel.NewError(kernel.Conflict, "partner-no-sign-in", "Say first how your staff sign in: somebody has to look after the mini-app.")
	errLicenceOver  = kernel.NewError(kernel.Conflict, "partner-licence-over", "The organisation's licence has ended.")
	errTooMany      = kernel.NewError(kernel.Conflict, "partner-too-many", "The organisation has as many mini-apps as it can have.")
)

func wrong(path, slug, message string) kernel.FieldError {
	return kernel.FieldError{Path: path, Slug: slug, Message: message}
}

// Application is what a body says of itself, as the form of its application asks for it.
func applicationOf(in map[string]any) Partner {
	text := func(name string) string { s, _ := in[name].(string); return strings.TrimSpace(s) }
	p := Partner{
		Agency: kernel.AgencyID(text("short_name")), State: Applied, Kind: kernel.BodyKind(text("body_kind")), Registration: text("registration_number"),
		Licence: text("licence_number"), LicenceUntil: text("licence_until"), Categories: several(in["categories"]), Purposes: several(in["purposes"]),
		Email: text("email"), Address: text("address"), Position: positionOf(text("position")), Name: kernel.Text{},
	}
	for _, l := range kernel.Locales {
		key := "body_name"
		if l != kernel.Locales[0] {
			key += "_" + l
		}
		if p.Name[l] = text(key); p.Name[l] == "" {
			p.Name[l] = text("body_name")
		}
	}
	return p
}

// several reads a multiple choice, in the workflow's own type or as JSON makes it.
func several(v any) []string {
	switch v := v.(type) {
	case []string:
		return slices.Clone(v)
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// positionOf reads "51.5290, -0.1370"; nil when it is none.
func positionOf(s string) *kernel.Position {
	north, east, ok := strings.Cut(s, ",")
	if !ok {
		return nil
	}
	latitude, err1 := strconv.ParseFloat(strings.TrimSpace(north), 64)
	longitude, err2 := strconv.ParseFloat(strings.TrimSpace(east), 64)
	if err1 != nil || err2 != nil || latitude < -90 || latitude > 90 || longitude < -180 || longitude > 180 {
		return nil
	}
	return &kernel.Position{Latitude: latitude, Longitude: longitude}
}

// check reports what this body may not ask for: a kind of service or a purpose that is not open to it, a licence that has ended.
func (p Partner) check(position string, today string) error {
	var fields []kernel.FieldError
	if _, open := bodies[p.Kind]; !open {
		fields = append(fields, wrong("body_kind", "partners.no-body", "Public bodies and licensed companies alone can be partners."))
	}
	for _, c := range p.Categories {
		if !MayOffer(p.Kind, c) {
			fields = append(fields, wrong("categories", "partners.category-closed", "Certificates, permits and registrations are offered by public bodies alone. Take them out."))
			break
		}
	}
	for _, name := range p.Purposes {
		if _, known := purposeOf(name); !known {
			fields = append(fields, wrong("purposes", "field.not-an-option", "Choose one of the answers."))
			break
		}
	}
	if p.Kind == kernel.Company && p.LicenceUntil < today {
		fields = append(fields, wrong("licence_until", "partners.licence-over", "The licence has ended."))
	}
	if strings.TrimSpace(position) != "" && p.Position == nil {
		fields = append(fields, wrong("position", "partners.no-position", "Give latitude and longitude, such as 51.5290, -0.1370."))
	}
	if len(fields) > 0 {
		return kernel.InvalidFields(fields...)
	}
	return nil
}

// office is where people find the partner; nil when it is not on the map.
func (p Partner) office() *kernel.Office {
	if p.Position == nil {
		return nil
	}
	return &kernel.Office{Position: *p.Position, Address: p.Address}
}

// working reports why a partner cannot make or change anything; nil when it can. today is YYYY-MM-DD at its place.
func (p Partner) working(today string) error {
	switch {
	case p.State != Active:
		return errNotActive
	case p.Kind == kernel.Company && p.LicenceUntil < today:
		return errLicenceOver
	}
	return nil
}

var (
	groupShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._:@/-]{1,98}$`)
	acrShape   = regexp.MustCompile(`^[!-~]{1,200}$`)
)

// withSignIn is p with another way to sign in. At the municipality's own issuer a partner's groups begin with its short name, so that
// no other body's staff get in by a slip. Error: Invalid naming the field (issuer_url, acr.<level>, group.<role>).
func (p Partner) withSignIn(s SignIn) (Partner, error) {
	var fields []kernel.FieldError
	out := SignIn{Issuer: strings.TrimSpace(s.Issuer), Groups: map[string]string{}}
	for _, role := range Roles {
		group := strings.TrimSpace(s.Groups[role])
		switch {
		case group == "":
			continue
		case !groupShape.MatchString(group):
			fields = append(fields, wrong("group."+role, "partners.group", "A group is named with Latin letters, digits and . _ : @ / -"))
		case out.Issuer == "" && !strings.HasPrefix(group, string(p.Agency)+"-"):
			e := wrong("group."+role, "partners.group-prefix", "At the municipality's sign-in your groups begin with your short name.")
			e.Args = map[string]string{"prefix": string(p.Agency) + "-"}
			fields = append(fields, e)
		}
		out.Groups[role] = group
	}
	if out.Groups[kernel.RolePublisher] == "" {
		fields = append(fields, wrong("group."+kernel.RolePublisher, "field.required", "Answer this question."))
	}
	if out.Issuer != "" {
		out.ACR = map[string]string{}
		for _, l := range signInLevels {
			value := strings.TrimSpace(s.ACR[l.String()])
			if value == "" {
				continue
			}
			if !acrShape.MatchString(value) {
				fields = append(fields, wrong("acr."+l.String(), "partners.acr", "A level is named without spaces."))
			}
			out.ACR[l.String()] = value
		}
		if out.ACR[kernel.Substantial.String()] == "" && out.ACR[kernel.High.String()] == "" {
			fields = append(fields, wrong("acr."+kernel.Substantial.String(), "partners.acr-substantial", "Name the value for a sign-in with two factors: decisions need it."))
		}
	}
	if len(fields) > 0 {
		return p, kernel.InvalidFields(fields...)
	}
	p.SignIn = out
	return p, nil
}

// suspend and resume are the office's. Errors: Conflict partner-not-now, Invalid reason.
func (p Partner) suspend(reason string) (Partner, error) {
	reason = strings.TrimSpace(reason)
	switch n := len([]rune(reason)); {
	case p.State != Active:
		return p, errNotNow
	case n < 5 || n > 500:
		return p, kernel.InvalidFields(wrong("reason", "field.release-reason", "Give a reason of 5 to 500 characters."))
	}
	p.State, p.Reason = Suspended, reason
	return p, nil
}

func (p Partner) resume(today string) (Partner, error) {
	switch {
	case p.State != Suspended:
		return p, errNotNow
	case p.Kind == kernel.Company && p.LicenceUntil < today:
		return p, errLicenceOver
	}
	p.State, p.Reason = Active, ""
	return p, nil
}
