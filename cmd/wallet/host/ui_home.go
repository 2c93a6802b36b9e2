package host

import (
	"net/http"
	"net/url"
	"regexp"
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
	mux.HandleFunc("GET /nearby", w.signedIn(w.nearbyPage))
	mux.HandleFunc("POST /nearby", w.signedIn(w.lookAround))
	mux.HandleFunc("POST /favourites", w.signedIn(w.star))
	mux.HandleFunc("GET /settings", w.signedIn(w.settingsPage))
	mux.HandleFunc("POST /settings", w.saveSettings)
	w.documentPages(mux)
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
	Stars   []App
	Recents []App
	Errands []messageData // the newest notice of each case
	Found   []App         // of a search, the best match first
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
	if d.Query != "" {
		d.Channel, d.Found = "search", w.search(r.Context(), d.Query, p.Locale)
		p.Data = d
		w.render(rw, r, http.StatusOK, "home", p)
		return
	}
	d.Stars, d.Recents = known(all, w.journal.favourites(s.Persona)), known(all, w.journal.recent(s.Persona))
	for _, m := range errands(w.journal.inbox(s.Persona)) {
		d.Errands = append(d.Errands, w.messageData(r, m))
	}
	for _, c := range categories(all) {
		g := homeGroup{Category: c}
		for _, a := range all {
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

// known are the apps of these client ids that are in a list, in the order of the ids.
func known(all []App, ids []string) (out []App) {
	for _, id := range ids {
		if i := slices.IndexFunc(all, func(a App) bool { return a.Client.ID == id }); i >= 0 {
			out = append(out, all[i])
		}
	}
	return out
}

// shownErrands is how many cards the home page has room for; the inbox has all.
const shownErrands = 3

// errands are the newest unread notice of each case, newest first: one card for one thing to do, however often it was told of.
func errands(inbox []Message) (out []Message) {
	seen := map[string]bool{}
	for _, m := range inbox {
		if m.Number == "" || seen[m.ClientID+" "+m.Number] {
			continue
		}
		seen[m.ClientID+" "+m.Number] = true
		if !m.Read && len(out) < shownErrands {
			out = append(out, m)
		}
	}
	return out
}

// star makes an app a favourite, or not any more.
func (w *Wallet) star(rw http.ResponseWriter, r *http.Request, s session) {
	a, ok := w.book.app(r.Context(), r.PostFormValue("app"))
	if !ok {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	if err := w.journal.write(entry{Persona: s.Persona, Star: a.Client.ID}); err != nil {
		w.log.ErrorContext(r.Context(), "favourite not kept", "error", err)
		w.errorPage(rw, r, http.StatusInternalServerError, "error.internal")
		return
	}
	redirectLocal(rw, r, pathQuery("/apps/"+url.PathEscape(a.Client.ID), "target", r.PostFormValue("target"), "channel", r.PostFormValue("channel")))
}

type appData struct {
	App     App
	Target  string
	Channel string
	Service Service
	StepUp  bool
	Starred bool
	Sharing bool   // somebody asked for a link
	Share   string // a link that ends; empty when its municipality makes none just now
	Opens   bool   // there is something to open: the app, or cases that run
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
	d := appData{Opens: !a.TooOld(), App: a, Target: target, Channel: channel, StepUp: a.Level() > s.Level, Starred: slices.Contains(w.journal.favourites(s.Persona), a.Client.ID)}
	if q.Has("share") {
		l, err := w.shareLink(r.Context(), a)
		if err != nil {
			w.log.WarnContext(r.Context(), "no link to share", "error", err)
		}
		d.Share = l.URI
	}
	d.Sharing = q.Has("share")
	p.Data = d
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

// scanPage reads what a code or a link says: https://<municipality>/go/<app_id><page>?ref=<opaque id>, or a link that somebody
// shared, /s/<token>. It leads to the app's sheet, from where a launch of this person's own begins; neither signs anybody in.
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
	if err != nil || u.User != nil || u.Fragment != "" {
		return "", false
	}
	all, origin := w.book.apps(r.Context()), originOf(code)
	sheet := func(a App, target, channel string) (string, bool) {
		return pathQuery("/apps/"+url.PathEscape(a.Client.ID), "target", target, "channel", channel), localPath(target)
	}
	if token, ok := strings.CutPrefix(u.EscapedPath(), "/s/"); ok {
		if !slices.Contains(w.cfg.Catalogues, origin) || !tokenShape.MatchString(token) {
			return "", false
		}
		var l sharedLink
		if w.ask(r.Context(), http.MethodGet, origin+"/wallet/v1/share-links/"+token, nil, &l) != nil {
			return "", false
		}
		a, ok := appOf(all, origin, l.AppID)
		if !ok {
			return "", false
		}
		return sheet(a, l.Target, "share")
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/go/")
	if !ok {
		return "", false
	}
	id, page, _ := strings.Cut(rest, "/")
	a, ok := appOf(all, origin, id)
	if !ok {
		return "", false
	}
	target, ok := a.deepLink(page, u.Query())
	if !ok {
		return "", false
	}
	return sheet(a, target, "qr")
}

var (
	tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{20,700}$`)
	refShape   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	pageShape  = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)
)

// deepLink is where a code's page leads in a mini-app: its start page, or one of the pages its manifest names, or below one
// (the prefix ends at a slash); with it goes the reference ref, and nothing else of what the code says: a ticket in it is not taken. false when it leads nowhere in this app.
func (a App) deepLink(page string, q url.Values) (string, bool) {
	target := "/apps/" + a.AppID
	if page != "" {
		below := func(known string) bool { return page == known || strings.HasPrefix(page, known+"/") }
		if !pageShape.MatchString(page) || !slices.ContainsFunc(a.Pages, below) || slices.ContainsFunc(strings.Split(page, "/"), func(s string) bool { return s == "." || s == ".." }) {
			return "", false
		}
		target = "/" + page
	}
	ref := q.Get("ref")
	if ref != "" && !refShape.MatchString(ref) {
		return "", false
	}
	return pathQuery(target, "ref", ref), true
}
