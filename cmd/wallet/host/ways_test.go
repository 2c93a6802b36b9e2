package host

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
)

// What a code may lead to: the pages of the mini-app, and what lies below them. The prefix ends at a slash.
func TestACodeLeadsToPagesOfItsAppAlone(t *testing.T) {
	t.Parallel()
	a := App{AppID: "bike", Pages: []string{"apps/bike", "cases"}}
	for _, c := range []struct{ page, query, want string }{
		{"", "", "/apps/bike"},
		{"", "ref=bike-7", "/apps/bike?ref=bike-7"},
		{"apps/bike", "", "/apps/bike"},
		{"apps/bike/ride", "ref=7", "/apps/bike/ride?ref=7"},
		{"cases", "", "/cases"},
		{"cases/1/2", "", "/cases/1/2"},
		{"", "launch=stolen&iss=https://evil.example&ref=7", "/apps/bike?ref=7"},
		{"apps", "", ""},
		{"apps/bikes", "", ""},
		{"apps/bike2/ride", "", ""},
		{"casesx", "", ""},
		{"documents", "", ""},
		{"cases/../documents", "", ""},
		{"cases/./x", "", ""},
		{"cases//x", "", ""},
		{"cases/", "", ""},
		{"/cases", "", ""},
		{"cases/%2e%2e/documents", "", ""},
		{"cases/a b", "", ""},
		{"cases\\x", "", ""},
		{"", "ref=a/b", ""},
		{"", "ref=" + strings.Repeat("a", 65), ""},
		{"", "ref=https://evil.example", ""},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := a.deepLink(c.page, q); got != c.want || ok != (c.want != "") {
			t.Errorf("%q ?%s leads to %q %t, want %q", c.page, c.query, got, ok, c.want)
		}
	}
}

func TestALinkThatSomebodySentLeadsToTheSheet(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	a := b.get("/scan?" + values("code", h.northwick.URL+"/s/0123456789abcdefghij").Encode())
	if a.location == nil || a.location.Path != "/apps/northwick.residence-certificate" || a.location.Query().Get("channel") != "share" || a.location.Query().Get("target") != "/cases/new?ref=x" {
		t.Errorf("led to %d %v", a.status, a.location)
	}
	for _, bad := range []string{"https://evil.example/s/0123456789abcdefghij", h.northwick.URL + "/s/short", h.northwick.URL + "/s/0123456789abcdefghij/more"} {
		if a := b.get("/scan?" + values("code", bad).Encode()); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	sheet := b.get("/apps/northwick.residence-certificate")
	if strings.Contains(sheet.body, "/s/0123456789abcdefghij") || !strings.Contains(sheet.body, `name="share"`) {
		t.Error("a link is there before anybody asked for one, or nobody can ask")
	}
	if sheet = b.get("/apps/northwick.residence-certificate?share=1"); !strings.Contains(sheet.body, h.northwick.URL+"/s/0123456789abcdefghij") {
		t.Error("no link is made")
	}
	h.northwick.Close()
	if sheet = b.get("/apps/northwick.residence-certificate?share=1"); sheet.status != http.StatusOK || !strings.Contains(sheet.body, `role="alert"`) {
		t.Errorf("with the municipality away: %d", sheet.status)
	}
}

func TestASearchAsksEveryMunicipalityAndTakesTheBestInTurns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var got []string
	for _, a := range h.w.search(t.Context(), "dog", "en") {
		got = append(got, a.Client.ID)
	}
	if !slices.Equal(got, []string{"northwick.dog-licence", "eastmere.dog-licence", "northwick.residence-certificate", "eastmere.residence-certificate"}) {
		t.Errorf("%v", got)
	}
	if none := h.w.search(t.Context(), "nothing", "en"); len(none) != 0 {
		t.Errorf("%v", none)
	}
	h.eastmere.Close()
	if left := h.w.search(t.Context(), "dog", "en"); len(left) != 2 {
		t.Errorf("with one away: %v", left)
	}
}

func TestWhatIsNearbyIsAskedForAndForgotten(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Spots = []Spot{{Name: kernel.Text{"en": "Market"}, Position: kernel.Position{Latitude: 51.5, Longitude: -0.12}}}
	})
	b := h.browser().signIn("anna")
	for name, form := range map[string][]string{"a device": {"position", "51.5,-0.12"}, "a spot": {"spot", "0"}} {
		a := b.post("/nearby", form...)
		first, second := strings.Index(a.body, "Office of eastmere"), strings.Index(a.body, "Office of northwick")
		if a.status != http.StatusOK || first < 0 || second < first || a.header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(a.body, `href="/apps/eastmere.dog-licence?channel=nearby&amp;target=%2fapps%2fdog-licence%3fref%3doffice-1"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, form := range [][]string{{}, {"spot", "1"}, {"spot", "-1"}, {"spot", "x"}, {"position", "91,0"}, {"position", "NaN,0"}, {"position", "x,y"}} {
		if a := b.post("/nearby", form...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `href="#spot"`) {
			t.Errorf("%v: %d", form, a.status)
		}
	}
	if a := b.get("/nearby?position=51.5,-0.12"); strings.Contains(a.body, "Office of") {
		t.Error("an address says where somebody is")
	}
}

func TestAFavouriteStaysUntilItIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	anna, maria := h.browser().signIn("anna"), h.browser().signIn("maria")
	starred := func(b *browser) bool { return strings.Contains(b.get("/").body, `id="stars"`) }
	if starred(anna) {
		t.Fatal("nothing is a favourite yet")
	}
	a := anna.post("/favourites", "app", "northwick.dog-licence", "target", "/cases/1", "channel", "search")
	if a.location == nil || a.location.Path != "/apps/northwick.dog-licence" || a.location.Query().Get("channel") != "search" || a.location.Query().Get("target") != "/cases/1" {
		t.Errorf("led to %v", a.location)
	}
	if !starred(anna) || starred(maria) {
		t.Error("it is not Anna's favourite, or somebody else's as well")
	}
	anna.post("/favourites", "app", "northwick.dog-licence")
	if starred(anna) {
		t.Error("it is still a favourite")
	}
	if a := anna.post("/favourites", "app", "nothing"); a.status != http.StatusNotFound {
		t.Errorf("an unknown app: %d", a.status)
	}
}

func TestACaseIsOneErrandHoweverOftenItIsToldOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	note := func(id, number string, read bool) Message {
		return Message{ID: id, ClientID: "northwick.a", Number: number, Read: read, At: now}
	}
	inbox := []Message{note("5", "A-1", false), note("4", "A-2", true), note("3", "A-1", false), note("2", "A-2", false), note("1", "", false), note("0", "A-3", false)}
	var got []string
	for _, m := range errands(inbox) {
		got = append(got, m.ID)
	}
	// The newest of A-1; A-2's newest was read; what is of no case is no errand.
	if !slices.Equal(got, []string{"5", "0"}) {
		t.Errorf("%v", got)
	}
}
