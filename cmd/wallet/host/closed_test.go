package host

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// closing edits what northwick says of its certificate.
func (h *house) closing(members map[string]any) {
	h.northwick.mu.Lock()
	defer h.northwick.mu.Unlock()
	h.northwick.edit = func(app map[string]any) {
		if app["app_id"] != "residence-certificate" {
			return
		}
		for k, v := range members {
			app["townhall"].(map[string]any)[k] = v
		}
	}
}

const certificate = "northwick.residence-certificate"

func TestWhatIsPausedIsShownWithItsReasonAndNotLaunched(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.closing(map[string]any{"stage": "paused", "closed": true, "reason": map[string]string{"en": "This service is paused: the register is being moved.", "ru": "Услуга приостановлена: реестр переносится."}})
	b := h.browser().signIn("anna")
	home := b.get(h.url + "/").body
	if !strings.Contains(home, "the register is being moved") || !strings.Contains(home, "Paused") {
		t.Errorf("the card does not say why:\n%s", home)
	}
	sheet := b.get(h.url + "/apps/" + certificate)
	if sheet.status != http.StatusOK || !strings.Contains(sheet.body, "the register is being moved") || !strings.Contains(sheet.body, "Open what you have begun") || strings.Contains(sheet.body, ">Open service<") {
		t.Errorf("the sheet: %d\n%s", sheet.status, sheet.body)
	}
	// The start page is not launched, whoever asks; cases that run are.
	for _, target := range []string{"", "/apps/residence-certificate", "/apps/residence-certificate/start?x=1"} {
		a := b.post(h.url+"/launch", "app", certificate, "target", target, "channel", "recents")
		if to := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(to, "/apps/"+certificate) {
			t.Errorf("%q: %d %s", target, a.status, to)
		}
	}
	for _, target := range []string{"/cases", "/cases/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", "/apps/residence-certificate/apply/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"} {
		a := b.post(h.url+"/launch", "app", certificate, "target", target, "channel", "push")
		u, err := url.Parse(a.header.Get("Location"))
		if err != nil || !strings.HasPrefix(u.String(), h.northwick.URL+"/apps/residence-certificate/launch") || u.Query().Get("target_link_uri") != target {
			t.Errorf("%s: %d %s", target, a.status, a.header.Get("Location"))
		}
	}
	// Others are launched as ever.
	if a := b.post(h.url+"/launch", "app", "northwick.dog-licence"); !strings.HasPrefix(a.header.Get("Location"), h.northwick.URL) {
		t.Errorf("another app: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestAnAppThatNeedsANewerWalletSaysSo(t *testing.T) {
	t.Parallel()
	for need, old := range map[string]bool{"": false, "0.9": false, "1": false, "1.0": false, "1.0.0": false, "1.0.1": true, "1.10": true, "2": true, "new": false} {
		if got := (App{MinHost: need}).TooOld(); got != old {
			t.Errorf("%q: too old is %v", need, got)
		}
	}
	h := newHouse(t, nil)
	h.closing(map[string]any{"min_host_version": "99.1"})
	b := h.browser().signIn("anna")
	for _, path := range []string{"/", "/apps/" + certificate} {
		if page := b.get(h.url + path).body; !strings.Contains(page, "needs a newer version of the wallet") || strings.Contains(page, ">Open service<") {
			t.Errorf("%s does not say so:\n%s", path, page)
		}
	}
	if a := b.post(h.url+"/launch", "app", certificate, "target", "/cases"); !strings.HasPrefix(a.header.Get("Location"), "/apps/"+certificate) {
		t.Errorf("launched: %d %s", a.status, a.header.Get("Location"))
	}
}

func TestAnAppThatLeftTheListIsNotShownAndItsClientStaysKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	if page := b.get(h.url + "/").body; !strings.Contains(page, certificate) {
		t.Fatal("it is not there to begin with")
	}
	h.northwick.mu.Lock()
	h.northwick.edit = func(app map[string]any) {
		if app["app_id"] == "residence-certificate" {
			delete(app["townhall"].(map[string]any), "client_id") // an entry without one is refused: as if it were not there
		}
	}
	h.northwick.mu.Unlock()
	h.clock.advance(2 * freshFor)
	if page := b.get(h.url + "/").body; strings.Contains(page, certificate) {
		t.Error("it is still shown")
	}
	a, ok := h.w.book.app(t.Context(), certificate)
	if !ok || a.Opens() || len(a.Client.RedirectURIs) == 0 {
		t.Errorf("known: %v, opens: %v", ok, a.Opens())
	}
	if _, ok := h.w.book.app(t.Context(), "northwick.never-there"); ok {
		t.Error("what never was in a list is known")
	}
}
