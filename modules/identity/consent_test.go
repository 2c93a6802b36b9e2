package identity_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The certificate requires a date of birth and an address; the doctor, a name.
const other = "doctor-appointment"

func purposes(_ kernel.TenantID, app string) []string {
	if app == service {
		return []string{"name", "birthdate", "address", "email"}
	}
	return []string{"name"}
}

func required(_ kernel.TenantID, app string) []string {
	if app == service {
		return []string{"name", "birthdate", "address"}
	}
	return []string{"name"}
}

// purposeful is a house whose mini-apps ask for what they have a purpose for; its issuer gives all it holds, whatever it was
// asked for.
func purposeful(t *testing.T) *house {
	h := newHouse(t)
	h.rebuild(func(d *identity.Deps) { d.ClaimsFor, d.RequiredFor = purposes, required })
	h.citizens.Who.Claims["address"] = map[string]any{"street_address": "1 High Street", "locality": "Northwick"}
	return h
}

// asked is what the signed-in person would be answered who begins a case, and the claims that are missing.
func (b *browser) asked(app string) (slugs string, claims []string) {
	b.h.t.Helper()
	who := b.who("/whoami").Principal
	tenant := kernel.Tenant{ID: "northwick", Services: []string{service, other}}
	ctx := kernel.WithPrincipal(kernel.WithTenant(b.h.t.Context(), tenant), who)
	outside := b.h.identity.Asked(ctx, nil, app)
	var inside error
	if err := b.h.db.Read(ctx, "northwick", func(tx *pg.Tx) error {
		inside = b.h.identity.Asked(ctx, tx, app)
		return nil
	}); err != nil {
		b.h.t.Fatal(err)
	}
	if kernel.KindOf(inside) != kernel.KindOf(outside) || (inside == nil) != (outside == nil) {
		b.h.t.Errorf("asked in a transaction: %v, outside: %v", inside, outside)
	}
	if outside == nil {
		return "", nil
	}
	e := kernel.AsError(outside)
	if e.Kind != kernel.Consent || e.App != app {
		b.h.t.Errorf("%v of kind %d for %q", e, e.Kind, e.App)
	}
	for _, f := range e.Fields {
		claims = append(claims, f.Path)
	}
	return e.Slug, claims
}

// knownTo lists the claims of the signed-in person that a service sees.
func (b *browser) knownTo(app string) (names []string) {
	b.h.t.Helper()
	id := b.who("/whoami").Person
	if err := b.h.db.Read(b.h.t.Context(), "northwick", func(tx *pg.Tx) error {
		p, err := b.h.identity.Person(b.h.t.Context(), tx, id, app)
		for name := range p.Claims {
			names = append(names, name)
		}
		return err
	}); err != nil {
		b.h.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

var (
	everybody = []string{"family_name", "given_name", "locale", "name"}
	certified = []string{"address.locality", "address.street_address", "birthdate", "family_name", "given_name", "locale", "name"}
)

func TestWhatOneMiniAppWasGivenIsNotThereForAnother(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	b := h.browser()
	b.signIn("/sign-in?app=" + other)
	if got := b.knownTo(other); !slices.Equal(got, everybody) {
		t.Errorf("the mini-app that asks for a name knows %v", got)
	}
	if got := b.knownTo(service); len(got) != 0 {
		t.Errorf("the mini-app that asked for nothing knows %v", got)
	}
	if got := b.knownTo(""); !slices.Equal(got, everybody) {
		t.Errorf("no mini-app at all knows %v", got)
	}
	var kept string
	if err := h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.Get(&kept, `SELECT claims::text FROM identity.person WHERE tenant_id = 'northwick' AND claims ?| '{birthdate,address.locality}' UNION ALL SELECT '' LIMIT 1`)
	}); err != nil || kept != "" {
		t.Errorf("kept what nobody has a purpose for: %s %v", kept, err)
	}

	slug, claims := b.asked(service)
	if slug != "claims-not-asked" || !slices.Equal(claims, []string{"claims.name", "claims.birthdate", "claims.address"}) {
		t.Fatalf("begins with %q, without %v", slug, claims)
	}
	// Signed in strongly enough, and still sent to the issuer, by the client of the mini-app that asks.
	start := "/sign-in?return=%2Fapps%2F" + service + "%2Fstart"
	a := b.signIn(start)
	if a.to() != "/apps/"+service+"/start" || h.citizens.Asked.Get("client_id") != client {
		t.Fatalf("back at %q, asked by %q", a.to(), h.citizens.Asked.Get("client_id"))
	}
	if slug, _ := b.asked(service); slug != "" {
		t.Errorf("after the sign-in: %s", slug)
	}
	if got := b.knownTo(service); !slices.Equal(got, certified) {
		t.Errorf("the certificate knows %v", got)
	}
	if got := b.knownTo(other); !slices.Equal(got, everybody) {
		t.Errorf("what the certificate was given reached the doctor: %v", got)
	}
	if a := b.get(start); a.to() != "/apps/"+service+"/start" {
		t.Errorf("asked twice: to %q", a.to())
	}

	// A sign-in for less takes nothing from the other, and opens nothing to the one that asked for less.
	h.citizens.Who.Claims = map[string]any{"name": "Anna Whitfield-Moss", "locale": "en-GB"}
	stranger := h.browser()
	stranger.signIn("/sign-in?app=" + other)
	if got := stranger.knownTo(service); !slices.Equal(got, certified) {
		t.Errorf("after a later sign-in for less the certificate knows %v", got)
	}
	// What the person no longer agrees to is gone from where they were asked, and from nowhere else.
	stranger.cookies = map[string]string{}
	stranger.signIn("/sign-in?app=" + service)
	if got := stranger.knownTo(service); !slices.Equal(got, []string{"locale", "name"}) {
		t.Errorf("after agreeing to less the certificate knows %v", got)
	}
}

func TestNobodyIsSentRoundForWhatTheIssuerDoesNotHold(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	delete(h.citizens.Who.Claims, "address")
	delete(h.citizens.Who.Claims, "birthdate")
	b := h.browser()
	b.signIn("/sign-in?app=" + other)
	start := "/sign-in?return=%2Fapps%2F" + service + "%2Fstart"
	b.signIn(start)
	if slug, claims := b.asked(service); slug != "" {
		t.Errorf("%s %v", slug, claims)
	}
	if a := b.get(start); a.to() != "/apps/"+service+"/start" {
		t.Errorf("sent round again, to %q", a.to())
	}
	// The way to another page of the municipality asks for nothing.
	if a := b.get("/sign-in?return=%2Fcases%2F1"); a.to() != "/cases/1" {
		t.Errorf("the way to a case leads to %q", a.to())
	}
}

func TestTheSignInForAMiniAppEndsAtItsStart(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	if a := h.browser().signIn("/sign-in?app=" + service); a.to() != "/apps/"+service {
		t.Errorf("landed on %q", a.to())
	}
}

// A mini-app that no host lists has no client to ask with: its testers come through another one, and what that was given is
// what they have.
func TestAMiniAppWithoutAClientAsksForWhatAnotherOneMay(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	h.rebuild(func(d *identity.Deps) {
		d.Hosted = func(_ context.Context, _ kernel.Tx, app string) bool { return app == other }
	})
	b := h.browser()
	b.signIn("/sign-in?app=" + service)
	if got := h.citizens.Asked.Get("client_id"); got != "northwick."+other {
		t.Fatalf("asked by %q", got)
	}
	if slug, claims := b.asked(service); slug != "" {
		t.Errorf("sent round for what its client may not ask for: %s %v", slug, claims)
	}
	if got := b.knownTo(service); !slices.Equal(got, everybody) {
		t.Errorf("testers are known by %v", got)
	}
}

// Programs, staff and strangers are not asked; a citizen who came with a token only is, since a token gives us no claims.
func TestWhoIsAskedBeforeACaseBegins(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	ctx := kernel.WithTenant(t.Context(), kernel.Tenant{ID: "northwick", Services: []string{service}})
	for _, kind := range []kernel.PrincipalKind{kernel.Anonymous, kernel.Staff, kernel.Integrator, kernel.Host, kernel.System} {
		who := kernel.Principal{Kind: kind, Tenant: "northwick", Person: kernel.PersonID(kernel.NewID())}
		if err := h.identity.Asked(kernel.WithPrincipal(ctx, who), nil, service); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	header, claims := h.citizens.AccessToken(civic, "anna", client, "")
	r, err := http.NewRequest(http.MethodGet, civic+"/who", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+identitytest.Sign(h.citizens.Keys[0], header, claims))
	who, err := h.identity.Bearer(r.WithContext(ctx), civic)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.identity.Asked(kernel.WithPrincipal(ctx, who), nil, service); kernel.KindOf(err) != kernel.Consent {
		t.Errorf("with a token alone: %v", err)
	}
}

// What was given before anybody wrote down for which mini-app: the cases that ran then go on with it, and no new one begins.
func TestWhatWasGivenBeforeItWasWrittenDownStaysWithWhatRuns(t *testing.T) {
	t.Parallel()
	h := purposeful(t)
	b := h.browser()
	b.signIn("/sign-in?app=" + service)
	if err := h.db.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE identity.consent SET app = '', asked = '[]' WHERE tenant_id = 'northwick'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := b.knownTo(service); !slices.Equal(got, certified) {
		t.Errorf("a case that runs knows %v", got)
	}
	if slug, _ := b.asked(service); slug != "claims-not-asked" {
		t.Errorf("a new case begins with %q", slug)
	}
	b.signIn("/sign-in?return=%2Fapps%2F" + other)
	if got := b.knownTo(other); !slices.Equal(got, everybody) {
		t.Errorf("once asked, the doctor knows %v", got)
	}
	if got := b.knownTo(service); !slices.Equal(got, certified) {
		t.Errorf("a sign-in for another mini-app took from a case that runs: %v", got)
	}
}
