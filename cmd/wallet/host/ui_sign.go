package host

import (
	"cmp"
	"net/http"
	"slices"

	"townhall/modules/kernel"
)

type interactionData struct {
	Action      string
	App         App
	Name        string
	Who         string // who runs it
	People      []Persona
	Lead        string
	Back        string
	Cancel      bool
	Need        kernel.Level
	ByCard      bool
	Unreachable bool
	CanSkip     bool
	Problem     string
	Purposes    []purpose
}

// purpose groups what is asked for under the reason it is asked for.
type purpose struct {
	Text     string
	Claims   []shared
	Optional bool
}

type shared struct{ Name, Label, Value string }

// interactionPage shows one step of a sign-in. A problem makes it a 422 with the error beside the field.
func (w *Wallet) interactionPage(rw http.ResponseWriter, r *http.Request, p *provider, id string, ix interaction, s session, next step, problem string) {
	v := w.page(r, p, ix.Req.Locale)
	v.Here = p.prefix + "/interaction/" + id
	v.forms = append(slices.Clone(v.forms), originOf(ix.Req.RedirectURI))
	d := interactionData{Action: v.Here, Cancel: true}
	d.App, d.Name, d.Who = w.describe(r, v, p, ix.Client)
	status := http.StatusOK
	switch next {
	case stepSignIn:
		d.People, v.Title, d.Lead = w.people(p.isStaff()), v.T("signin.title.client", "app", d.Name), v.T("signin.lead")
		if p.isStaff() {
			v.Title, d.Lead = v.T("signin.staff.title"), v.T("signin.staff.lead")
		}
	case stepContinue:
		v.Title = v.T("continue.title", "app", d.Name)
	case stepConfirm:
		d.Need, d.ByCard, d.CanSkip = max(ix.Req.need(), s.Level), byCard(ix, v.Persona), !ix.Req.Essential && ix.Req.need() > s.Level
		d.Unreachable = ix.Req.need() > v.Persona.Max
		v.Title = v.T("confirm.title.device")
		if d.ByCard {
			v.Title = v.T("confirm.title.card")
		}
	case stepConsent:
		v.Title, d.Purposes = v.T("consent.title", "who", d.Who), purposes(v, ix.Client.toShare(ix.Req.Asked))
	}
	if problem != "" {
		d.Problem, status = v.T(problem), http.StatusUnprocessableEntity
	}
	v.Data = d
	w.render(rw, r, status, string(next), v)
}

// describe finds what a page says about a client.
func (w *Wallet) describe(r *http.Request, v page, p *provider, c Client) (App, string, string) {
	name := cmp.Or(v.In(c.Name), c.ID)
	if p.isStaff() {
		return App{Category: "civic"}, name, name
	}
	a, _ := w.book.app(r.Context(), c.ID)
	return a, name, cmp.Or(v.In(a.Municipality), name)
}

func purposes(v page, claims []Claim) []purpose {
	var out []purpose
	for _, c := range claims {
		one := shared{Name: c.Name, Label: v.Known("claim."+c.Name, c.Name), Value: v.Value(v.Persona, c.Name)}
		i := slices.IndexFunc(out, func(p purpose) bool { return p.Text == v.In(c.Purpose) && p.Optional == c.Optional })
		if i < 0 || c.Optional {
			out = append(out, purpose{Text: v.In(c.Purpose), Optional: c.Optional})
			i = len(out) - 1
		}
		out[i].Claims = append(out[i].Claims, one)
	}
	return out
}

type signOutData struct {
	Action, Lead, ClientID, Redirect, State string
}

// signOutPage asks before the wallet itself is left.
func (w *Wallet) signOutPage(rw http.ResponseWriter, r *http.Request, p *provider, _ session, req logoutRequest) {
	v := w.page(r, p, localeIn([]string{r.Form.Get("ui_locales")}))
	v.Title = v.T("signout.title")
	v.Here = "" // a language switch would lose the client's parameters
	d := signOutData{Action: p.prefix + "/sign-out", Lead: v.T("signout.lead.plain")}
	if req.Client.ID != "" {
		_, name, _ := w.describe(r, v, p, req.Client)
		d.Lead, d.ClientID = v.T("signout.lead", "app", name), req.Client.ID
		d.Redirect, d.State = r.Form.Get("post_logout_redirect_uri"), r.Form.Get("state")
	}
	if req.Redirect != "" {
		v.forms = append(slices.Clone(v.forms), originOf(req.Redirect))
	}
	v.Data = d
	w.render(rw, r, http.StatusOK, "sign-out", v)
}

func (w *Wallet) staffPage(rw http.ResponseWriter, r *http.Request) {
	v := w.page(r, w.staff, "")
	v.Title = v.T("staff.title")
	w.render(rw, r, http.StatusOK, "staff", v)
}

type settingsData struct{ Saved bool }

func (w *Wallet) settingsPage(rw http.ResponseWriter, r *http.Request, _ session) {
	v := w.page(r, w.citizens, "")
	v.Title, v.Nav = v.T("settings.title"), "settings"
	v.Data = settingsData{Saved: r.URL.Query().Get("saved") != ""}
	w.render(rw, r, http.StatusOK, "settings", v)
}

// saveSettings keeps language and text size in two cookies without personal data; it needs no sign-in.
func (w *Wallet) saveSettings(rw http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	set := func(name, value string) {
		http.SetCookie(rw, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
	}
	if l := r.PostForm.Get("lang"); slices.Contains(kernel.Locales, l) {
		set("wallet-lang", l)
	}
	if s := r.PostForm.Get("size"); slices.Contains([]string{"normal", "large", "largest"}, s) {
		set("wallet-size", s)
	}
	redirectLocal(rw, r, r.PostForm.Get("back"))
}
