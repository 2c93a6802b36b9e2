package catalogue

import (
	"context"
	"errors"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// releaseStaff are the publishers and reviewers of a service's agency. Which of the two a change asks for is Release.step's to
// say: some ask for either.
var releaseStaff = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}

func (s *Service) releaseContract() web.Contract {
	return web.Contract{
		Name: "releases", Prefix: "/releases/v1", Title: "Townhall releases API",
		Description: "For the officials who release an agency's mini-apps: the stage of each, the changes that move it on, and its history. " +
			"A change of stage is proposed by one official with the role `publisher` and approved by another with the role `reviewer`; halting is done by either at once. " +
			"A mini-app of another agency answers as one that does not exist.",
		Tags: map[string]string{
			"Releases": "The mini-apps of your agencies with their stages, and what was changed by whom.",
			"Changes":  "What moves a mini-app to another stage, or says who may use it. Each names the version you looked at and a reason, and stands in the history and in the audit log.",
		},
		Register: s.registerReleases,
	}
}

func (s *Service) registerReleases(api *web.API) {
	notFound, conflict := http.StatusNotFound, http.StatusConflict
	web.Register(api, web.Op{ID: "list-releases", Method: http.MethodGet, Path: "/mini-apps", Tags: []string{"Releases"}, Policy: releaseStaff,
		Summary: "List the mini-apps of your agencies", Returns: "The mini-apps.", Description: "Those the municipality offers, in its order, then those that are only prepared. Empty for staff who are neither publisher nor reviewer."}, s.listReleases)
	web.Register(api, web.Op{ID: "get-release", Method: http.MethodGet, Path: "/mini-apps/{app_id}", Tags: []string{"Releases"}, Policy: releaseStaff, Errors: []int{notFound},
		Summary: "Read the release of one mini-app", Returns: "The release.", Description: "Its stage, what waits for approval, and who may try it. Version 0 is one nobody has touched: it is there for everybody."}, s.getRelease)
	web.Register(api, web.Op{ID: "list-release-changes", Method: http.MethodGet, Path: "/mini-apps/{app_id}/history", Tags: []string{"Releases"}, Policy: releaseStaff, Errors: []int{notFound},
		Summary: "Read the history of a release", Returns: "The changes.", Description: "Newest first: who, when, from what to what, and why. For the next page repeat the request with `before` set to the version of the last one; a page of fewer than 50 is the last."}, s.listChanges)
	change := func(id, path, summary, description string) web.Op {
		return web.Op{ID: id, Method: http.MethodPost, Path: "/mini-apps/{app_id}/" + path, Tags: []string{"Changes"}, Policy: releaseStaff, Idempotent: true, Errors: []int{notFound, conflict},
			Summary: summary, Returns: "The release after the change.", Description: description}
	}
	web.Register(api, change("begin-release", ActionBegin, "Take a mini-app into draft", "For one that nobody has touched, such as a new one before the municipality offers it. Either role. From then on named testers alone can begin it. 409 `release-not-now` when it has been touched."), s.beginOp)
	web.Register(api, change("propose-stage", ActionPropose, "Propose the next stage", "Publishers: `review` of a draft, `public` with a share of a beta, `retired`. Either role: going back to the stage before a pause. What is proposed waits for a reviewer, but a draft is in review from now on. 409 `release-not-now` where the stage does not follow, `release-proposed` when something waits already, `release-suspended` while the agency is."), s.proposeOp)
	web.Register(api, change("approve-stage", ActionApprove, "Approve what was proposed", "Reviewers, and never who proposed it: 403 `release-four-eyes`, whatever roles they hold. 409 `release-nothing-proposed` when nothing waits, `changed-meanwhile` when a colleague was faster."), s.approveOp)
	web.Register(api, change("refuse-stage", ActionRefuse, "Refuse what was proposed", "Reviewers; who proposed it takes it back in this way. What was in review is a draft again."), s.refuseOp)
	web.Register(api, change("set-share", ActionShare, "Set the share of people", "While it is public: publishers widen, either role narrows. Who could begin at a smaller share still can at a larger one."), s.shareOp)
	web.Register(api, change("halt-release", ActionHalt, "Halt at once", "Either role, from every stage but the last, without a second official. Nobody can begin from now on, within a second on every server; what runs goes on. What was proposed falls. Version 0 halts whatever is there now."), s.haltOp)
	web.Register(api, change("set-conditions", ActionConditions, "Set season and host version", "Publishers. Outside of the season it is shown with the day it opens. Empty members mean the whole year, and any host."), s.conditionsOp)
	web.Register(api, change("name-testers", ActionTesters, "Name the testers", "Either role. The whole list: who is not in it any more is no tester any more. People tell the code they were shown when they tried; the subject identifier of their issuer is taken as well."), s.testersOp)
}

// ReleaseInput names a mini-app.
type ReleaseInput struct {
	App string `path:"app_id" maxLength:"63" pattern:"^[a-z0-9][a-z0-9-]*$" example:"residence-certificate" doc:"The mini-app's app_id."`
}

// ReleaseBody is how far a mini-app is released, as its agency sees it.
type ReleaseBody struct {
	App        string            `json:"app_id" example:"residence-certificate" doc:"The mini-app."`
	Name       string            `json:"name" example:"Residence certificate" doc:"What it is called, in the language asked for."`
	Agency     string            `json:"agency" example:"civil-registry" doc:"Whose it is."`
	Offered    bool              `json:"offered" example:"true" doc:"The municipality offers it; otherwise it is only prepared."`
	Stage      string            `json:"stage" enum:"draft,review,beta,public,paused,retired" example:"public" doc:"How far it is released."`
	Share      int               `json:"share" minimum:"1" maximum:"100" example:"10" doc:"Percent of the people who can begin while it is public."`
	PausedFrom string            `json:"paused_from,omitempty" enum:"draft,beta,public" example:"public" doc:"The stage it goes back to; absent when it is not paused."`
	Reason     map[string]string `json:"paused_reason,omitempty" example:"{\"en\":\"The register is being moved.\"}" doc:"Why it is paused, by language; everybody reads it."`
	BackOn     string            `json:"back_on,omitempty" format:"date" example:"2026-12-24" doc:"When it is expected back; absent when that is not known."`
	Season     *SeasonJSON       `json:"season,omitempty" doc:"The part of the year it is open; absent when all of it."`
	MinHost    string            `json:"min_host_version,omitempty" example:"2.1" doc:"The oldest version of a host that can open it; absent when any can."`
	Proposal   *ProposalBody     `json:"proposal,omitempty" doc:"What waits for a reviewer; absent when nothing does."`
	Proposable []string          `json:"proposable" maxItems:"3" example:"[\"retired\"]" doc:"Stages that can be proposed now."`
	Testers    []string          `json:"testers" maxItems:"200" example:"[\"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11\"]" doc:"Who may use it before it is public."`
	Version    int               `json:"version" minimum:"0" example:"4" doc:"Counts changes; send it with the next one. 0: nobody has touched it."`
}

// ProposalBody is what waits for a reviewer.
type ProposalBody struct {
	Stage  string    `json:"stage" enum:"draft,beta,public,retired" example:"public" doc:"The stage it would have."`
	Share  int       `json:"share" minimum:"1" maximum:"100" example:"10" doc:"Percent of the people who could begin."`
	By     string    `json:"by" format:"uuid" doc:"Who proposed it."`
	Name   string    `json:"name" example:"Sofia Lindqvist" doc:"Their name."`
	Reason string    `json:"reason" example:"Fifty testers found no fault." doc:"Why."`
	At     time.Time `json:"at" doc:"When."`
}

// ReleaseOutput is one release.
type ReleaseOutput struct{ Body ReleaseBody }

// ReleasesOutput lists releases.
type ReleasesOutput struct {
	Body struct {
		MiniApps []ReleaseBody `json:"miniapps" maxItems:"1000" doc:"In the municipality's order."`
	}
}

// ChangesInput asks for a page of a history.
type ChangesInput struct {
	ReleaseInput
	Before int `query:"before" minimum:"0" default:"0" example:"12" doc:"Only changes older than this version; 0 begins with the newest."`
}

// ChangesOutput is a page of a history.
type ChangesOutput struct {
	Body struct {
		Changes []ChangeBody `json:"changes" maxItems:"50" doc:"Newest first."`
	}
}

// ChangeBody is one change.
type ChangeBody struct {
	Version      int               `json:"version" minimum:"1" example:"4" doc:"The version it made."`
	At           time.Time         `json:"at" doc:"When."`
	Action       string            `json:"action" enum:"begin,propose,approve,refuse,share,halt,conditions,testers" example:"approve" doc:"What was done."`
	Actor        string            `json:"actor" format:"uuid" doc:"Who did it."`
	ActorName    string            `json:"actor_name" example:"Marcus Adeyemi" doc:"Their name."`
	ProposedBy   string            `json:"proposed_by,omitempty" format:"uuid" example:"0198f2a6-9c1d-7b02-8a44-5d1c7e9b2f30" doc:"Who had proposed what was approved or refused."`
	ProposedName string            `json:"proposed_name,omitempty" example:"Sofia Lindqvist" doc:"Their name."`
	From         string            `json:"from" example:"beta" doc:"The stage before."`
	To           string            `json:"to" example:"public" doc:"The stage after."`
	FromShare    int               `json:"from_share" example:"100" doc:"The share before."`
	ToShare      int               `json:"to_share" example:"10" doc:"The share after."`
	Reason       string            `json:"reason" example:"Fifty testers found no fault." doc:"Why."`
	Details      map[string]string `json:"details" example:"{\"back_on\":\"2026-12-24\"}" doc:"What else it says."`
}

// WhyInput is a change that needs no more than a reason.
type WhyInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body WhyBody
}

// WhyBody is what every change says.
type WhyBody struct {
	Version int    `json:"version" minimum:"0" example:"4" doc:"The version of the release you looked at."`
	Reason  string `json:"reason" maxLength:"1000" example:"Fifty testers found no fault." doc:"Why: 5 to 500 characters. It stands in the history."`
}

// ProposeInput proposes a stage.
type ProposeInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body struct {
		WhyBody
		Stage string `json:"stage" enum:"draft,review,beta,public,retired" example:"public" doc:"The stage that is proposed; draft, beta and public also to go on after a pause."`
		Share int    `json:"share,omitempty" minimum:"0" maximum:"1000" example:"10" doc:"With public of a beta: percent of the people, 1 to 100."`
	}
}

// ShareInput sets the share.
type ShareInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body struct {
		WhyBody
		Share int `json:"share" minimum:"0" maximum:"1000" example:"50" doc:"Percent of the people, 1 to 100."`
	}
}

// HaltInput halts.
type HaltInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body struct {
		WhyBody
		Public map[string]string `json:"paused_reason,omitempty" example:"{\"ru\":\"Реестр переносится.\"}" doc:"The reason in other languages, for the people who read it: en, ru, zh. The language of the request has reason, unless it is here."`
		BackOn string            `json:"back_on,omitempty" maxLength:"10" example:"2026-12-24" doc:"When it is expected back."`
	}
}

// ConditionsInput sets when and where it can be opened.
type ConditionsInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body struct {
		WhyBody
		From    string `json:"season_from,omitempty" maxLength:"5" example:"04-15" doc:"First day of the season, month and day."`
		Until   string `json:"season_until,omitempty" maxLength:"5" example:"10-31" doc:"Last day of the season."`
		MinHost string `json:"min_host_version,omitempty" maxLength:"20" example:"2.1" doc:"The oldest version of a host that can open it."`
	}
}

// TestersInput names the testers.
type TestersInput struct {
	ReleaseInput
	web.IdempotencyInput
	Body struct {
		WhyBody
		Testers []string `json:"testers" maxItems:"1000" example:"[\"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11\"]" doc:"Everybody who may use it before it is public."`
	}
}

func (s *Service) listReleases(ctx context.Context, _ *struct{}) (*ReleasesOutput, error) {
	all, err := s.managed(ctx)
	if err != nil {
		return nil, err
	}
	out := &ReleasesOutput{}
	out.Body.MiniApps = make([]ReleaseBody, len(all))
	for i, m := range all {
		out.Body.MiniApps[i] = m.body(kernel.LocaleOf(ctx))
	}
	return out, nil
}

func (s *Service) getRelease(ctx context.Context, in *ReleaseInput) (*ReleaseOutput, error) {
	m, _, err := s.look(ctx, in.App, 0)
	if err != nil {
		return nil, err
	}
	return &ReleaseOutput{m.body(kernel.LocaleOf(ctx))}, nil
}

func (s *Service) listChanges(ctx context.Context, in *ChangesInput) (*ChangesOutput, error) {
	_, history, err := s.look(ctx, in.App, in.Before)
	if err != nil {
		return nil, err
	}
	out := &ChangesOutput{}
	out.Body.Changes = make([]ChangeBody, len(history))
	for i, h := range history {
		out.Body.Changes[i] = ChangeBody{h.Version, h.At, h.Action, string(h.Actor), h.ActorName, string(h.ProposedBy), h.ProposedName, string(h.From), string(h.To), h.FromShare, h.ToShare, h.Reason, h.Details}
	}
	return out, nil
}

func (s *Service) beginOp(ctx context.Context, in *WhyInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionBegin, Version: in.Body.Version, Reason: in.Body.Reason})
}

func (s *Service) approveOp(ctx context.Context, in *WhyInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionApprove, Version: in.Body.Version, Reason: in.Body.Reason})
}

func (s *Service) refuseOp(ctx context.Context, in *WhyInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionRefuse, Version: in.Body.Version, Reason: in.Body.Reason})
}

func (s *Service) proposeOp(ctx context.Context, in *ProposeInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionPropose, Version: in.Body.Version, Reason: in.Body.Reason, Stage: Stage(in.Body.Stage), Share: in.Body.Share})
}

func (s *Service) shareOp(ctx context.Context, in *ShareInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionShare, Version: in.Body.Version, Reason: in.Body.Reason, Share: in.Body.Share})
}

func (s *Service) haltOp(ctx context.Context, in *HaltInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionHalt, Version: in.Body.Version, Reason: in.Body.Reason, Public: in.Body.Public, BackOn: in.Body.BackOn})
}

func (s *Service) conditionsOp(ctx context.Context, in *ConditionsInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionConditions, Version: in.Body.Version, Reason: in.Body.Reason, Season: Season{in.Body.From, in.Body.Until}, MinHost: in.Body.MinHost})
}

func (s *Service) testersOp(ctx context.Context, in *TestersInput) (*ReleaseOutput, error) {
	return s.changed(ctx, in.App, Command{Action: ActionTesters, Version: in.Body.Version, Reason: in.Body.Reason, Testers: in.Body.Testers})
}

// changed makes a change and answers with the release after it; wrong fields are named as they stand in the body.
func (s *Service) changed(ctx context.Context, app string, c Command) (*ReleaseOutput, error) {
	r, err := s.change(ctx, app, c)
	if err != nil {
		return nil, inBody(err)
	}
	m, err := s.duty(ctx, app)
	m.Release = r
	return &ReleaseOutput{m.body(kernel.LocaleOf(ctx))}, err
}

func inBody(err error) error {
	var e *kernel.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = "body." + f.Path
		c.Fields[i] = f
	}
	return &c
}

func (m managed) body(locale string) ReleaseBody {
	r := m.Release
	out := ReleaseBody{App: r.App, Name: m.def.Text(locale, "title"), Agency: string(m.agency), Offered: m.offered, Stage: string(r.Stage), Share: r.Share, PausedFrom: string(r.PausedFrom),
		Reason: r.Reason, BackOn: r.BackOn, MinHost: r.MinHost, Proposable: []string{}, Testers: append([]string{}, r.Testers...), Version: r.Version}
	if r.Season.From != "" {
		out.Season = &SeasonJSON{r.Season.From, r.Season.Until}
	}
	if p := r.Proposal; p != nil {
		out.Proposal = &ProposalBody{string(p.Stage), p.Share, string(p.By), p.Name, p.Reason, p.At}
	} else {
		for _, stage := range r.Proposable() {
			out.Proposable = append(out.Proposable, string(stage))
		}
	}
	return out
}
