package identity

import (
	"context"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// always are the claims every mini-app asks for, whatever its service is for: whom to greet, and in which language.
var always = []string{"name", "given_name", "family_name", "locale"}

// notAsked is said of each claim that a service requires and nobody has asked for.
var notAsked = kernel.FieldError{Slug: "field.claim-not-asked", Message: "You have not been asked for this yet."}

// purposes lists the claims a mini-app has a purpose for, with those every one has.
func (s *Service) purposes(tenant kernel.TenantID, app string) []string {
	out := slices.Clone(always)
	for _, c := range s.claimsFor(tenant, app) {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// covers reports whether names hold a claim, by itself or as a part of what they name ("address").
func covers(names []string, claim string) bool {
	whole, _, _ := strings.Cut(claim, ".")
	return slices.Contains(names, claim) || slices.Contains(names, whole)
}

// within keeps those of an issuer's claims that are among names. An issuer gives more than it was asked for where a scope
// carries more than the purpose: that is not kept.
func within(names []string, all map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range all {
		if covers(names, k) {
			out[k] = v
		}
	}
	return out
}

// consentOf is what one sign-in asked for and was given.
func consentOf(asked []string, given map[string]string) consent {
	c := consent{Asked: asked, Given: []string{}}
	for k := range given {
		c.Given = append(c.Given, k)
	}
	slices.Sort(c.Given)
	return c
}

// missing lists those of need that were never asked for.
func (c consent) missing(need []string) (out []string) {
	for _, n := range need {
		if !covers(c.Asked, n) {
			out = append(out, n)
		}
	}
	return out
}

// Person returns what an issuer verified about one person of the transaction's municipality and gave to a service, or NotFound.
// It does not authorise: the caller has checked that this is the person, staff with a case of theirs, or the system.
func (s *Service) Person(ctx context.Context, tx kernel.Tx, id kernel.PersonID, service string) (kernel.Person, error) {
	p, err := s.known(ctx, tx, id)
	if err != nil {
		return kernel.Person{}, err
	}
	out := p.Person
	out.Claims = within(s.given(ctx, tx, p, service), p.Claims)
	return out, nil
}

func (s *Service) known(ctx context.Context, tx kernel.Tx, id kernel.PersonID) (known, error) {
	if !kernel.ValidID(string(id)) {
		return known{}, kernel.NotThere("person")
	}
	if p, ok := people.Get(tx, id); ok {
		return p, nil
	}
	// Those whose calls share the transaction will be asked for next.
	if err := readPeople(ctx, pg.From(tx), append(pg.Callers(tx), id)); err != nil {
		return known{}, err
	}
	if p, ok := people.Get(tx, id); ok {
		return p, nil
	}
	return known{}, kernel.NotThere("person")
}

// given lists what a service may know of a person.
func (s *Service) given(ctx context.Context, tx kernel.Tx, p known, service string) []string {
	if service == "" {
		return always
	}
	if c, ok := p.consents[service]; ok {
		return c.Given
	}
	if c, ok := p.consents[""]; ok {
		return c.Given
	}
	return p.consents[s.speaker(ctx, tx, s.town(ctx, tx), AreaCitizen, service)].Given
}

// Asked is kernel.People.
func (s *Service) Asked(ctx context.Context, tx kernel.Tx, service string) error {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen || who.Person == "" {
		return nil
	}
	town := s.town(ctx, tx)
	need := s.required(town.ID, service)
	if len(need) == 0 {
		return nil
	}
	if tx != nil {
		return s.askedIn(ctx, tx, town, who.Person, service, need)
	}
	return s.db.Read(ctx, town.ID, func(tx *pg.Tx) error { return s.askedIn(ctx, tx, town, who.Person, service, need) })
}

func (s *Service) askedIn(ctx context.Context, tx kernel.Tx, town kernel.Tenant, person kernel.PersonID, service string, need []string) error {
	p, err := s.known(ctx, tx, person)
	if err != nil {
		return err
	}
	missing := p.consents[service].missing(need)
	if len(missing) == 0 {
		return nil
	}
	// What a client may not ask for cannot be had by asking.
	if client := s.speaker(ctx, tx, town, AreaCitizen, service); client != service {
		may := s.purposes(town.ID, client)
		missing = slices.DeleteFunc(p.consents[client].missing(need), func(n string) bool { return !covers(may, n) })
	}
	if len(missing) == 0 {
		return nil
	}
	e := *errNotAsked
	e.App = service
	for _, n := range missing {
		f := notAsked
		f.Path = "claims." + n
		e.Fields = append(e.Fields, f)
	}
	return &e
}

// town is the municipality of a transaction, or of the request outside of one.
func (s *Service) town(ctx context.Context, tx kernel.Tx) kernel.Tenant {
	t := kernel.TenantOf(ctx)
	if tx == nil || t.ID == tx.TenantID() {
		return t
	}
	for _, one := range s.directory.Tenants() {
		if one.ID == tx.TenantID() {
			return one
		}
	}
	return kernel.Tenant{ID: tx.TenantID()}
}
