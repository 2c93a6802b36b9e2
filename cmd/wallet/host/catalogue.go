package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// App is one mini-app as its municipality describes it.
type App struct {
	Client
	AppID        string // W3C MiniApp app_id, e.g. "residence-certificate"
	Name         kernel.Text
	Description  kernel.Text
	Municipality kernel.Text
	Agency       kernel.Text
	Kind         kernel.BodyKind // of the agency; empty: not said
	Origin       string          // the municipality's
	Category     string
	Stage        string // release stage, e.g. "beta"; empty means released
	Closed       bool   // nobody can begin at present; Reason says why
	Reason       kernel.Text
	MinHost      string // oldest version of a host that can open it; empty: any
	Places       []string
	Pages        []string // the paths of its pages: what a code or a link may lead to is one of them, or below one
	Services     []Service
}

// Service is one thing a mini-app does.
type Service struct {
	ID            string
	Name          kernel.Text
	Level         kernel.Level
	MaxAge        time.Duration // 0: any age
	RetentionDays int
	Claims        []Claim
}

// Claim is one datum a mini-app asks for, and why.
type Claim struct {
	Name     string // OIDC Core §5.1; "address.locality" for one member
	Purpose  kernel.Text
	Optional bool
}

// Level is what the app's first service needs to begin.
func (a App) Level() kernel.Level {
	if len(a.Services) == 0 {
		return kernel.NoLevel
	}
	return a.Services[0].Level
}

// RetentionDays is the longest any service keeps the data.
func (a App) RetentionDays() int {
	days := 0
	for _, s := range a.Services {
		days = max(days, s.RetentionDays)
	}
	return days
}

// Version is this wallet's, which mini-apps may ask for.
const Version = "1.0"

// TooOld reports that the app needs a newer wallet. A version that cannot be read is no hindrance.
func (a App) TooOld() bool {
	need, ok := versionOf(a.MinHost)
	ours, _ := versionOf(Version)
	return ok && slices.Compare(ours, need) < 0
}

// Opens reports whether something new can be begun.
func (a App) Opens() bool { return !a.Closed && !a.TooOld() }

// versionOf reads numbers with dots between them; missing ones are 0.
func versionOf(s string) ([]int, bool) {
	if s == "" {
		return nil, false
	}
	parts := strings.Split(s, ".")
	out := make([]int, max(3, len(parts)))
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// catalogue reads the municipalities' lists. It keeps the last good one of each, so that a municipality which is
// away stays in the list, and asks again after freshFor.
type catalogue struct {
	origins []string
	http    *http.Client
	clock   kernel.Clock
	log     *slog.Logger

	mu    sync.Mutex
	lists map[string][]App
	gone  map[string]App // by client: not in a list any more, but cases of theirs may run
	read  map[string]time.Time
	keys  map[string]*remoteKeys
}

const (
	freshFor   = 15 * time.Second
	retryAfter = time.Second
)

// apps returns every mini-app, by municipality in the configured order.
func (c *catalogue) apps(ctx context.Context) []App {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh(ctx, freshFor)
	return c.all()
}

// app returns one mini-app by its client id. One that is not in the list yet makes the lists be read again.
func (c *catalogue) app(ctx context.Context, client string) (App, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh(ctx, freshFor)
	for range 2 {
		for _, a := range c.all() {
			if a.Client.ID == client {
				return a, true
			}
		}
		c.refresh(ctx, retryAfter)
	}
	a, ok := c.gone[client]
	a.Closed = true
	return a, ok
}

// former are the mini-apps that are in no list any more.
func (c *catalogue) former() (out []App) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.gone {
		out = append(out, a)
	}
	return out
}

// all joins the lists. A client id belongs to the first municipality that names it: a second one cannot take it over.
func (c *catalogue) all() []App {
	var out []App
	for _, o := range c.origins {
		for _, a := range c.lists[o] {
			if !slices.ContainsFunc(out, func(b App) bool { return b.Client.ID == a.Client.ID }) {
				out = append(out, a)
			}
		}
	}
	return out
}

// refresh reads the lists older than age; the caller holds the lock.
func (c *catalogue) refresh(ctx context.Context, age time.Duration) {
	if c.lists == nil {
		c.lists, c.read = map[string][]App{}, map[string]time.Time{}
	}
	now := c.clock.Now()
	for _, o := range c.origins {
		limit := age
		if len(c.lists[o]) == 0 {
			limit = min(age, retryAfter)
		}
		if last, ok := c.read[o]; ok && now.Sub(last) < limit {
			continue
		}
		c.read[o] = now
		apps, err := c.fetch(ctx, o)
		if err != nil {
			c.log.WarnContext(ctx, "catalogue not read", "origin", o, "error", err)
			continue
		}
		c.keep(o, apps)
	}
}

// keep takes a new list over. What is not in it any more is not shown; its client stays known, because people go on with what
// they have begun.
func (c *catalogue) keep(origin string, apps []App) {
	if c.gone == nil {
		c.gone = map[string]App{}
	}
	for _, a := range c.lists[origin] {
		c.gone[a.Client.ID] = a
	}
	for _, a := range apps {
		delete(c.gone, a.Client.ID)
	}
	c.lists[origin] = apps
}

func (c *catalogue) fetch(ctx context.Context, origin string) ([]App, error) {
	body, err := get(ctx, c.http, origin+"/.well-known/miniapps.json", 2<<20)
	if err != nil {
		return nil, err
	}
	list, err := parseCatalogue(body)
	if err != nil {
		return nil, err
	}
	var out []App
	for _, m := range list {
		a, err := m.app(origin)
		if err == nil {
			err = c.checkPublished(ctx, origin, m)
		}
		if errors.Is(err, errNoKeys) {
			return nil, err // the last good list stays
		}
		if err != nil {
			c.log.WarnContext(ctx, "mini-app refused", "origin", origin, "client", m.Townhall.ClientID, "error", err)
			continue
		}
		out = append(out, a)
	}
	return out, nil
}

// get fetches one small document.
func get(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: status %d", address, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("fetch %s: longer than %d bytes", address, limit)
	}
	return b, nil
}

// words reads a text in any of the forms manifests use: a string (English, unless the manifest's lang says
// otherwise), an object of language → string, or an object of language → {"value": string} (W3C Web App
// Manifest's *_localized members).
type words kernel.Text

func (w *words) UnmarshalJSON(b []byte) error {
	out := words{}
	var s string
	var plain map[string]json.RawMessage
	if json.Unmarshal(b, &s) == nil {
		out[""] = s
	} else if err := json.Unmarshal(b, &plain); err != nil {
		return errors.New("want a text or an object of texts")
	}
	for lang, raw := range plain {
		var v struct {
			Value string `json:"value"`
		}
		if json.Unmarshal(raw, &s) == nil {
			out[base(lang)] = s
		} else if json.Unmarshal(raw, &v) == nil {
			out[base(lang)] = v.Value
		}
	}
	*w = out
	return nil
}

// base cuts "zh-Hans" to "zh".
func base(lang string) string {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	return lang
}

// text joins the first non-empty texts per language; a text without a language counts as lang.
func text(lang string, all ...words) kernel.Text {
	out := kernel.Text{}
	if lang = base(lang); lang == "" {
		lang = "en"
	}
	for _, w := range all {
		for l, s := range w {
			if l == "" {
				l = lang
			}
			if s = strings.TrimSpace(s); s != "" && out[l] == "" {
				out[l] = s
			}
		}
	}
	return out
}

// manifest is a W3C MiniApp manifest with our one extension member. Unknown members are ignored, as the
// specification asks.
type manifest struct {
	AppID                string    `json:"app_id"`
	ID                   string    `json:"id"`
	Lang                 string    `json:"lang"`
	Name                 words     `json:"name"`
	ShortName            words     `json:"short_name"`
	NameLocalized        words     `json:"name_localized"`
	Description          words     `json:"description"`
	DescriptionLocalized words     `json:"description_localized"`
	Pages                []string  `json:"pages"`
	Townhall             extension `json:"townhall"`

	raw json.RawMessage // as it came
}

// extension is the member "townhall"; names are those of OpenID Connect Dynamic Client Registration where it has one.
type extension struct {
	ClientID               string            `json:"client_id"`
	Name                   words             `json:"name"`
	Title                  words             `json:"title"`
	ClientName             words             `json:"client_name"`
	Description            words             `json:"description"`
	Summary                words             `json:"summary"`
	Municipality           words             `json:"municipality"`
	Agency                 words             `json:"agency"`
	RedirectURIs           []string          `json:"redirect_uris"`
	PostLogoutRedirectURIs []string          `json:"post_logout_redirect_uris"`
	JWKSURI                string            `json:"jwks_uri"`
	InitiateLoginURI       string            `json:"initiate_login_uri"`
	BackchannelLogoutURI   string            `json:"backchannel_logout_uri"`
	SectorIdentifierURI    string            `json:"sector_identifier_uri"`
	IDTokenAlg             string            `json:"id_token_signed_response_alg"`
	Publisher              publisher         `json:"publisher"`
	Publication            *publication      `json:"publication"`
	Category               string            `json:"category"`
	Stage                  string            `json:"stage"`
	Closed                 bool              `json:"closed"`
	Reason                 words             `json:"reason"`
	PausedReason           words             `json:"paused_reason"`
	MinHostVersion         string            `json:"min_host_version"`
	Places                 []json.RawMessage `json:"places"`
	Services               []serviceJSON     `json:"services"`
}

type serviceJSON struct {
	ID            string       `json:"id"`
	Service       string       `json:"service"`
	Slug          string       `json:"slug"`
	Name          words        `json:"name"`
	Title         words        `json:"title"`
	Level         kernel.Level `json:"level"`
	MaxAge        int          `json:"max_age"`
	RetentionDays int          `json:"retention_days"`
	Claims        []struct {
		Name      string `json:"name"`
		Purpose   words  `json:"purpose"`
		Essential *bool  `json:"essential"` // absent means the service cannot do without
	} `json:"claims"`
}

// parseCatalogue reads an array of manifests, or an object with one in "miniapps".
func parseCatalogue(b []byte) ([]manifest, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		var wrapped struct {
			MiniApps []json.RawMessage `json:"miniapps"`
		}
		if err := json.Unmarshal(b, &wrapped); err != nil || wrapped.MiniApps == nil {
			return nil, errors.New("miniapps.json: want an array of manifests")
		}
		raw = wrapped.MiniApps
	}
	var out []manifest
	for _, r := range raw {
		var m manifest
		if err := json.Unmarshal(r, &m); err != nil {
			// One manifest that cannot be read does not hide the others; app() refuses this one.
			m = manifest{}
		}
		m.raw = r
		out = append(out, m)
	}
	return out, nil
}

// app checks a manifest. Every address must lie on the municipality's own origin: the catalogue of one place can
// neither receive another's codes nor claim another's sector, which would give it the same pairwise subjects.
func (m manifest) app(origin string) (App, error) {
	t := m.Townhall
	if t.ClientID == "" || len(t.RedirectURIs) == 0 || t.InitiateLoginURI == "" || t.JWKSURI == "" {
		return App{}, errors.New("client_id, redirect_uris, initiate_login_uri and jwks_uri are required")
	}
	addresses := slices.Concat(t.RedirectURIs, t.PostLogoutRedirectURIs, []string{t.InitiateLoginURI, t.JWKSURI})
	for _, optional := range []string{t.BackchannelLogoutURI, t.SectorIdentifierURI} {
		if optional != "" {
			addresses = append(addresses, optional)
		}
	}
	for _, a := range addresses {
		if originOf(a) != origin || strings.Contains(a, "#") {
			return App{}, fmt.Errorf("%q is not an address of %s", a, origin)
		}
	}
	a := App{
		AppID: cmp.Or(m.AppID, m.ID, t.ClientID), Origin: origin, Category: cmp.Or(t.Category, "other"), Stage: t.Stage, Pages: m.Pages,
		Closed: t.Closed || t.Stage == "paused" || t.Stage == "retired", Reason: text(m.Lang, t.Reason, t.PausedReason), MinHost: t.MinHostVersion,
		Name:         text(m.Lang, t.Name, t.Title, t.ClientName, m.NameLocalized, m.Name, m.ShortName),
		Description:  text(m.Lang, t.Description, t.Summary, m.DescriptionLocalized, m.Description),
		Municipality: text(m.Lang, t.Municipality),
		Agency:       text(m.Lang, t.Agency),
		Kind:         kernel.BodyKind(t.Publisher.Kind),
	}
	if len(a.Municipality) == 0 {
		u, _ := url.Parse(origin)
		a.Municipality = kernel.Text{"en": u.Hostname()}
	}
	for _, p := range t.Places {
		a.Places = append(a.Places, place(p))
	}
	a.Client = Client{
		ID: t.ClientID, Name: a.Name, RedirectURIs: t.RedirectURIs, PostLogoutRedirectURIs: t.PostLogoutRedirectURIs, JWKSURI: t.JWKSURI,
		InitiateLoginURI: t.InitiateLoginURI, BackchannelLogoutURI: t.BackchannelLogoutURI, Sector: originOf(cmp.Or(t.SectorIdentifierURI, origin)),
		IDTokenAlg: t.IDTokenAlg,
	}
	for _, s := range t.Services {
		one := Service{ID: cmp.Or(s.ID, s.Slug, s.Service, a.AppID), Name: text(m.Lang, s.Name, s.Title), Level: s.Level,
			MaxAge: time.Duration(max(s.MaxAge, 0)) * time.Second, RetentionDays: s.RetentionDays}
		for _, c := range s.Claims {
			claim := Claim{Name: c.Name, Purpose: text(m.Lang, c.Purpose), Optional: c.Essential != nil && !*c.Essential}
			one.Claims = append(one.Claims, claim)
			if !slices.ContainsFunc(a.Client.Claims, func(d Claim) bool { return d.Name == c.Name }) {
				a.Client.Claims = append(a.Client.Claims, claim)
			}
		}
		a.Services = append(a.Services, one)
	}
	return a, nil
}

// place reads the name of a place: a text, or an object with a name.
func place(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var o struct {
		Name words `json:"name"`
	}
	_ = json.Unmarshal(raw, &o) // a place without a name is shown without one
	return kernel.Text(o.Name).In("en")
}

// jwks returns the cached key set at an address a client registered.
func (c *catalogue) jwks(uri string) *remoteKeys {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keysAt(uri)
}

// keysAt is jwks for who holds the lock.
func (c *catalogue) keysAt(uri string) *remoteKeys {
	if c.keys == nil {
		c.keys = map[string]*remoteKeys{}
	}
	k := c.keys[uri]
	if k == nil {
		k = &remoteKeys{uri: uri, http: c.http, clock: c.clock}
		c.keys[uri] = k
	}
	return k
}
