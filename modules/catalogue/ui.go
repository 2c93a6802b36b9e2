package catalogue

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// manifests serves what a host reads to list the municipality's mini-apps. It is the same for everybody.
func (s *Service) manifests(w http.ResponseWriter, r *http.Request) error {
	t := kernel.TenantOf(r.Context())
	list, err := s.shown(r.Context(), t, s.list(t, kernel.Locales[0]))
	if err != nil {
		return err
	}
	list, err = s.prove(r.Context(), t, list...)
	if err != nil {
		return err
	}
	return writeJSON(w, r, struct {
		MiniApps []Manifest `json:"miniapps"`
	}{list})
}

// sector serves the list sector_identifier_uri promises (OpenID Connect Core §8.1).
func (s *Service) sector(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, r, sectorOf(kernel.TenantOf(r.Context())))
}

// icon draws the mini-app's icon in the municipality's colour.
func (s *Service) icon(w http.ResponseWriter, r *http.Request) error {
	t := kernel.TenantOf(r.Context())
	m, err := s.find(t, r.PathValue("app"), kernel.Locales[0])
	if err != nil {
		return err
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // a host shows it on its own pages
	writeCached(w, r, "image/svg+xml", 3600, iconOf(m.Townhall.Category, t.Colour))
	return nil
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("catalogue: encode: %w", err)
	}
	w.Header().Set("Access-Control-Allow-Origin", "*") // public, and the same for everybody
	writeCached(w, r, "application/json", 60, append(body, '\n'))
	return nil
}

// writeCached answers with a strong ETag; ServeContent answers If-None-Match with 304 (RFC 9110 §13.1.2).
func writeCached(w http.ResponseWriter, r *http.Request, kind string, seconds int, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", seconds))
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:18])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

type goView struct {
	Name, Summary, Agency string
	Level                 string
	Wallets               []ui.Button
	Browser               ui.Button
	Closed                *ui.Notice // nobody can begin at present
}

// goPage is where QR codes, shared and nearby links lead (LAUNCH.md): it names a thing, never a person, and lets the
// citizen choose how to go on. ref is an opaque resource reference and is passed on as it is.
func (s *Service) goPage(w http.ResponseWriter, r *http.Request) error {
	return s.showGo(w, r, r.PathValue("app"), r.PathValue("page"), r.URL.Query().Get("ref"), "")
}

// sharedPage is where a link leads that somebody was sent. One that has ended says so, and still names the service.
func (s *Service) sharedPage(w http.ResponseWriter, r *http.Request) error {
	t := kernel.TenantOf(r.Context())
	l, err := readShare(s.shareKey, t.ID, r.PathValue("token"), s.deps.Clock.Now())
	if errors.Is(err, errShareEnded) {
		return s.showEnded(w, r, l)
	}
	if err != nil {
		return err
	}
	return s.showGo(w, r, l.App, l.Page, l.Ref, t.Origin+r.URL.Path)
}

// showEnded tells that a shared link has ended. NotFound when the service is held back by now: it is not named.
func (s *Service) showEnded(w http.ResponseWriter, r *http.Request, l Shared) error {
	t, locale := kernel.TenantOf(r.Context()), kernel.LocaleOf(r.Context())
	m, err := s.find(t, l.App, locale)
	if err == nil {
		m, err = s.shownOne(r.Context(), t, m)
	}
	if err != nil {
		return err
	}
	v := endedView{Why: s.deps.Texts.T(locale, "catalogue.share.ended", "day", ui.Date(locale, t.Location(), l.Expires)),
		Now: []ui.Button{{Label: s.deps.Texts.T(locale, "catalogue.share.now", "service", m.Name), Href: "/go/" + m.AppID}}}
	return s.deps.Shell.Render(w, r, s.views, "share-ended", ui.View{Status: http.StatusGone, Title: s.deps.Texts.T(locale, "catalogue.share.ended-title"), Data: v, Active: "services"})
}

type endedView struct {
	Why string
	Now []ui.Button
}

// showGo shows the neutral page; a wallet is given the shared link when there is one, so that it knows how its citizen came.
func (s *Service) showGo(w http.ResponseWriter, r *http.Request, app, page, ref, shared string) error {
	t, locale := kernel.TenantOf(r.Context()), kernel.LocaleOf(r.Context())
	m, err := s.find(t, app, locale)
	if err != nil {
		return err
	}
	standing, err := s.Standing(r.Context(), nil, m.AppID)
	if err != nil {
		return err
	}
	if !standing.Listed && standing.Closed == "" {
		return kernel.NotThere("mini-app")
	}
	target, link, ok := targetOf(m, page, ref)
	if !ok {
		return kernel.NotThere("page of a mini-app")
	}
	if link = t.Origin + link; shared != "" {
		link = shared
	}
	say := func(key string, args ...any) string { return s.deps.Texts.T(locale, key, args...) }
	v := goView{
		Name: m.Name, Summary: m.Description, Agency: kernel.Text(m.Townhall.Agency).In(locale),
		Level:   say("catalogue.level." + m.Townhall.Services[0].Level),
		Browser: ui.Button{Label: say("catalogue.go.browser"), Href: target, Tone: "secondary"},
	}
	if standing.Closed != "" {
		v.Closed = &ui.Notice{Tone: ui.Warning, Title: say("catalogue.closed"), Body: standing.Closed}
	}
	for _, wallet := range s.deps.Config.Wallets {
		v.Wallets = append(v.Wallets, ui.Button{
			Label: say("catalogue.go.wallet", "wallet", wallet.Name.In(locale)), Href: wallet.fill(m.Townhall.ClientID, target, link),
		})
	}
	return s.deps.Shell.Render(w, r, s.views, "go", ui.View{App: m.AppID, Title: m.Name, Lead: m.Description, Data: v, Active: "services"})
}

// targetOf is the page a deep link means: the mini-app's start page, or one of those its manifest names; false when it is
// none of them. It comes with the link's own path and query, rebuilt from what was checked.
func targetOf(m Manifest, page, ref string) (target, link string, ok bool) {
	target, link = "/"+m.Pages[0], "/go/"+m.AppID
	if page != "" {
		target, link = "/"+page, link+"/"+page
		ok = slices.ContainsFunc(m.Pages, func(p string) bool { return page == p || strings.HasPrefix(page, p+"/") })
		if !ok {
			return "", "", false
		}
	}
	if ref != "" {
		if !reference.MatchString(ref) {
			return "", "", false
		}
		target, link = target+"?ref="+ref, link+"?ref="+ref
	}
	return target, link, localTarget(target)
}
