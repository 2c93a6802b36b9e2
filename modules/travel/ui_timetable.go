package travel

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// timetableView is the data of ui/travel-desk-timetable.html.
type timetableView struct {
	Tabs      ui.Filters
	Problems  []ui.Problem
	Notices   []ui.Notice
	Lines     *ui.Table // what is wrong with what was handed in, line by line
	More      string
	Counts    *ui.Table
	Path      string
	Again     string // the archive that was looked at, to be put in force
	Planner   bool
	Conflicts []conflictView
	Versions  *ui.Table
	Empty     *ui.Empty
}

// conflictView is one departure about which somebody has to decide.
type conflictView struct {
	Title   string
	Tag     ui.Tag
	Facts   []ui.Fact
	Choices []choiceView
}

type choiceView struct {
	Button ui.Button
	Text   string
}

func (s *Service) timetablePage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Plan(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	return s.showTimetable(w, r, p, timetableView{}, nil)
}

func (s *Service) showTimetable(w http.ResponseWriter, r *http.Request, p Planned, v timetableView, problem error) error {
	locale, id, who := kernel.LocaleOf(r.Context()), operatorIn(r), kernel.PrincipalOf(r.Context())
	v.Tabs, v.Path, v.Planner = s.deskTabs(r, "timetable", len(p.Conflicts)), operatorPath(id)+"/timetable", who.Has(id, RolePlanner)
	for _, c := range p.Conflicts {
		v.Conflicts = append(v.Conflicts, s.conflictCard(r, c))
	}
	if len(p.Versions) == 0 {
		v.Empty = &ui.Empty{Title: s.k(r, "no-timetable"), Body: s.k(r, "no-timetable-body"), Icon: "clock"}
	} else {
		v.Versions = &ui.Table{Caption: s.k(r, "versions"), Head: []string{s.k(r, "version"), s.k(r, "days"), s.k(r, "brought"), s.k(r, "state")}}
	}
	for _, f := range p.Versions {
		tag := ui.Tag{Text: s.k(r, "replaced"), Tone: ui.Neutral}
		if f.Active {
			tag = ui.Tag{Text: s.k(r, "in-force"), Tone: ui.Success}
		}
		v.Versions.Rows = append(v.Versions.Rows, ui.TableRow{Cells: []ui.Cell{{Text: strconv.Itoa(f.Version), Note: f.Name},
			{Text: ui.Day(locale, f.FirstDay.Format("2006-01-02")) + " – " + ui.Day(locale, f.LastDay.Format("2006-01-02"))}, {At: f.ImportedAt}, {Tag: tag}}})
	}
	view := ui.View{Title: s.k(r, "tab.timetable"), Lead: s.operatorName(r, operatorIn(r)), Data: v, Active: "travel", Wide: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
	}
	return s.Staff.Render(w, r, s.views, "travel-desk-timetable", view)
}

func (s *Service) conflictCard(r *http.Request, c Contested) conflictView {
	locale, id, who := kernel.LocaleOf(r.Context()), operatorIn(r), kernel.PrincipalOf(r.Context())
	zone, path := c.Location(), operatorPath(id)+"/timetable/conflicts/"+string(c.Conflict.ID)+"/"
	v := conflictView{Title: lineIn(locale, c.Running.Departure), Tag: ui.Tag{Text: s.k(r, "conflict."+c.Kind), Tone: ui.Warning}, Facts: []ui.Fact{
		{Key: s.k(r, "booked-as"), Value: s.timesOn(r, zone, c.StartsAt, c.EndsAt)}, {Key: s.k(r, "now-as"), Value: s.timesOn(r, zone, c.Begins, c.Ends)}, {Key: s.k(r, "people"), Value: strconv.Itoa(c.People)}}}
	add := func(how, tone string) {
		v.Choices = append(v.Choices, choiceView{ui.Button{Label: s.k(r, "how."+how), Href: path + how, Tone: tone}, s.k(r, "how."+how+"-text")})
	}
	if who.Has(id, RolePlanner) {
		if !c.Begins.IsZero() {
			add(HowMoved, "")
		}
		add(HowKept, "secondary")
	}
	if who.Has(id, RoleDispatcher) {
		add(HowCalledOff, "danger")
	} else {
		v.Choices = append(v.Choices, choiceView{Text: s.k(r, "ask-dispatcher")})
	}
	return v
}

// timesOn writes when a departure begins and ends; "not there" for one that has no times.
func (s *Service) timesOn(r *http.Request, zone *time.Location, begins, ends time.Time) string {
	if begins.IsZero() || ends.IsZero() {
		return s.k(r, "not-there")
	}
	return ui.DateTime(kernel.LocaleOf(r.Context()), zone, begins) + "–" + ui.Clock(zone, ends)
}

func (s *Service) contested(r *http.Request) (Contested, error) {
	p, err := s.Plan(r.Context(), operatorIn(r))
	if err != nil {
		return Contested{}, err
	}
	i := slices.IndexFunc(p.Conflicts, func(c Contested) bool { return string(c.Conflict.ID) == r.PathValue("conflict") })
	if i < 0 || !slices.Contains([]string{HowKept, HowMoved, HowCalledOff}, r.PathValue("how")) {
		return Contested{}, kernel.NotThere("conflict")
	}
	return p.Conflicts[i], nil
}

func (s *Service) conflictPage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.contested(r)
	if err != nil {
		return err
	}
	return s.showConflict(w, r, c, r.PathValue("how"), "", true, nil)
}

func (s *Service) showConflict(w http.ResponseWriter, r *http.Request, c Contested, how, reason string, rebook bool, problem error) error {
	path := operatorPath(operatorIn(r)) + "/timetable"
	v := confirmView{Warning: ui.Notice{Tone: ui.Warning, Title: s.k(r, "concerns", "n", c.People), Body: s.k(r, "how."+how+"-text")}, Facts: s.conflictCard(r, c).Facts,
		Path: path + "/conflicts/" + string(c.Conflict.ID) + "/" + how, Button: ui.Button{Label: s.k(r, "how."+how)}, Keep: ui.Link{Label: s.k(r, "not-now"), Href: path}}
	if how != HowKept {
		v.Fields = s.unsettledForm(r, how == HowCalledOff, reason, rebook)
	}
	if how == HowMoved {
		v.Fields[0].Hint = s.k(r, "reason-moved-hint")
	}
	if how == HowCalledOff {
		v.Button.Tone = "danger"
	}
	return s.renderConfirm(w, r, ui.View{Title: s.k(r, "how."+how), Lead: lineIn(kernel.LocaleOf(r.Context()), c.Running.Departure), Active: "travel", Back: path}, v, problem)
}

func (s *Service) postConflictPage(w http.ResponseWriter, r *http.Request) error {
	id, how := operatorIn(r), r.PathValue("how")
	q := Settlement{How: how, Reason: r.PostFormValue("reason"), Rebook: r.PostFormValue("rebook") == "true"}
	d, all, err := s.Settle(r.Context(), id, ConflictID(r.PathValue("conflict")), q)
	if err != nil {
		if !tolerable(err) {
			return err
		}
		c, again := s.contested(r)
		if again != nil {
			return again
		}
		return s.showConflict(w, r, c, how, q.Reason, q.Rebook, err)
	}
	path := operatorPath(id) + "/timetable"
	if how == HowKept {
		return seeOther(w, r, path)
	}
	again := departurePath(id, d.ID) + "/go-on"
	if how == HowCalledOff {
		again = departurePath(id, d.ID) + "/call-off"
	}
	return s.showResult(w, r, s.k(r, "done."+how), all, again, q.Reason, q.Rebook, ui.Link{Label: s.k(r, "to-timetable"), Href: path})
}

// mostKept is how large an archive may be that a page of its preview carries along, so that it need not be chosen again.
const mostKept = 300 << 10

func (s *Service) postTimetablePage(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), operatorIn(r)
	if err := plans(ctx, id); err != nil {
		return err
	}
	again := func(v timetableView, problem error) error {
		p, err := s.Plan(ctx, id)
		if err != nil {
			return err
		}
		return s.showTimetable(w, r, p, v, problem)
	}
	file, err := timetableIn(r)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong) || err == nil && len(file) > maxTimetable:
		return again(timetableView{Problems: []ui.Problem{{Field: "file", Text: s.k(r, "too-large")}}}, errRefused)
	case err != nil:
		return err
	case len(file) == 0:
		return again(timetableView{Problems: []ui.Problem{{Field: "file", Text: s.k(r, "no-file")}}}, errRefused)
	}
	look := r.FormValue("do") != "import"
	done, err := s.Timetable.ImportFiles(ctx, id, []lines.File{{Name: "timetable.zip", Data: file}}, look)
	var refused *Refusal
	if errors.As(err, &refused) {
		return again(s.refusedView(r, refused), errRefused)
	}
	if err != nil {
		return err
	}
	v := timetableView{Counts: s.countsTable(r, done)}
	switch {
	case done.Same:
		v.Notices = []ui.Notice{{Tone: ui.Info, Title: s.k(r, "same"), Body: s.k(r, "same-body")}}
		v.Counts = nil
	case look:
		v.Notices = []ui.Notice{{Tone: ui.Info, Title: s.k(r, "looked"), Body: s.k(r, "looked-body", "made", done.Made, "moved", done.Moved, "gone", done.Gone, "conflicts", done.Conflicts)}}
		if len(file) <= mostKept {
			v.Again = base64.StdEncoding.EncodeToString(file)
		}
	default:
		v.Notices = []ui.Notice{{Tone: ui.Success, Title: s.k(r, "imported"), Body: s.k(r, "imported-body", "made", done.Made, "moved", done.Moved, "gone", done.Gone, "conflicts", done.Conflicts)}}
	}
	return again(v, nil)
}

// timetableIn is the archive that was sent, or that a preview carried along.
func timetableIn(r *http.Request) ([]byte, error) {
	malformed := kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
	if err := r.ParseMultipartForm(4 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, malformed.Wrap(err)
	}
	if kept := r.FormValue("kept"); kept != "" {
		out, err := base64.StdEncoding.DecodeString(kept)
		if err != nil {
			return nil, malformed.Wrap(err)
		}
		return out, nil
	}
	return uploaded(r, "file")
}

// uploaded is a file of a form; nil when none was chosen.
func uploaded(r *http.Request, name string) ([]byte, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File[name]) == 0 {
		return nil, nil
	}
	f, err := r.MultipartForm.File[name][0].Open()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func (s *Service) refusedView(r *http.Request, refused *Refusal) timetableView {
	locale := kernel.LocaleOf(r.Context())
	v := timetableView{Problems: []ui.Problem{{Field: "file", Text: s.Texts.Error(locale, errRefused)}},
		Lines: &ui.Table{Caption: s.k(r, "wrong-lines", "n", refused.Problems.Total), Visible: true, Head: []string{s.k(r, "file"), s.k(r, "file-line"), s.k(r, "field"), s.k(r, "problem")}}}
	for _, p := range refused.Problems.List {
		at, field := "–", "–"
		if p.Line > 0 {
			at = strconv.Itoa(p.Line)
		}
		if p.Field != "" {
			field = p.Field
		}
		v.Lines.Rows = append(v.Lines.Rows, ui.TableRow{Cells: []ui.Cell{{Text: p.File}, {Text: at, Number: true}, {Text: field}, {Text: s.Texts.T(locale, "travel.feed.line."+p.Slug)}}})
	}
	if more := refused.Problems.Total - len(refused.Problems.List); more > 0 {
		v.More = s.k(r, "more-lines", "n", more)
	}
	return v
}

func (s *Service) countsTable(r *http.Request, done Imported) *ui.Table {
	t := &ui.Table{Caption: s.k(r, "counts"), Head: []string{s.k(r, "of-what"), s.k(r, "rows")}}
	for _, c := range done.Counts {
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: s.k(r, "count."+c.Kind)}, {Text: strconv.Itoa(c.Rows), Number: true}}})
	}
	return t
}
