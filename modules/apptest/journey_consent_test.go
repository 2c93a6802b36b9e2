package apptest

import (
	"strings"
	"testing"

	"townhall/modules/apptest/browser"
)

// Anna signs in through the mini-app of a clinic, and then opens that of the registry, which needs more of her: her wallet asks
// her for that, once. Nothing she sees depends on a script.
func TestAPersonWhoSignedInForOneMiniAppIsAskedOnceForAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := &journey{locale: "en", who: "without-scripts", unjudged: true}
	j.begin(t, w, browser.Options{NoJavaScript: true})
	p := j.citizen
	signIn := func() int {
		p.Go(w.town + "/sign-in?app=doctor-appointment&return=%2Fcases")
		n := p.passProvider(j.who)
		if p.URL() != w.town+"/cases" {
			t.Fatalf("the sign-in leads to %s", p.URL())
		}
		return n
	}
	if n := signIn(); n != 1 {
		t.Fatalf("the clinic asked %d times", n)
	}
	begin := func() int {
		p.Go(w.town + "/apps/residence-certificate")
		if p.has(`form[action$="/start"]`) {
			p.press("/start")
		} else { // nobody asked yet: it leads to the wallet first
			p.follow("/apps/residence-certificate/start")
		}
		n := p.passProvider(j.who)
		if p.has(`form[action$="/start"]`) { // back from the wallet
			p.press("/start")
		}
		if !strings.Contains(p.URL(), "/apps/residence-certificate/apply/") {
			t.Fatalf("the start leads to %s: %.300s", p.URL(), p.Text())
		}
		if text := p.Text(); strings.Contains(text, "does not hold") || !strings.Contains(text, "Mill Lane") {
			t.Errorf("the form lacks what the wallet gave: %.600s", text)
		}
		return n
	}
	if n := begin(); n != 1 {
		t.Errorf("the registry asked %d times", n)
	}
	if n := begin(); n != 0 {
		t.Errorf("the registry asked again, %d times", n)
	}
	p.Go(w.town + "/")
	p.press("/sign-out")
	if n := signIn(); n != 0 {
		t.Errorf("the clinic asked again, %d times", n)
	}
	if n := begin(); n != 0 {
		t.Errorf("the registry asked after another sign-in, %d times", n)
	}
}
