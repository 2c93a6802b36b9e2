package casework

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// Who may call: staff see the agencies they hold a role in; an integrator needs the scope and names its agencies
// by scopes.
var (
	mayRead = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff, kernel.Integrator}, Scope: "workflow.read", Relation: "agency"}
	mayAct  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}
)

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "workflow", Prefix: "/workflow/v1", Title: "Townhall workflow API",
		Description: "For the staff of an agency and the programs they use: the work queue, the cases with their history, and every action a workflow declares. " +
			"Staff send an access token of the staff's issuer; programs one by client credentials with the scope `workflow.read` and one scope `agency:<id>` per agency. " +
			"A case that is not yours to see answers as one that does not exist. Reading one case is recorded, and its applicant can see that.",
		Tags: map[string]string{
			"Cases":       "The work of an agency: the queue, one case, its history, and the actions that move it on.",
			"Definitions": "The workflows behind the cases: states, actions, and what each action asks.",
			"Effects":     "What follows from a step (a document, a message, a timer), and how it is doing.",
		},
		Register: s.register,
	}
}

func (s *Service) register(api *web.API) {
	notFound, conflict := http.StatusNotFound, http.StatusConflict
	web.Register(api, web.Op{ID: "list-cases", Method: http.MethodGet, Path: "/cases", Tags: []string{"Cases"}, Policy: mayRead,
		Summary: "List the cases of your agencies", Returns: "One page of cases.", Description: "Submitted cases, without personal data: open one to see whose it is. Queue `todo` begins with the case that has waited longest, every other list with the newest."}, s.listCases)
	web.Register(api, web.Op{ID: "get-case", Method: http.MethodGet, Path: "/cases/{id}", Tags: []string{"Cases"}, Policy: mayRead, Errors: []int{notFound},
		Summary: "Read one case", Returns: "The case.", Description: "The applicant's verified data, the answers, and what you may do now. The look is recorded in the audit log."}, s.getCase)
	web.Register(api, web.Op{ID: "get-case-history", Method: http.MethodGet, Path: "/cases/{id}/history", Tags: []string{"Cases"}, Policy: mayRead, Errors: []int{notFound},
		Summary: "Read the history of a case", Returns: "The steps.", Description: "Every step, oldest first: who, when, from which state to which, and what was said. The look is recorded in the audit log."}, s.getHistory)
	web.Register(api, web.Op{ID: "take-action", Method: http.MethodPost, Path: "/cases/{id}/actions/{action}", Tags: []string{"Cases"}, Policy: mayAct, Idempotent: true, OwnTexts: true, Errors: []int{notFound, conflict},
		Summary: "Take one action", Returns: "The case after the step.", Example: map[string]any{"state": "waiting", "state_text": "Waiting for the applicant", "waiting": "applicant", "version": 5, "actions": []any{}}, Description: "One step of the workflow, decided on the version you looked at: 409 `changed-meanwhile` when somebody was faster, 409 `action-not-possible` in another state, 403 `four-eyes` when a second person has to do it, 401 with `insufficient_user_authentication` when the sign-in is too weak or too old (RFC 9470)."}, s.takeAction)
	web.Register(api, web.Op{ID: "preview-document", Method: http.MethodGet, Path: "/cases/{id}/preview", Tags: []string{"Cases"}, Policy: mayRead, Errors: []int{notFound},
		Summary: "Preview the document an action would issue", Description: "The document as it would be issued, unsigned and marked as a draft. The look is recorded in the audit log.", Responses: pdfResponse()}, s.getPreview)
	web.Register(api, web.Op{ID: "list-effects", Method: http.MethodGet, Path: "/cases/{id}/effects", Tags: []string{"Effects"}, Policy: mayAct, Errors: []int{notFound},
		Summary: "List what follows from the steps of a case", Returns: "The effects.", Description: "Documents being made, messages being sent, timers running; oldest first."}, s.listEffects)
	web.Register(api, web.Op{ID: "retry-effect", Method: http.MethodPost, Path: "/effects/{id}/retry", Tags: []string{"Effects"}, Policy: mayAct, Status: http.StatusNoContent, Errors: []int{notFound, conflict},
		Summary: "Try a failed effect again", Returns: "It will be tried again.", Description: "Gives an effect in state `dead` all its tries again. 409 `changed-meanwhile` when it is not dead. Sending it twice does no harm, so that it takes no Idempotency-Key."}, s.postRetry)
	web.Register(api, web.Op{ID: "list-definitions", Method: http.MethodGet, Path: "/definitions", Tags: []string{"Definitions"}, Policy: mayRead,
		Summary: "List the workflows of your agencies", Returns: "The workflows.", Description: "The newest version of each service the municipality offers and one of your agencies decides."}, s.listDefinitions)
	web.Register(api, web.Op{ID: "get-definition", Method: http.MethodGet, Path: "/definitions/{slug}", Tags: []string{"Definitions"}, Policy: mayRead, Errors: []int{notFound},
		Summary: "Read one workflow", Returns: "The workflow.", Description: "States, actions, and the fields each action asks for, in the language asked for by Accept-Language."}, s.getDefinition)
}

// CaseInput names a case.
type CaseInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The case's id."`
}

// CaseQueryInput narrows the list of cases.
type CaseQueryInput struct {
	Queue   string `query:"queue" enum:"todo,unassigned,mine,all" default:"all" doc:"todo: waits for the agency; unassigned: open and nobody's; mine: open and yours; all: every submitted case."`
	Service string `query:"service" maxLength:"100" pattern:"^[a-z0-9-]*$" example:"residence-certificate" doc:"Only cases of this service."`
	State   string `query:"state" maxLength:"100" pattern:"^[a-z0-9-]*$" example:"submitted" doc:"Only cases in this state."`
	Number  string `query:"number" maxLength:"40" example:"RC-2026-7K4M-93Q2" doc:"Only the case with this reference, written as people write it."`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor  string `query:"cursor" maxLength:"36" doc:"The next_cursor of the page before."`
}

// CaseListOutput is one page of cases.
type CaseListOutput struct {
	Body struct {
		Cases      []CaseSummary `json:"cases" maxItems:"200" doc:"The cases of this page."`
		NextCursor string        `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// CaseSummary is a case as lists show it: nothing personal.
type CaseSummary struct {
	ID          string     `json:"id" format:"uuid" doc:"The case's id."`
	Number      string     `json:"number" example:"RC-2026-7K4M-93Q2" doc:"The reference people quote."`
	Service     string     `json:"service" example:"residence-certificate" doc:"The workflow's slug."`
	Agency      string     `json:"agency" example:"civil-registry" doc:"The agency that decides."`
	State       string     `json:"state" example:"submitted" doc:"The state's name in the workflow."`
	StateText   string     `json:"state_text" example:"To be checked" doc:"The state for staff, in the language asked for."`
	Waiting     string     `json:"waiting" enum:"applicant,agency,nobody" example:"agency" doc:"Whose turn it is."`
	Final       bool       `json:"final" doc:"Nothing more happens."`
	Version     int        `json:"version" minimum:"1" example:"4" doc:"Counts steps; send it with an action."`
	Assignee    string     `json:"assignee,omitempty" format:"uuid" example:"0198f2a6-9c1d-7b02-8a44-5d1c7e9b2f30" doc:"The official who works on it; absent when nobody does."`
	CreatedAt   time.Time  `json:"created_at" doc:"When the draft was opened."`
	UpdatedAt   time.Time  `json:"updated_at" doc:"When the last step was taken."`
	WaitingFrom time.Time  `json:"waiting_since" doc:"When the present state was entered."`
	SubmittedAt *time.Time `json:"submitted_at,omitempty" example:"2026-11-20T09:30:00Z" doc:"When the applicant sent it."`
	DueAt       *time.Time `json:"due_at,omitempty" example:"2026-11-27T17:00:00Z" doc:"By when whose turn it is should act; absent when nothing runs."`
}

// CaseOutput is one case.
type CaseOutput struct{ Body CaseDetail }

// CaseDetail is a case as the agency sees it.
type CaseDetail struct {
	CaseSummary
	Applicant CaseApplicant  `json:"applicant" doc:"Who applies."`
	Answers   map[string]any `json:"answers" example:"{\"purpose\":\"bank\",\"certificate_language\":\"en\",\"copies\":1}" doc:"Field name to answer; text, number, true or false, or a list of texts, as the workflow's form declares."`
	Actions   []CaseAction   `json:"actions" maxItems:"100" doc:"What you may do now."`
}

// CaseApplicant is the applicant with what an issuer verified.
type CaseApplicant struct {
	ID     string            `json:"id" format:"uuid" doc:"The person's id at this municipality."`
	Name   string            `json:"name" example:"Anna Whitfield" doc:"The name in the application."`
	Claims map[string]string `json:"claims" example:"{\"name\":\"Anna Whitfield\",\"birthdate\":\"1988-04-17\"}" doc:"Verified claims the service asks for, by their OpenID Connect names."`
}

// CaseAction is one action that is possible now.
type CaseAction struct {
	Name     string `json:"name" example:"ask" doc:"Take it with POST …/actions/{name}."`
	Label    string `json:"label" example:"Ask the applicant" doc:"What it is called, in the language asked for."`
	Decision string `json:"decision,omitempty" enum:"favourable,adverse" doc:"Set when the action decides the case."`
	Preview  bool   `json:"preview" doc:"There is a document to look at before: GET …/preview?action={name}."`
}

// HistoryOutput is the history of a case.
type HistoryOutput struct {
	Body struct {
		Events []HistoryEvent `json:"events" doc:"Oldest first."`
	}
}

// HistoryEvent is one step.
type HistoryEvent struct {
	Seq       int            `json:"seq" minimum:"1" example:"2" doc:"Equals the version the step made."`
	At        time.Time      `json:"at" doc:"When."`
	Action    string         `json:"action" example:"submit" doc:"The action; start for the first, document-issued when a document was published."`
	From      string         `json:"from" example:"draft" doc:"The state before; empty in the first event."`
	To        string         `json:"to" example:"submitted" doc:"The state after."`
	ActorKind string         `json:"actor_kind" enum:"citizen,staff,system" doc:"Who acted."`
	ActorName string         `json:"actor_name" example:"Anna Whitfield" doc:"Their name; empty for the system."`
	Input     map[string]any `json:"input" example:"{\"purpose\":\"bank\",\"copies\":1}" doc:"What was said with it: field name to answer."`
}

// ActionInput is one action to take.
type ActionInput struct {
	CaseInput
	web.IdempotencyInput
	Action string `path:"action" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"ask" doc:"The action's name."`
	Body   struct {
		Version int            `json:"version" minimum:"1" example:"4" doc:"The version of the case you looked at."`
		Input   map[string]any `json:"input,omitempty" doc:"Field name to answer, as the action's form declares." example:"{\"question\":\"Since when do you live there?\"}"`
	}
}

// PreviewInput names the action whose document is wanted.
type PreviewInput struct {
	CaseInput
	Action string `query:"action" required:"true" minLength:"1" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"propose" doc:"An action whose preview is true."`
}

// EffectsOutput is what follows from a case's steps.
type EffectsOutput struct {
	Body struct {
		Effects []CaseEffect `json:"effects" maxItems:"500" doc:"Oldest first."`
	}
}

// CaseEffect is one thing to be done after a step.
type CaseEffect struct {
	ID        string     `json:"id" format:"uuid" doc:"The effect's id."`
	Event     string     `json:"event" example:"case.notice" doc:"What happened."`
	Module    string     `json:"module" example:"notify" doc:"Who handles it."`
	State     string     `json:"state" enum:"waiting,running,done,dead" example:"dead" doc:"dead: it failed too often; retry it."`
	Attempt   int        `json:"attempt" minimum:"0" example:"12" doc:"How often it was tried."`
	DueAt     time.Time  `json:"due_at" doc:"When it may run next."`
	LastError string     `json:"last_error,omitempty" example:"the wallet answered 503" doc:"What went wrong last; nothing personal."`
	CreatedAt time.Time  `json:"created_at" doc:"When the step was taken."`
	DoneAt    *time.Time `json:"done_at,omitempty" doc:"When it was done."`
}

// EffectInput names an effect.
type EffectInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" doc:"The effect's id."`
}

func (s *Service) listCases(ctx context.Context, in *CaseQueryInput) (*CaseListOutput, error) {
	f := filter{Queue: in.Queue, Service: in.Service, State: in.State, Number: in.Number, Limit: in.Limit, After: kernel.CaseID(in.Cursor)}
	page, err := s.queue(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &CaseListOutput{}
	out.Body.Cases, out.Body.NextCursor = s.summaries(ctx, page.cases), string(page.next)
	return out, nil
}

func (s *Service) getCase(ctx context.Context, in *CaseInput) (*CaseOutput, error) {
	d, err := s.open(ctx, in.ID, "case.read")
	if err != nil {
		return nil, err
	}
	return &CaseOutput{Body: s.describe(ctx, d)}, nil
}

func (s *Service) getHistory(ctx context.Context, in *CaseInput) (*HistoryOutput, error) {
	d, err := s.open(ctx, in.ID, "case.read")
	if err != nil {
		return nil, err
	}
	out := &HistoryOutput{}
	out.Body.Events = eventList(d.History)
	return out, nil
}

func (s *Service) takeAction(ctx context.Context, in *ActionInput) (*CaseOutput, error) {
	body, err := s.actOnce(ctx, kernel.Act{Case: kernel.CaseID(in.ID), Version: in.Body.Version, Action: in.Action, Input: in.Body.Input})
	if err != nil {
		return nil, inBody(err)
	}
	return &CaseOutput{Body: body}, nil
}

// PDFOutput is a PDF.
type PDFOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (s *Service) getPreview(ctx context.Context, in *PreviewInput) (*PDFOutput, error) {
	pdf, err := s.preview(ctx, in.ID, in.Action)
	if err != nil {
		return nil, err
	}
	return &PDFOutput{ContentType: "application/pdf", CacheControl: "no-store", Body: pdf}, nil
}

func (s *Service) listEffects(ctx context.Context, in *CaseInput) (*EffectsOutput, error) {
	found, err := s.effects(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &EffectsOutput{}
	out.Body.Effects = found
	return out, nil
}

func (s *Service) postRetry(ctx context.Context, in *EffectInput) (*struct{}, error) {
	return nil, s.retryEffect(ctx, in.ID)
}
