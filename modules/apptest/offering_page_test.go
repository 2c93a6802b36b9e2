package apptest_test

import (
	"html"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/partners"
	"townhall/openapi"
	"townhall/workflows"
)

var (
	aRow = regexp.MustCompile(`(?s)<tr>.*?</tr>`)
	aTag = regexp.MustCompile(`<[^>]*>`)
)

// The page for partners is held against the town itself: no dead link, every operation of the contract named, each command answered, each
// problem one of those there are, and the rules on it those that are enforced.
func TestThePageForPartnersIsTrue(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, func(o *modules.Options) {
		north := &o.Settings.Tenants[0]
		north.Services = append(slices.Clone(north.Services), "partner-application")
		north.Agencies = append(slices.Clone(north.Agencies), modules.AgencySettings{ID: "partner-office", Name: kernel.Text{"en": "Partner Office", "ru": "Отдел по работе с партнёрами", "zh": "合作伙伴办公室"}})
	})
	a.Know("northwick", apptest.Anna)
	seen := map[string]string{}
	get := func(path string) string {
		t.Helper()
		if seen[path] == "" {
			r := a.Page(apptest.PageRequest{Cookie: a.Cookie("northwick", apptest.Anna), Tenant: "northwick", Method: http.MethodGet, Path: path})
			if r.Status != http.StatusOK {
				t.Errorf("%s answers %d", path, r.Status)
			}
			seen[path] = string(r.Body)
		}
		return seen[path]
	}
	const address = "/developers/offering"
	_, main, _ := strings.Cut(get(address), `<main`)
	main, _, _ = strings.Cut(main, `</main>`)
	links := 0
	for _, m := range hrefs.FindAllStringSubmatch(main, -1) {
		links++
		path, anchor, _ := strings.Cut(html.UnescapeString(m[1]), "#")
		if path == "" {
			path = address
		}
		if page := get(path); anchor != "" && !strings.Contains(page, `id="`+anchor+`"`) {
			t.Errorf("%s leads to nothing", m[1])
		}
	}

	namesEveryOperation(t, main, "partners", 9)

	ran := 0
	for _, block := range runnable.FindAllStringSubmatch(main, -1) {
		for line := range strings.SplitSeq(strings.TrimSpace(html.UnescapeString(block[2])), "\n") {
			m := aCommand.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("no command: %s", line)
				continue
			}
			call := apptest.Call{Method: http.MethodGet, Path: m[2]}
			if block[1] != "" {
				call.Who = &apptest.Anna
			}
			if r := a.Do(call); r.Status != http.StatusOK { // judged by the contract
				t.Errorf("%s: %d %s", line, r.Status, r.Body)
			}
			ran++
		}
	}
	problems, err := fs.ReadFile(openapi.FS, "problems.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	_, errors, _ := strings.Cut(main, `<h2>Errors</h2>`)
	for _, m := range aCode.FindAllStringSubmatch(errors, -1) {
		if checked++; !strings.Contains(string(problems), "code: "+m[1]+"\n") {
			t.Errorf("there is no problem %s", m[1])
		}
	}
	if links < 20 || ran < 3 || checked < 8 {
		t.Errorf("%d links, %d commands, %d problems: the walk is broken", links, ran, checked)
	}
	holdsRules(t, main)
}

// holdsRules compares the tables of the page with what is enforced, row by row.
func holdsRules(t *testing.T, main string) {
	t.Helper()
	var got []string
	for _, row := range aRow.FindAllString(main, -1) {
		if !strings.Contains(row, "<td") {
			continue
		}
		got = append(got, strings.Join(strings.Fields(html.UnescapeString(aTag.ReplaceAllString(row, " "))), " "))
	}
	var want [][]string
	for _, c := range partners.Categories {
		one := []string{c.Name}
		for _, kind := range []kernel.BodyKind{kernel.PublicBody, kernel.Company} {
			may := "may not"
			if partners.MayOffer(kind, c.Name) {
				may = "may"
			}
			one = append(one, may)
		}
		want = append(want, one)
	}
	for _, p := range partners.Purposes {
		for _, c := range p.Claims {
			want = append(want, []string{p.Name, c.Claim, strconv.Itoa(c.Days) + " days"})
		}
	}
	for _, l := range workflows.BlankLimits() {
		want = append(want, []string{l.Blank, strconv.Itoa(l.Most)})
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	heads := []string{"Public bodies", "Licensed companies", "Claim", "Kept at most", "Characters in each language"}
	for i, row := range got { // on a phone each cell says which column it is
		for _, h := range heads {
			row = strings.ReplaceAll(row, " "+h+" ", " ")
		}
		if row != strings.Join(want[i], " ") {
			t.Errorf("the page has %q, enforced is %q", row, want[i])
		}
	}
	templates, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range templates {
		if !strings.Contains(main, `<code>`+one.Name+`</code></b>, for the purpose <code>`+one.Purpose+`</code>`) {
			t.Errorf("the template %s is not on the page", one.Name)
		}
	}
}
