package catalogue

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

type nearbyInput struct {
	LangParam
	Body struct {
		Latitude  float64 `json:"latitude" minimum:"-90" maximum:"90" example:"54.978" doc:"Where somebody stands, in degrees (WGS 84). It is used for the answer and kept nowhere."`
		Longitude float64 `json:"longitude" minimum:"-180" maximum:"180" example:"-1.61" doc:"Where somebody stands, in degrees (WGS 84)."`
		Within    int     `json:"within,omitempty" minimum:"1" maximum:"50000" default:"2000" example:"2000" doc:"No further away than so many metres."`
		Limit     int     `json:"limit,omitempty" minimum:"1" maximum:"50" default:"20" example:"20" doc:"At most so many places."`
	}
}

type nearbyOutput struct {
	CacheControl string `header:"Cache-Control" example:"no-store" doc:"Nobody keeps who stood where."`
	Body         struct {
		Places []NearbyPlace `json:"places" maxItems:"50" doc:"The nearest first."`
	}
}

// NearbyPlace is one place at which services are used.
type NearbyPlace struct {
	Name      string   `json:"name" example:"Harbour Health Centre" doc:"What it is called, in the language asked for."`
	Address   string   `json:"address,omitempty" example:"3 Quay Street, NW7 4RS, Northwick" doc:"On one line; absent when there is none."`
	Agency    string   `json:"agency" example:"Harbour Health Centre" doc:"Who runs it."`
	Latitude  float64  `json:"latitude" minimum:"-90" maximum:"90" example:"54.98" doc:"Where the place is, in degrees (WGS 84)."`
	Longitude float64  `json:"longitude" minimum:"-180" maximum:"180" example:"-1.6" doc:"Where the place is, in degrees (WGS 84)."`
	Metres    int      `json:"metres" minimum:"0" example:"350" doc:"How far it is as the crow flies, to ten metres, beyond a kilometre to a hundred."`
	Apps      []string `json:"apps" minItems:"1" maxItems:"100" example:"[\"doctor-appointment\"]" doc:"app_id of the mini-apps used there, the most usual one first."`
	Ref       string   `json:"ref,omitempty" maxLength:"64" example:"01a22c65-31f8-74d6-bd2d-b3768ad0a2e9" doc:"Names the place to the mini-app: open /apps/{app_id}?ref={ref} with the channel nearby. Absent when it does not ask where."`
}

type shareInput struct {
	Body struct {
		App  string `json:"app_id" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$" example:"residence-certificate" doc:"The mini-app to share."`
		Page string `json:"page,omitempty" maxLength:"300" example:"apps/residence-certificate" doc:"One of the manifest's pages, or below one; absent means its start page."`
		Ref  string `json:"ref,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]{0,64}$" example:"01a22c65-31f8-74d6-bd2d-b3768ad0a2e9" doc:"An opaque reference of a thing, such as a place; never of a person."`
		Days int    `json:"days,omitempty" minimum:"1" maximum:"90" default:"30" example:"30" doc:"How long the link leads there."`
	}
}

type shareOutput struct {
	Body SharedLink
}

// SharedLink is a link that somebody sends to somebody else.
type SharedLink struct {
	URI       string    `json:"uri" format:"uri" example:"https://northwick.example/s/AQGqoR5yZXNpZGVuY2UtY2VydGlmaWNhdGUKCnVxm5b3r2bQb0O6Yt2Pq1Y" doc:"Send this. It leads to a page that lets everybody choose how to go on."`
	App       string    `json:"app_id" example:"residence-certificate" doc:"The mini-app."`
	Target    string    `json:"target" example:"/apps/residence-certificate" doc:"Local path to arrive at; launch it with the channel share."`
	ExpiresAt time.Time `json:"expires_at" doc:"From then on it leads nowhere."`
}

type sharedInput struct {
	Token string `path:"token" maxLength:"700" pattern:"^[A-Za-z0-9_-]+$" example:"AQGqoR5yZXNpZGVuY2UtY2VydGlmaWNhdGUKCnVxm5b3r2bQb0O6Yt2Pq1Y" doc:"The last part of the link's path."`
}

func (s *Service) registerWays(api *web.API) {
	web.Register(api, web.Op{
		ID: "find-nearby", Method: http.MethodPost, Path: "/nearby", Tags: []string{"Ways in"}, Policy: web.Public,
		Summary: "Find service points nearby", Returns: "The places.",
		Description: "Clinics, stops and offices around a position, with the mini-apps used there. The position comes in the body, so that no log of addresses holds it; it is used for this answer and forgotten.",
		Errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, MaxBody: 4 << 10,
	}, s.nearbyOp)
	web.Register(api, web.Op{
		ID: "create-share-link", Method: http.MethodPost, Path: "/share-links", Tags: []string{"Ways in"}, Policy: web.Public,
		Summary: "Make a link to share", Returns: "The link and what it leads to.",
		Description: "A short link to a page of a mini-app that anybody may open, and that ends. It is signed, names no person and stores nothing, so it needs no Idempotency-Key.",
		Errors:      []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, MaxBody: 4 << 10,
	}, s.shareLinkOp)
	web.Register(api, web.Op{
		ID: "get-share-link", Method: http.MethodGet, Path: "/share-links/{token}", Tags: []string{"Ways in"}, Policy: web.Public,
		Summary: "Read a shared link", Returns: "What it leads to.",
		Description: "For a host whose citizen was sent a link. 404 `share-ended` when its time is over, `share-unknown` when it is none of this municipality's or was changed on the way.",
	}, s.sharedLinkOp)
}

func (s *Service) nearbyOp(ctx context.Context, in *nearbyInput) (*nearbyOutput, error) {
	n := kernel.Nearby{At: kernel.Position{Latitude: in.Body.Latitude, Longitude: in.Body.Longitude}, Metres: float64(in.Body.Within), Limit: in.Body.Limit}
	found, err := s.Nearby(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &nearbyOutput{CacheControl: "no-store"}
	out.Body.Places = []NearbyPlace{}
	for _, p := range found {
		one := NearbyPlace{Name: p.Name.In(in.Lang), Address: p.Address, Latitude: p.Latitude, Longitude: p.Longitude, Metres: roundMetres(p.Metres), Apps: p.Apps, Ref: p.Ref}
		if a, ok := s.deps.Directory.Agency(kernel.TenantOf(ctx).ID, p.Agency); ok {
			one.Agency = a.Name.In(in.Lang)
		}
		out.Body.Places = append(out.Body.Places, one)
	}
	return out, nil
}

func (s *Service) shareLinkOp(ctx context.Context, in *shareInput) (*shareOutput, error) {
	l := Shared{App: in.Body.App, Page: in.Body.Page, Ref: in.Body.Ref, Expires: s.deps.Clock.Now().AddDate(0, 0, in.Body.Days)}
	out, err := s.share(ctx, l)
	return &shareOutput{out}, err
}

func (s *Service) sharedLinkOp(ctx context.Context, in *sharedInput) (*shareOutput, error) {
	l, err := readShare(s.shareKey, kernel.TenantOf(ctx).ID, in.Token, s.deps.Clock.Now())
	if err != nil {
		return nil, err
	}
	out, err := s.share(ctx, l)
	return &shareOutput{out}, err
}

// share says what a link leads to. NotFound when the municipality does not offer the mini-app (any more), or it has no such page.
func (s *Service) share(ctx context.Context, l Shared) (SharedLink, error) {
	t := kernel.TenantOf(ctx)
	m, err := s.find(t, l.App, kernel.LocaleOf(ctx))
	if err == nil {
		m, err = s.shownOne(ctx, t, m)
	}
	if err != nil {
		return SharedLink{}, err
	}
	target, _, ok := targetOf(m, l.Page, l.Ref)
	if !ok {
		return SharedLink{}, kernel.InvalidFields(kernel.FieldError{Path: "body.page", Slug: "field.not-a-page", Message: "This mini-app has no such page."})
	}
	l.Expires = l.Expires.UTC().Truncate(time.Minute)
	return SharedLink{URI: t.Origin + "/s/" + l.token(s.shareKey, t.ID), App: l.App, Target: target, ExpiresAt: l.Expires}, nil
}
