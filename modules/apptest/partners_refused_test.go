package apptest_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
)

// Every refusal of an application names what is wrong with it, where it is typed.
func TestApplicationsThatCannotBeAreRefusedWhereTheyAreTyped(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	a.Admit(apptest.Boris, apptest.PartnerAnswers("taken", nil))
	draft := a.DraftOf(apptest.Anna, "partner-application")
	submit := func(who apptest.Who, c apptest.Case, in map[string]any) apptest.Answer {
		return a.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/submit", Key: apptest.Key(), Body: map[string]any{"version": c.Version, "input": in}})
	}
	now := time.Now()
	company := func(change map[string]any) map[string]any {
		in := apptest.CompanyAnswers("fresh", apptest.LicenceDay(now, 100))
		maps.Copy(in, change)
		return in
	}
	for name, c := range map[string]struct {
		in   map[string]any
		want string
	}{
		"a person":                          {apptest.PartnerAnswers("fresh", map[string]any{"body_kind": "individual"}), "guard-refused"},
		"a company that wants permits":      {company(map[string]any{"categories": []string{"permits"}}), "categories partners.category-closed"},
		"an expired licence":                {apptest.CompanyAnswers("fresh", apptest.LicenceDay(now, -2)), "licence_until field.too-low"},
		"a company without a licence":       {company(map[string]any{"licence_number": ""}), "licence_number field.required"},
		"a partner's short name":            {apptest.PartnerAnswers("taken", nil), "short_name partners.short-name-taken"},
		"an agency of the settings":         {apptest.PartnerAnswers("civil-registry", nil), "short_name partners.short-name-taken"},
		"the partner office itself":         {apptest.PartnerAnswers("partner-office", nil), "short_name partners.short-name-taken"},
		"a short name that is none":         {apptest.PartnerAnswers("Fresh Body", nil), "short_name field.wrong-format"},
		"a NUL":                             {apptest.PartnerAnswers("fresh", map[string]any{"body_name": "a\x00b"}), "body_name field.bad-characters"},
		"an emoji, which no document shows": {apptest.PartnerAnswers("fresh", map[string]any{"body_name": "Body 🏥"}), "body_name field.not-printable"},
		"a place that is none":              {apptest.PartnerAnswers("fresh", map[string]any{"position": "99.00, 12.00"}), "position partners.no-position"},
	} {
		if got := submit(apptest.Anna, draft, c.in); got.Status/100 != 4 || fields(t, got) != c.want {
			t.Errorf("%s: %d %s\n%s", name, got.Status, fields(t, got), got.Body)
		}
	}
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.partner WHERE agency <> 'taken'`); n != 0 {
		t.Errorf("%d refused applications were kept", n)
	}

	// Eight people want one name at the same moment.
	var people []apptest.Who
	var cases []apptest.Case
	for i := range 8 {
		who := apptest.Who{Subject: fmt.Sprint("racer-", i), Name: "A Racer", ACR: "substantial", Client: apptest.Anna.Client}
		a.Know("northwick", who)
		people, cases = append(people, who), append(cases, a.DraftOf(who, "partner-application"))
	}
	results := make([]apptest.Answer, len(people))
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() { results[i] = submit(people[i], cases[i], apptest.PartnerAnswers("wanted", nil)) })
	}
	wg.Wait()
	won := 0
	for i, got := range results {
		switch {
		case got.Status == http.StatusOK:
			won++
			cases[0], people[0] = cases[i], people[i]
		case got.Status != http.StatusUnprocessableEntity || fields(t, got) != "short_name partners.short-name-taken":
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	if won != 1 {
		t.Errorf("%d bodies have one short name", won)
	}
	// Withdrawn, the name is free again.
	a.Act(people[0], apptest.Case{ID: cases[0].ID, Version: cases[0].Version + 1}, "withdraw", nil)
	if got := submit(apptest.Anna, draft, apptest.PartnerAnswers("wanted", nil)); got.Status != http.StatusOK {
		t.Errorf("after the withdrawal: %d %s", got.Status, got.Body)
	}
}

// Who may act for a partner, and what its own settings and mini-apps are refused for.
func TestWhatAPartnerIsRefused(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	own, officer := apptest.StaffOf("clinic", "publisher", "pia"), apptest.StaffOf("clinic", "officer", "otto")
	a.Know("northwick", own, officer)
	early := a.Approve(apptest.Anna, apptest.PartnerAnswers("early", nil))
	o := a.Admit(apptest.Anna, apptest.CompanyAnswers("clinic", apptest.LicenceDay(time.Now(), 100)))
	a.Admit(apptest.Boris, apptest.PartnerAnswers("harbour", nil))

	t.Run("others", func(t *testing.T) {
		for name, c := range map[string]struct {
			who    *apptest.Who
			tenant kernel.TenantID
			method string
			path   string
			status int
		}{
			"another person": {&apptest.Boris, "northwick", "GET", "/organisations/clinic", 404},
			"the same person at another municipality": {&apptest.Anna, "eastmere", "GET", "/organisations/clinic", 404},
			"nobody":                              {nil, "northwick", "GET", "/organisations/clinic", 401},
			"a weak sign-in":                      {&apptest.Low, "northwick", "GET", "/organisations", 401},
			"its own publisher as representative": {&own, "northwick", "GET", "/organisations/clinic", 403},
			"its own officer as the office":       {&officer, "northwick", "GET", "/partners", 404},
			"its own publisher as the office":     {&own, "northwick", "GET", "/partners", 403},
			"a reviewer as the office":            {&apptest.Marcus, "northwick", "GET", "/partners", 403},
			"the representative as the office":    {&apptest.Anna, "northwick", "GET", "/partners", 403},
			"the office":                          {&apptest.Ines, "northwick", "GET", "/partners", 200},
			"the other office":                    {&apptest.Edith, "eastmere", "GET", "/partners", 200},
		} {
			got := a.Do(apptest.Call{Tenant: c.tenant, Who: c.who, Method: c.method, Path: "/partners/v1" + c.path})
			if got.Status != c.status || c.tenant == "eastmere" && bytes.Contains(got.Body, []byte("clinic")) {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		if got := a.Do(apptest.Call{Who: &apptest.Low, Method: "GET", Path: "/partners/v1/organisations"}); !strings.Contains(got.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
			t.Errorf("a weak sign-in is not asked for a stronger one: %q", got.Header)
		}
		for _, who := range []apptest.Who{officer, own, apptest.Marcus} {
			for _, path := range []string{"/staff/partners", "/staff/partners/clinic"} {
				if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: "GET", Path: path, Cookie: a.Cookie("northwick", who)}); got.Status != 404 && got.Status != 403 || bytes.Contains(got.Body, []byte("CQC-1-1009")) {
					t.Errorf("%s at %s: %d", who.Name, path, got.Status)
				}
			}
		}
		if got := a.Suspend(officer, "harbour", 1); got.Status != 404 {
			t.Errorf("a partner's officer suspends another partner: %d %s", got.Status, got.Body)
		}
		if got := a.Suspend(officer, "clinic", 1); got.Status != 404 {
			t.Errorf("a partner's officer suspends its own: %d %s", got.Status, got.Body)
		}
		if got := a.SetSignIn(apptest.Boris, "clinic", o.Version, map[string]any{"groups": map[string]string{"publisher": "clinic-x"}}, apptest.Key()); got.Status != 404 {
			t.Errorf("another person sets the sign-in: %d %s", got.Status, got.Body)
		}
		if got := a.Make(apptest.Boris, "clinic", "appointments", a.Blanks("appointments", "clinic-visits", "health"), apptest.Key()); got.Status != 404 {
			t.Errorf("another person makes a mini-app: %d %s", got.Status, got.Body)
		}
	})

	t.Run("before the terms are signed", func(t *testing.T) {
		v := a.Organisation(apptest.Anna, "early").Version
		if got := a.SetSignIn(apptest.Anna, "early", v, map[string]any{"groups": map[string]string{"publisher": "early-x"}}, apptest.Key()); got.Status != 409 || code(t, got) != "partner-not-active" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if got := a.Make(apptest.Anna, "early", "application", a.Blanks("application", "early-permit", "permits"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-not-active" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if _, there := a.Directory.Agency("northwick", "early"); there {
			t.Error("it is an agency before it signed")
		}
		a.Act(apptest.Anna, early, "sign-terms", apptest.Terms)
		a.Settle()
		if _, there := a.Directory.Agency("northwick", "early"); !there {
			t.Error("it is no agency after it signed")
		}
		if got := a.Make(apptest.Anna, "early", "application", a.Blanks("application", "early-permit", "permits"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-no-sign-in" {
			t.Errorf("without a sign-in: %d %s", got.Status, got.Body)
		}
	})

	t.Run("sign-in", func(t *testing.T) {
		idp := identitytest.NewIssuer(t, kernel.SystemClock{})
		v := a.Organisation(apptest.Boris, "harbour").Version
		own := func(acr string) map[string]any {
			return map[string]any{"issuer_url": idp.URL, "acr": map[string]string{"substantial": acr}, "groups": map[string]string{"publisher": "editors"}}
		}
		for name, c := range map[string]struct {
			in   map[string]any
			want string
		}{
			"a group of another partner":           {map[string]any{"groups": map[string]string{"publisher": "clinic-publishers"}}, "group.publisher partners.group-prefix"},
			"the municipality's reviewers":         {map[string]any{"groups": map[string]string{"publisher": "northwick-reviewers"}}, "group.publisher partners.group-prefix"},
			"the municipality's issuer as its own": {map[string]any{"issuer_url": a.Staff.URL, "acr": map[string]string{"high": "low"}, "groups": map[string]string{"publisher": "northwick-registrars"}}, "issuer_url"},
			"the citizens' issuer":                 {map[string]any{"issuer_url": a.Citizens.URL, "acr": map[string]string{"high": "low"}, "groups": map[string]string{"publisher": "x1"}}, "issuer_url identity.issuer.taken"},
			"an issuer without a second factor":    {map[string]any{"issuer_url": idp.URL, "acr": map[string]string{}, "groups": map[string]string{"publisher": "x1"}}, "acr.substantial partners.acr-substantial"},
			"an issuer nobody answers at":          {map[string]any{"issuer_url": "http://127.0.0.1:1", "acr": map[string]string{"high": "h"}, "groups": map[string]string{"publisher": "x1"}}, "issuer_url identity.issuer.away"},
		} {
			if got := a.SetSignIn(apptest.Boris, "harbour", v, c.in, apptest.Key()); got.Status != 422 || !strings.HasPrefix(fields(t, got), c.want) {
				t.Errorf("%s: %d %s", name, got.Status, fields(t, got))
			}
		}
		// The same request again is the same answer and one change, even when the issuer is away by now.
		key := apptest.Key()
		first := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.Substantial), key)
		idp.Lock()
		idp.Down = true
		idp.Unlock()
		again := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.Substantial), key)
		idp.Lock()
		idp.Down = false
		idp.Unlock()
		if first.Status != 200 || again.Status != 200 || !bytes.Equal(first.Body, again.Body) || a.Organisation(apptest.Boris, "harbour").Version != v+1 {
			t.Errorf("%d %s\n%d %s", first.Status, first.Body, again.Status, again.Body)
		}
		if got := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.High), key); got.Status != 422 || code(t, got) != "idempotency-key-reused" {
			t.Errorf("the key for another setting: %d %s", got.Status, got.Body)
		}
		// Who comes second to an issuer does not say anew what its levels are worth.
		w := a.Organisation(apptest.Anna, "clinic").Version
		if got := a.SetSignIn(apptest.Anna, "clinic", w, own(identitytest.Low), apptest.Key()); got.Status != 422 || fields(t, got) != "issuer_url partners.issuer-shared" {
			t.Errorf("other levels at another partner's issuer: %d %s", got.Status, got.Body)
		}
		if got := a.Organisation(apptest.Anna, "clinic").Version; got != w {
			t.Error("the refused setting was kept")
		}
		if got := a.SetSignIn(apptest.Anna, "clinic", w, own(identitytest.Substantial), apptest.Key()); got.Status != 200 {
			t.Errorf("the same levels: %d %s", got.Status, got.Body)
		}
		// At the same moment one of two wins.
		one := identitytest.NewIssuer(t, kernel.SystemClock{})
		set := func(who apptest.Who, name, acr string, version int) apptest.Answer {
			return a.SetSignIn(who, name, version, map[string]any{"issuer_url": one.URL, "acr": map[string]string{"high": acr}, "groups": map[string]string{"publisher": "editors"}}, apptest.Key())
		}
		var got [2]apptest.Answer
		var wg sync.WaitGroup
		wg.Go(func() { got[0] = set(apptest.Anna, "clinic", identitytest.Low, w+1) })
		wg.Go(func() { got[1] = set(apptest.Boris, "harbour", identitytest.High, v+1) })
		wg.Wait()
		if got[0].Status+got[1].Status != 200+422 {
			t.Errorf("both say what its levels are worth: %d %s, %d %s", got[0].Status, got[0].Body, got[1].Status, got[1].Body)
		}
		o = a.Organisation(apptest.Anna, "clinic")
	})

	t.Run("mini-apps", func(t *testing.T) {
		blanks := func(template, slug, category string, change func(map[string]any)) map[string]any {
			b := a.Blanks(template, slug, category)
			if change != nil {
				change(b)
			}
			return b
		}
		claims := func(b map[string]any, name string, days int) {
			purpose := map[string]string{"en": "To know you.", "ru": "Чтобы знать вас.", "zh": "以便了解您。"}
			b["claims"] = append(b["claims"].([]any), map[string]any{"name": name, "required": false, "retention_days": days, "purpose": purpose})
		}
		text := func(field string, s string) func(map[string]any) {
			return func(b map[string]any) {
				in := b
				if at, rest, ok := strings.Cut(field, "."); ok {
					in, field = b[at].(map[string]any), rest
				}
				in[field] = map[string]string{"en": s, "ru": "Слово", "zh": "词语"}
			}
		}
		for name, c := range map[string]struct {
			who            apptest.Who
			body, template string
			blanks         map[string]any
			want           string
		}{
			"a claim the purpose does not cover": {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "health", func(b map[string]any) { claims(b, "address", 10) }), "claims.1 field.not-an-option"},
			"a claim kept too long":              {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "health", func(b map[string]any) { claims(b, "birthdate", 4000) }), "claims.birthdate.retention_days field.out-of-range"},
			"a kind it has not registered":       {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "animals", nil), "category partners.category-not-yours"},
			"a kind that is not open to it":      {apptest.Anna, "clinic", "application", blanks("application", "clinic-permit", "permits", nil), "category partners.category-not-yours"},
			"another body's name":                {apptest.Anna, "clinic", "appointments", blanks("appointments", "harbour-visits", "health", nil), "slug partners.slug-prefix"},
			"a service's name":                   {apptest.Anna, "clinic", "appointments", blanks("appointments", "doctor-appointment", "health", nil), "slug partners.slug-prefix"},
			"a template there is none of":        {apptest.Anna, "clinic", "lottery", blanks("appointments", "clinic-visits", "health", nil), "template field.not-an-option"},
			"a NUL":                              {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "a\x00b")), "title.en field.bad-characters"},
			"braces":                             {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "{name}")), "title.en field.braces"},
			"an emoji in the title":              {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "Stall 🍯")), "title.en field.not-printable"},
			"an emoji in the document":           {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("document.text", "Stall 🍯")), "document.text.en field.not-printable"},
		} {
			got := a.Make(c.who, c.body, c.template, c.blanks, apptest.Key())
			if got.Status != 422 || strings.ReplaceAll(fields(t, got), "blanks.", "") != c.want {
				t.Errorf("%s: %d %s", name, got.Status, fields(t, got))
			}
		}
		if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.app`) + scan[int](t, a.App, `SELECT count(*)::int FROM partners.slug`); n != 0 {
			t.Errorf("%d rows are left of what was refused", n)
		}
		// Eight at the same moment with one key, and eight with one name: one mini-app each.
		key, same := apptest.Key(), blanks("appointments", "clinic-visits", "health", nil)
		results := make([]apptest.Answer, 16)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				if i%2 == 0 {
					results[i] = a.Make(apptest.Anna, "clinic", "appointments", same, key)
				} else {
					results[i] = a.Make(apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", nil), apptest.Key())
				}
			})
		}
		wg.Wait()
		won := 0
		for i, got := range results {
			switch {
			case i%2 == 0 && got.Status != 200 && code(t, got) != "idempotency-key-running" && code(t, got) != "request-running":
				t.Errorf("one key: %d %s", got.Status, got.Body)
			case i%2 == 1 && got.Status == 200:
				won++
			case i%2 == 1 && fields(t, got) != "slug partners.slug-taken":
				t.Errorf("one name: %d %s", got.Status, got.Body)
			}
		}
		first, again := a.Make(apptest.Anna, "clinic", "appointments", same, key), a.Make(apptest.Anna, "clinic", "appointments", same, key)
		if first.Status != 200 || !bytes.Equal(first.Body, again.Body) || won != 1 || len(a.Organisation(apptest.Anna, "clinic").MiniApps) != 1 || len(a.Organisation(apptest.Boris, "harbour").MiniApps) != 1 {
			t.Errorf("%d won, %d %s\n%d %s", won, first.Status, first.Body, again.Status, again.Body)
		}
	})
}
