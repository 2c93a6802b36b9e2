package partners

import (
	"net/http"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// announcer is any official; in which mini-apps they may announce is the service's to say.
var announcer = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: RoleOfficer, Relation: "agency"}

func noticesPath(app string) string { return "/staff/notices/" + app }

func (s *Service) announcePages() []web.Page {
	return []web.Page{
		{Pattern: "GET /staff/notices", Policy: announcer, Handle: s.noticesPage},
		{Pattern: "GET /staff/notices/{app}", Policy: announcer, Handle: s.noticePage},
		{Pattern: "POST /staff/notices/{app}", Policy: announcer, Handle: s.postNotice},
	}
}

func (s *Service) noticesPage(w http.ResponseWriter, r *http.Request) error {
	return s.showNotices(w, r, s.announcing(r.Context()))
}

func (s *Service) showNotices(w http.ResponseWriter, r *http.Request, all []*workflows.Definition) error {
	locale := kernel.LocaleOf(r.Context())
	v := organisationsView{List: s.say(r, "notices.list")}
	for _, d := range all {
		v.Cards = append(v.Cards, ui.Card{Href: noticesPath(d.Slug), Title: d.Text(locale, "title"), Text: d.Text(locale, "summary"), Icon: "message"})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.say(r, "notices.none"), Body: s.say(r, "notices.none-body"), Icon: "message"}
	}
	return s.Staff.Render(w, r, s.views, "organisations", ui.View{Title: s.say(r, "notices.title"), Lead: s.say(r, "notices.lead"), Data: v, Active: "notices"})
}

// noticeView is the data of ui/notice-write.html.
type noticeView struct {
	Problems []ui.Problem
	Path     string
	Parts    []formPart
	Sent     []ui.Moment
}

func (s *Service) noticePage(w http.ResponseWriter, r *http.Request) error {
	d, sent, err := s.announced(r.Context(), r.PathValue("app"))
	if err != nil {
		return err
	}
	return s.showNotice(w, r, d, sent, Announcement{}, nil)
}

func (s *Service) showNotice(w http.ResponseWriter, r *http.Request, d *workflows.Definition, sent []Announcement, a Announcement, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := noticeView{Path: noticesPath(d.Slug)}
	v.Parts = []formPart{
		s.inLanguages(r, "heading", s.say(r, "notices.heading"), "", a.Heading, ui.Field{Required: true, MaxLength: maxHeading}),
		s.inLanguages(r, "body", s.say(r, "notices.body"), s.say(r, "notices.body-hint"), a.Body, ui.Field{Kind: "textarea", Rows: 5, Required: true, MaxLength: maxBody}),
	}
	for _, one := range sent {
		v.Sent = append(v.Sent, ui.Moment{At: one.At, Title: one.Heading.In(locale), Actor: one.ByName, Body: one.Body.In(locale), Facts: []ui.Fact{{Key: s.say(r, "notices.reached"), Value: number(one.Reached)}}})
	}
	view := ui.View{Title: d.Text(locale, "title"), Lead: s.say(r, "notices.about"), Back: "/staff/notices", Active: "notices"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.formErrors(r, v.Parts, s.Texts.FieldErrors(locale, problem))
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "notice-write", view)
}

func (s *Service) postNotice(w http.ResponseWriter, r *http.Request) error {
	app := r.PathValue("app")
	text := func(name string) kernel.Text {
		out := kernel.Text{}
		for _, l := range kernel.Locales {
			out[l] = strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name+"."+l), "\r\n", "\n"))
		}
		return out
	}
	a := Announcement{Heading: text("heading"), Body: text("body")}
	_, err := s.announce(r.Context(), app, a.Heading, a.Body)
	if kernel.KindOf(err) == kernel.Invalid {
		d, sent, again := s.announced(r.Context(), app)
		if again != nil {
			return again
		}
		return s.showNotice(w, r, d, sent, a, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, noticesPath(app), http.StatusSeeOther)
	return nil
}
