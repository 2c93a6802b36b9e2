package medical

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/medical/calendar"
	"townhall/modules/medical/sheet"
)

// formView is the data of ui/setup-form.html.
type setupFormView struct {
	Path     string
	Version  int
	Problems []ui.Problem
	Facts    []ui.Fact
	Hidden   []ui.Fact
	Fields   []ui.Field
	More     []ui.Field // other languages
	Open     bool
	Preview  bool
	Looked   bool
	Sessions []sessionView
}

type sessionView struct {
	Text string
	Tag  ui.Tag
}

func (s *Service) rowPage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	row, err := c.rowOf(r)
	if err != nil {
		return err
	}
	return s.showRow(w, r, c, row, nil, nil)
}

// rowOf is the row a page is about: one that is there, or a new one. What a feed or the municipality rules cannot be
// changed here.
func (c setup) rowOf(r *http.Request) (Row, error) {
	table, id := r.PathValue("table"), r.PathValue("id")
	if !slices.Contains(sheet.Tables(), table) {
		return Row{}, kernel.NotThere("table")
	}
	if id == "new" {
		return Row{Table: table, Active: true, Cells: map[string]string{}}, nil
	}
	row, there := c.row(table, id)
	if !there || table == sheet.Schedules && !c.planned(id) || table == sheet.Holidays && !row.Active {
		return Row{}, kernel.NotThere(table)
	}
	return row, nil
}

func (s *Service) postRow(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), facilityOf(r)
	c, err := s.Setup(ctx, f)
	if err != nil {
		return err
	}
	row, err := c.rowOf(r)
	if err != nil {
		return err
	}
	row = typedRow(r, row)
	if r.PostFormValue("do") == "look" {
		all, zone, err := s.Sessions(ctx, f, row, 10)
		return s.showRow(w, r, c, row, &looked{all, zone}, err)
	}
	v, err := s.SaveRow(ctx, f, row)
	if err != nil {
		if kernel.KindOf(err) == kernel.Invalid || kernel.KindOf(err) == kernel.Conflict {
			return s.showRow(w, r, c, row, nil, err)
		}
		return err
	}
	http.Redirect(w, r, setupPath(f, row.Table)+madeQuery(v.Made), http.StatusSeeOther)
	return nil
}

// typedRow is a row as the form was sent.
func typedRow(r *http.Request, row Row) Row {
	names, _ := sheet.Columns(row.Table)
	cells := map[string]string{}
	for _, name := range names {
		if v := strings.Join(r.PostForm[name], " "); v != "" {
			cells[name] = v
		}
	}
	if row.ID != "" {
		for _, name := range fixed[row.Table] {
			cells[name] = row.Cells[name]
		}
		row.Version, _ = strconv.Atoi(r.PostFormValue("version")) // what is no number is no version that is in force
		row.Active = row.Table == sheet.Holidays || r.PostFormValue("active") == "true"
	}
	if row.Table == sheet.Schedules && strings.TrimSpace(cells["rule"]) == "" {
		if days := r.PostForm["weekday"]; len(days) > 0 {
			cells["rule"] = "FREQ=WEEKLY;BYDAY=" + strings.Join(days, ",")
			if every := r.PostFormValue("every"); every != "" && every != "1" {
				cells["rule"] = "FREQ=WEEKLY;INTERVAL=" + every + ";BYDAY=" + strings.Join(days, ",")
			}
		}
	}
	row.Cells = cells
	return row
}

// looked are the sessions of a schedule that is not saved yet.
type looked struct {
	sessions []calendar.Session
	zone     *time.Location
}

func (s *Service) showRow(w http.ResponseWriter, r *http.Request, c setup, row Row, look *looked, problem error) error {
	locale, f := kernel.LocaleOf(r.Context()), facilityOf(r)
	id, title := "new", s.p(r, "add."+row.Table)
	if row.ID != "" {
		id, title = row.ID, s.p(r, "change."+row.Table)
	}
	v := setupFormView{Path: setupPath(f, row.Table, id), Version: row.Version, Preview: row.Table == sheet.Schedules}
	names, required := sheet.Columns(row.Table)
	for _, name := range names {
		if row.ID != "" && slices.Contains(fixed[row.Table], name) {
			v.Facts = append(v.Facts, ui.Fact{Key: s.p(r, "column."+name), Value: c.namesOf(name, row.Cells[name], locale)})
			continue
		}
		field := s.cellField(r, c, row, name, required[name])
		if base, lang, ok := strings.Cut(name, "_"); ok && slices.Contains(kernel.Locales, lang) {
			field.Label = s.p(r, "column."+base) + ", " + s.p(r, "language."+lang)
			v.More = append(v.More, field)
			continue
		}
		v.Fields = append(v.Fields, field)
		if name == "rule" {
			v.Fields = s.withWeekdays(r, v.Fields, row)
		}
	}
	if row.ID != "" && row.Table != sheet.Holidays {
		v.Fields = append(v.Fields, ui.Field{Name: "active", Kind: "checkbox", Label: s.p(r, "active"), Hint: s.p(r, "active.hint"), Value: strconv.FormatBool(row.Active)})
	}
	view := ui.View{Title: title, Lead: s.clinicName(r, f), Active: "clinics", Back: setupPath(f, row.Table)}
	if problem != nil {
		view.Status = statusOf(problem)
		all, problems := s.withErrors(r, slices.Concat(v.Fields, v.More), problem)
		v.Fields, v.More, v.Problems = all[:len(v.Fields)], all[len(v.Fields):], problems
		v.Open = slices.ContainsFunc(v.More, func(f ui.Field) bool { return f.Error != "" })
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	} else if look != nil {
		v.Looked = true
		for _, x := range look.sessions {
			v.Sessions = append(v.Sessions, s.sessionInWords(r, x, look.zone))
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "setup-form", view)
}

// withErrors says at each field what is wrong with it: "Time zone: is not a time zone, such as Europe/London".
func (s *Service) withErrors(r *http.Request, fields []ui.Field, problem error) ([]ui.Field, []ui.Problem) {
	errs := s.Texts.FieldErrors(kernel.LocaleOf(r.Context()), problem)
	for _, f := range fields {
		if text := errs[f.Name]; text != "" {
			errs[f.Name] = s.p(r, "wrong", "what", f.Label, "problem", text)
		}
	}
	return ui.WithErrors(fields, errs)
}

// sessionInWords says when a session is and how many times it has: "Monday, 30 November 2026, 09:00–12:00: 9 times".
func (s *Service) sessionInWords(r *http.Request, x calendar.Session, zone *time.Location) sessionView {
	locale := kernel.LocaleOf(r.Context())
	v := sessionView{Text: s.p(r, "session", "weekday", ui.Weekday(locale, zone, x.Start), "day", ui.Date(locale, zone, x.Start),
		"from", ui.Clock(zone, x.Start), "until", ui.Clock(zone, x.End), "n", len(x.Slots))}
	switch {
	case x.Holiday:
		v.Tag = ui.Tag{Text: s.p(r, "session.holiday"), Tone: ui.Warning}
	case x.Extra:
		v.Tag = ui.Tag{Text: s.p(r, "session.extra"), Tone: ui.Info}
	}
	return v
}

// cellField is the question for one column.
func (s *Service) cellField(r *http.Request, c setup, row Row, name string, required bool) ui.Field {
	f := ui.Field{Name: name, Label: s.p(r, "column."+name), Value: row.Cells[name], Required: required, MaxLength: 200}
	if key := "medical.setup.hint." + name; s.Texts.Has(key) {
		f.Hint = s.p(r, "hint."+name)
	}
	locale := kernel.LocaleOf(r.Context())
	options := func(kind string, codes []string, label func(string) string) {
		f.Kind = kind
		chosen := strings.Fields(f.Value)
		if kind == "select" {
			f.Options = []ui.Option{{Value: "", Label: s.p(r, "choose."+strconv.FormatBool(required))}}
		}
		for _, code := range codes {
			f.Options = append(f.Options, ui.Option{Value: code, Label: label(code), Selected: slices.Contains(chosen, code)})
		}
	}
	switch name {
	case "directions", "preparation", "bring":
		f.Kind, f.Rows, f.MaxLength = "textarea", 3, 2000
	case "level":
		options("select", []string{"low", "substantial", "high"}, func(l string) string { return s.p(r, "level."+l) })
	case "service":
		options("select", s.medicalServices(r.Context(), c.facility), func(slug string) string {
			if d, ok := s.Library.Get(slug); ok {
				return d.Text(locale, "title")
			}
			return slug
		})
	case "place", "practitioner":
		options("select", c.codesOf(name), func(code string) string { return c.namesOf(name, code, locale) })
	case "visit_types":
		options("checkbox", c.codesOf(name), func(code string) string { return c.namesOf(name, code, locale) })
	case "day", "starts_on", "ends_on":
		f.Kind, f.MaxLength = "date", 0
	case "minutes", "capacity", "min_age", "max_age", "cancel_hours":
		f.Kind, f.MaxLength = "number", 0
	case "latitude", "longitude":
		f.InputMode = "decimal"
	case "rule":
		f.MaxLength = 300
		if days, _ := weekdaysOf(f.Value); days != nil {
			f.Value = ""
		}
		f.Required = false
	case "phone":
		f.Kind = "tel"
	}
	return f
}

// codesOf are the codes a column may name.
func (c setup) codesOf(column string) (out []string) {
	switch column {
	case "place":
		for _, p := range c.places {
			if p.Active {
				out = append(out, p.Code)
			}
		}
	case "practitioner":
		for _, p := range c.practitioners {
			if p.Active {
				out = append(out, p.Code)
			}
		}
	case "visit_types":
		for _, v := range c.visits {
			if v.Active {
				out = append(out, v.Code)
			}
		}
	}
	return out
}

var weekly = regexp.MustCompile(`^FREQ=WEEKLY(?:;INTERVAL=([1-9]\d?))?;BYDAY=((?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:MO|TU|WE|TH|FR|SA|SU))*)$`)

// weekdaysOf are the days of a rule that is nothing but days of every so many weeks; nil for any other.
func weekdaysOf(rule string) (days []string, every string) {
	m := weekly.FindStringSubmatch(rule)
	if m == nil {
		return nil, "1"
	}
	if m[1] == "" {
		m[1] = "1"
	}
	return strings.Split(m[2], ","), m[1]
}

var ruleDays = []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}

// monday is a Monday, to name the days of the week by.
var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func (s *Service) ruleDay(r *http.Request, i int) string {
	return ui.Weekday(kernel.LocaleOf(r.Context()), time.UTC, monday.AddDate(0, 0, i))
}

// withWeekdays asks for the days of the week before the rule, which is for those who need more.
func (s *Service) withWeekdays(r *http.Request, fields []ui.Field, row Row) []ui.Field {
	days, every := weekdaysOf(row.Cells["rule"])
	week := ui.Field{Name: "weekday", Kind: "checkbox", Label: s.p(r, "weekdays"), Plain: true}
	for i, d := range ruleDays {
		week.Options = append(week.Options, ui.Option{Value: d, Label: s.ruleDay(r, i), Selected: slices.Contains(days, d)})
	}
	gap := ui.Field{Name: "every", Kind: "select", Label: s.p(r, "every"), Required: true}
	for n := 1; n <= 4; n++ {
		gap.Options = append(gap.Options, ui.Option{Value: strconv.Itoa(n), Label: s.p(r, "every."+strconv.Itoa(n)), Selected: every == strconv.Itoa(n)})
	}
	rule := fields[len(fields)-1]
	return append(fields[:len(fields)-1], week, gap, rule)
}

// ruleInWords names the days of a rule where it is a weekly one; another is shown as it is written.
func (s *Service) ruleInWords(r *http.Request, rule string) string {
	days, every := weekdaysOf(rule)
	if days == nil {
		return rule
	}
	var names []string
	for i, d := range ruleDays {
		if slices.Contains(days, d) {
			names = append(names, s.ruleDay(r, i))
		}
	}
	out := strings.Join(names, ", ")
	if n, err := strconv.Atoi(every); err == nil && n > 1 && n <= 4 {
		out += " (" + s.p(r, "every."+every) + ")"
	}
	return out
}
