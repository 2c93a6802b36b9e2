package medical

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/medical/sheet"
)

func statusOf(err error) int { return web.Status(kernel.KindOf(err)) }

func (s *Service) exceptionsPage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	return s.showExceptions(w, r, c)
}

func (s *Service) showExceptions(w http.ResponseWriter, r *http.Request, c setup) error {
	f, locale := facilityOf(r), kernel.LocaleOf(r.Context())
	v := listView{Notices: s.doneNotices(r), Add: ui.Button{Href: setupPath(f, "exceptions", "block"), Label: s.p(r, "add.block")},
		Also:  ui.Button{Href: setupPath(f, "exceptions", "extra"), Label: s.p(r, "add.extra"), Tone: "secondary"},
		Table: ui.Table{Caption: s.p(r, "exceptions"), Head: []string{s.p(r, "when"), s.p(r, "what"), s.p(r, "whom"), s.p(r, "reason")}}}
	for _, e := range c.exceptions {
		zone := kernel.TenantOf(r.Context()).Location()
		whom := c.whom(e, locale)
		if whom == "" {
			whom = s.p(r, "whole-clinic")
		}
		when := spanInWords(locale, zone, e)
		kind, tone := s.p(r, "kind.closed"), ui.Warning
		if e.Kind == "extra" {
			kind, tone = s.p(r, "kind.extra"), ui.Info
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{{Text: when}, {Tag: ui.Tag{Text: kind, Tone: tone}}, {Text: whom}, {Text: orDash(e.Reason)}}})
		v.Removable = append(v.Removable, ui.Link{Label: when + " · " + whom, Href: setupPath(f, "exceptions", e.ID, "remove")})
	}
	if len(c.exceptions) == 0 {
		v.Empty = &ui.Empty{Title: s.p(r, "none"), Body: s.p(r, "none-exceptions")}
	}
	return s.Staff.Render(w, r, s.views, "setup-list", ui.View{Title: s.p(r, "exceptions"), Lead: s.clinicName(r, f), Data: v, Active: "clinics", Wide: true, Back: setupPath(f)})
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func spanInWords(locale string, zone *time.Location, e exceptionDoc) string {
	from, err := time.Parse(time.RFC3339, e.From)
	until, err2 := time.Parse(time.RFC3339, e.Until)
	if err != nil || err2 != nil {
		return e.From
	}
	if from.In(zone).Format(time.DateOnly) == until.In(zone).Format(time.DateOnly) {
		return ui.DateTime(locale, zone, from) + "–" + ui.Clock(zone, until)
	}
	return ui.DateTime(locale, zone, from) + " – " + ui.DateTime(locale, zone, until)
}

// whom names what an exception is about; empty for the whole clinic.
func (c setup) whom(e exceptionDoc, locale string) string {
	switch {
	case e.Schedule != nil:
		if row, ok := c.row(sheet.Schedules, *e.Schedule); ok {
			return c.namesOf("visit_types", row.Cells["visit_types"], locale) + ", " + c.namesOf("place", row.Cells["place"], locale)
		}
	case e.Practitioner != nil:
		for _, p := range c.practitioners {
			if string(p.ID) == *e.Practitioner {
				return p.Name
			}
		}
	case e.Place != nil:
		for _, p := range c.places {
			if string(p.ID) == *e.Place {
				return p.Name.In(locale)
			}
		}
	}
	return ""
}

func (s *Service) exceptionPage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	return s.showException(w, r, c, Exception{}, nil)
}

func (s *Service) postException(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Setup(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	v := r.PostFormValue
	e := Exception{Extra: r.PathValue("kind") == "extra", Schedule: v("schedule"), Practitioner: v("practitioner"), Place: v("place"), FromDay: v("from_day"), From: v("from"),
		UntilDay: v("until_day"), Until: v("until"), Reason: strings.TrimSpace(v("reason"))}
	done, err := s.SaveException(r.Context(), facilityOf(r), e)
	if kernel.KindOf(err) == kernel.Invalid && err != nil {
		return s.showException(w, r, c, e, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, setupPath(facilityOf(r), "exceptions")+madeQuery(done.Made), http.StatusSeeOther)
	return nil
}

func (s *Service) showException(w http.ResponseWriter, r *http.Request, c setup, e Exception, problem error) error {
	kind, f, locale := r.PathValue("kind"), facilityOf(r), kernel.LocaleOf(r.Context())
	if kind != "block" && kind != "extra" {
		return kernel.NotThere("kind")
	}
	choice := func(name, value string, all []ui.Option) ui.Field {
		empty := s.p(r, "choose."+strconv.FormatBool(kind == "extra"))
		if kind == "block" {
			empty = s.p(r, "choose.any")
		}
		return ui.Field{Name: name, Kind: "select", Label: s.p(r, "column."+name), Value: value, Required: kind == "extra", Options: append([]ui.Option{{Label: empty}}, all...)}
	}
	var schedules, practitioners, places []ui.Option
	for _, row := range c.rows(sheet.Schedules) {
		if row.Active && c.planned(row.ID) {
			schedules = append(schedules, ui.Option{Value: row.ID, Label: c.namesOf("visit_types", row.Cells["visit_types"], locale) + ", " + c.namesOf("practitioner", row.Cells["practitioner"], locale) + ", " +
				s.ruleInWords(r, row.Cells["rule"]) + ", " + row.Cells["from"] + "–" + row.Cells["until"]})
		}
	}
	for _, p := range c.practitioners {
		practitioners = append(practitioners, ui.Option{Value: string(p.ID), Label: p.Name})
	}
	for _, p := range c.places {
		places = append(places, ui.Option{Value: string(p.ID), Label: p.Name.In(locale)})
	}
	v := setupFormView{Path: setupPath(f, "exceptions", kind)}
	clock := func(name, value string) ui.Field {
		return ui.Field{Name: name, Label: s.p(r, "column."+name), Hint: s.p(r, "hint."+name), Value: value, Required: true, MaxLength: 5}
	}
	from := ui.Field{Name: "from_day", Kind: "date", Label: s.p(r, "column.from_day"), Value: e.FromDay, Required: true}
	if kind == "extra" {
		v.Fields = []ui.Field{choice("schedule", e.Schedule, schedules), from, clock("from", e.From), clock("until", e.Until)}
	} else {
		v.Fields = []ui.Field{choice("practitioner", e.Practitioner, practitioners), choice("place", e.Place, places), choice("schedule", e.Schedule, schedules), from, clock("from", e.From),
			{Name: "until_day", Kind: "date", Label: s.p(r, "column.until_day"), Hint: s.p(r, "hint.until_day"), Value: e.UntilDay}, clock("until", e.Until)}
	}
	v.Fields = append(v.Fields, ui.Field{Name: "reason", Label: s.p(r, "reason"), Hint: s.p(r, "reason.hint"), Value: e.Reason, MaxLength: 300})
	view := ui.View{Title: s.p(r, "add."+kind), Lead: s.clinicName(r, f), Active: "clinics", Back: setupPath(f, "exceptions")}
	if problem != nil {
		view.Status = statusOf(problem)
		v.Fields, v.Problems = s.withErrors(r, v.Fields, problem)
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "setup-form", view)
}

// importView is the data of ui/setup-import.html.
type importView struct {
	Path     string
	Problems []ui.Problem
	Notices  []ui.Notice
	Total    int
	Lines    *ui.Table // what is wrong, line by line
	More     string
	Counts   *ui.Table
	Again    string // the files that were looked at, to be imported
	Help     ui.Details
}

func (s *Service) importPage(w http.ResponseWriter, r *http.Request) error {
	if err := works(r.Context(), facilityOf(r), RolePlanner); err != nil {
		return err
	}
	return s.showImport(w, r, importView{}, nil)
}

// mostKept is how much of a preview a page carries along, so that the files need not be chosen again.
const mostKept = 200 << 10

func (s *Service) postImport(w http.ResponseWriter, r *http.Request) error {
	if err := works(r.Context(), facilityOf(r), RolePlanner); err != nil {
		return err
	}
	files, err := filesOf(r)
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return s.showImport(w, r, importView{Problems: []ui.Problem{{Field: "files", Text: s.p(r, "import.too-large")}}}, errRefused)
	}
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return s.showImport(w, r, importView{Problems: []ui.Problem{{Field: "files", Text: s.p(r, "import.no-files")}}}, errRefused)
	}
	look := r.FormValue("do") != "import"
	v, err := s.ImportFiles(r.Context(), facilityOf(r), files, look)
	var refused *Refusal
	if errors.As(err, &refused) {
		return s.showImport(w, r, s.refusalView(r, refused), errRefused)
	}
	if err != nil {
		return err
	}
	out := importView{Counts: s.countsTable(r, v)}
	if look {
		out.Notices = []ui.Notice{{Tone: ui.Info, Title: s.p(r, "import.looked"), Body: s.p(r, "import.looked-body", "made", v.Made.Made, "gone", v.Made.Gone, "kept", v.Made.Kept)}}
		if kept := keepFiles(files); len(kept) <= mostKept {
			out.Again = kept
		}
	} else {
		out.Notices = s.madeNotices(r, v.Made)
	}
	return s.showImport(w, r, out, nil)
}

// filesOf are the files that were sent, or those a preview carried along.
func filesOf(r *http.Request) ([]lines.File, error) {
	malformed := kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
	if err := r.ParseMultipartForm(4 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, malformed.Wrap(err)
	}
	if kept := r.FormValue("kept"); kept != "" {
		return keptFiles(kept)
	}
	if r.MultipartForm == nil {
		return nil, nil
	}
	var files []lines.File
	for _, h := range r.MultipartForm.File["files"] {
		f, err := h.Open()
		if err != nil {
			return nil, malformed.Wrap(err)
		}
		data, err := io.ReadAll(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, malformed.Wrap(err)
		}
		if h.Filename != "" {
			files = append(files, lines.File{Name: path.Base(h.Filename), Data: data})
		}
	}
	return files, nil
}

func keepFiles(files []lines.File) string {
	raw, err := json.Marshal(files)
	if err != nil {
		return ""
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(raw)
	if err = errors.Join(err, z.Close()); err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func keptFiles(kept string) (files []lines.File, err error) {
	malformed := kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
	raw, err := base64.StdEncoding.DecodeString(kept)
	if err != nil {
		return nil, malformed.Wrap(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, malformed.Wrap(err)
	}
	if err := json.NewDecoder(io.LimitReader(z, 24<<20)).Decode(&files); err != nil { // it may unpack to much more
		return nil, malformed.Wrap(err)
	}
	return files, nil
}

func (s *Service) refusalView(r *http.Request, refused *Refusal) importView {
	locale := kernel.LocaleOf(r.Context())
	v := importView{Problems: []ui.Problem{{Field: "files", Text: s.Texts.Error(locale, errRefused)}}, Total: refused.Problems.Total,
		Lines: &ui.Table{Caption: s.p(r, "import.lines", "n", refused.Problems.Total), Head: []string{s.p(r, "import.where"), s.p(r, "import.column"), s.p(r, "import.problem")}}}
	for _, p := range refused.Problems.List {
		where := p.File
		if p.Line > 0 {
			where = s.p(r, "import.line", "file", p.File, "line", p.Line)
		}
		text := p.Message
		if key := "medical.setup.line." + p.Slug; s.Texts.Has(key) {
			text = s.Texts.T(locale, key)
		}
		v.Lines.Rows = append(v.Lines.Rows, ui.TableRow{Cells: []ui.Cell{{Text: orDash(breakable(where))}, {Text: orDash(breakable(p.Field))}, {Text: text}}})
	}
	if more := refused.Problems.Total - len(refused.Problems.List); more > 0 {
		v.More = s.p(r, "import.more", "n", more)
	}
	return v
}

// breakable lets a long name without spaces go on in the next line of a narrow screen.
func breakable(s string) string {
	return strings.NewReplacer(".", ".\u200b", "]", "]\u200b", "-", "-\u200b", "_", "_\u200b").Replace(s)
}

func (s *Service) countsTable(r *http.Request, v Imported) *ui.Table {
	t := &ui.Table{Caption: s.p(r, "import.counts"), Head: []string{s.p(r, "what"), s.p(r, "import.new"), s.p(r, "import.changed"), s.p(r, "import.same")}}
	for _, c := range v.Counts {
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: s.p(r, "table."+c.Kind)}, {Text: strconv.Itoa(c.New), Number: true}, {Text: strconv.Itoa(c.Changed), Number: true}, {Text: strconv.Itoa(c.Same), Number: true}}})
	}
	return t
}

func (s *Service) showImport(w http.ResponseWriter, r *http.Request, v importView, problem error) error {
	v.Path, v.Help = setupPath(facilityOf(r), "import"), ui.Details{Summary: s.p(r, "import.help"), Body: s.importHelp(r)}
	view := ui.View{Title: s.p(r, "import"), Lead: s.clinicName(r, facilityOf(r)), Data: v, Active: "clinics", Wide: true, Back: setupPath(facilityOf(r))}
	if problem != nil {
		view.Status = statusOf(problem)
	}
	return s.Staff.Render(w, r, s.views, "setup-import", view)
}

// importHelp names the tables with their columns; those that have to be there stand first.
func (s *Service) importHelp(r *http.Request) string {
	out := []string{s.p(r, "import.help-body")}
	for _, table := range sheet.Tables() {
		names, required := sheet.Columns(table)
		slices.SortStableFunc(names, func(a, b string) int {
			switch {
			case required[a] == required[b]:
				return 0
			case required[a]:
				return -1
			}
			return 1
		})
		out = append(out, table+".csv: "+strings.Join(names, ", "))
	}
	return strings.Join(out, "\n")
}
