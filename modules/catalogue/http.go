package catalogue

import (
	"cmp"
	"context"
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

const contractText = "For host wallets: what this municipality offers as mini-apps, and the address that launches one. No operation needs a token. Names and descriptions come in the language of the parameter lang. " +
	"A launch link names a resource and carries no identity; the host appends its own single-use ticket as the parameter launch."

// LangParam selects the language of name and description; every language is always there in the *_localized members.
type LangParam struct {
	Lang string `query:"lang" enum:"en,ru,zh" default:"en" example:"en" doc:"Language of name, short_name and description."`
}

type miniAppsInput struct {
	LangParam
	Category string `query:"category" maxLength:"64" pattern:"^[a-z0-9-]*$" example:"certificates" doc:"Only mini-apps of this category."`
	Query    string `query:"q" maxLength:"100" example:"residence" doc:"Words in any of the languages, also others for the same thing; misspellings are forgiven. Without a letter or digit it counts as absent."`
}

type miniAppsOutput struct {
	CacheControl string `header:"Cache-Control" example:"public, max-age=60" doc:"How long the list may be kept."`
	Body         struct {
		MiniApps []Manifest `json:"miniapps" maxItems:"1000" doc:"The best match first, at most 25; without a query, in the municipality's order."`
	}
}

type miniAppInput struct {
	LangParam
	App string `path:"app_id" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$" example:"residence-certificate" doc:"The mini-app's app_id."`
}

type miniAppOutput struct {
	CacheControl string `header:"Cache-Control" example:"public, max-age=60" doc:"How long the manifest may be kept."`
	Body         Manifest
}

type launchLinkInput struct {
	Body struct {
		App     string `json:"app_id" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$" example:"residence-certificate" doc:"The mini-app to launch."`
		Issuer  string `json:"iss,omitempty" maxLength:"255" example:"https://wallet.example" doc:"The issuer the citizen signs in at; absent means this municipality's first one."`
		Target  string `json:"target,omitempty" maxLength:"1000" example:"/apps/residence-certificate" doc:"Local path to arrive at; absent means the mini-app's start page."`
		Channel string `json:"channel,omitempty" enum:"list,search,qr,share,recents,nearby,push" example:"list" doc:"How the citizen came; bind it to the ticket."`
		Locale  string `json:"locale,omitempty" enum:"en,ru,zh" example:"en" doc:"Language to continue in."`
	}
}

type launchLinkOutput struct {
	Body LaunchLink
}

// LaunchLink is a launch link.
type LaunchLink struct {
	InitiateLoginURI string       `json:"initiate_login_uri" format:"uri" example:"https://northwick.example/apps/residence-certificate/launch?iss=https%3A%2F%2Fwallet.example&target_link_uri=https%3A%2F%2Fnorthwick.example%2Fapps%2Fresidence-certificate" doc:"Open this at top level, never in a frame, after appending launch=<ticket>."`
	Ticket           LaunchTicket `json:"ticket" doc:"What to bind the ticket to."`
}

// LaunchTicket is what the host's ticket must be bound to, besides its own session.
type LaunchTicket struct {
	ClientID string `json:"client_id" example:"northwick.residence-certificate" doc:"The only client the ticket may be redeemed by."`
	Service  string `json:"service" example:"residence-certificate" doc:"Launch context: the service."`
	Target   string `json:"target" example:"/apps/residence-certificate" doc:"Launch context: the local path."`
	Channel  string `json:"channel,omitempty" example:"list" doc:"Launch context: how the citizen came."`
}

var contractTags = map[string]string{
	"Launch":    "Opening a mini-app: the address that begins a sign-in.",
	"Ways in":   "Places nearby and links to share: how people come to a mini-app besides the list.",
	"Log":       "The append-only log of what was published as a manifest: what a host checks, so that nobody between the agency and the citizen can change a mini-app unnoticed.",
	"Mini-apps": "What this municipality offers, as a host shows it in its list and its search.",
}

const cacheFor = "public, max-age=60"

func (s *Service) register(api *web.API) {
	tags := []string{"Mini-apps"}
	web.Register(api, web.Op{
		ID: "list-miniapps", Method: http.MethodGet, Path: "/miniapps", Tags: tags, Policy: web.Public,
		Summary: "List or search the mini-apps", Returns: "The mini-apps found.",
		Description: "W3C MiniApp manifests of what this municipality offers, each with the member townhall, which holds what a host needs beyond the standard: " +
			"registration data, assurance level, purposes, retention, and the publication that proves the English form (lang=en).",
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound},
	}, s.listOp)
	web.Register(api, web.Op{
		ID: "get-miniapp", Method: http.MethodGet, Path: "/miniapps/{app_id}", Tags: tags, Policy: web.Public,
		Summary: "Get one mini-app", Returns: "The manifest.", Description: "The manifest of one mini-app. 404 when this municipality does not offer it.",
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound},
	}, s.oneOp)
	web.Register(api, web.Op{
		ID: "create-launch-link", Method: http.MethodPost, Path: "/launch-links", Tags: []string{"Launch"}, Policy: web.Public,
		Summary: "Make a launch link", Returns: "The link, and what to bind the ticket to.",
		Description: "Checks issuer and target and returns the address that starts a sign-in (OpenID Connect Core §4). It stores nothing, signs nobody in " +
			"and holds no personal data, so it needs no Idempotency-Key. 404 when this municipality does not offer the mini-app.",
		Errors:  []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		MaxBody: 8 << 10,
	}, s.linkOp)
	s.registerWays(api)
	s.registerLog(api)
}

func (s *Service) listOp(ctx context.Context, in *miniAppsInput) (*miniAppsOutput, error) {
	t := kernel.TenantOf(ctx)
	out := &miniAppsOutput{CacheControl: cacheFor}
	var err error
	out.Body.MiniApps, err = s.search(ctx, t, in.Category, in.Query, in.Lang)
	if err != nil {
		return nil, err
	}
	if out.Body.MiniApps, err = s.shown(ctx, t, out.Body.MiniApps); err != nil {
		return nil, err
	}
	out.Body.MiniApps, err = s.prove(ctx, t, out.Body.MiniApps...)
	return out, err
}

func (s *Service) oneOp(ctx context.Context, in *miniAppInput) (*miniAppOutput, error) {
	t := kernel.TenantOf(ctx)
	m, err := s.find(t, in.App, in.Lang)
	if err == nil {
		m, err = s.shownOne(ctx, t, m)
	}
	if err != nil {
		return nil, err
	}
	proven, err := s.prove(ctx, t, m)
	if err != nil || len(proven) == 0 {
		return nil, cmp.Or(err, error(kernel.NotThere("mini-app")))
	}
	return &miniAppOutput{CacheControl: cacheFor, Body: proven[0]}, nil
}

func (s *Service) linkOp(ctx context.Context, in *launchLinkInput) (*launchLinkOutput, error) {
	t := kernel.TenantOf(ctx)
	m, err := s.find(t, in.Body.App, kernel.LocaleOf(ctx))
	if err == nil {
		m, err = s.shownOne(ctx, t, m) // what is paused or has ended is still opened for cases that run
	}
	if err != nil {
		return nil, err
	}
	l, err := m.launch(Link{in.Body.Issuer, in.Body.Target, in.Body.Channel, in.Body.Locale}, s.deps.Config.Issuers)
	if err != nil {
		return nil, err
	}
	return &launchLinkOutput{LaunchLink{l.URI, LaunchTicket{l.ClientID, m.AppID, l.Target, l.Channel}}}, nil
}
