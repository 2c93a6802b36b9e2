package staff_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/staff"
)

var shots = flag.String("shots", "", "folder for screenshots of every page")

type places struct{}

func (places) Tenants() []kernel.Tenant            { return []kernel.Tenant{ui.GalleryTenant()} }
func (places) ByHost(string) (kernel.Tenant, bool) { return ui.GalleryTenant(), true }
func (places) Agency(kernel.TenantID, kernel.AgencyID) (kernel.Agency, bool) {
	return kernel.Agency{ID: "civil-registry", Name: kernel.Text{"en": "Civil registry", "ru": "Отдел записи актов", "zh": "户籍登记处"}}, true
}

// fixtures are the shell around a page as the modules make them, and its error page.
func fixtures(t testing.TB) (*ui.Texts, []ui.Fixture) {
	t.Helper()
	texts, err := ui.LoadTexts(web.Texts(), staff.Texts())
	if err != nil {
		t.Fatal(err)
	}
	shell, err := staff.NewShell(texts, places{})
	if err != nil {
		t.Fatal(err)
	}
	views, err := ui.NewViews(texts, fstest.MapFS{
		"queue.html": {Data: []byte(`{{template "filters" .Filters}}{{template "table" .Table}}`)},
		"case.html":  {Data: []byte(`<div class="split"><div><h1>RC-2026-7K4M-93Q2</h1>{{template "summary-list" .Answers}}</div><aside><section class="surface"><h2>Next</h2><form method="post" action="/x">{{template "fields" .Fields}}{{template "buttons" .Buttons}}</form></section></aside></div>`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	row := func(n, who string, tag ui.Tag) ui.TableRow {
		return ui.TableRow{Cells: []ui.Cell{{Text: n, Href: "/staff/cases/1"}, {Text: "Residence certificate"}, {Text: who}, {Tag: tag}, {At: ui.GalleryTime}}}
	}
	queue := map[string]any{
		"Filters": ui.Filters{Label: "Queue", Tabs: []ui.Filter{{Label: "Unassigned", Href: "?queue=unassigned", Count: 7, Current: true}, {Label: "Mine", Href: "?queue=mine", Count: 2}, {Label: "All", Href: "?queue=all", Count: -1}}, Search: "q", Action: "/staff/cases"},
		"Table": ui.Table{Caption: "Cases", Head: []string{"Reference", "Service", "Applicant", "State", "Due"}, Rows: []ui.TableRow{
			row("RC-2026-7K4M-93Q2", "Anna Whitfield", ui.Tag{Text: "To be examined", Tone: ui.Info}), row("RC-2026-9TQX-11MD", "Мария Соколова", ui.Tag{Text: "Overdue", Tone: ui.Danger}), row("RC-2026-K2W8-70ZR", "王小明", ui.Tag{Text: "Answered", Tone: ui.Success})}},
	}
	one := map[string]any{
		"Answers": []ui.SummaryRow{{Key: "Name", Value: "Anna Whitfield", Verified: true}, {Key: "Address", Value: "14 Mill Lane, Northwick NW4 2QB", Verified: true}, {Key: "Purpose", Value: "Bank or insurance"}, {Key: "Copies", Value: "2"}},
		"Fields":  []ui.Field{{Name: "assessment", Label: "Assessment", Kind: "textarea", Required: true, Hint: "Only staff can read this."}},
		"Buttons": []ui.Button{{Label: "Propose the certificate"}, {Label: "Ask the applicant", Tone: "secondary"}},
	}
	page := func(name string, data any, title, active string) ui.Fixture {
		return ui.Fixture{Name: "staff-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			return shell.Render(w, r, views, name, ui.View{Title: title, Data: data, Active: active})
		}}
	}
	return texts, []ui.Fixture{
		page("queue", queue, "Work queue", "queue"), page("case", one, "RC-2026-7K4M-93Q2", "queue"),
		{Name: "staff-error", As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			shell.ErrorPage(w, r, "staff", http.StatusNotFound, kernel.NotThere("fixture"))
			return nil
		}},
	}
}

func TestTheConsolePassesAxeAndFits(t *testing.T) {
	t.Parallel()
	texts, fixtures := fixtures(t)
	gallery, err := ui.Gallery(texts, fixtures...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gallery)
	defer server.Close()
	b := browser.Start(t)
	for _, size := range []browser.Size{browser.Desk, browser.Small} {
		for _, dark := range []bool{false, true} {
			p := b.Open(t, browser.Options{Size: size, Dark: dark})
			for _, f := range fixtures {
				for _, l := range languages(dark) {
					p.Go(server.URL + "/" + l + "/" + f.Name)
					for _, v := range p.Axe() {
						t.Errorf("%s in %s at %d px, dark %v: %s", f.Name, l, size.Width, dark, v)
					}
					if n := p.SidewaysScroll(); n > 0 {
						t.Errorf("%s in %s scrolls sideways by %d px at %d px", f.Name, l, n, size.Width)
					}
				}
				if *shots != "" {
					p.Screenshot(filepath.Join(*shots, f.Name+map[bool]string{true: ".dark", false: ""}[dark]+"."+map[browser.Size]string{browser.Desk: "desk", browser.Small: "small"}[size]+".png"))
				}
			}
		}
	}
}

func TestTheConsoleSaysWhoIsSignedInAndForWhichAgency(t *testing.T) {
	t.Parallel()
	_, fixtures := fixtures(t)
	page, err := ui.RenderFixture("ru", fixtures[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Oliver Grant", "Отдел записи актов", `action="/staff/sign-out"`, `href="/staff/cases" aria-current="page"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "⟦") {
		t.Error("a text is missing")
	}
}

// languages are those judged: the colours of the dark page are the same in each of them, so one is enough there.
func languages(dark bool) []string {
	if dark {
		return kernel.Locales[:1]
	}
	return kernel.Locales
}
