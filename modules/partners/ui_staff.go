package partners

import (
	"net/http"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// officer is who looks after partners. Of which agency is the service's to say.
var officer = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: RoleOfficer, Relation: "agency"}

func partnerPath(agency kernel.AgencyID, more ...string) string {
	path := "/staff/partners/" + string(agency)
	for _, m := range more {
		path += "/" + m
	}
	return path
}

func (s *Service) staffPages() []web.Page {
	return []web.Page{
		{Pattern: "GET /staff/partners", Policy: officer, Handle: s.partnersPage},
		{Pattern: "GET /staff/partners/{agency}", Policy: officer, Handle: s.partnerPage},
		{Pattern: "POST /staff/partners/{agency}/suspend", Policy: officer, Handle: s.postSuspend},
		{Pattern: "POST /staff/partners/{agency}/resume", Policy: officer, Handle: s.postResume},
	}
}

// partnersView is the data of ui/partners.html.
type partnersView struct {
	Table ui.Table
	Empty *ui.Empty
}

func (s *Service) partnersPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.all(r.Context())
	if err != nil {
		return err
	}
	return s.showPartners(w, r, all)
}

func (s *Service) showPartners(w http.ResponseWriter, r *http.Request, all []Partner) error {
	locale := kernel.LocaleOf(r.Context())
	v := partnersView{Table: ui.Table{Caption: s.say(r, "office.title"), Head: []string{s.say(r, "office.body"), s.say(r, "kind"), s.say(r, "office.state"), s.say(r, "licence")}}}
	for _, p := range all {
		licence := ui.Cell{Text: "—"}
		if p.Licence != "" {
			licence = ui.Cell{Text: ui.Day(locale, p.LicenceUntil), Note: p.Licence}
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{{Text: p.Name.In(locale), Href: partnerPath(p.Agency), Note: string(p.Agency)}, {Text: s.say(r, "kind."+string(p.Kind))}, {Tag: s.stateTag(r, p)}, licence}})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.say(r, "office.none"), Body: s.say(r, "office.none-body"), Icon: "services"}
	}
	return s.Staff.Render(w, r, s.views, "partners", ui.View{Title: s.say(r, "office.title"), Lead: s.say(r, "office.lead"), Data: v, Active: "partners", Wide: true})
}

// partnerView is the data of ui/partner.html.
type partnerView struct {
	Problems []ui.Problem
	Tag      ui.Tag
	Stopped  *ui.Notice
	Facts    []ui.Fact
	SignIn   []ui.Fact
	Apps     ui.Table
	Case     string
	Suspend  string
	Resume   string
	Version  int
	Reason   ui.Field
}

func (s *Service) partnerPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.looked(r.Context(), kernel.AgencyID(r.PathValue("agency")))
	if err != nil {
		return err
	}
	return s.showPartner(w, r, o, "", nil)
}

func (s *Service) showPartner(w http.ResponseWriter, r *http.Request, o organisation, reason string, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := partnerView{Tag: s.stateTag(r, o.Partner), Facts: append(s.facts(r, o.Partner), ui.Fact{Key: s.say(r, "email"), Value: o.Email}), Version: o.Version, Case: "/staff/cases/" + string(o.ID),
		Reason: ui.Field{Name: "reason", Kind: "textarea", Rows: 3, Label: s.say(r, "office.reason"), Hint: s.say(r, "office.reason-hint"), Required: true, MaxLength: 500, Value: reason}}
	if o.SignIn.Set() {
		issuer := o.SignIn.Issuer
		if issuer == "" {
			issuer = s.say(r, "sign-in.municipality", "name", kernel.TenantOf(r.Context()).Name.In(locale))
		}
		v.SignIn = append(v.SignIn, ui.Fact{Key: s.say(r, "sign-in.issuer"), Value: issuer})
		for _, role := range Roles {
			if group := o.SignIn.Groups[role]; group != "" {
				v.SignIn = append(v.SignIn, ui.Fact{Key: s.say(r, "role."+role), Value: group})
			}
		}
	}
	v.Apps = ui.Table{Caption: s.say(r, "apps"), Visible: true, Head: []string{s.say(r, "app.title"), s.say(r, "app.slug"), s.say(r, "office.state")}}
	for _, a := range o.Apps {
		state, slug := ui.Tag{Text: s.say(r, "app.drawn"), Tone: ui.Neutral}, ui.Cell{Text: "—"}
		if a.Made() {
			state, slug = ui.Tag{Text: s.say(r, "app.made"), Tone: ui.Success}, ui.Cell{Text: a.Slug}
		}
		v.Apps.Rows = append(v.Apps.Rows, ui.TableRow{Cells: []ui.Cell{{Text: a.Blanks.Title.In(locale)}, slug, {Tag: state}}})
	}
	switch o.State {
	case Active:
		v.Suspend = partnerPath(o.Agency, "suspend")
	case Suspended:
		v.Resume, v.Stopped = partnerPath(o.Agency, "resume"), &ui.Notice{Tone: ui.Danger, Title: s.say(r, "state.suspended"), Body: o.Reason}
	}
	view := ui.View{Title: o.Name.In(locale), Back: "/staff/partners", Active: "partners"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		if wrong := s.Texts.FieldErrors(locale, problem); len(wrong) > 0 {
			fields, problems := ui.WithErrors([]ui.Field{v.Reason}, wrong)
			v.Reason, v.Problems = fields[0], problems
		} else {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "partner", view)
}

func (s *Service) postSuspend(w http.ResponseWriter, r *http.Request) error {
	return s.afterDecision(w, r, func(version int) error {
		_, err := s.suspend(r.Context(), kernel.AgencyID(r.PathValue("agency")), version, r.PostFormValue("reason"))
		return err
	})
}

func (s *Service) postResume(w http.ResponseWriter, r *http.Request) error {
	return s.afterDecision(w, r, func(version int) error {
		_, err := s.resume(r.Context(), kernel.AgencyID(r.PathValue("agency")), version)
		return err
	})
}

func (s *Service) afterDecision(w http.ResponseWriter, r *http.Request, decide func(version int) error) error {
	agency := kernel.AgencyID(r.PathValue("agency"))
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	err = decide(version)
	switch kernel.KindOf(err) {
	case kernel.Invalid, kernel.Conflict:
		o, again := s.looked(r.Context(), agency)
		if again != nil {
			return again
		}
		return s.showPartner(w, r, o, r.PostFormValue("reason"), err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, partnerPath(agency), http.StatusSeeOther)
	return nil
}
