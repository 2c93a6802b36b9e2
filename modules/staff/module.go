// Package staff is the shell of the staff's side: the console's layout with its navigation, the way from /staff
// to the work queue, and the error pages. It offers ui.Shell to every module that has pages for staff; the pages
// themselves belong to those modules. It keeps nothing of its own.
package staff

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

//go:embed ui/*.html
var pages embed.FS

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's words, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Shell is the layout of every page for staff. It implements ui.Shell.
type Shell struct {
	views  *ui.Views
	layout ui.Layout
}

// NewShell makes the console's layout.
func NewShell(t *ui.Texts, d kernel.Directory) (*Shell, error) {
	views, err := ui.NewViews(t, pages)
	if err != nil {
		return nil, err
	}
	return &Shell{views: views, layout: ui.Layout{
		Views: views, Kind: "staff", Name: "console",
		Site: func(r *http.Request) string {
			locale := kernel.LocaleOf(r.Context())
			return t.T(locale, "staff.console") + " · " + kernel.TenantOf(r.Context()).Name.In(locale)
		},
		Extra: func(r *http.Request) any {
			ctx := r.Context()
			return strings.Join(agencies(d, kernel.PrincipalOf(ctx), kernel.LocaleOf(ctx)), ", ")
		},
	}}, nil
}

// Render writes a page inside the console.
func (s *Shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	return s.layout.Render(w, r, v, name, view)
}

// ErrorPage is a web.ErrorPage for the paths below /staff.
func (s *Shell) ErrorPage(w http.ResponseWriter, r *http.Request, _ string, status int, e *kernel.Error) {
	ui.WriteError(s, w, r, s.views, status, e)
}

// Module lists the pages. The front door is open to anybody, so that who is not signed in gets to the sign-in of
// the queue and not to an error.
func (s *Shell) Module() app.Module {
	return app.Module{
		Name: "staff",
		Pages: []web.Page{
			{Pattern: "GET /staff", Policy: web.Public, Handle: toQueue},
			{Pattern: "GET /staff/{$}", Policy: web.Public, Handle: toQueue},
		},
	}
}

func toQueue(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/staff/cases", http.StatusSeeOther)
	return nil
}
