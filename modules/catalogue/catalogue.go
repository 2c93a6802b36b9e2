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
	Dir                  string          `json:"dir" enum:"ltr,rtl,auto" example:"ltr" doc:"Direction of the texts."`
	Lang                 string          `json:"lang" example:"en" doc:"Language of name, short_name and description (BCP 47)."`
	AppID                string          `json:"app_id" example:"residence-certificate" doc:"Identifies the mini-app within its municipality."`
	Name                 string          `json:"name" example:"Residence certificate" doc:"The name in the language asked for."`
	NameLocalized        LanguageMap     `json:"name_localized" example:"{\"en\":{\"value\":\"Residence certificate\",\"lang\":\"en\",\"dir\":\"ltr\"},\"ru\":{\"value\":\"Справка о месте жительства\",\"lang\":\"ru\",\"dir\":\"ltr\"},\"zh\":{\"value\":\"居住证明\",\"lang\":\"zh-Hans\",\"dir\":\"ltr\"}}" doc:"The name in every language."`
	ShortName            string          `json:"short_name" example:"Residence certificate" doc:"The name where there is little room."`
	Description          string          `json:"description" example:"A certificate that you are registered at your address." doc:"What it is, in one sentence."`
	DescriptionLocalized LanguageMap     `json:"description_localized" example:"{\"en\":{\"value\":\"A certificate that you are registered at your address.\",\"lang\":\"en\",\"dir\":\"ltr\"}}" doc:"The description in every language."`
	Version              Version         `json:"version" doc:"The version of the service."`
	PlatformVersion      PlatformVersion `json:"platform_version" doc:"The platform it needs; version 1 is any browser."`
	Pages                []string        `json:"pages" minItems:"1" maxItems:"100" example:"[\"apps/residence-certificate\"]" doc:"Paths of its pages; the first is where it starts."`
	Icons                []Icon          `json:"icons" minItems:"1" maxItems:"10" doc:"Pictures for the list."`
	ColorScheme          string          `json:"color_scheme" enum:"auto,light,dark" example:"auto" doc:"The colour scheme it is made for."`
	Categories           []string        `json:"categories" maxItems:"10" example:"[\"certificates\"]" doc:"What kind of service it is."`
	Townhall             Extension       `json:"townhall" doc:"What a host needs beyond the standard."`
}

// LanguageMap holds a text by language tag (Web Application Manifest, localized members).
type LanguageMap map[string]Localized

// Localized is one text of a LanguageMap.
type Localized struct {
	Value string `json:"value" example:"居住证明" doc:"The text."`
	Lang  string `json:"lang" example:"zh-Hans" doc:"Its language (BCP 47)."`
	Dir   string `json:"dir" enum:"ltr,rtl,auto" doc:"Its direction."`
}

// PlatformVersion is the platform a mini-app needs: version 1 is any browser.
type PlatformVersion struct {
	MinCode     int    `json:"min_code" minimum:"1" example:"1" doc:"The oldest platform version it runs on."`
	TargetCode  int    `json:"target_code" minimum:"1" example:"1" doc:"The platform version it was made for."`
	ReleaseType string `json:"release_type" example:"Release" doc:"The kind of platform release."`
}

// Icon is an image resource.
type Icon struct {
	Src   string `json:"src" format:"uri" example:"https://northwick.example/apps/residence-certificate/icon.svg" doc:"Address of the picture."`
	Sizes string `json:"sizes" example:"any" doc:"Sizes it is fit for."`
	Type  string `json:"type" example:"image/svg+xml" doc:"Media type."`
	Label string `json:"label" example:"Residence certificate" doc:"The image in words; the mini-app's name."`
}

// Extension is the member "townhall". Members that OpenID Connect Dynamic Client Registration knows have its names.
type Extension struct {
	ClientID                string            `json:"client_id" example:"northwick.residence-certificate" doc:"Register the mini-app under this name at the issuer."`
	ApplicationType         string            `json:"application_type" enum:"web" doc:"OpenID Connect Dynamic Client Registration §2."`
	RedirectURIs            []string          `json:"redirect_uris" minItems:"1" maxItems:"10" example:"[\"https://northwick.example/apps/residence-certificate/callback\"]" doc:"Where a sign-in returns to."`
	PostLogoutRedirectURIs  []string          `json:"post_logout_redirect_uris" maxItems:"10" example:"[\"https://northwick.example/\"]" doc:"Where a sign-out returns to."`
	InitiateLoginURI        string            `json:"initiate_login_uri" format:"uri" example:"https://northwick.example/apps/residence-certificate/launch" doc:"Where the host opens the mini-app (OpenID Connect Core §4)."`
	BackchannelLogoutURI    string            `json:"backchannel_logout_uri" format:"uri" example:"https://northwick.example/apps/residence-certificate/backchannel-logout" doc:"Where the issuer tells that a session has ended (OpenID Connect Back-Channel Logout)."`
	BackchannelLogoutSID    bool              `json:"backchannel_logout_session_required" example:"true" doc:"The logout token must name the session."`
	JWKSURI                 string            `json:"jwks_uri" format:"uri" example:"https://northwick.example/.well-known/jwks.json" doc:"The keys the mini-app proves itself with."`
	TokenEndpointAuthMethod string            `json:"token_endpoint_auth_method" enum:"private_key_jwt" doc:"How it proves itself at the token endpoint."`
	SubjectType             string            `json:"subject_type" enum:"pairwise" doc:"It knows people by pairwise identifiers."`
	SectorIdentifierURI     string            `json:"sector_identifier_uri" format:"uri" example:"https://northwick.example/.well-known/sector.json" doc:"One sector for the whole municipality: its mini-apps know a person as one person, no other municipality does."`
	Municipality            map[string]string `json:"municipality" example:"{\"en\":\"Northwick\",\"ru\":\"Нортуик\",\"zh\":\"诺斯威克\"}" doc:"Name by language."`
	Agency                  map[string]string `json:"agency" example:"{\"en\":\"Northwick Civil Registry\",\"ru\":\"Отдел регистрации граждан\",\"zh\":\"民事登记处\"}" doc:"Name of the responsible agency by language."`
	Publisher               Publisher         `json:"publisher" doc:"The agency that publishes it, and where its keys are."`
	Category                string            `json:"category" example:"certificates" doc:"What kind of service it is."`
	Stage                   string            `json:"stage,omitempty" enum:"beta,public,paused,retired" example:"beta" doc:"Release stage; absent when it is there for everybody. beta: named testers can begin, everybody sees it. public: for a share of the people. paused: see reason; what runs goes on."`
	Share                   int               `json:"share,omitempty" minimum:"1" maximum:"99" example:"10" doc:"Percent of the people who can begin; absent when that is not limited. Who is among them is decided once the person has signed in."`
	Closed                  bool              `json:"closed,omitempty" example:"true" doc:"Nobody can begin at present: it is paused or out of season. Show it with reason; open it for cases that run."`
	Reason                  map[string]string `json:"reason,omitempty" example:"{\"en\":\"This service is paused: the register is being moved. What you have begun goes on.\"}" doc:"Why nobody can begin at present, by language, to be shown."`
	PausedReason            map[string]string `json:"paused_reason,omitempty" example:"{\"en\":\"The register is being moved.\"}" doc:"Why it is paused in the agency's own words, in the languages it wrote them in."`
	BackOn                  string            `json:"back_on,omitempty" format:"date" example:"2026-12-24" doc:"When it is expected back; absent when that is not known."`
	Season                  *SeasonJSON       `json:"season,omitempty" doc:"The part of the year it is open; absent when all of it."`
	MinHostVersion          string            `json:"min_host_version,omitempty" pattern:"^\\d{1,4}(\\.\\d{1,4}){0,2}$" example:"2.1" doc:"The oldest version of a host that can open it, compared number by number; absent when any can."`
	Places                  []string          `json:"places" maxItems:"1000" example:"[]" doc:"Names of the places it is used at, for nearby."`
	Services                []Offer           `json:"services" minItems:"1" maxItems:"100" doc:"What it asks for before it begins."`
	Publication             *Publication      `json:"publication,omitempty" doc:"What proves that this manifest is the one the agency published, and that everybody was shown the same."`
}

// SeasonJSON is a part of the year.
type SeasonJSON struct {
	From  string `json:"from" pattern:"^\\d{2}-\\d{2}$" example:"04-15" doc:"First day, month and day."`
	Until string `json:"until" pattern:"^\\d{2}-\\d{2}$" example:"10-31" doc:"Last day, month and day; before from when the season spans the new year."`
}

// Offer is what one service asks for before it begins.
type Offer struct {
	Slug          string  `json:"slug" example:"residence-certificate" doc:"The service's name in addresses."`
	Level         string  `json:"level" enum:"none,low,substantial,high" example:"substantial" doc:"Assurance level the sign-in needs (Regulation (EU) 910/2014 art. 8)."`
	MaxAge        int     `json:"max_age" minimum:"0" example:"1800" doc:"How fresh the sign-in must be, in seconds; 0 is no limit."`
	Claims        []Claim `json:"claims" maxItems:"100" doc:"The verified data it asks for, and why."`
	RetentionDays int     `json:"retention_days" minimum:"0" example:"3650" doc:"How long a case is kept after it is closed."`
}

// Claim is one datum a service asks for, and why.
type Claim struct {
	Name          string            `json:"name" example:"birthdate" doc:"OpenID Connect Core §5.1."`
	Purpose       map[string]string `json:"purpose" example:"{\"en\":\"To find you in the register.\",\"ru\":\"Чтобы найти вас в реестре.\",\"zh\":\"用于在登记册中查找您。\"}" doc:"What it is used for, by language, to be shown with the consent."`
	Essential     bool              `json:"essential" example:"true" doc:"Whether the service cannot begin without it."`
	RetentionDays int               `json:"retention_days" minimum:"0" example:"3650" doc:"How long it is kept after the case is closed."`
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
