package ui

import (
	"net/http"
	"strconv"
	"strings"
)

// SecurityHeaders sets the headers every answer carries: a Content-Security-Policy that allows nothing but our own
// stylesheet, script and images, no framing (nobody may draw over a declaration), no sniffing, no powerful features.
func SecurityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy())
	commonHeaders(h)
}

// AllowForms lets forms lead to further origins: browsers apply form-action to the redirect after a POST, too, and
// a sign-in that a form starts ends at the issuer.
func AllowForms(h http.Header, origins ...string) {
	h.Set("Content-Security-Policy", policy(origins...))
}

func policy(formTargets ...string) string {
	forms := strings.Join(append([]string{"'self'"}, formTargets...), " ")
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; form-action " + forms + "; base-uri 'none'; frame-ancestors 'none'"
}

func commonHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Our own pages may see where a request came from (back to the page after signing in), nobody else.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	// Ignored over clear-text http (RFC 6797 §8.1), so it does no harm on a developer's machine.
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
}

func itoa(n int) string { return strconv.Itoa(n) }
