package audit

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

type accessView struct {
	Table ui.Table
	Empty *ui.Empty
	Pages ui.Pagination
}

// accessPage answers "who looked at your data": the body and its role, what for and when. The official's name is the
// official's private data and is not shown.
func (s *Service) accessPage(w http.ResponseWriter, r *http.Request) error {
	before := r.URL.Query().Get("before")
	list, next, err := s.seen(r.Context(), before)
	if err != nil {
		return err
	}
	t := s.speaker(r)
	v := accessView{Table: ui.Table{
		Caption: t.say("audit.access.title"),
		Head:    []string{t.say("audit.column.who"), t.say("audit.column.what"), t.say("audit.column.case"), t.say("audit.column.when")},
	}}
	for _, e := range list {
		v.Table.Rows = append(v.Table.Rows, t.accessRow(e))
	}
	if len(list) == 0 {
		v.Empty = &ui.Empty{Title: t.say("audit.access.empty.title"), Body: t.say("audit.access.empty.body")}
	}
	if before != "" {
		v.Pages.Newer = "/access"
	}
	if next != "" {
		v.Pages.Older = "/access?before=" + next
	}
	return s.deps.Citizen.Render(w, r, s.views, "access", ui.View{Title: t.say("audit.access.title"), Lead: t.say("audit.access.intro"), Data: v, Active: "access"})
}

type caseView struct {
	Number string
	Case   string
	Table  ui.Table
}

// casePage shows the agency of a case everything that was done with it and everybody who looked.
func (s *Service) casePage(w http.ResponseWriter, r *http.Request) error {
	c, list, err := s.history(r.Context(), kernel.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	t := s.speaker(r)
	if s.deps.Library != nil {
		t.service, _ = s.deps.Library.ByHash(c.WorkflowHash)
	}
	v := caseView{Number: c.Number, Case: string(c.ID), Table: ui.Table{
		Caption: t.say("audit.case.caption", "number", c.Number),
		Head:    []string{t.say("audit.column.when"), t.say("audit.column.who"), t.say("audit.column.what"), t.say("audit.column.details")},
	}}
	for _, e := range list {
		v.Table.Rows = append(v.Table.Rows, t.caseRow(e))
	}
	return s.deps.Staff.Render(w, r, s.views, "case-audit", ui.View{
		Title: t.say("audit.case.title"), Lead: t.say("audit.case.intro", "number", c.Number), Back: "/staff/cases/" + string(c.ID), Data: v, Active: "cases", Wide: true,
	})
}

// speaker puts entries into the words of one reader.
type speaker struct {
	texts     *ui.Texts
	locale    string
	tenant    kernel.TenantID
	directory kernel.Directory
	service   *workflows.Definition // of the case that is shown; nil when it is none or its version is gone
}

func (s *Service) speaker(r *http.Request) speaker {
	return speaker{texts: s.deps.Texts, locale: kernel.LocaleOf(r.Context()), tenant: kernel.TenantOf(r.Context()).ID, directory: s.deps.Directory}
}

func (t speaker) say(key string, args ...any) string { return t.texts.T(t.locale, key, args...) }

func (t speaker) accessRow(e entry) ui.TableRow {
	who, role := t.actor(e)
	seen := ui.Cell{Text: t.say("audit.case.none")}
	if e.Case != "" {
		seen = ui.Cell{Text: t.say("audit.case.open"), Href: "/cases/" + string(e.Case)}
	}
	return ui.TableRow{Cells: []ui.Cell{{Text: who, Note: role}, {Text: t.action(e.Action)}, seen, {At: e.At}}}
}

// caseRow names an official by the end of their id: enough for an inquiry, no name in a list.
func (t speaker) caseRow(e entry) ui.TableRow {
	who, role := t.actor(e)
	if e.ActorKind == kernel.Staff && len(e.Actor) == 36 {
		role = strings.TrimPrefix(role+" · "+t.say("audit.actor.id", "id", string(e.Actor[24:])), " · ")
	}
	return ui.TableRow{Cells: []ui.Cell{{At: e.At}, {Text: who, Note: role}, {Text: t.step(e)}, {Text: t.details(e.Details)}}}
}

// actor returns the body that acted and the role it acted in; a program is named by its client.
func (t speaker) actor(e entry) (who, role string) {
	if e.ActorKind != kernel.Staff {
		if e.ActorKind == kernel.Citizen {
			return t.say("audit.actor.citizen"), ""
		}
		return t.say("audit.actor." + string(e.ActorKind)), e.Client
	}
	var names, roles []string
	for _, g := range e.agencies() {
		name := string(g.Agency)
		if a, ok := t.directory.Agency(t.tenant, g.Agency); ok {
			name = a.Name.In(t.locale)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if g.Role == "" {
			continue
		}
		if said := t.role(g.Role); !slices.Contains(roles, said) {
			roles = append(roles, said)
		}
	}
	return cmp.Or(strings.Join(names, ", "), t.say("audit.actor.staff")), strings.Join(roles, ", ")
}

func (t speaker) role(role string) string {
	if key := "audit.role." + role; t.texts.Has(key) {
		return t.say(key)
	}
	return t.say("audit.actor.staff")
}

// action says what was done. A module may record an action this catalogue has no words for yet; then the page says
// so in general words, and never shows a key.
func (t speaker) action(action string) string {
	if key := "audit.action." + action; t.texts.Has(key) {
		return t.say(key)
	}
	return t.say("audit.action.other")
}

// step says which step of the service was taken, in the service's own words where it has them.
func (t speaker) step(e entry) string {
	key := "action." + e.Details["action"]
	if e.Details["action"] == "" || t.service == nil {
		return t.action(e.Action)
	}
	if t.service.HasText(key + ".past") {
		return t.service.Text(t.locale, key+".past")
	}
	if t.service.HasText(key) {
		return t.service.Text(t.locale, key)
	}
	if own := "case." + e.Details["action"]; t.texts.Has("audit.action." + own) {
		return t.action(own)
	}
	return t.action(e.Action)
}

// details says from which state to which, then what else was written down, for the agency's own inquiry.
func (t speaker) details(d map[string]string) string {
	var parts []string
	if d["from"] != d["to"] {
		parts = append(parts, strings.TrimPrefix(t.state(d["from"])+" → "+t.state(d["to"]), " → "))
	}
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if k == "from" || k == "to" || k == "action" || kernel.ValidID(d[k]) {
			continue // said in words, or an id nobody can read
		}
		if key := "audit.detail." + k; t.texts.Has(key) {
			parts = append(parts, t.say(key)+": "+d[k])
		}
	}
	return strings.Join(parts, " · ")
}

func (t speaker) state(name string) string {
	if key := "state." + name + ".staff"; t.service != nil && t.service.HasText(key) {
		return t.service.Text(t.locale, key)
	}
	return name
}
