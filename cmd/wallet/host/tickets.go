package host

import (
	"context"
	"net/url"
	"slices"
	"time"

	"townhall/modules/kernel"
)

// ticket is what a launch ticket stands for. It selects what is opened and how the person came; it authorises
// nothing and signs nobody in.
type ticket struct {
	ClientID   string
	Session    string // the host session it was minted in
	Service    string
	Target     string
	Channel    string
	OnBehalfOf string
	Locale     string
}

const ticketLife = 60 * time.Second

// channels are the ways a person can reach a mini-app.
var channels = []string{"list", "search", "qr", "share", "recents", "nearby", "push"}

// mint makes a ticket: 192 random bits, 60 seconds, one presentation.
func (w *Wallet) mint(t ticket) string { return w.tickets.put(t, ticketLife) }

// burn ends a ticket at any presentation, whoever presents it, and returns what it stood for.
func (w *Wallet) burn(secret string) (ticket, bool) { return w.tickets.take(secret) }

// launchURL is where the host sends the browser, top level: the mini-app's own initiate_login_uri (OIDC Core §4).
// It holds no identity, no token and no personal data.
func (w *Wallet) launchURL(a App, s session, target, channel, locale string) string {
	service := a.AppID
	if len(a.Services) > 0 {
		service = a.Services[0].ID
	}
	secret := w.mint(ticket{ClientID: a.Client.ID, Session: s.ID, Service: service, Target: target, Channel: channel, Locale: locale})
	return withQuery(a.InitiateLoginURI, url.Values{
		"iss": {w.citizens.issuer}, "target_link_uri": {target}, "launch": {secret}, "ui_locales": {locale},
	})
}

// launchable finds the app and checks what the page asked for. An unknown channel counts as "list".
func (w *Wallet) launchable(ctx context.Context, client, target, channel string) (App, string, string, bool) {
	a, ok := w.book.app(ctx, client)
	if !ok {
		return App{}, "", "", false
	}
	if target == "" {
		target = "/apps/" + a.AppID
	}
	if !slices.Contains(channels, channel) {
		channel = "list"
	}
	return a, target, channel, localPath(target)
}

// withQuery adds parameters to an address that may have some.
func withQuery(address string, more url.Values) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // registered addresses were parsed when the catalogue was read
	}
	q := u.Query()
	for k, v := range more {
		q[k] = v
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// localeIn picks one of our languages from a BCP 47 list (ui_locales, Accept-Language), or "".
func localeIn(tags []string) string {
	for _, t := range tags {
		if b := base(t); slices.Contains(kernel.Locales, b) {
			return b
		}
	}
	return ""
}
