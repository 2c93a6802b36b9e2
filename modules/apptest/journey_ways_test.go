package apptest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel/pg"
)

// Seven ways lead into a mini-app, and an eighth for whoever was sent a link and has no wallet open. Each arrives on its page,
// once, and the town knows from the signed ID token which way it was.
func TestEachWayInArrivesOnItsPageOnceWithItsChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	place := w.app.Practice(3, 3).Place
	j := &journey{locale: "en", who: "anna", dark: true}
	j.begin(t, w, browser.Options{})
	p := j.citizen
	j.enterWallet()

	// newest is the citizens' newest sign-in; a launch ends the one before it in the same browser.
	newest := func() (s struct{ ID, Channel string }) {
		t.Helper()
		err := w.app.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
			return tx.GetContext(t.Context(), &s, `SELECT coalesce(max(id::text), '') AS id, coalesce(max(launch->>'channel'), '') AS channel FROM (
				SELECT * FROM identity.session WHERE tenant_id = 'northwick' AND area = 'citizen' ORDER BY created_at DESC, id DESC LIMIT 1) AS s`)
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	way := func(who *person, persona, channel, target string, open func()) {
		t.Helper()
		before := newest()
		open()
		who.passProvider(persona)
		if got := who.URL(); got != w.town+target {
			t.Errorf("%s arrived at %s, want %s", channel, got, target)
		}
		if now := newest(); now.ID == before.ID || now.Channel != channel {
			t.Errorf("%s: after %v the newest sign-in is %v", channel, before, now)
		}
	}
	scan := func(who *person, code string) {
		t.Helper()
		who.Go(w.wallet + "/scan")
		who.Fill("#code", code)
		who.press("/scan")
	}
	const certificate, doctor = "/apps/residence-certificate", "/apps/doctor-appointment"

	way(p, "anna", "list", certificate, func() {
		p.Go(w.wallet + "/")
		p.follow(serviceSheet + "?channel=list")
		p.press("/launch")
	})
	way(p, "anna", "search", certificate, func() {
		p.Go(w.wallet + "/")
		p.Fill("#q", "certificate")
		p.Click(`form[role=search] button`)
		p.see("wallet-search")
		p.follow(serviceSheet + "?channel=search")
		p.press("/launch")
	})
	for range 2 { // a code on a wall is scanned again and again: each time somebody comes anew
		way(p, "anna", "qr", doctor+"?ref="+place, func() {
			scan(p, w.town+"/go/doctor-appointment?ref="+place)
			p.press("/launch")
		})
	}
	if !p.has(`main a[href*="place=` + place + `"]`) {
		t.Errorf("the times are not those of the place the code hangs at: %.400s", p.Text())
	}
	way(p, "anna", "recents", certificate, func() {
		p.Go(w.wallet + "/")
		p.Click(`section[aria-labelledby=recents] form:has(input[value="northwick.residence-certificate"]) button`)
	})
	way(p, "anna", "nearby", doctor+"?ref="+place, func() {
		p.Go(w.wallet + "/nearby")
		p.see("wallet-nearby")
		p.Click(`#around .second`) // without saying where
		p.see("wallet-nearby-problem")
		p.Do(chromedp.SetValue(chromedp.CSS("#spot"), "0"))
		p.Click(`#around .second`)
		p.see("wallet-nearby-found")
		p.expect("Riverside Clinic", "m")
		p.follow("northwick.doctor-appointment")
		p.press("/launch")
	})

	// Anna sends the service to Maria: in her wallet, and by the page everybody sees.
	p.Go(w.wallet + "/apps/northwick.doctor-appointment")
	p.Click(`button[name=share]`)
	p.see("wallet-shared")
	link := browser.Get(p.Page, chromedp.Evaluate[string](`document.getElementById("share").value`))
	if !strings.HasPrefix(link, w.town+"/s/") {
		t.Fatalf("the link is %q", link)
	}
	maria := &person{Page: w.browser.Open(t, browser.Options{Locale: "ru"}), t: t, j: &journey{locale: "ru", who: "maria", t: t, world: w, seen: map[string]bool{}}, role: "friend", size: browser.Phone}
	maria.Go(link)
	maria.see("neutral")
	named := browser.Get(maria.Page, chromedp.Evaluate[string](`document.querySelector("main a[href*='/scan?code=']").textContent`))
	maria.follow("/scan?code=") // open in the wallet, by the name it calls itself
	if brand := browser.Get(maria.Page, chromedp.Evaluate[string](`document.querySelector(".brand strong").textContent`)); !strings.Contains(named, brand) {
		t.Errorf("the neutral page calls the wallet %q, it calls itself %q", named, brand)
	}
	maria.see("wallet-sign-in")
	maria.Click(`button[name=persona][value=maria]`)
	for range 2 {
		way(maria, "maria", "share", doctor, func() {
			scan(maria, link)
			maria.press("/launch")
		})
	}

	// What is told of a case leads back to it, from one card.
	way(p, "anna", "list", certificate, func() {
		p.Go(w.wallet + serviceSheet)
		p.press("/launch")
	})
	j.fill()
	p.patiently(w.wallet+"/", func() bool { return p.has(`section[aria-labelledby=errands] a`) })
	p.see("wallet-errands")
	message := browser.Get(p.Page, chromedp.Evaluate[string](`document.querySelector("section[aria-labelledby=errands] a").href`))
	way(p, "anna", "push", strings.TrimPrefix(j.caseURL, w.town), func() {
		p.Go(message)
		p.press("/launch")
	})
	p.Go(w.wallet + "/")
	if p.has(`section[aria-labelledby=errands]`) {
		t.Error("what was read is still an errand")
	}

	// A favourite stands at the top.
	p.Go(w.wallet + serviceSheet)
	p.press("/favourites")
	p.see("wallet-favourite")
	p.Go(w.wallet + "/")
	if !p.has(`section[aria-labelledby=stars] form`) {
		t.Error("the favourite is not there")
	}
	p.see("wallet-home-favourite")
	for _, want := range []string{"GET /.well-known/miniapps.json", "GET /wallet/v1/miniapps", "POST /wallet/v1/nearby", "POST /wallet/v1/share-links", "GET /wallet/v1/share-links/{token}"} {
		if w.between.asked(want) == 0 {
			t.Errorf("the wallet never asked %s", want)
		}
	}
}
