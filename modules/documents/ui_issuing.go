package documents

import (
	"context"
	"net/http"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const issuingPath = "/staff/documents/issuing"

// issuingView is the data of ui/issuing.html: the switch as it stands, and the form that turns it.
type issuingView struct {
	Problems      []ui.Problem
	Tag           ui.Tag
	Facts         []ui.Fact
	Warning       ui.Notice
	Reason        ui.Field
	Path, Confirm string
	Tone          string
}

func (s *Service) issuingPage(w http.ResponseWriter, r *http.Request) error {
	h, err := s.halted(r.Context())
	if err != nil {
		return err
	}
	return s.showIssuing(w, r, h, "", nil)
}

func (s *Service) showIssuing(w http.ResponseWriter, r *http.Request, h halt, reason string, problem error) error {
	v := issuingView{Tag: ui.Tag{Text: s.t(r, "issuing.on"), Tone: ui.Success}, Facts: s.haltFacts(r, h), Path: issuingPath + "/halt", Tone: "danger",
		Confirm: s.t(r, "issuing.halt"), Warning: ui.Notice{Tone: ui.Warning, Body: s.t(r, "issuing.halt.consequence")}}
	if h.Halted {
		v.Tag = ui.Tag{Text: s.t(r, "issuing.off"), Tone: ui.Danger}
		v.Path, v.Tone, v.Confirm = issuingPath+"/resume", "", s.t(r, "issuing.resume")
		v.Warning = ui.Notice{Tone: ui.Info, Body: s.t(r, "issuing.resume.consequence")}
	}
	v.Reason, v.Problems = s.askReason(r, "issuing.reason-hint", reason, problem)
	view := ui.View{Title: s.t(r, "issued.issuing"), Back: "/staff/documents", Data: v, Active: "documents"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
	}
	return s.Staff.Render(w, r, s.views, "issuing", view)
}

func (s *Service) haltFacts(r *http.Request, h halt) []ui.Fact {
	var out []ui.Fact
	if !h.Since.IsZero() {
		out = append(out, ui.Fact{Key: s.t(r, "issuing.since"), Value: ui.DateTime(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), h.Since)})
	}
	if h.Reason != "" {
		out = append(out, ui.Fact{Key: s.t(r, "issuing.why"), Value: h.Reason})
	}
	return append(out, ui.Fact{Key: s.t(r, "issuing.waiting"), Value: strconv.Itoa(h.Waiting)})
}

func (s *Service) haltAction(w http.ResponseWriter, r *http.Request) error {
	return s.turnSwitch(w, r, s.Halt)
}

func (s *Service) resumeAction(w http.ResponseWriter, r *http.Request) error {
	return s.turnSwitch(w, r, s.Resume)
}

func (s *Service) turnSwitch(w http.ResponseWriter, r *http.Request, do func(context.Context, string) error) error {
	reason := r.PostFormValue("reason")
	err := do(r.Context(), reason)
	if err == nil {
		http.Redirect(w, r, issuingPath, http.StatusSeeOther)
		return nil
	}
	if !correctable(err) {
		return err
	}
	h, again := s.halted(r.Context())
	if again != nil {
		return again
	}
	return s.showIssuing(w, r, h, reason, err)
}
