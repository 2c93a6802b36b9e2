package catalogue

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const releasePath = "/staff/mini-apps"

func releasePathOf(app string, more ...string) string {
	return strings.Join(append([]string{releasePath, app}, more...), "/")
}

func (s *Service) releasePages() []web.Page {
	return []web.Page{
		{Pattern: "GET " + releasePath, Policy: releaseStaff, Handle: s.releasesPage},
		{Pattern: "GET " + releasePath + "/{app}", Policy: releaseStaff, Handle: s.releasePage},
		{Pattern: "GET " + releasePath + "/{app}/{action}", Policy: releaseStaff, Handle: s.changePage},
		{Pattern: "POST " + releasePath + "/{app}/{action}", Policy: releaseStaff, Handle: s.postChange},
	}
}

// say is a text of the release pages: "title" is catalogue.release.title.
func (s *Service) say(r *http.Request, key string, args ...any) string {
	return s.deps.Texts.T(kernel.LocaleOf(r.Context()), "catalogue.release."+key, args...)
}

var stageTones = map[Stage]string{StageDraft: ui.Neutral, StageReview: ui.Info, StageBeta: ui.Info, StagePublic: ui.Success, StagePaused: ui.Warning, StageRetired: ui.Neutral}

func (s *Service) stageTag(r *http.Request, m Release) ui.Tag {
	return ui.Tag{Text: s.stageWords(r, m.Stage, m.Share), Tone: stageTones[m.Stage]}
}

// stageWords name a stage, and the share while it is less than everybody.
func (s *Service) stageWords(r *http.Request, stage Stage, share int) string {
	if stage == StagePublic && share < 100 {
		return s.say(r, "stage.public-share", "n", share)
	}
	return s.say(r, "stage."+string(stage))
}

// releasesView is the data of ui/releases.html.
type releasesView struct {
	Table ui.Table
	Empty *ui.Empty
}

func (s *Service) releasesPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.managed(r.Context())
	if err != nil {
		return err
	}
	return s.showReleases(w, r, all)
}

func (s *Service) showReleases(w http.ResponseWriter, r *http.Request, all []managed) error {
	locale := kernel.LocaleOf(r.Context())
	v := releasesView{Table: ui.Table{Caption: s.say(r, "title"), Head: []string{s.say(r, "mini-app"), s.say(r, "stage"), s.say(r, "waits")}}}
	for _, m := range all {
		name := ui.Cell{Text: m.def.Text(locale, "title"), Href: releasePathOf(m.App)}
		if !m.offered {
			name.Note = s.say(r, "not-offered")
		}
		waits := ui.Cell{Text: "—"}
		if m.Proposal != nil {
			waits = ui.Cell{Text: s.stageWords(r, m.Proposal.Stage, m.Proposal.Share), Note: m.Proposal.Name}
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{name, {Tag: s.stageTag(r, m.Release)}, waits}})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.say(r, "none"), Body: s.say(r, "none-body"), Icon: "services"}
	}
	return s.deps.Staff.Render(w, r, s.views, "releases", ui.View{Title: s.say(r, "title"), Lead: s.say(r, "lead"), Data: v, Active: "mini-apps", Wide: true})
}

// releaseView is the data of ui/release.html.
type releaseView struct {
	Problems []ui.Problem
	Tag      ui.Tag
	Slug     string
	Waits    *ui.Notice
	Facts    []ui.Fact
	Buttons  []ui.Button
	Testers  []string
	History  []ui.Moment
	Pages    ui.Pagination
}

func (s *Service) releasePage(w http.ResponseWriter, r *http.Request) error {
	return s.showRelease(w, r, nil)
}

func (s *Service) showRelease(w http.ResponseWriter, r *http.Request, problem error) error {
	before, err := strconv.Atoi(r.URL.Query().Get("before"))
	if err != nil || before < 0 { // what is no version begins with the newest
		before = 0
	}
	m, history, err := s.look(r.Context(), r.PathValue("app"), before)
	if err != nil {
		return err
	}
	return s.drawRelease(w, r, m, history, before, problem)
}

var buttonTones = map[string]string{ActionRefuse: "secondary", ActionConditions: "secondary", ActionTesters: "secondary", ActionShare: "secondary", ActionBegin: "secondary", ActionHalt: "danger"}

func (s *Service) drawRelease(w http.ResponseWriter, r *http.Request, m managed, history []Change, before int, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := releaseView{Tag: s.stageTag(r, m.Release), Slug: m.App, Facts: s.releaseFacts(r, m), Testers: m.Testers}
	if p := m.Proposal; p != nil {
		v.Waits = &ui.Notice{Tone: ui.Info, Title: s.say(r, "waits-for", "stage", s.stageWords(r, p.Stage, p.Share)), Body: s.say(r, "proposed-by", "name", p.Name) + "\n" + p.Reason}
	}
	for _, action := range m.Possible(kernel.PrincipalOf(r.Context()), m.agency) {
		v.Buttons = append(v.Buttons, ui.Button{Label: s.say(r, "do."+action), Href: releasePathOf(m.App, action), Tone: buttonTones[action]})
	}
	for i, h := range history {
		v.History = append(v.History, s.moment(r, h, before == 0 && i == 0))
	}
	if len(history) == historyPage && history[len(history)-1].Version > 1 {
		v.Pages.Older = releasePathOf(m.App) + "?before=" + strconv.Itoa(history[len(history)-1].Version)
	}
	if before > 0 {
		v.Pages.Newer = releasePathOf(m.App)
	}
	view := ui.View{Title: m.def.Text(locale, "title"), Back: releasePath, Active: "mini-apps"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = []ui.Problem{{Text: s.deps.Texts.Error(locale, problem)}}
	}
	view.Data = v
	return s.deps.Staff.Render(w, r, s.views, "release", view)
}

func (s *Service) releaseFacts(r *http.Request, m managed) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	out := []ui.Fact{{Key: s.say(r, "agency"), Value: s.agency(kernel.TenantOf(r.Context()), m.def).Name.In(locale)}}
	add := func(key, value string) {
		if value != "" {
			out = append(out, ui.Fact{Key: s.say(r, key), Value: value})
		}
	}
	if m.Version == 0 {
		add("state", s.say(r, "untouched"))
	}
	if m.Stage == StagePublic {
		add("share", s.say(r, "percent", "n", m.Share))
	}
	if m.Stage == StagePaused {
		add("paused-from", s.stageWords(r, m.PausedFrom, m.Share))
	}
	for _, l := range kernel.Locales {
		if text := m.Reason[l]; text != "" {
			out = append(out, ui.Fact{Key: s.say(r, "reason-in."+l), Value: text})
		}
	}
	if m.BackOn != "" {
		add("back-on", ui.Day(locale, m.BackOn))
	}
	if m.Season.From != "" {
		add("season", m.Season.From+" – "+m.Season.Until)
	}
	add("min-host", m.MinHost)
	return out
}

// moment is one change in the history.
func (s *Service) moment(r *http.Request, h Change, now bool) ui.Moment {
	m := ui.Moment{At: h.At, Title: s.say(r, "did."+h.Action), Actor: h.ActorName, Body: h.Reason, Tone: stageTones[h.To], Now: now}
	if h.From != h.To || h.FromShare != h.ToShare {
		m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "stage"), Value: s.stageWords(r, h.From, h.FromShare) + " → " + s.stageWords(r, h.To, h.ToShare)})
	}
	if h.ProposedName != "" {
		m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "was-proposed-by"), Value: h.ProposedName})
	}
	if stage := h.Details["proposed_stage"]; stage != "" {
		share, _ := strconv.Atoi(h.Details["proposed_share"]) // written by us
		m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "waits"), Value: s.stageWords(r, Stage(stage), share)})
	}
	if h.Action == ActionTesters {
		m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "testers"), Value: h.Details["testers_before"] + " → " + h.Details["testers"]})
	}
	if h.Action == ActionConditions {
		if from := h.Details["season_from"]; from != "" {
			m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "season"), Value: from + " – " + h.Details["season_until"]})
		}
		if host := h.Details["min_host_version"]; host != "" {
			m.Facts = append(m.Facts, ui.Fact{Key: s.say(r, "min-host"), Value: host})
		}
	}
	return m
}

// changeView is the data of ui/release-change.html.
type changeView struct {
	Problems []ui.Problem
	Tag      ui.Tag
	Path     string
	Back     string
	Version  int
	About    ui.Notice
	Waits    []ui.Fact
	Fields   []ui.Field
	Confirm  string
	Tone     string
}

// changePage asks what one change needs. What cannot be done now, or not by this official, has no page.
func (s *Service) changePage(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.look(r.Context(), r.PathValue("app"), 0)
	if err != nil {
		return err
	}
	action := r.PathValue("action")
	if !slices.Contains(m.Possible(kernel.PrincipalOf(r.Context()), m.agency), action) {
		return kernel.NotThere("change")
	}
	c := Command{Action: action, Version: m.Version, Share: m.Share, Season: m.Season, MinHost: m.MinHost, Testers: m.Testers}
	if action == ActionPropose {
		c.Share = 10
	}
	return s.showChange(w, r, m, c, nil)
}

func (s *Service) postChange(w http.ResponseWriter, r *http.Request) error {
	c, err := commandIn(r)
	if err == nil {
		_, err = s.change(r.Context(), r.PathValue("app"), c)
	}
	switch kernel.KindOf(err) {
	case kernel.Invalid:
		m, _, again := s.look(r.Context(), r.PathValue("app"), 0)
		if again != nil {
			return again
		}
		return s.showChange(w, r, m, c, err)
	case kernel.Conflict, kernel.Forbidden: // what is there now says more than the form does
		return s.showRelease(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, releasePathOf(r.PathValue("app")), http.StatusSeeOther)
	return nil
}

// commandIn is a change as the form was sent. A share that is no number is one that Release.step refuses.
func commandIn(r *http.Request) (Command, error) {
	action := r.PathValue("action")
	if _, known := aboutTones[action]; !known {
		return Command{}, kernel.NotThere("change")
	}
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return Command{}, kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	share, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("share")))
	if err != nil {
		share = 0
	}
	typed := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	c := Command{Action: action, Version: version, Reason: typed("reason"), Stage: Stage(typed("stage")), Share: share, BackOn: typed("back_on"), Public: kernel.Text{},
		Season: Season{typed("season_from"), typed("season_until")}, MinHost: typed("min_host_version"), Testers: strings.Fields(r.PostFormValue("testers"))}
	for _, l := range kernel.Locales {
		if text := typed("reason_" + l); text != "" {
			c.Public[l] = text
		}
	}
	if action == ActionPropose && c.Stage == "" {
		return c, wrong("stage", "field.required", "Answer this question.")
	}
	return c, nil
}

var aboutTones = map[string]string{ActionBegin: ui.Warning, ActionPropose: ui.Info, ActionApprove: ui.Info, ActionRefuse: ui.Info, ActionShare: ui.Info, ActionHalt: ui.Warning, ActionConditions: ui.Info, ActionTesters: ui.Info}

func (s *Service) showChange(w http.ResponseWriter, r *http.Request, m managed, c Command, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := changeView{Tag: s.stageTag(r, m.Release), Path: releasePathOf(m.App, c.Action), Back: releasePathOf(m.App), Version: c.Version, Confirm: s.say(r, "do."+c.Action),
		About: ui.Notice{Tone: aboutTones[c.Action], Body: s.say(r, "about."+c.Action)}, Fields: s.changeFields(r, m, c)}
	if c.Action == ActionHalt {
		v.Tone = "danger"
	}
	if p := m.Proposal; p != nil && (c.Action == ActionApprove || c.Action == ActionRefuse) {
		v.Waits = []ui.Fact{{Key: s.say(r, "waits"), Value: s.stageWords(r, p.Stage, p.Share)}, {Key: s.say(r, "was-proposed-by"), Value: p.Name}, {Key: s.say(r, "reason"), Value: p.Reason}}
	}
	view := ui.View{Title: s.say(r, "do."+c.Action), Lead: m.def.Text(locale, "title"), Back: releasePathOf(m.App), Active: "mini-apps"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.deps.Texts.FieldErrors(locale, problem))
	}
	view.Data = v
	return s.deps.Staff.Render(w, r, s.views, "release-change", view)
}

// changeFields are what a change asks for, with what was typed.
func (s *Service) changeFields(r *http.Request, m managed, c Command) []ui.Field {
	share := ui.Field{Name: "share", Kind: "number", Label: s.say(r, "share"), Hint: s.say(r, "share-hint"), Suffix: "%", Required: true}
	if c.Share > 0 {
		share.Value = strconv.Itoa(c.Share)
	}
	reason := ui.Field{Name: "reason", Kind: "textarea", Rows: 3, Label: s.say(r, "reason"), Hint: s.say(r, "reason-hint"), Required: true, MaxLength: maxReason, Value: c.Reason}
	switch c.Action {
	case ActionPropose:
		stages := m.proposableBy(kernel.PrincipalOf(r.Context()), m.agency)
		field := ui.Field{Name: "stage", Kind: "radio", Label: s.say(r, "stage-next"), Required: true}
		for _, stage := range stages {
			field.Options = append(field.Options, ui.Option{Value: string(stage), Label: s.say(r, "stage."+string(stage)), Hint: s.say(r, "stage-hint."+string(stage)), Selected: stage == c.Stage || len(stages) == 1})
		}
		out := []ui.Field{field}
		if m.Stage == StageBeta {
			share.Required, share.Hint = false, s.say(r, "share-propose-hint")
			out = append(out, share)
		}
		return append(out, reason)
	case ActionShare:
		return []ui.Field{share, reason}
	case ActionHalt:
		reason.Hint = s.say(r, "reason-public-hint")
		out := []ui.Field{reason}
		for _, l := range kernel.Locales {
			if l != kernel.LocaleOf(r.Context()) {
				out = append(out, ui.Field{Name: "reason_" + l, Kind: "textarea", Rows: 2, Label: s.say(r, "reason-in."+l), MaxLength: maxReason, Value: c.Public[l]})
			}
		}
		return append(out, ui.Field{Name: "back_on", Kind: "date", Label: s.say(r, "back-on"), Value: c.BackOn})
	case ActionConditions:
		return []ui.Field{
			{Name: "season_from", Label: s.say(r, "season-from"), Hint: s.say(r, "season-hint"), Value: c.Season.From, MaxLength: 5},
			{Name: "season_until", Label: s.say(r, "season-until"), Value: c.Season.Until, MaxLength: 5},
			{Name: "min_host_version", Label: s.say(r, "min-host"), Hint: s.say(r, "min-host-hint"), Value: c.MinHost, MaxLength: 20}, reason,
		}
	case ActionTesters:
		return []ui.Field{{Name: "testers", Kind: "textarea", Rows: 6, Label: s.say(r, "testers"), Hint: s.say(r, "testers-hint"), Value: strings.Join(c.Testers, "\n")}, reason}
	}
	return []ui.Field{reason}
}
