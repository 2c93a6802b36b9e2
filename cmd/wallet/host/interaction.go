package host

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// interaction is an authorization request on its way through the pages: sign-in, account, step-up, consent. It
// belongs to one browser and yields at most one code.
type interaction struct {
	Browser string
	Req     authRequest
	Client  Client
	Switch  bool // the person wants to use another account
	Chosen  bool // the person confirmed the account
	Fresh   bool // authenticated during this interaction
	Skipped bool // went on without a voluntary level
	Agreed  bool
	Tries   int // PINs presented
}

const (
	interactionLife = 10 * time.Minute
	maxTries        = 3
)

// step is what has to happen next.
type step string

const (
	stepSignIn   step = "sign-in"
	stepContinue step = "continue"
	stepConfirm  step = "confirm"
	stepConsent  step = "consent"
	stepDone     step = "done"
)

func (p *provider) next(ix interaction, s session) step {
	req := ix.Req
	switch {
	case s.Persona == "" || ix.Switch || (req.prompts("select_account") && !ix.Fresh && !ix.Chosen):
		return stepSignIn
	case req.Launch == nil && !ix.Fresh && !ix.Chosen && !slices.Contains(s.Clients, ix.Client.ID):
		return stepContinue // nobody is signed in somewhere by merely following a link, nor silently
	case p.mustConfirm(ix, s):
		return stepConfirm
	case p.mustConsent(ix, s):
		return stepConsent
	}
	return stepDone
}

// mustConfirm reports whether the person has to authenticate again: too weak, too long ago, or asked for.
func (p *provider) mustConfirm(ix interaction, s session) bool {
	if s.Level < ix.Req.need() && !ix.Skipped {
		return true
	}
	if ix.Fresh {
		return false
	}
	return ix.Req.prompts("login") || (ix.Req.MaxAge >= 0 && p.w.clock.Now().Sub(s.AuthTime) > time.Duration(ix.Req.MaxAge)*time.Second) || ix.Req.MaxAge == 0
}

func (p *provider) mustConsent(ix interaction, s session) bool {
	if p.isStaff() || ix.Agreed {
		return false
	}
	share := ix.Client.toShare(ix.Req.Asked)
	if len(share) == 0 {
		return false
	}
	return ix.Req.prompts("consent") || p.w.journal.consent(s.Persona, ix.Client.ID).Digest != consentDigest(share)
}

// consentDigest stands for exactly what was shown: another datum or another purpose is asked anew.
func consentDigest(claims []Claim) string {
	h := sha256.New()
	for _, c := range claims {
		fmt.Fprintf(h, "%q %q %t\n", c.Name, c.Purpose.In("en"), c.Optional)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// proceed goes on: to a page, or back to the client.
func (p *provider) proceed(rw http.ResponseWriter, r *http.Request, id string, ix interaction, secret string, s session) {
	next := p.next(ix, s)
	if next == stepDone {
		p.finish(rw, r, id, ix, secret, s)
		return
	}
	if ix.Req.prompts("none") {
		p.interactions.take(id)
		code := map[step]string{stepSignIn: "login_required", stepContinue: "account_selection_required", stepConfirm: "login_required", stepConsent: "consent_required"}[next]
		p.refuse(rw, r, ix.Req, &oauthError{code: code, text: "The person has to be asked."})
		return
	}
	http.Redirect(rw, r, p.prefix+"/interaction/"+id, http.StatusSeeOther)
}

// interact shows the page of the next step.
func (p *provider) interact(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	secret, s, ix, ok := p.interaction(r, id)
	if !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.expired")
		return
	}
	next := p.next(ix, s)
	if next == stepDone {
		p.finish(rw, r, id, ix, secret, s)
		return
	}
	p.w.interactionPage(rw, r, p, id, ix, s, next, "")
}

func (p *provider) interaction(r *http.Request, id string) (string, session, interaction, bool) {
	secret, s := p.session(r)
	ix, ok := p.interactions.get(id)
	return secret, s, ix, ok && s.Browser != "" && s.Browser == ix.Browser
}

// answer takes what the person did on a page.
func (p *provider) answer(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	secret, s, ix, ok := p.interaction(r, id)
	if !ok || r.ParseForm() != nil {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.expired")
		return
	}
	problem := ""
	switch did := r.PostForm.Get("do"); {
	case did == "cancel":
		p.interactions.take(id)
		p.refuse(rw, r, ix.Req, &oauthError{code: "access_denied", text: "The person did not agree."})
		return
	case did == "persona":
		who, known := p.w.persona(r.PostForm.Get("persona"), p.isStaff())
		if !known {
			p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
			return
		}
		if s.Persona != who.ID {
			ix.Req.Launch = nil // the ticket was another person's
		}
		secret, s = p.signIn(rw, r, who)
		ix.Fresh, ix.Switch, ix.Skipped, ix.Agreed = true, false, false, false
	case did == "other":
		ix.Switch = true
	case did == "continue" && s.Persona != "":
		ix.Chosen, ix.Switch = true, false
	case did == "skip" && !ix.Req.Essential:
		ix.Skipped = true
	case did == "confirm" && s.Persona != "":
		// The try is counted before the PIN is looked at, so that parallel guesses are counted as well.
		counted, _ := p.interactions.update(id, func(x interaction) interaction {
			x.Tries++
			return x
		})
		ix.Tries = counted.Tries
		if ix.Tries <= maxTries {
			s, problem = p.confirm(&ix, secret, s, r.PostForm.Get("pin"))
		}
		if ix.Tries > maxTries || (problem != "" && ix.Tries == maxTries) {
			p.interactions.take(id)
			p.refuse(rw, r, ix.Req, &oauthError{code: "access_denied", text: "The person could not be authenticated."})
			return
		}
	case did == "allow" && p.next(ix, s) == stepConsent:
		if err := p.agree(&ix, s, r.PostForm["optional"]); err != nil {
			p.w.log.ErrorContext(r.Context(), "consent not stored", "error", err)
			p.w.errorPage(rw, r, http.StatusInternalServerError, "error.internal")
			return
		}
	}
	if _, ok := p.interactions.update(id, func(x interaction) interaction {
		ix.Tries = max(ix.Tries, x.Tries)
		return ix
	}); !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.expired")
		return
	}
	if problem != "" {
		p.w.interactionPage(rw, r, p, id, ix, s, p.next(ix, s), problem)
		return
	}
	p.proceed(rw, r, id, ix, secret, s)
}

// byCard reports whether the identity card is needed, or a tap on the device is enough.
func byCard(ix interaction, who Persona) bool { return ix.Req.need() > who.Level }

// confirm authenticates the same person again, with the identity card's PIN where the level needs it.
func (p *provider) confirm(ix *interaction, secret string, s session, pin string) (session, string) {
	who, ok := p.w.persona(s.Persona, p.isStaff())
	level := max(s.Level, who.Level)
	if !ok {
		return s, "error.request"
	}
	if byCard(*ix, who) {
		if ix.Req.need() > who.Max {
			return s, "confirm.unreachable"
		}
		if subtle.ConstantTimeCompare([]byte(pin), []byte(who.PIN)) != 1 {
			return s, "confirm.wrong-pin"
		}
		level = max(level, ix.Req.need())
	}
	ix.Fresh = true
	now := p.w.clock.Now()
	if next, ok := p.sessions.update(secret, func(s session) session {
		s.Level, s.AuthTime = level, now
		return s
	}); ok {
		s = next
	}
	return s, ""
}

func (p *provider) agree(ix *interaction, s session, optional []string) error {
	share := ix.Client.toShare(ix.Req.Asked)
	record := consentRecord{Client: ix.Client.ID, Digest: consentDigest(share)}
	for _, c := range share {
		if !c.Optional || slices.Contains(optional, c.Name) {
			record.Granted = append(record.Granted, c.Name)
		}
	}
	ix.Agreed = true
	return p.w.journal.write(entry{Persona: s.Persona, Consent: &record})
}

// finish issues the code. The interaction is taken first: a double click yields one code.
func (p *provider) finish(rw http.ResponseWriter, r *http.Request, id string, ix interaction, secret string, s session) {
	if _, ok := p.interactions.take(id); !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.expired")
		return
	}
	s, ok := p.sessions.update(secret, func(s session) session {
		if !slices.Contains(s.Clients, ix.Client.ID) {
			s.Clients = append(slices.Clone(s.Clients), ix.Client.ID)
		}
		return s
	})
	if !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.expired")
		return
	}
	g := &grant{
		ClientID: ix.Client.ID, RedirectURI: ix.Req.RedirectURI, Challenge: ix.Req.Challenge, Nonce: ix.Req.Nonce, Scopes: ix.Req.Scopes,
		Persona: s.Persona, Session: s.ID, AuthTime: s.AuthTime, ACR: ix.Req.acr(s.Level), Resource: ix.Req.Resource, Launch: ix.Req.Launch,
		TokenID: newSecret(), Expires: p.w.clock.Now().Add(codeLife),
	}
	if p.isStaff() {
		g.Claims = append([]string{"name", "given_name", "family_name", "locale"}, ix.Req.Asked...)
	} else {
		granted := p.w.journal.consent(s.Persona, ix.Client.ID).Granted
		for _, c := range ix.Client.toShare(ix.Req.Asked) {
			if slices.Contains(granted, c.Name) {
				g.Claims = append(g.Claims, c.Name)
			}
		}
		if err := p.w.journal.write(entry{Persona: s.Persona, Recent: ix.Client.ID}); err != nil {
			p.w.log.WarnContext(r.Context(), "recent not stored", "error", err)
		}
	}
	code := p.codes.put(g, codeMemory)
	http.Redirect(rw, r, withQuery(ix.Req.RedirectURI, url.Values{"code": {code}, "state": {ix.Req.State}, "iss": {p.issuer}}), http.StatusSeeOther)
}
