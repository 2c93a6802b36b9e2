package catalogue

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const fixtureApp = "residence-certificate"

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{}

func (galleryClock) Now() time.Time { return ui.GalleryTime }

// Fixtures are the pages of this module in the states people meet, for the gallery. They need no database.
func (s *Service) Fixtures() []ui.Fixture {
	g := &Service{deps: s.deps, views: s.views}
	g.deps.Clock = galleryClock{}
	return append(g.citizenFixtures(), g.staffFixtures()...)
}

func fixtureRelease(stage Stage, change ...func(*Release)) Release {
	r := Release{App: fixtureApp, Stage: stage, Share: 100, Version: 5, UpdatedAt: ui.GalleryTime}
	if stage == StagePaused {
		r.PausedFrom, r.BackOn = StagePublic, "2026-12-01"
		r.Reason = kernel.Text{"en": "The register is being moved to new machines.", "ru": "Реестр переносится на новые машины.", "zh": "登记系统正在迁移到新设备。"}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func fixtureProposal(stage Stage, share int) func(*Release) {
	return func(r *Release) {
		r.Proposal = &Proposal{Stage: stage, Share: share, By: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22", Name: "Sofia Lindqvist", Reason: "Fifty testers found no fault.", At: ui.GalleryTime}
	}
}

// citizenFixtures are the pages people see of a mini-app that is not simply there.
func (s *Service) citizenFixtures() []ui.Fixture {
	page := func(name string, rel Release) ui.Fixture {
		return ui.Fixture{Name: "release-go-" + name, Render: func(w http.ResponseWriter, r *http.Request) error {
			r.SetPathValue("app", fixtureApp)
			return s.goPage(w, r.WithContext(showing(r.Context(), map[string]Release{fixtureApp: rel})))
		}}
	}
	refused := func(name string, rel Release) ui.Fixture {
		return ui.Fixture{Name: "release-refused-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error {
			locale, t := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context())
			err := rel.MayStart(kernel.PrincipalOf(r.Context()).Person, false, s.closed(r.Context(), t, rel))
			e := *kernel.AsError(err)
			e.Message = s.deps.Texts.Error(locale, err)
			ui.WriteError(s.deps.Shell, w, r, s.views, web.Status(e.Kind), &e)
			return nil
		}}
	}
	ended := ui.Fixture{Name: "share-ended", Render: func(w http.ResponseWriter, r *http.Request) error {
		return s.showEnded(w, r.WithContext(showing(r.Context(), nil)), Shared{App: fixtureApp, Expires: ui.GalleryTime.AddDate(0, 0, -1)})
	}}
	spring := func(r *Release) { r.Season = Season{"04-15", "10-31"} }
	tenth := func(r *Release) { r.Share = 1 }
	return []ui.Fixture{
		page("test-mode", fixtureRelease(StageBeta)), page("paused", fixtureRelease(StagePaused)), page("out-of-season", fixtureRelease(StagePublic, spring)), page("retired", fixtureRelease(StageRetired)),
		ended, refused("beta", fixtureRelease(StageBeta)), refused("share", fixtureRelease(StagePublic, tenth)), refused("paused", fixtureRelease(StagePaused)),
		refused("out-of-season", fixtureRelease(StagePublic, spring)), refused("retired", fixtureRelease(StageRetired)),
	}
}

func (s *Service) staffFixtures() []ui.Fixture {
	as := func(roles ...string) func(r *http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			who := kernel.PrincipalOf(r.Context())
			who.Name, who.Grants = "Marcus Adeyemi", nil
			for _, role := range roles {
				who.Grants = append(who.Grants, kernel.Grant{Agency: "civil-registry", Role: role})
			}
			return r.WithContext(kernel.WithPrincipal(r.Context(), who))
		}
	}
	publisher, reviewer := as(RolePublisher), as(RoleReviewer)
	mini := func(r Release, offered bool) managed {
		d, _ := s.deps.Library.Get(fixtureApp)
		return managed{Release: r, def: d, agency: "civil-registry", offered: offered}
	}
	list := func(name string, all ...managed) ui.Fixture {
		return ui.Fixture{Name: "release-list" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showReleases(w, reviewer(r), all) }}
	}
	one := func(name string, who func(*http.Request) *http.Request, rel Release, history []Change, problem error) ui.Fixture {
		return ui.Fixture{Name: "release-one-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			return s.drawRelease(w, who(r), mini(rel, true), history, 0, problem)
		}}
	}
	form := func(name string, who func(*http.Request) *http.Request, rel Release, c Command, problem error) ui.Fixture {
		return ui.Fixture{Name: "release-change-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			return s.showChange(w, who(r), mini(rel, true), c, problem)
		}}
	}
	testers := func(r *Release) {
		r.Testers = []string{"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", "pairwise-7hQ2kq0Yx9"}
	}
	noReason := kernel.FieldError{Path: "reason", Slug: "field.release-reason", Message: "Give a reason of 5 to 500 characters."}
	waiting := fixtureRelease(StageBeta, testers, fixtureProposal(StagePublic, 10))
	return []ui.Fixture{
		list("", mini(fixtureRelease(StagePublic, func(r *Release) { r.Share = 10 }), true), mini(waiting, true), mini(fixtureRelease(StagePaused), true), mini(fixtureRelease(StageDraft), false)), list("-none"),
		one("untouched", reviewer, untouched(fixtureApp), nil, nil), one("waiting", reviewer, waiting, fixtureHistory(), nil),
		one("paused", publisher, fixtureRelease(StagePaused), fixtureHistory()[:1], nil), one("public", publisher, fixtureRelease(StagePublic, func(r *Release) {
			r.Share, r.Season, r.MinHost = 50, Season{"04-15", "10-31"}, "2.1"
		}), fixtureHistory(), nil),
		one("changed-meanwhile", reviewer, waiting, fixtureHistory(), kernel.ErrChanged),
		form("propose", publisher, fixtureRelease(StageBeta), Command{Action: ActionPropose, Version: 5, Share: 10}, nil),
		form("propose-wrong", publisher, fixtureRelease(StageBeta), Command{Action: ActionPropose, Version: 5, Share: 110, Stage: StagePublic}, kernel.InvalidFields(
			kernel.FieldError{Path: "share", Slug: "field.release-share", Message: "Give a share from 1 to 100 percent."}, noReason)),
		form("approve", reviewer, waiting, Command{Action: ActionApprove, Version: 5}, nil), form("refuse", reviewer, waiting, Command{Action: ActionRefuse, Version: 5}, kernel.InvalidFields(noReason)),
		form("halt", reviewer, fixtureRelease(StagePublic), Command{Action: ActionHalt, Version: 5}, nil), form("share", publisher, fixtureRelease(StagePublic), Command{Action: ActionShare, Version: 5, Share: 50}, nil),
		form("conditions", publisher, fixtureRelease(StagePublic), Command{Action: ActionConditions, Version: 5, Season: Season{From: "02-30"}}, kernel.InvalidFields(
			kernel.FieldError{Path: "season_from", Slug: "field.release-month-day", Message: "Give month and day such as 04-15."})),
		form("testers", reviewer, fixtureRelease(StageBeta, testers), Command{Action: ActionTesters, Version: 5, Testers: waiting.Testers}, nil), form("begin", publisher, untouched(fixtureApp), Command{Action: ActionBegin}, nil),
	}
}

func fixtureHistory() []Change {
	line := func(n int, action string, from, to Stage, name, reason string, details map[string]string) Change {
		return Change{Version: n, At: ui.GalleryTime.Add(time.Duration(n-5) * time.Hour), Action: action, ActorName: name, From: from, To: to, FromShare: 100, ToShare: 100, Reason: reason, Details: details}
	}
	out := []Change{
		line(5, ActionPropose, StageBeta, StageBeta, "Sofia Lindqvist", "Fifty testers found no fault.", map[string]string{"proposed_stage": "public", "proposed_share": "10"}),
		line(4, ActionTesters, StageBeta, StageBeta, "Marcus Adeyemi", "Two of the registry's own staff.", map[string]string{"testers_before": "0", "testers": "2"}),
		line(3, ActionApprove, StageReview, StageBeta, "Marcus Adeyemi", "Looked at every page in three languages.", nil),
		line(2, ActionPropose, StageDraft, StageReview, "Sofia Lindqvist", "The form is complete.", map[string]string{"proposed_stage": "beta", "proposed_share": "100"}),
		line(1, ActionBegin, StagePublic, StageDraft, "Sofia Lindqvist", "A new form is being made.", nil),
	}
	out[2].ProposedName = "Sofia Lindqvist"
	return out
}
