package citizen

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

//go:embed ui/home.html ui/cases.html ui/case.html ui/action.html
var pageFiles embed.FS

//go:embed ui/layout.html ui/chooser.html
var shellFiles embed.FS

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's words, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Shell is the layout of every page for citizens. It implements ui.Shell.
type Shell struct {
	views  *ui.Views
	layout ui.Layout
}

// Links says which pages of other modules the footer leads to: those of a module that is not there are left out.
type Links struct {
	Messages bool                               // /messages, the inbox
	Unread   func(context.Context) (int, error) // messages the signed-in person has not read; nil: no badge
	Access   bool                               // /access, who looked at my data
	Payments bool                               // /payments, what I paid
	// Testing reports that a mini-app is being tried out; nil: none is.
	Testing func(ctx context.Context, app string) bool
}

// NewShell makes the layout. It needs no other part of the module, because those need it.
func NewShell(t *ui.Texts, links Links) (*Shell, error) {
	views, err := ui.NewViews(t, shellFiles)
	if err != nil {
		return nil, err
	}
	s := &Shell{views: views}
	s.layout = ui.Layout{Views: views, Kind: "citizen", Site: func(r *http.Request) string {
		locale := kernel.LocaleOf(r.Context())
		if name := kernel.TenantOf(r.Context()).Name.In(locale); name != "" {
			return name
		}
		return t.T(locale, "citizen.house")
	}, Extra: func(r *http.Request) any { return links.shown(r) }}
	return s, nil
}

// frameLinks is what the layout knows of other modules' pages.
type frameLinks struct {
	Messages, Access, Payments bool
	Unread                     int

	app     string // whose page it is, by its address
	testing func(app string) bool
}

// Testing reports whether a page says that its mini-app is being tried out. app is what the page is about, where its address
// does not say so.
func (f frameLinks) Testing(app string) bool {
	if app == "" {
		app = f.app
	}
	return app != "" && f.testing != nil && f.testing(app)
}

func (l Links) shown(r *http.Request) frameLinks {
	ctx := r.Context()
	out := frameLinks{Messages: l.Messages, Access: l.Access, Payments: l.Payments}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/apps/"); ok {
		out.app, _, _ = strings.Cut(rest, "/")
	}
	if l.Testing != nil {
		out.testing = func(app string) bool { return l.Testing(ctx, app) }
	}
	if l.Unread != nil && kernel.PrincipalOf(ctx).Kind == kernel.Citizen {
		out.Unread, _ = l.Unread(ctx) // a badge that cannot be counted is left out: the page matters more
	}
	return out
}

// Render writes a page inside the layout.
func (s *Shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	return s.layout.Render(w, r, v, name, view)
}

// ErrorPage is a web.ErrorPage: what went wrong in plain words, and where to go from here.
func (s *Shell) ErrorPage(w http.ResponseWriter, r *http.Request, _ string, status int, e *kernel.Error) {
	ui.WriteError(s, w, r, s.views, status, e)
}

// Chooser is the page of an address that belongs to no municipality: it lists those this installation serves.
func (s *Shell) Chooser(d kernel.Directory) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		locale := kernel.LocaleOf(r.Context())
		var cards []ui.Card
		for _, t := range d.Tenants() {
			cards = append(cards, ui.Card{Href: t.Origin + "/", Title: t.Name.In(locale), Text: t.Host, Icon: "home"})
		}
		view := ui.View{Title: s.views.Texts().T(locale, "citizen.chooser.title"), Data: cards}
		if err := s.Render(w, r, s.views, "chooser", view); err != nil {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	})
}

// language keeps the chosen language in a cookie and goes back to the page it was chosen on.
func (s *Service) language(w http.ResponseWriter, r *http.Request) error { return SetLanguage(w, r) }

// SetLanguage answers POST /language. The cookie is not secret and says nothing about the person.
func SetLanguage(w http.ResponseWriter, r *http.Request) error {
	locale := r.PostFormValue("locale")
	if !supported(locale) {
		return kernel.InvalidFields(kernel.FieldError{Path: "locale", Slug: "citizen.unknown-language", Message: "Choose one of the languages offered."})
	}
	http.SetCookie(w, &http.Cookie{
		Name: web.LocaleCookie, Value: locale, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, ui.LocalPath(r.PostFormValue("path")), http.StatusSeeOther)
	return nil
}

func supported(locale string) bool {
	for _, l := range kernel.Locales {
		if l == locale {
			return true
		}
	}
	return false
}
