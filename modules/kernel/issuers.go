package kernel

import "context"

// StaffIssuer is the sign-in of a partner of a municipality, an agency or a licensed company, set up while the server runs.
// It speaks for staff of that municipality alone.
type StaffIssuer struct {
	ID   string // the partner's, for logs
	URL  string // the issuer identifier, compared byte for byte with iss; the municipality's own staff issuer, or one of the partner's
	Name Text   // whom the people work for, for the page that asks them

	// ACR maps the issuer's acr values to levels; a value that is not here is worth nothing. Of several partners at one URL the
	// first says it, and at the municipality's own issuer the installation does.
	ACR map[string]Level

	// Groups maps a member of the groups claim to roles. Groups of several partners at one URL add up.
	Groups map[string][]Grant
}

// Discovered is what an OpenID provider says it offers (OpenID Connect Discovery §3).
type Discovered struct {
	Ours        bool     // the municipality's own staff sign in there
	Issuer      string   // its name, the same as the address it was found at
	ACR         []string // acr_values_supported; empty when it does not say
	Algorithms  []string // of its ID tokens, those that are accepted here
	PAR         bool     // takes pushed authorization requests (RFC 9126)
	ClaimsParam bool     // takes the claims parameter (Core §5.5)
}

// SignInTester is offered by identity to whoever sets up a StaffIssuer.
type SignInTester interface {
	// TryIssuer asks the provider at url for its configuration and its keys, once, and says what it offers to the municipality
	// of ctx. It does not authorise: the call goes to where the caller says, though never into a private network. Errors:
	// Invalid, with the reason on the field "issuer_url".
	TryIssuer(ctx context.Context, url string) (Discovered, error)
}
