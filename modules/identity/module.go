// Package identity is the relying party and the token checker. It turns an OpenID Connect sign-in into a session of
// ours, an RFC 9068 access token into a principal, and knows the people behind both.
//
// Purpose. The launch of a mini-app by a host wallet (OpenID Connect third-party-initiated login, Core §4), sign-in from
// a plain browser, step-up (RFC 9470), sign-out on both sides, the staff's own sign-in, and the check of every bearer
// token. No token ever reaches a page: the browser holds the random name of a session, kept here as its SHA-256.
//
// States. A login (identity.login) is pending until its one use or its end after ten minutes. A session
// (identity.session) is open until sign-out, back-channel logout, idleness or its absolute end.
//
// Issuers. Those of the configuration are there from the start. Partners of a municipality set up sign-ins of their own staff
// while the server runs; those are of that municipality alone, and nothing of them outlives their place on the list.
//
// Consent. One session covers all mini-apps of a municipality; what an issuer gives does not: it is asked through the client of
// one mini-app, for that one's purposes, and the person agrees to those. So identity.consent keeps, for each person and mini-app,
// the names of the claims that were asked for and of those that were given; the values are the person's, as the issuer last vouched
// for them. A service sees what it was given and nothing else. Whoever begins a case of a service whose required claims were never
// asked for is sent through the sign-in of its own client, once: what was asked for and not given, the issuer does not hold, and
// asking again would not change it. The names are replaced by each sign-in of that mini-app: what a person no longer agrees to is
// gone from it, and no other loses anything. A mini-app that no host lists has no client; its testers sign in through another one,
// and what that was given is what they can test with. Rows of no mini-app (”) tell what was given before this was kept: the cases
// that ran then go on with it, and no new one begins with it.
//
// Offers. kernel.People; kernel.SignInTester; web.Authenticator; LaunchOf and Channel, which say how the citizen came.
// Uses. kernel.Directory for the municipalities, kernel.Audit for openings and closings of sessions.
package identity

import (
	"context"
	"log/slog"
	"net"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// Deps is what identity needs from the others.
type Deps struct {
	DB        *pg.DB
	Directory kernel.Directory
	Clock     kernel.Clock // nil: the machine's
	Log       *slog.Logger // nil: nothing is logged
	Audit     kernel.Audit // nil: sessions are not recorded
	Config    Config

	// StaffIssuers lists the sign-ins a municipality's partners have set up; asked at every sign-in and every request of staff,
	// so it answers from memory. nil: none.
	StaffIssuers func(kernel.TenantID) []kernel.StaffIssuer
	Resolver     *net.Resolver // looks up where those are; nil: the machine's

	// Texts and Staff draw the page that asks staff whom they work for; nil: whoever has several issuers gets the first.
	Texts *ui.Texts
	Staff ui.Shell

	// Dial opens connections to the configured issuers; nil means kernel.DialLoopbackNames.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// LevelFor says how strong and how fresh a sign-in the start of a service needs; 0 = any age. nil: no level.
	LevelFor func(tenant kernel.TenantID, app string) (kernel.Level, time.Duration)

	// ClaimsFor lists the OIDC claims (Core §5.1) a service has a purpose for; nil, or an empty answer: name only.
	ClaimsFor func(tenant kernel.TenantID, app string) []string

	// RequiredFor lists those of ClaimsFor that a case of the service cannot begin without; nil: none.
	RequiredFor func(tenant kernel.TenantID, app string) []string

	// Hosted reports whether hosts list a mini-app of the request's municipality: only then do they know its client. nil: they list all.
	// tx is the caller's, or nil outside of one.
	Hosted func(ctx context.Context, tx kernel.Tx, app string) bool
}
