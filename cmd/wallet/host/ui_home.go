package host

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"townhall/modules/kernel"
)

func (w *Wallet) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", w.signedIn(w.homePage))
	mux.HandleFunc("GET /sign-in", w.signInPage)
	mux.HandleFunc("POST /sign-in", w.signInNow)
	mux.HandleFunc("GET /apps/{client}", w.signedIn(w.appPage))
	mux.HandleFunc("POST /launch", w.signedIn(w.launch))
	mux.HandleFunc("GET /inbox", w.signedIn(w.inboxPage))
	mux.HandleFunc("GET /inbox/{id}", w.signedIn(w.messagePage))
	mux.HandleFunc("GET /scan", w.signedIn(w.scanPage))
	mux.HandleFunc("GET /settings", w.signedIn(w.settingsPage))
	mux.HandleFunc("POST /settings", w.saveSettings)
	mux.HandleFunc("GET /staff/{$}", w.staffPage)
	mux.HandleFunc("GET /assets/{name}", w.asset)
	mux.HandleFunc("GET /", func(rw http.ResponseWriter, r *http.Request) {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
	})
}

// signedIn sends a browser without a person to the sign-in page first, and back afterwards.
func (w *Wallet) signedIn(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		_, s := w.citizens.session(r)
		if s.Persona == "" {
			back := ""
			if r.Method == http.MethodGet && r.URL.Path != "/" {
				back = r.URL.RequestURI()
			}
			http.Redirect(rw, r, pathQuery("/sign-in", "back", back), http.StatusSeeOther)
			return
		}
		next(rw, r, s)
	}
}

type signInData struct {
	People []Persona
	Action string
	Back   string
	Cancel bool
	Lead   string
}

func (w *Wallet) people(staff bool) []Persona {
	var out []Persona
	for _, p := range w.cfg.Personas {
		if p.Staff == staff {
			out = append(out, p)
		}
	}
	return out
}

func (w *Wallet) signInPage(rw http.ResponseWriter, r *http.Request) {
	p := w.page(r, w.citizens, "")
	p.Title = p.T("signin.title")
	p.Data = signInData{People: w.people(false), Action: "/sign-in", Back: r.URL.Query().Get("back"), Lead: p.T("signin.lead")}
	w.render(rw, r, http.StatusOK, "sign-in", p)
}

func (w *Wallet) signInNow(rw http.ResponseWriter, r *http.Request) {
	who, ok := w.persona(r.PostFormValue("persona"), false)
	if !ok {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	w.citizens.signIn(rw, r, who)
	redirectLocal(rw, r, r.PostFormValue("back"))
}

type homeData struct {
	Query   string
	Card    bool
	Level   kernel.Level
	Recents []App
	Groups  []homeGroup
	Channel string
	Pays    bool // towns may ask for payments
	Waiting int
}

type homeGroup struct {
	Category string
	Apps     []App
}

var categoryOrder = []string{"certificates", "registration", "permits", "civic", "appointments", "health", "medical", "travel"}

func (w *Wallet) homePage(rw http.ResponseWriter, r *http.Request, s session) {
	all := w.book.apps(r.Context())
	p := w.page(r, w.citizens, "")
	d := homeData{Query: strings.TrimSpace(r.URL.Query().Get("q")), Level: s.Level, Channel: "list"}
	p.Title, p.Nav = p.T("home.title"), "home"
	if d.Pays = len(w.towns) > 0; d.Pays {
		d.Waiting = w.waiting(s.Persona)
	}
	shown := all
	if d.Query != "" {
		d.Channel = "search"
		shown = slices.DeleteFunc(slices.Clone(all), func(a App) bool { return !a.matches(d.Query) })
	} else {
		for _, id := range w.journal.recent(s.Persona) {
			if i := slices.IndexFunc(all, func(a App) bool { return a.Client.ID == id }); i >= 0 {
				d.Recents = append(d.Recents, all[i])
			}
		}
	}
	for _, c := range categories(shown) {
		g := homeGroup{Category: c}
		for _, a := range shown {
			if a.Category == c {
				g.Apps = append(g.Apps, a)
			}
		}
		d.Groups = append(d.Groups, g)
	}
	p.Data = d
	w.render(rw, r, http.StatusOK, "home", p)
}

// categories lists those in use, the known ones first.
func categories(apps []App) []string {
	out := slices.Clone(categoryOrder)
	for _, a := range apps {
		if !slices.Contains(out, a.Category) {
			out = append(out, a.Category)
		}
	}
	return slices.DeleteFunc(out, func(c string) bool {
		return !slices.ContainsFunc(apps, func(a App) bool { return a.Category == c })
	})
}

// matches looks for every word of the query, in the texts of all languages.
func (a App) matches(query string) bool {
	var b strings.Builder
	for _, t := range []kernel.Text{a.Name, a.Description, a.Municipality, a.Agency} {
		for _, l := range kernel.Locales {
			b.WriteString(strings.ToLower(t[l]) + "\n")
		}
	}
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(b.String(), word) {
			return false
		}
	}
	return true
}

type appData struct {
	App     App
	Target  string
	Channel string
	Service Service
	StepUp  bool
	Share   string
	Opens   bool // there is something to open: the app, or cases that run
}

// appPage is the sheet shown before a mini-app is opened: who runs it, what it will ask and why.
func (w *Wallet) appPage(rw http.ResponseWriter, r *http.Request, s session) {
	q := r.URL.Query()
	a, target, channel, ok := w.launchable(r.Context(), r.PathValue("client"), q.Get("target"), q.Get("channel"))
	if !ok {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav, p.Back = p.In(a.Name), "home", "/"
	if a.Closed { // nothing new: what runs
		target = a.runningTarget(target)
	}
	p.Data = appData{Opens: !a.TooOld(), App: a, Target: target, Channel: channel, StepUp: a.Level() > s.Level, Share: a.Origin + "/go/" + a.AppID}
	w.render(rw, r, http.StatusOK, "app", p)
}

// launch mints a ticket and leaves, top level.
func (w *Wallet) launch(rw http.ResponseWriter, r *http.Request, s session) {
	if r.ParseForm() != nil {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	a, target, channel, ok := w.launchable(r.Context(), r.PostForm.Get("app"), r.PostForm.Get("target"), r.PostForm.Get("channel"))
	if !ok {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	if a.TooOld() || a.Closed && target != a.runningTarget(target) { // its sheet says why
		http.Redirect(rw, r, pathQuery("/apps/"+url.PathEscape(a.Client.ID), "target", target, "channel", channel), http.StatusSeeOther)
		return
	}
	who, _ := w.persona(s.Persona, false)
	http.Redirect(rw, r, w.launchURL(a, s, target, channel, w.locale(r, who, "")), http.StatusSeeOther)
}

// runningTarget is where an app that nobody can begin with is opened: the page that was asked for, since what runs goes on,
// but instead of its start page the person's cases.
func (a App) runningTarget(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if start := "/apps/" + a.AppID; path == start || path == start+"/start" {
		return "/cases"
	}
	return target
}

type messageData struct {
	Message
	App   App
	Known bool
}

func (w *Wallet) messageData(r *http.Request, m Message) messageData {
	a, ok := w.book.app(r.Context(), m.ClientID)
	return messageData{Message: m, App: a, Known: ok}
}

func (w *Wallet) inboxPage(rw http.ResponseWriter, r *http.Request, s session) {
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav = p.T("inbox.title"), "inbox"
	var list []messageData
	for _, m := range w.journal.inbox(s.Persona) {
		list = append(list, w.messageData(r, m))
	}
	p.Data = list
	w.render(rw, r, http.StatusOK, "inbox", p)
}

func (w *Wallet) messagePage(rw http.ResponseWriter, r *http.Request, s session) {
	list := w.journal.inbox(s.Persona)
	i := slices.IndexFunc(list, func(m Message) bool { return m.ID == r.PathValue("id") })
	if i < 0 {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	if !list[i].Read {
		if err := w.journal.write(entry{Persona: s.Persona, Read: list[i].ID}); err != nil {
			w.log.ErrorContext(r.Context(), "message not marked", "error", err)
		}
	}
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav, p.Back = p.In(list[i].Title), "inbox", "/inbox"
	p.Data = w.messageData(r, list[i])
	w.render(rw, r, http.StatusOK, "message", p)
}

type scanData struct{ Code, Error string }

// scanPage reads what a code says: https://<municipality>/go/<app_id><page>?ref=<opaque id>. It leads to the app's
// sheet, from where a launch of this person's own begins; the code itself signs nobody in.
func (w *Wallet) scanPage(rw http.ResponseWriter, r *http.Request, _ session) {
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav = p.T("scan.title"), "scan"
	d := scanData{Code: strings.TrimSpace(r.URL.Query().Get("code"))}
	status := http.StatusOK
	if d.Code != "" {
		if to, ok := w.scanned(r, d.Code); ok {
			http.Redirect(rw, r, to, http.StatusSeeOther)
			return
		}
		d.Error, status = p.T("scan.unknown"), http.StatusUnprocessableEntity
	}
	p.Data = d
	w.render(rw, r, status, "scan", p)
}

func (w *Wallet) scanned(r *http.Request, code string) (string, bool) {
	u, err := url.Parse(code)
	if err != nil || u.User != nil {
		return "", false
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/go/")
	if !ok {
		return "", false
	}
	id, page, deeper := strings.Cut(rest, "/")
	for _, a := range w.book.apps(r.Context()) {
		if a.Origin != originOf(code) || a.AppID != id {
			continue
		}
		target := "/apps/" + id
		if deeper {
			target = "/" + page
		}
		if ref := u.Query().Get("ref"); ref != "" {
			target += "?ref=" + url.QueryEscape(ref)
		}
		if !localPath(target) {
			return "", false
		}
		return pathQuery("/apps/"+url.PathEscape(a.Client.ID), "target", target, "channel", "qr"), true
	}
	return "", false
}
