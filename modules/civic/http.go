package civic

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

var (
	citizens  = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "none"}
	ownList   = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}
	applicant = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "applicant"}
)

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "civic", Prefix: "/civic/v1", Title: "Townhall civic API",
		Description: "Civic services for a citizen and the programs that act for them: what the municipality offers, what each service asks, and the citizen's own applications. " +
			"Its access token is the citizen's. An application that is not the citizen's answers as one that does not exist. " +
			"Which fields a service asks, and which actions are possible when, is data: read it, do not build it in.",
		Tags: map[string]string{
			"Services":     "What the municipality offers and what each service asks.",
			"Applications": "The signed-in citizen's own applications: start one, fill it in, send it, follow it, fetch what comes of it.",
		},
		Register: s.register,
	}
}

func (s *Service) register(api *web.API) {
	notFound := []int{http.StatusNotFound}
	steps := []int{http.StatusNotFound, http.StatusConflict}
	web.Register(api, web.Op{ID: "list-services", Method: http.MethodGet, Path: "/services", Tags: []string{"Services"}, Policy: web.Public,
		Summary: "List the services of the municipality", Returns: "The services.", Description: "In the municipality's order and the language asked for by Accept-Language."}, s.listServices)
	web.Register(api, web.Op{ID: "get-service", Method: http.MethodGet, Path: "/services/{slug}", Tags: []string{"Services"}, Policy: web.Public, Errors: notFound,
		Summary: "Read what a service asks", Returns: "The service.", Description: "The pages of its form, the verified data it uses and why, and the assurance level it needs."}, s.getService)
	web.Register(api, web.Op{ID: "start-application", Method: http.MethodPost, Path: "/applications", Tags: []string{"Applications"}, Policy: citizens, Status: http.StatusCreated, Idempotent: true, Errors: steps,
		Summary: "Start an application", Returns: "The draft.", Example: draftExample(), Description: "Opens a draft, prefilled from the citizen's verified identity. 401 with `insufficient_user_authentication` when the sign-in is too weak for the service (RFC 9470)."}, s.postApplication)
	web.Register(api, web.Op{ID: "list-applications", Method: http.MethodGet, Path: "/applications", Tags: []string{"Applications"}, Policy: ownList,
		Summary: "List the citizen's applications", Returns: "One page of applications.", Description: "Newest first, drafts included."}, s.listApplications)
	web.Register(api, web.Op{ID: "get-application", Method: http.MethodGet, Path: "/applications/{id}", Tags: []string{"Applications"}, Policy: applicant, Errors: notFound,
		Summary: "Read one application", Returns: "The application.", Description: "Where it stands, what comes next, and what the citizen may do now."}, s.getApplication)
	web.Register(api, web.Op{ID: "act-on-application", Method: http.MethodPost, Path: "/applications/{id}/actions/{action}", Tags: []string{"Applications"}, Policy: applicant, Idempotent: true, OwnTexts: true, Errors: steps,
		Summary: "Take one action", Returns: "The application after the step.", Description: "Save the draft, send it, answer a question, withdraw: whatever `actions` lists. 409 `changed-meanwhile` when the application has moved on since the version sent, 409 `action-not-possible` in another state, 422 with one entry per wrong field."}, s.postAction)
	web.Register(api, web.Op{ID: "list-application-documents", Method: http.MethodGet, Path: "/applications/{id}/documents", Tags: []string{"Applications"}, Policy: applicant, Errors: notFound,
		Summary: "List the documents of an application", Returns: "The documents.", Description: "A document is `pending` until its file is signed and published."}, s.listDocuments)
}

// draftExample is an application as it is right after its start.
func draftExample() map[string]any {
	return map[string]any{
		"state": "draft", "state_text": "Draft", "version": 1, "waiting": "applicant", "submitted_at": nil, "due_at": nil,
		"next_text": "Fill it in and send it.", "answers": map[string]any{"certificate_language": "en", "copies": 1}, "history": []any{},
		"actions": []any{map[string]any{"name": "submit", "label": "Send the application", "partial": false, "declare": true, "fields": []any{
			map[string]any{"name": "copies", "type": "integer", "label": "Number of copies", "required": true, "verified": false, "conditional": false, "min": 1, "max": 5},
		}}},
	}
}

// ServicesOutput lists services.
type ServicesOutput struct {
	Body struct {
		Services []ServiceSummary `json:"services" maxItems:"1000" doc:"In the municipality's order."`
	}
}

// ServiceSummary is one service in a list.
type ServiceSummary struct {
	Slug     string `json:"slug" example:"residence-certificate" doc:"The service's name in addresses."`
	Category string `json:"category" example:"certificates" doc:"What kind of service it is."`
	Agency   string `json:"agency" example:"civil-registry" doc:"The agency that decides."`
	Title    string `json:"title" example:"Residence certificate" doc:"In the language asked for."`
	Summary  string `json:"summary" example:"A certificate that you are registered at your address." doc:"What it is, in one sentence."`
	Level    string `json:"level" enum:"none,low,substantial,high" example:"substantial" doc:"The assurance level a sign-in must have."`
	Fee      int64  `json:"fee" minimum:"0" doc:"In minor units of the municipality's currency; 0 is free."`
}

// ServiceInput names a service.
type ServiceInput struct {
	Slug string `path:"slug" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"residence-certificate" doc:"The service's name in addresses."`
}

// ServiceOutput is one service.
type ServiceOutput struct{ Body ServiceDetail }

// ServiceDetail is a service with its form.
type ServiceDetail struct {
	ServiceSummary
	Start       string         `json:"start" example:"For everybody registered here who is 16 or older. It takes five working days." doc:"Who can use it, what is needed and how long it takes."`
	Claims      []ServiceClaim `json:"claims" doc:"The verified data it uses."`
	Pages       []ServicePage  `json:"pages" doc:"The form, page by page."`
	Declaration string         `json:"declaration,omitempty" example:"I declare that what I have said is true." doc:"What the citizen declares when sending; send declaration: true with the input then."`
	Hash        string         `json:"hash" example:"4f1c0b9e6a7d25c34f1c0b9e6a7d25c34f1c0b9e6a7d25c34f1c0b9e6a7d25c3" doc:"The version of the service."`
}

// ServiceClaim is one verified claim with its purpose.
type ServiceClaim struct {
	Name          string `json:"name" example:"birthdate" doc:"Its OpenID Connect name."`
	Label         string `json:"label" example:"Date of birth" doc:"What people call it."`
	Purpose       string `json:"purpose" example:"To find you in the register." doc:"Why the service needs it."`
	Required      bool   `json:"required" example:"true" doc:"The service cannot be used without it."`
	RetentionDays int    `json:"retention_days" minimum:"0" example:"3650" doc:"How long it is kept after the case is closed."`
}

// ServicePage is one page of the form.
type ServicePage struct {
	Name   string         `json:"name" example:"purpose" doc:"Its name."`
	Title  string         `json:"title" example:"How many copies do you need?" doc:"In the language asked for."`
	Hint   string         `json:"hint,omitempty" doc:"Help with it."`
	Fields []ServiceField `json:"fields" doc:"What it asks, in order."`
}

// ServiceField is one question.
type ServiceField struct {
	Name        string          `json:"name" example:"copies" doc:"Send the answer under this name."`
	Type        string          `json:"type" enum:"text,textarea,choice,multi,date,integer,boolean,email" example:"integer" doc:"integer is a number, boolean true or false, multi a list of texts, the others text; a date is YYYY-MM-DD."`
	Label       string          `json:"label" example:"Number of copies" doc:"The question."`
	Hint        string          `json:"hint,omitempty" doc:"Help with it."`
	Required    bool            `json:"required" example:"true" doc:"It must be answered, if it is asked at all."`
	Verified    bool            `json:"verified" doc:"It is a verified claim: shown, not sent."`
	Conditional bool            `json:"conditional" doc:"It is asked depending on other answers."`
	Min         *int64          `json:"min,omitempty" example:"1" doc:"integer: the least."`
	Max         *int64          `json:"max,omitempty" example:"5" doc:"integer: the most."`
	MinLength   int             `json:"min_length,omitempty" minimum:"0" doc:"In characters."`
	MaxLength   int             `json:"max_length,omitempty" minimum:"0" doc:"In characters."`
	Options     []ServiceOption `json:"options,omitempty" doc:"choice and multi: what can be chosen."`
}

// ServiceOption is one choice.
type ServiceOption struct {
	Value string `json:"value" example:"bank" doc:"Send this."`
	Label string `json:"label" example:"For a bank" doc:"In the language asked for."`
}

// StartInput asks for a draft.
type StartInput struct {
	web.IdempotencyInput
	Body struct {
		Service string `json:"service" minLength:"1" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"residence-certificate" doc:"The service's slug."`
		Locale  string `json:"locale,omitempty" enum:"en,ru,zh" doc:"Language of the conversation; absent: the one asked for by Accept-Language."`
		Channel string `json:"channel,omitempty" enum:"list,search,qr,share,recents,nearby,push" doc:"How the citizen came; absent: directly."`
	}
}

// ApplicationOutput is one application.
type ApplicationOutput struct{ Body Application }

// ApplicationSummary is an application in a list.
type ApplicationSummary struct {
	ID          string     `json:"id" format:"uuid" doc:"The application's id."`
	Number      string     `json:"number" example:"RC-2026-7K4M-93Q2" doc:"The reference people quote."`
	Service     string     `json:"service" example:"residence-certificate" doc:"The service's slug."`
	State       string     `json:"state" example:"submitted" doc:"The state's name in the workflow."`
	StateText   string     `json:"state_text" example:"With the registry" doc:"The state in the language asked for."`
	Waiting     string     `json:"waiting" enum:"applicant,agency,nobody" example:"agency" doc:"Whose turn it is."`
	Final       bool       `json:"final" doc:"Nothing more happens."`
	Version     int        `json:"version" minimum:"1" example:"2" doc:"Counts steps; send it with an action."`
	Locale      string     `json:"locale" enum:"en,ru,zh" doc:"Language of the conversation."`
	CreatedAt   time.Time  `json:"created_at" doc:"When the draft was opened."`
	UpdatedAt   time.Time  `json:"updated_at" doc:"When the last step was taken."`
	SubmittedAt *time.Time `json:"submitted_at,omitempty" example:"2026-11-20T09:30:00Z" doc:"When it was sent."`
	DueAt       *time.Time `json:"due_at,omitempty" example:"2026-11-27T17:00:00Z" doc:"By when whose turn it is should act; absent when nothing runs."`
}

// Application is one application as its applicant sees it.
type Application struct {
	ApplicationSummary
	NextText string              `json:"next_text" example:"The registry checks your application by 27 November." doc:"What happens next, in the language asked for."`
	Answers  map[string]any      `json:"answers" example:"{\"purpose\":\"bank\",\"certificate_language\":\"en\",\"copies\":1}" doc:"Field name to answer: text, number, true or false, or a list of texts, as the service declares."`
	Actions  []ApplicationAction `json:"actions" example:"[{\"name\":\"withdraw\",\"label\":\"Withdraw the application\",\"partial\":false,\"declare\":false,\"fields\":[]}]" doc:"What the citizen may do now."`
	History  []ApplicationEvent  `json:"history" doc:"What has happened so far, oldest first; drafting is left out once the application is sent."`
}

// ApplicationAction is one action that is possible now.
type ApplicationAction struct {
	Name    string         `json:"name" example:"submit" doc:"Take it with POST …/actions/{name}."`
	Label   string         `json:"label" doc:"What it is called, in the language asked for."`
	Partial bool           `json:"partial" doc:"It saves what is there: nothing is required yet."`
	Declare bool           `json:"declare" doc:"Send declaration: true with its input."`
	Fields  []ServiceField `json:"fields" doc:"What it asks."`
}

// ApplicationEvent is one step.
type ApplicationEvent struct {
	Seq    int            `json:"seq" minimum:"1" example:"2" doc:"Equals the version the step made."`
	At     time.Time      `json:"at" doc:"When."`
	Action string         `json:"action" example:"submit" doc:"The action; start for the first, document-issued when a document was published."`
	From   string         `json:"from" example:"draft" doc:"The state before; empty in the first event."`
	To     string         `json:"to" example:"submitted" doc:"The state after."`
	By     string         `json:"by" enum:"citizen,staff,system" example:"citizen" doc:"Who acted."`
	Input  map[string]any `json:"input" example:"{\"purpose\":\"bank\",\"certificate_language\":\"en\",\"copies\":1}" doc:"What was said with it and is the applicant's to see."`
}

// ApplicationsInput narrows the list.
type ApplicationsInput struct {
	Service string `query:"service" maxLength:"100" pattern:"^[a-z0-9-]*$" doc:"Only applications for this service."`
	Open    bool   `query:"open" doc:"Only those in which something can still happen."`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor  string `query:"cursor" maxLength:"36" doc:"The next_cursor of the page before."`
}

// ApplicationsOutput is one page of applications.
type ApplicationsOutput struct {
	Body struct {
		Applications []ApplicationSummary `json:"applications" maxItems:"200" doc:"The applications of this page."`
		NextCursor   string               `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// ApplicationInput names an application.
type ApplicationInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The application's id."`
}

// ActionInput is one action to take.
type ActionInput struct {
	ApplicationInput
	web.IdempotencyInput
	Action string `path:"action" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"submit" doc:"The action's name."`
	Body   struct {
		Version int            `json:"version" minimum:"1" example:"1" doc:"The version of the application the citizen looked at."`
		Input   map[string]any `json:"input,omitempty" doc:"Field name to answer, as the action's fields declare." example:"{\"purpose\":\"bank\",\"certificate_language\":\"en\",\"copies\":1,\"declaration\":true}"`
	}
}

// DocumentsOutput lists documents.
type DocumentsOutput struct {
	Body struct {
		Documents []ApplicationDocument `json:"documents" maxItems:"1000" doc:"What was issued in this application."`
	}
}

// ApplicationDocument is one document.
type ApplicationDocument struct {
	ID       string     `json:"id" format:"uuid" doc:"The document's id."`
	Number   string     `json:"number" example:"RC-7K4M-93Q2-TX8D-6HRW" doc:"The number anybody can check it by."`
	Type     string     `json:"type" example:"residence-certificate" doc:"What it is."`
	Title    string     `json:"title" example:"Certificate of Residence" doc:"In the document's language."`
	State    string     `json:"state" enum:"pending,valid,superseded,revoked" example:"valid" doc:"pending: the file is being made."`
	IssuedAt *time.Time `json:"issued_at,omitempty" example:"2026-11-20T09:30:00Z" doc:"When it was issued."`
	ValidTo  *time.Time `json:"valid_to,omitempty" doc:"End of validity; absent when there is none."`
	Path     string     `json:"path" example:"/documents/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11.pdf" doc:"Where the signed-in citizen downloads it."`
}

func (s *Service) listServices(ctx context.Context, _ *struct{}) (*ServicesOutput, error) {
	out := &ServicesOutput{}
	out.Body.Services = []ServiceSummary{}
	for _, d := range s.services(ctx) {
		out.Body.Services = append(out.Body.Services, serviceSummary(kernel.LocaleOf(ctx), d))
	}
	return out, nil
}

func (s *Service) getService(ctx context.Context, in *ServiceInput) (*ServiceOutput, error) {
	d, err := s.service(ctx, in.Slug)
	if err != nil {
		return nil, err
	}
	return &ServiceOutput{Body: serviceDetail(kernel.LocaleOf(ctx), d)}, nil
}

func (s *Service) postApplication(ctx context.Context, in *StartInput) (*ApplicationOutput, error) {
	a, err := s.start(ctx, in.Body.Service, in.Body.Locale, in.Body.Channel)
	if err != nil {
		return nil, err
	}
	return &ApplicationOutput{Body: a}, nil
}

func (s *Service) listApplications(ctx context.Context, in *ApplicationsInput) (*ApplicationsOutput, error) {
	found, err := s.mine(ctx, kernel.CaseQuery{Service: in.Service, Open: in.Open, Limit: in.Limit, BeforeID: kernel.CaseID(in.Cursor)})
	if err != nil {
		return nil, err
	}
	out := &ApplicationsOutput{}
	out.Body.Applications = []ApplicationSummary{}
	for _, a := range found {
		out.Body.Applications = append(out.Body.Applications, summary(kernel.LocaleOf(ctx), a))
	}
	if len(found) > 0 && len(found) == in.Limit {
		out.Body.NextCursor = string(found[len(found)-1].ID)
	}
	return out, nil
}

func (s *Service) getApplication(ctx context.Context, in *ApplicationInput) (*ApplicationOutput, error) {
	a, err := s.open(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &ApplicationOutput{Body: describe(kernel.LocaleOf(ctx), a)}, nil
}

func (s *Service) postAction(ctx context.Context, in *ActionInput) (*ApplicationOutput, error) {
	a, err := s.act(ctx, kernel.Act{Case: kernel.CaseID(in.ID), Version: in.Body.Version, Action: in.Action, Input: in.Body.Input})
	if err != nil {
		return nil, inBody(err)
	}
	return &ApplicationOutput{Body: a}, nil
}

func (s *Service) listDocuments(ctx context.Context, in *ApplicationInput) (*DocumentsOutput, error) {
	found, err := s.documents(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &DocumentsOutput{}
	out.Body.Documents = []ApplicationDocument{}
	for _, d := range found {
		out.Body.Documents = append(out.Body.Documents, documentOf(d))
	}
	return out, nil
}
