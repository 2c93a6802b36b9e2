package catalogue

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"townhall/modules/kernel"
)

// Config says which wallets people may come from.
type Config struct {
	// Issuers are the issuers a launch link may name: the citizens' issuers identity trusts. The first is used when a
	// host names none.
	Issuers []string
	// Wallets are offered on the neutral page behind a shared link.
	Wallets []WalletLink
	// Stage is the release stage of a service ("pilot", "beta") by slug; one that is not here is released.
	Stage map[string]string
}

// WalletLink opens a mini-app in one wallet. In Open, {client_id}, {target} and {link} stand for the mini-app, the local
// path and the whole address of the shared link; each is escaped for a query.
type WalletLink struct {
	Name kernel.Text
	Open string // e.g. "https://wallet.example/open?link={link}"
}

// Validate reports what is wrong with the configuration: the server does not start with it.
func (c Config) Validate() error {
	for _, i := range c.Issuers {
		if u, err := url.Parse(i); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("catalogue: issuer %q is no issuer identifier", i)
		}
	}
	for _, w := range c.Wallets {
		u, err := url.Parse(w.fill("x", "/x", "https://x"))
		if err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !kernel.LoopbackName(u.Hostname()))) {
			return fmt.Errorf("catalogue: wallet link %q must be https", w.Open)
		}
		if w.Name.In("en") == "" {
			return errors.New("catalogue: a wallet link needs a name")
		}
	}
	return nil
}

func (w WalletLink) fill(client, target, link string) string {
	return strings.NewReplacer("{client_id}", url.QueryEscape(client), "{target}", url.QueryEscape(target), "{link}", url.QueryEscape(link)).Replace(w.Open)
}

// Channels are the ways into a mini-app a host may name (LAUNCH.md).
var channels = []string{"list", "search", "qr", "share", "recents", "nearby", "push"}

// Manifest is one mini-app: a W3C MiniApp Manifest (with the *_localized members of the Web Application Manifest) and
// exactly one member of ours. A host that knows the standard alone can still list it.
type Manifest struct {
	Dir                  string          `json:"dir" enum:"ltr,rtl,auto" doc:"Direction of the texts."`
	Lang                 string          `json:"lang" example:"en" doc:"Language of name, short_name and description (BCP 47)."`
	AppID                string          `json:"app_id" example:"residence-certificate" doc:"Identifies the mini-app within its municipality."`
	Name                 string          `json:"name" example:"Residence certificate"`
	NameLocalized        LanguageMap     `json:"name_localized" doc:"The name in every language."`
	ShortName            string          `json:"short_name" example:"Residence certificate"`
	Description          string          `json:"description"`
	DescriptionLocalized LanguageMap     `json:"description_localized" doc:"The description in every language."`
	Version              Version         `json:"version"`
	PlatformVersion      PlatformVersion `json:"platform_version"`
	Pages                []string        `json:"pages" minItems:"1" maxItems:"100" doc:"Paths of its pages; the first is where it starts."`
	Icons                []Icon          `json:"icons" minItems:"1" maxItems:"10"`
	ColorScheme          string          `json:"color_scheme" enum:"auto,light,dark"`
	Categories           []string        `json:"categories" maxItems:"10"`
	Townhall             Extension       `json:"townhall"`
}

// LanguageMap holds a text by language tag (Web Application Manifest, localized members).
type LanguageMap map[string]Localized

// Localized is one text of a LanguageMap.
type Localized struct {
	Value string `json:"value"`
	Lang  string `json:"lang" example:"zh-Hans"`
	Dir   string `json:"dir" enum:"ltr,rtl,auto"`
}

// Version of a mini-app. Name is a semantic version; its build part is the beginning of the definition's hash, the one
// every case is pinned to.
type Version struct {
	Code int    `json:"code" minimum:"1" example:"1"`
	Name string `json:"name" example:"1.0.0+8f14e45f"`
}

// PlatformVersion is the platform a mini-app needs: version 1 is any browser.
type PlatformVersion struct {
	MinCode     int    `json:"min_code" minimum:"1" example:"1"`
	TargetCode  int    `json:"target_code" minimum:"1" example:"1"`
	ReleaseType string `json:"release_type" example:"Release"`
}

// Icon is an image resource.
type Icon struct {
	Src   string `json:"src" format:"uri"`
	Sizes string `json:"sizes" example:"any"`
	Type  string `json:"type" example:"image/svg+xml"`
	Label string `json:"label" doc:"The image in words; the mini-app's name."`
}

// Extension is the member "townhall". Members that OpenID Connect Dynamic Client Registration knows have its names.
type Extension struct {
	ClientID                string            `json:"client_id" example:"northwick.residence-certificate"`
	ApplicationType         string            `json:"application_type" enum:"web"`
	RedirectURIs            []string          `json:"redirect_uris" minItems:"1" maxItems:"10"`
	PostLogoutRedirectURIs  []string          `json:"post_logout_redirect_uris" maxItems:"10"`
	InitiateLoginURI        string            `json:"initiate_login_uri" format:"uri" doc:"Where the host opens the mini-app (OpenID Connect Core §4)."`
	BackchannelLogoutURI    string            `json:"backchannel_logout_uri" format:"uri"`
	BackchannelLogoutSID    bool              `json:"backchannel_logout_session_required"`
	JWKSURI                 string            `json:"jwks_uri" format:"uri"`
	TokenEndpointAuthMethod string            `json:"token_endpoint_auth_method" enum:"private_key_jwt"`
	SubjectType             string            `json:"subject_type" enum:"pairwise"`
	SectorIdentifierURI     string            `json:"sector_identifier_uri" format:"uri" doc:"One sector for the whole municipality: its mini-apps know a person as one person, no other municipality does."`
	Municipality            map[string]string `json:"municipality" doc:"Name by language."`
	Agency                  map[string]string `json:"agency" doc:"Name of the responsible agency by language."`
	Category                string            `json:"category" example:"certificates"`
	Stage                   string            `json:"stage,omitempty" example:"pilot" doc:"Release stage; absent when released."`
	Places                  []string          `json:"places" maxItems:"1000" doc:"Names of the places it is used at, for nearby."`
	Services                []Offer           `json:"services" minItems:"1" maxItems:"100"`
}

// Offer is what one service asks for before it begins.
type Offer struct {
	Slug          string  `json:"slug" example:"residence-certificate"`
	Level         string  `json:"level" enum:"none,low,substantial,high" doc:"Assurance level the sign-in needs (Regulation (EU) 910/2014 art. 8)."`
	MaxAge        int     `json:"max_age" minimum:"0" doc:"How fresh the sign-in must be, in seconds; 0 is no limit."`
	Claims        []Claim `json:"claims" maxItems:"100"`
	RetentionDays int     `json:"retention_days" minimum:"0" doc:"How long a case is kept after it is closed."`
}

// Claim is one datum a service asks for, and why.
type Claim struct {
	Name          string            `json:"name" example:"birthdate" doc:"OpenID Connect Core §5.1."`
	Purpose       map[string]string `json:"purpose" doc:"What it is used for, by language, to be shown with the consent."`
	Essential     bool              `json:"essential" doc:"Whether the service cannot begin without it."`
	RetentionDays int               `json:"retention_days" minimum:"0"`
}

// Link asks for a launch link.
type Link struct {
	Issuer  string
	Target  string
	Channel string
	Locale  string
}

// Launch is a checked launch link and what a host binds its ticket to.
type Launch struct {
	URI      string
	ClientID string
	Target   string
	Channel  string
}

// launch completes the mini-app's initiate_login_uri (OpenID Connect Core §4). Errors: Invalid naming the field.
func (m Manifest) launch(l Link, issuers []string) (Launch, error) {
	if l.Issuer == "" && len(issuers) > 0 {
		l.Issuer = issuers[0]
	}
	if l.Target == "" {
		l.Target = "/apps/" + m.AppID
	}
	var wrong []kernel.FieldError
	if !slices.Contains(issuers, l.Issuer) {
		wrong = append(wrong, kernel.FieldError{Path: "body.iss", Slug: "field.unknown-issuer", Message: "This issuer is not accepted here."})
	}
	if !localTarget(l.Target) {
		wrong = append(wrong, kernel.FieldError{Path: "body.target", Slug: "field.not-local-path", Message: "Give a path of this municipality, such as /cases."})
	}
	if l.Channel != "" && !slices.Contains(channels, l.Channel) {
		wrong = append(wrong, kernel.FieldError{Path: "body.channel", Slug: "field.unknown-channel", Message: "This way in is not known."})
	}
	if l.Locale != "" && !slices.Contains(kernel.Locales, l.Locale) {
		wrong = append(wrong, kernel.FieldError{Path: "body.locale", Slug: "field.unknown-locale", Message: "This language is not offered."})
	}
	if len(wrong) > 0 {
		return Launch{}, kernel.InvalidFields(wrong...)
	}
	q := url.Values{"iss": {l.Issuer}, "target_link_uri": {l.Target}}
	if l.Locale != "" {
		q.Set("ui_locales", l.Locale)
	}
	return Launch{URI: m.Townhall.InitiateLoginURI + "?" + q.Encode(), ClientID: m.Townhall.ClientID, Target: l.Target, Channel: l.Channel}, nil
}

var (
	targetPath  = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
	targetQuery = regexp.MustCompile(`^[A-Za-z0-9._~%&=+-]*$`)
	reference   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// localTarget reports whether s may be a launch's target: a path of the municipality's own origin. It takes less than
// the launch itself does, plain letters and no escapes, because what hosts ask for is always that plain.
func localTarget(s string) bool {
	path, query, _ := strings.Cut(s, "?")
	if len(s) > 1000 || !targetPath.MatchString(path) || !targetQuery.MatchString(query) {
		return false
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	return !slices.Contains([]string{"launch", "callback", "sign-in", "sign-out", "backchannel-logout"}, last)
}
