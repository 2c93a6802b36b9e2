package partners

import (
	"context"
	"net/http"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "partners", Prefix: "/partners/v1", Title: "Townhall partners API",
		Description: "For public bodies and licensed companies that offer mini-apps of their own, and for the officers who look after them. Applying is a case of the workflow " +
			"`partner-application` (contract civic). Once admitted, its representative sets the sign-in of its staff and makes mini-apps from templates; a mini-app begins in draft " +
			"and is released by two officials (contract releases). What a body may not offer or ask for is refused here, naming the field.",
		Tags: map[string]string{
			"Rules":         "Who may offer what, what each purpose covers, and the templates there are.",
			"Organisations": "The bodies you act for: their sign-in and their mini-apps.",
			"Partners":      "All partners of the municipality, for the officers of its office.",
		},
		Register: s.register,
	}
}

func (s *Service) register(api *web.API) {
	notFound, conflict := http.StatusNotFound, http.StatusConflict
	web.Register(api, web.Op{ID: "get-partner-rules", Method: http.MethodGet, Path: "/rules", Tags: []string{"Rules"}, Policy: web.Public,
		Summary: "Read who may offer what", Returns: "The rules.", Description: "The kinds of service with the bodies that may offer them, and the purposes with the most that may be asked of people for each."}, s.getRules)
	web.Register(api, web.Op{ID: "list-templates", Method: http.MethodGet, Path: "/templates", Tags: []string{"Rules"}, Policy: web.Public,
		Summary: "List the templates", Returns: "The templates.", Description: "Each with what a mini-app made from it begins with: send `blanks` back with your own words; `category` is empty where you have to choose one you have registered."}, s.listTemplates)
	web.Register(api, web.Op{ID: "list-organisations", Method: http.MethodGet, Path: "/organisations", Tags: []string{"Organisations"}, Policy: representative,
		Summary: "List the bodies you act for", Returns: "The bodies.", Description: "Those you applied for, unless the application came to nothing."}, s.listOrganisations)
	web.Register(api, web.Op{ID: "get-organisation", Method: http.MethodGet, Path: "/organisations/{organisation}", Tags: []string{"Organisations"}, Policy: representative, Errors: []int{notFound},
		Summary: "Read one body with its mini-apps", Returns: "The body.", Description: "404 when you do not act for it."}, s.getOrganisation)
	web.Register(api, web.Op{ID: "set-sign-in", Method: http.MethodPost, Path: "/organisations/{organisation}/sign-in", Tags: []string{"Organisations"}, Policy: representative, Idempotent: true, Errors: []int{notFound, conflict},
		Summary: "Set how your staff sign in", Returns: "The body after the change.", Description: "At the municipality's issuer, where your groups begin with your short name, or at an OpenID provider of your own, which is asked before it is kept. The whole setting: what is not named ends. 422 on `issuer_url` says why a provider cannot be taken. 409 `partner-not-active`, `partner-licence-over`, `changed-meanwhile`."}, s.postSignInOp)
	web.Register(api, web.Op{ID: "make-mini-app", Method: http.MethodPost, Path: "/organisations/{organisation}/mini-apps", Tags: []string{"Organisations"}, Policy: representative, Idempotent: true, Errors: []int{notFound, conflict},
		Summary: "Make a mini-app from a template", Returns: "The mini-app.", Description: "It is in draft: named testers alone can begin it until it is released. 422 names every blank that is wrong and everything asked for beyond your purpose (`claims.<name>`). 409 `partner-not-active`, `partner-no-sign-in`, `partner-licence-over`, `partner-too-many`."}, s.postMake)
	web.Register(api, web.Op{ID: "list-partners", Method: http.MethodGet, Path: "/partners", Tags: []string{"Partners"}, Policy: officer,
		Summary: "List all partners", Returns: "The partners.", Description: "Those that applied and those that were admitted. Officers of the partner office."}, s.listPartners)
	web.Register(api, web.Op{ID: "suspend-partner", Method: http.MethodPost, Path: "/partners/{organisation}/suspend", Tags: []string{"Partners"}, Policy: officer, Idempotent: true, Errors: []int{notFound, conflict},
		Summary: "Suspend a partner", Returns: "The partner after the change.", Description: "Its mini-apps pause at once with the reason, which everybody reads; what runs goes on. Officers of the partner office. 409 `partner-not-now`, `changed-meanwhile`."}, s.postSuspendOp)
	web.Register(api, web.Op{ID: "resume-partner", Method: http.MethodPost, Path: "/partners/{organisation}/resume", Tags: []string{"Partners"}, Policy: officer, Idempotent: true, Errors: []int{notFound, conflict},
		Summary: "Let a partner go on", Returns: "The partner after the change.", Description: "Its mini-apps stay paused until they are released again. 409 `partner-not-now`, `partner-licence-over`, `changed-meanwhile`."}, s.postResumeOp)
}

// RulesOutput says who may offer what.
type RulesOutput struct {
	Body struct {
		Categories []CategoryBody `json:"categories" maxItems:"100" doc:"Kinds of service."`
		Purposes   []PurposeBody  `json:"purposes" maxItems:"100" doc:"What people's data is used for."`
	}
}

// CategoryBody is one kind of service.
type CategoryBody struct {
	Name  string   `json:"name" example:"health" doc:"As in a mini-app's manifest."`
	Kinds []string `json:"kinds" maxItems:"2" example:"[\"public-body\",\"company\"]" doc:"The bodies that may offer it: public-body, company."`
}

// PurposeBody is one purpose.
type PurposeBody struct {
	Name   string        `json:"name" example:"appointment" doc:"What it is called."`
	Claims []AllowedBody `json:"claims" maxItems:"50" doc:"The most that may be asked for."`
}

// AllowedBody is one claim a purpose covers.
type AllowedBody struct {
	Claim string `json:"claim" example:"birthdate" doc:"OpenID Connect Core §5.1; it covers its members, such as address.locality."`
	Days  int    `json:"days" minimum:"1" example:"1098" doc:"How long it may be kept at most after a case is closed."`
}

func (s *Service) getRules(context.Context, *struct{}) (*RulesOutput, error) {
	out := &RulesOutput{}
	for _, c := range Categories {
		b := CategoryBody{Name: c.Name}
		for _, k := range c.Kinds {
			b.Kinds = append(b.Kinds, string(k))
		}
		out.Body.Categories = append(out.Body.Categories, b)
	}
	for _, p := range Purposes {
		b := PurposeBody{Name: p.Name}
		for _, a := range p.Claims {
			b.Claims = append(b.Claims, AllowedBody(a))
		}
		out.Body.Purposes = append(out.Body.Purposes, b)
	}
	return out, nil
}

// TemplatesOutput lists the templates.
type TemplatesOutput struct {
	Body struct {
		Templates []TemplateBody `json:"templates" maxItems:"50" doc:"In the order in which they are offered."`
	}
}

// TemplateBody is one template.
type TemplateBody struct {
	Name    string     `json:"name" example:"appointments" doc:"Send it with what you make."`
	Title   string     `json:"title" example:"Appointments" doc:"What it is, in the language asked for."`
	Summary string     `json:"summary" example:"People book a time with you." doc:"What it is for."`
	Purpose string     `json:"purpose" example:"appointment" doc:"The purpose you need to have registered."`
	Asks    bool       `json:"asks" example:"false" doc:"You add questions of your own."`
	Prints  bool       `json:"prints" example:"false" doc:"You write the title and text of a document."`
	Claims  []string   `json:"claims" maxItems:"50" example:"[\"name\",\"birthdate\"]" doc:"What can be asked for with it."`
	Blanks  BlanksBody `json:"blanks" doc:"What a mini-app made from it begins with."`
}

// BlanksBody is what a body fills in. Texts are by language: en, ru and zh, all three.
type BlanksBody struct {
	Slug       string            `json:"slug" maxLength:"60" example:"greenfield-clinic-appointments" doc:"Its name, for ever; begins with the body's short name and a hyphen."`
	Category   string            `json:"category" maxLength:"60" example:"health" doc:"One of the kinds of service the body has registered."`
	Level      string            `json:"level" enum:"low,substantial,high" example:"low" doc:"How strong the sign-in to begin must be."`
	Title      map[string]string `json:"title" example:"{\"en\":\"See a doctor\",\"ru\":\"Приём врача\",\"zh\":\"看医生\"}" doc:"What it is called."`
	Summary    map[string]string `json:"summary" example:"{\"en\":\"Book a time.\",\"ru\":\"Выберите время.\",\"zh\":\"预约时间。\"}" doc:"What it is, in one sentence."`
	Search     map[string]string `json:"search" example:"{\"en\":\"doctor\",\"ru\":\"врач\",\"zh\":\"医生\"}" doc:"Words it is found by, with commas."`
	Start      map[string]string `json:"start" example:"{\"en\":\"Have your card ready.\",\"ru\":\"Приготовьте полис.\",\"zh\":\"请准备好证件。\"}" doc:"What to have ready."`
	Claims     []ClaimBody       `json:"claims" maxItems:"50" doc:"Verified data it asks for."`
	Questions  []QuestionBody    `json:"questions,omitempty" maxItems:"20" doc:"Questions of your own, where the template asks."`
	Document   *DocumentBody     `json:"document,omitempty" doc:"The document, where the template prints one."`
	ClosedDays int               `json:"closed_days" minimum:"0" example:"365" doc:"How long a closed case is kept."`
}

// ClaimBody is one verified claim.
type ClaimBody struct {
	Name          string            `json:"name" maxLength:"60" example:"birthdate" doc:"OpenID Connect Core §5.1."`
	Required      bool              `json:"required" example:"true" doc:"Nothing begins without it."`
	RetentionDays int               `json:"retention_days" minimum:"0" example:"365" doc:"How long it is kept after a case is closed."`
	Purpose       map[string]string `json:"purpose" example:"{\"en\":\"To find your file.\",\"ru\":\"Чтобы найти вашу карту.\",\"zh\":\"用于查找您的档案。\"}" doc:"Why, in words people read before they agree."`
}

// QuestionBody is one question.
type QuestionBody struct {
	Label    map[string]string   `json:"label" example:"{\"en\":\"Colour\",\"ru\":\"Цвет\",\"zh\":\"颜色\"}" doc:"The question."`
	Hint     map[string]string   `json:"hint,omitempty" example:"{\"en\":\"As in the papers.\",\"ru\":\"Как в документах.\",\"zh\":\"与文件一致。\"}" doc:"A word of help."`
	Type     string              `json:"type" enum:"text,textarea,choice,date,integer,boolean,email" example:"text" doc:"What kind of answer it has."`
	Required bool                `json:"required" example:"true" doc:"It has to be answered."`
	Options  []map[string]string `json:"options,omitempty" maxItems:"20" example:"[]" doc:"The answers to choose from, for choice."`
}

// DocumentBody is what the signed document says beside what is verified and answered.
type DocumentBody struct {
	Title map[string]string `json:"title" example:"{\"en\":\"Permit\",\"ru\":\"Разрешение\",\"zh\":\"许可证\"}" doc:"Its title."`
	Text  map[string]string `json:"text" example:"{\"en\":\"is permitted.\",\"ru\":\"разрешено.\",\"zh\":\"获准。\"}" doc:"Its text."`
}

func blanksBody(b workflows.Blanks) BlanksBody {
	out := BlanksBody{Slug: b.Slug, Category: b.Category, Level: b.Level.String(), Title: b.Title, Summary: b.Summary, Search: b.Search, Start: b.Start, ClosedDays: b.ClosedDays, Claims: []ClaimBody{}}
	for _, c := range b.Claims {
		out.Claims = append(out.Claims, ClaimBody{c.Name, c.Required, c.RetentionDays, c.Purpose})
	}
	for _, q := range b.Questions {
		body := QuestionBody{Label: q.Label, Hint: q.Hint, Type: q.Type, Required: q.Required}
		for _, o := range q.Options {
			body.Options = append(body.Options, o)
		}
		out.Questions = append(out.Questions, body)
	}
	if len(b.Document.Title) > 0 {
		out.Document = &DocumentBody{b.Document.Title, b.Document.Text}
	}
	return out
}

func (b BlanksBody) blanks() workflows.Blanks {
	out := workflows.Blanks{Slug: b.Slug, Category: b.Category, Title: b.Title, Summary: b.Summary, Search: b.Search, Start: b.Start, ClosedDays: b.ClosedDays}
	_ = out.Level.UnmarshalText([]byte(b.Level)) // one of the contract's
	for _, c := range b.Claims {
		out.Claims = append(out.Claims, workflows.ClaimBlank{Name: c.Name, Required: c.Required, RetentionDays: c.RetentionDays, Purpose: c.Purpose})
	}
	for _, q := range b.Questions {
		one := workflows.Question{Label: q.Label, Hint: q.Hint, Type: q.Type, Required: q.Required}
		for _, o := range q.Options {
			one.Options = append(one.Options, o)
		}
		out.Questions = append(out.Questions, one)
	}
	if b.Document != nil {
		out.Document = workflows.DocumentBlank{Title: b.Document.Title, Text: b.Document.Text}
	}
	return out
}

func (s *Service) listTemplates(ctx context.Context, _ *struct{}) (*TemplatesOutput, error) {
	out, locale := &TemplatesOutput{}, kernel.LocaleOf(ctx)
	for _, t := range s.templates {
		b := TemplateBody{Name: t.Name, Title: t.Text(locale, "title"), Summary: t.Text(locale, "summary"), Purpose: t.Purpose, Asks: t.Asks, Prints: t.Prints, Blanks: blanksBody(t.Blank())}
		if !slices.ContainsFunc(Categories, func(c Category) bool { return c.Name == b.Blanks.Category }) {
			b.Blanks.Category = "" // nobody can register it
		}
		for _, c := range t.Claims() {
			b.Claims = append(b.Claims, c.Name)
		}
		out.Body.Templates = append(out.Body.Templates, b)
	}
	return out, nil
}

// OrganisationBody is one body.
type OrganisationBody struct {
	ShortName    string            `json:"short_name" example:"greenfield-clinic" doc:"Its name among the municipality's agencies."`
	Name         map[string]string `json:"name" example:"{\"en\":\"Greenfield Clinic\"}" doc:"By language."`
	Kind         string            `json:"kind" enum:"public-body,company" example:"company" doc:"What kind of body it is."`
	State        string            `json:"state" enum:"applied,approved,active,suspended" example:"active" doc:"How far it has come."`
	Reason       string            `json:"reason,omitempty" example:"The licence is being examined." doc:"Why it is suspended."`
	LicenceUntil string            `json:"licence_until,omitempty" format:"date" example:"2028-06-30" doc:"When the licence of a company ends."`
	Categories   []string          `json:"categories" maxItems:"20" example:"[\"health\"]" doc:"Kinds of service it has registered."`
	Purposes     []string          `json:"purposes" maxItems:"20" example:"[\"appointment\"]" doc:"Purposes it has registered."`
	SignIn       *SignInBody       `json:"sign_in,omitempty" doc:"How its staff sign in; absent: nobody can yet."`
	MiniApps     []MiniAppBody     `json:"mini_apps" maxItems:"50" doc:"Its mini-apps; empty in lists."`
	Version      int               `json:"version" minimum:"1" example:"4" doc:"Counts changes; send it with the next one."`
	UpdatedAt    time.Time         `json:"updated_at" doc:"The last change."`
}

// SignInBody is how staff sign in.
type SignInBody struct {
	IssuerURL string            `json:"issuer_url,omitempty" maxLength:"300" example:"https://id.greenfield.example" doc:"An OpenID provider of the body's own; absent: the municipality's."`
	ACR       map[string]string `json:"acr,omitempty" example:"{\"substantial\":\"urn:two-factor\"}" doc:"The provider's acr value by level: low, substantial, high."`
	Groups    map[string]string `json:"groups" example:"{\"publisher\":\"greenfield-clinic-publishers\"}" doc:"Group by role: publisher, officer, reception, practitioner, planner."`
}

// MiniAppBody is one mini-app of a body.
type MiniAppBody struct {
	ID         string `json:"id" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Identifies it."`
	AppID      string `json:"app_id,omitempty" example:"greenfield-clinic-appointments" doc:"Its app_id in the catalogue; absent until it is made."`
	Template   string `json:"template" example:"appointments" doc:"What it is made from."`
	Definition string `json:"definition,omitempty" example:"3b8bc23116500b34d6dfaed1410765482128027fe75e2acf6ee9849d75b56796" doc:"SHA-256 of the definition in force."`
}

func organisationBody(p Partner, apps []App) OrganisationBody {
	out := OrganisationBody{ShortName: string(p.Agency), Name: p.Name, Kind: string(p.Kind), State: string(p.State), Reason: p.Reason, LicenceUntil: p.LicenceUntil,
		Categories: p.Categories, Purposes: p.Purposes, MiniApps: []MiniAppBody{}, Version: p.Version, UpdatedAt: p.UpdatedAt}
	if p.SignIn.Set() {
		out.SignIn = &SignInBody{p.SignIn.Issuer, p.SignIn.ACR, p.SignIn.Groups}
	}
	for _, a := range apps {
		out.MiniApps = append(out.MiniApps, miniAppBody(a))
	}
	return out
}

func miniAppBody(a App) MiniAppBody {
	return MiniAppBody{ID: a.ID, AppID: a.Slug, Template: a.Template, Definition: a.Hash}
}

// OrganisationsOutput lists bodies.
type OrganisationsOutput struct {
	Body struct {
		Organisations []OrganisationBody `json:"organisations" maxItems:"10000" doc:"By short name."`
	}
}

// OrganisationOutput is one body.
type OrganisationOutput struct{ Body OrganisationBody }

// OrganisationInput names one.
type OrganisationInput struct {
	Organisation string `path:"organisation" maxLength:"31" pattern:"^[a-z][a-z0-9-]*$" example:"greenfield-clinic" doc:"The body's short name."`
}

func organisationsOutput(all []Partner, err error) (*OrganisationsOutput, error) {
	out := &OrganisationsOutput{}
	out.Body.Organisations = []OrganisationBody{}
	for _, p := range all {
		out.Body.Organisations = append(out.Body.Organisations, organisationBody(p, nil))
	}
	return out, err
}

func (s *Service) listOrganisations(ctx context.Context, _ *struct{}) (*OrganisationsOutput, error) {
	return organisationsOutput(s.Mine(ctx))
}

func (s *Service) listPartners(ctx context.Context, _ *struct{}) (*OrganisationsOutput, error) {
	return organisationsOutput(s.all(ctx))
}

func (s *Service) getOrganisation(ctx context.Context, in *OrganisationInput) (*OrganisationOutput, error) {
	o, err := s.organisation(ctx, kernel.AgencyID(in.Organisation))
	return &OrganisationOutput{organisationBody(o.Partner, o.Apps)}, err
}

func changedOutput(p Partner, err error) (*OrganisationOutput, error) {
	return &OrganisationOutput{organisationBody(p, nil)}, err
}

// SignInInput sets how staff sign in.
type SignInInput struct {
	OrganisationInput
	web.IdempotencyInput
	Body struct {
		Version int        `json:"version" minimum:"1" example:"3" doc:"The version you looked at."`
		SignIn  SignInBody `json:"sign_in" doc:"The whole setting."`
	}
}

func (s *Service) postSignInOp(ctx context.Context, in *SignInInput) (*OrganisationOutput, error) {
	want := in.Body.SignIn
	return changedOutput(s.setSignIn(ctx, kernel.AgencyID(in.Organisation), in.Body.Version, SignIn{Issuer: want.IssuerURL, ACR: want.ACR, Groups: want.Groups}))
}

// MakeInput makes a mini-app.
type MakeInput struct {
	OrganisationInput
	web.IdempotencyInput
	Body struct {
		Template string     `json:"template" maxLength:"60" example:"appointments" doc:"One of the templates."`
		Blanks   BlanksBody `json:"blanks" doc:"What is filled in."`
	}
}

// MakeOutput is what was made.
type MakeOutput struct{ Body MiniAppBody }

func (s *Service) postMake(ctx context.Context, in *MakeInput) (*MakeOutput, error) {
	a, err := s.makeAtOnce(ctx, kernel.AgencyID(in.Organisation), in.Body.Template, in.Body.Blanks.blanks())
	return &MakeOutput{miniAppBody(a)}, err
}

// SuspendInput suspends a partner.
type SuspendInput struct {
	OrganisationInput
	web.IdempotencyInput
	Body struct {
		Version int    `json:"version" minimum:"1" example:"3" doc:"The version you looked at."`
		Reason  string `json:"reason" maxLength:"500" example:"The licence is being examined." doc:"Why; everybody reads it."`
	}
}

func (s *Service) postSuspendOp(ctx context.Context, in *SuspendInput) (*OrganisationOutput, error) {
	return changedOutput(s.suspend(ctx, kernel.AgencyID(in.Organisation), in.Body.Version, in.Body.Reason))
}

// ResumeInput lets a partner go on.
type ResumeInput struct {
	OrganisationInput
	web.IdempotencyInput
	Body struct {
		Version int `json:"version" minimum:"1" example:"3" doc:"The version you looked at."`
	}
}

func (s *Service) postResumeOp(ctx context.Context, in *ResumeInput) (*OrganisationOutput, error) {
	return changedOutput(s.resume(ctx, kernel.AgencyID(in.Organisation), in.Body.Version))
}
