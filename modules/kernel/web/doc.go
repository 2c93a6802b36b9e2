// Package web is the one way in: it sets huma up, finds the municipality, the language and the person of a
// request, checks the policy of the operation, and turns every kernel.Error into problem+json (RFC 9457) or an
// error page. Modules hand it Contracts (huma operations) and Pages (plain handlers); both carry a Policy, and a
// server with an operation that has none refuses to start.
package web
