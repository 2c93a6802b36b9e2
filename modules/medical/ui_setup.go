package medical

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/medical/sheet"
)

// setupPages are the pages on which a clinic's planners set up its calendar.
func (s *Service) setupPages() []web.Page {
	const at = "/staff/clinics/{facility}/setup"
	return []web.Page{
		{Pattern: "GET " + at, Policy: planners, Handle: s.setupPage},
		{Pattern: "GET " + at + "/import", Policy: planners, Handle: s.importPage},
		{Pattern: "POST " + at + "/import", Policy: planners, Handle: s.postImport, MaxBody: 16 << 20},
		{Pattern: "GET " + at + "/exceptions", Policy: planners, Handle: s.exceptionsPage},
		{Pattern: "GET " + at + "/exceptions/{kind}", Policy: planners, Handle: s.exceptionPage},
		{Pattern: "POST " + at + "/exceptions/{kind}", Policy: planners, Handle: s.postException},
		{Pattern: "POST " + at + "/exceptions/{id}/remove", Policy: planners, Handle: s.postRemoveException},
		{Pattern: "POST " + at + "/holidays/{id}/remove", Policy: planners, Handle: s.postRemoveHoliday},
		{Pattern: "GET " + at + "/doors", Policy: planners, Handle: s.doorsPage},
		{Pattern: "GET " + at + "/{table}", Policy: planners, Handle: s.tablePage},
		{Pattern: "GET " + at + "/{table}/{id}", Policy: planners, Handle: s.rowPage},
		{Pattern: "POST " + at + "/{table}/{id}", Policy: planners, Handle: s.postRow},
	}
}

// p is a text of the planners' pages: "title" is medical.setup.title.
func (s *Service) p(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), "medical.setup."+key, args...)
}

func setupPath(f kernel.AgencyID, parts ...string) string {
	return clinicPath(f) + "/setup" + strings.Join(append([]string{""}, parts...), "/")
}

func (s *Service) setupPage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	return s.showSetup(w, r, c)
}

func (s *Service) showSetup(w http.ResponseWriter, r *http.Request, c setup) error {
	f := facilityOf(r)
	v := struct {
		Tabs    ui.Filters
		Notices []ui.Notice
		Cards   []ui.Card
	}{Tabs: s.clinicTabs(r, f, "setup", -1)}
	icons := map[string]string{sheet.Places: "home", sheet.Practitioners: "person", sheet.Resources: "services", sheet.VisitTypes: "health", sheet.Schedules: "clock", sheet.Holidays: "done"}
	for _, table := range sheet.Tables() {
		v.Cards = append(v.Cards, ui.Card{Href: setupPath(f, table), Title: s.p(r, "table."+table), Text: s.p(r, "table."+table+".text"), Icon: icons[table], Meta: s.p(r, "rows", "n", len(c.rows(table)))})
	}
	v.Cards = append(v.Cards,
		ui.Card{Href: setupPath(f, "exceptions"), Title: s.p(r, "exceptions"), Text: s.p(r, "exceptions.text"), Icon: "warning", Meta: s.p(r, "rows", "n", len(c.exceptions))},
		ui.Card{Href: setupPath(f, "import"), Title: s.p(r, "import"), Text: s.p(r, "import.text"), Icon: "download"})
	return s.Staff.Render(w, r, s.views, "setup", ui.View{Title: s.p(r, "title"), Lead: s.clinicName(r, f), Data: v, Active: "clinics", Wide: true})
}

// listView is the data of ui/setup-list.html.
type listView struct {
	Notices   []ui.Notice
	Add, Also ui.Button
	Empty     *ui.Empty
	Table     ui.Table
	Removable []ui.Link
}

func (s *Service) tablePage(w http.ResponseWriter, r *http.Request) error {
	if !slices.Contains(sheet.Tables(), r.PathValue("table")) {
		return kernel.NotThere("table")
	}
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	return s.showTable(w, r, c, r.PathValue("table"))
}

// shown are the columns of a table's list; the first one is the link.
var shown = map[string][]string{
	sheet.Places: {"name", "code", "street", "zone"}, sheet.Practitioners: {"name", "code", "specialty", "languages"}, sheet.Resources: {"name", "kind", "place"},
	sheet.VisitTypes: {"name", "code", "minutes", "service"}, sheet.Schedules: {"visit_types", "place", "practitioner", "rule", "from", "until", "minutes"}, sheet.Holidays: {"day", "name"},
}

func (s *Service) showTable(w http.ResponseWriter, r *http.Request, c setup, table string) error {
	f := facilityOf(r)
	v := listView{Notices: s.doneNotices(r), Add: ui.Button{Href: setupPath(f, table, "new"), Label: s.p(r, "add."+table)}, Table: ui.Table{Caption: s.p(r, "table."+table)}}
	for _, column := range shown[table] {
		if column == "rule" {
			column = "days"
		}
		v.Table.Head = append(v.Table.Head, s.p(r, "column."+column))
	}
	for _, row := range c.rows(table) {
		cells := s.cellsShown(r, c, row)
		if table == sheet.Schedules && !c.planned(row.ID) {
			cells[0].Href, cells[0].Tag = "", ui.Tag{Text: s.p(r, "from-feed"), Tone: ui.Info}
		}
		if table == sheet.Holidays {
			if row.Active {
				v.Removable = append(v.Removable, ui.Link{Label: cells[0].Text + " · " + cells[1].Text, Href: setupPath(f, table, row.ID, "remove")})
			} else {
				cells[0].Href, cells[0].Tag = "", ui.Tag{Text: s.p(r, "whole-town"), Tone: ui.Neutral}
			}
		} else if !row.Active {
			cells[0].Tag = ui.Tag{Text: s.p(r, "inactive"), Tone: ui.Neutral}
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: cells})
	}
	if len(v.Table.Rows) == 0 {
		v.Empty = &ui.Empty{Title: s.p(r, "none"), Body: s.p(r, "none-body")}
	}
	if table == sheet.Places {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Neutral, Body: s.t(r, "door.lead"), Link: ui.Link{Label: s.t(r, "door.title"), Href: setupPath(f, "doors")}})
	}
	return s.Staff.Render(w, r, s.views, "setup-list", ui.View{Title: s.p(r, "table."+table), Lead: s.clinicName(r, f), Data: v, Active: "clinics", Wide: true, Back: setupPath(f)})
}

// planned reports whether a schedule is a plan of the clinic's own, which alone can be changed by hand.
func (c setup) planned(id string) bool {
	return slices.ContainsFunc(c.schedules, func(d scheduleDoc) bool { return string(d.ID) == id && d.Origin == OriginPlan })
}

func (s *Service) cellsShown(r *http.Request, c setup, row Row) (out []ui.Cell) {
	locale := kernel.LocaleOf(r.Context())
	for i, column := range shown[row.Table] {
		text := row.Cells[column]
		if local := row.Cells[column+"_"+locale]; local != "" {
			text = local
		}
		switch {
		case column == "day":
			text = ui.Day(locale, text)
		case column == "rule":
			text = s.ruleInWords(r, text)
		case row.Table == sheet.Schedules && (column == "place" || column == "practitioner" || column == "visit_types"):
			text = c.namesOf(column, text, locale)
		}
		cell := ui.Cell{Text: text}
		if text == "" {
			cell.Text = "–"
		}
		if i == 0 {
			cell.Href = setupPath(facilityOf(r), row.Table, url.PathEscape(row.ID))
		}
		out = append(out, cell)
	}
	return out
}

// namesOf are the names people know codes by.
func (c setup) namesOf(column, codes, locale string) string {
	var out []string
	for _, code := range strings.Fields(codes) {
		name := code
		switch column {
		case "place":
			for _, p := range c.places {
				if p.Code == code {
					name = p.Name.In(locale)
				}
			}
		case "practitioner":
			for _, p := range c.practitioners {
				if p.Code == code {
					name = p.Name
				}
			}
		default:
			for _, v := range c.visits {
				if v.Code == code {
					name = v.Name.In(locale)
				}
			}
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// done is what a change did, carried in the address of the page it leads to: counts, nothing personal.
func madeQuery(m Made) string {
	return "?" + url.Values{"made": {strconv.Itoa(m.Made)}, "gone": {strconv.Itoa(m.Gone)}, "kept": {strconv.Itoa(m.Kept)}, "overlaps": {strconv.Itoa(m.Overlaps)}}.Encode()
}

// doneNotices tell what the change before did to the slots.
func (s *Service) doneNotices(r *http.Request) []ui.Notice {
	q := r.URL.Query()
	if !q.Has("made") {
		return nil
	}
	number := func(name string) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return s.madeNotices(r, Made{Made: number("made"), Gone: number("gone"), Kept: number("kept"), Overlaps: number("overlaps")})
}

func (s *Service) madeNotices(r *http.Request, m Made) []ui.Notice {
	out := []ui.Notice{{Tone: ui.Success, Title: s.p(r, "saved"), Body: s.p(r, "saved.body", "made", m.Made, "gone", m.Gone)}}
	if m.Kept+m.Overlaps > 0 {
		out = append(out, ui.Notice{Tone: ui.Warning, Title: s.p(r, "conflicts"), Body: s.p(r, "conflicts.body", "kept", m.Kept, "overlaps", m.Overlaps),
			Link: ui.Link{Label: s.p(r, "conflicts.link"), Href: clinicPath(facilityOf(r)) + "/tasks"}})
	}
	return out
}

func (s *Service) postRemoveHoliday(w http.ResponseWriter, r *http.Request) error {
	v, err := s.RemoveHoliday(r.Context(), facilityOf(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, setupPath(facilityOf(r), sheet.Holidays)+madeQuery(v.Made), http.StatusSeeOther)
	return nil
}

func (s *Service) postRemoveException(w http.ResponseWriter, r *http.Request) error {
	v, err := s.RemoveException(r.Context(), facilityOf(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, setupPath(facilityOf(r), "exceptions")+madeQuery(v.Made), http.StatusSeeOther)
	return nil
}
