package ui

import (
	"net/http"
	"strconv"
	"strings"

	"townhall/modules/kernel"
)

// ErrorView is the data of the block "error": a page that says what went wrong, that nothing is lost, and where
// to go on. Its title depends on the status, or on an error that has a title of its own; its body on the error.
type ErrorView struct {
	Icon, Title, Body string
	Fields            []string // what was wrong, for input no page could show beside its field
	Home              string   // where the area begins
	Again             string   // where trying again makes sense; empty otherwise
	Request           string   // what the log knows the request by; for asking for help
}

// titleOf names a page after its error, where it has a name of its own ("error-title.<slug>"), else after the status.
func titleOf(t *Texts, locale string, status int, slug string) string {
	if key := "error-title." + slug; t.Has(key) {
		return t.T(locale, key)
	}
	return t.T(locale, "ui.error."+errorClass(status))
}

// NewErrorView puts an error into words. e is already in the reader's language (kernel/web has seen to it).
func NewErrorView(t *Texts, r *http.Request, status int, e *kernel.Error) ErrorView {
	locale := kernel.LocaleOf(r.Context())
	v := ErrorView{Icon: "danger", Title: titleOf(t, locale, status, e.Slug), Body: e.Message, Home: "/"}
	for _, f := range e.Fields {
		v.Fields = append(v.Fields, f.Message)
	}
	switch e.Kind {
	case kernel.NotFound:
		v.Icon = "search"
	case kernel.Unavailable, kernel.TooMany:
		v.Icon = "clock"
	}
	own := t.Has("error-title." + e.Slug) // it says itself when to come back
	if own {
		v.Icon = "clock"
	}
	if tryAgain(e.Kind) && !own {
		v.Again = r.URL.RequestURI()
		if r.Method != http.MethodGet {
			v.Again = refererPath(r)
		}
	}
	if strings.HasPrefix(r.URL.Path, "/staff") {
		v.Home = "/staff"
	}
	return v
}

func errorClass(status int) string {
	switch status {
	case 403, 404, 409, 422, 429, 503:
		return strconv.Itoa(status)
	}
	if status >= 500 {
		return "500"
	}
	return "400"
}

func tryAgain(k kernel.Kind) bool {
	return k == kernel.Internal || k == kernel.Unavailable || k == kernel.TooMany || k == kernel.Conflict
}

// WriteError renders an error page with a shell. When even that fails it answers in plain text.
func WriteError(s Shell, w http.ResponseWriter, r *http.Request, v *Views, status int, e *kernel.Error) {
	data := NewErrorView(v.Texts(), r, status, e)
	data.Request = w.Header().Get("X-Request-Id")
	if err := s.Render(w, r, v, "error", View{Status: status, Title: data.Title, Data: data}); err != nil {
		http.Error(w, e.Message, status)
	}
}

// LocalPath returns path when it leads to a page of ours, else "/": a form field must not lead anywhere else.
func LocalPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t\x00") {
		return "/"
	}
	return path
}
