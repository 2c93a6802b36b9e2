package casework

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// DefinitionListOutput lists workflows.
type DefinitionListOutput struct {
	Body struct {
		Definitions []DefinitionSummary `json:"definitions" doc:"By sector and slug."`
	}
}

// DefinitionSummary is one workflow in a list.
type DefinitionSummary struct {
	Slug   string `json:"slug" example:"residence-certificate" doc:"The service's name in addresses."`
	Sector string `json:"sector" example:"civic" doc:"The sector it belongs to."`
	Agency string `json:"agency" example:"civil-registry" doc:"The agency that decides."`
	Title  string `json:"title" example:"Residence certificate" doc:"In the language asked for."`
	Hash   string `json:"hash" example:"4f1c0b9e6a7d25c34f1c0b9e6a7d25c34f1c0b9e6a7d25c34f1c0b9e6a7d25c3" doc:"The version: new cases follow this one to their end."`
}

// DefinitionInput names a workflow.
type DefinitionInput struct {
	Slug string `path:"slug" maxLength:"100" pattern:"^[a-z0-9-]+$" example:"residence-certificate" doc:"The service's name in addresses."`
}

// DefinitionOutput is one workflow.
type DefinitionOutput struct{ Body DefinitionDetail }

// DefinitionDetail is a workflow with states, actions and fields.
type DefinitionDetail struct {
	DefinitionSummary
	States  []DefinitionState  `json:"states" doc:"In declared order."`
	Actions []DefinitionAction `json:"actions" doc:"In declared order."`
}

// DefinitionState is one state.
type DefinitionState struct {
	Name    string `json:"name" example:"submitted" doc:"Its name."`
	Text    string `json:"text" example:"To be checked" doc:"For staff, in the language asked for."`
	Final   bool   `json:"final" doc:"Nothing more happens in it."`
	Waiting string `json:"waiting" enum:"applicant,agency,nobody" example:"agency" doc:"Whose turn it is."`
	Outcome string `json:"outcome,omitempty" enum:"favourable,adverse,closed" doc:"Of a final state."`
}

// DefinitionAction is one action.
type DefinitionAction struct {
	Name     string            `json:"name" example:"ask" doc:"Its name."`
	Label    string            `json:"label" example:"Ask the applicant" doc:"In the language asked for."`
	From     []string          `json:"from" example:"[\"submitted\"]" doc:"The states in which it is possible."`
	To       string            `json:"to,omitempty" example:"waiting" doc:"The state it leads to; absent when the case stays in its state."`
	By       []string          `json:"by" example:"[\"registrar\"]" doc:"applicant, system, or the staff roles that may take it."`
	FourEyes []string          `json:"four_eyes,omitempty" doc:"Actions whose last one must have been somebody else's."`
	Level    string            `json:"level" enum:"none,low,substantial,high" example:"substantial" doc:"The assurance level the sign-in must have."`
	MaxAge   int               `json:"max_age_seconds,omitempty" minimum:"0" doc:"How old the sign-in may be; absent: any age."`
	Decision string            `json:"decision,omitempty" enum:"favourable,adverse" doc:"Set when it decides the case."`
	Declare  bool              `json:"declare" doc:"Send declaration: true with it."`
	Fields   []DefinitionField `json:"fields" doc:"What it asks, in order."`
}

// DefinitionField is one question.
type DefinitionField struct {
	Name      string             `json:"name" example:"question" doc:"Send the answer under this name."`
	Type      string             `json:"type" enum:"text,textarea,choice,multi,date,integer,boolean,email" example:"textarea" doc:"integer is a number, boolean true or false, multi a list of texts, the others text; a date is YYYY-MM-DD."`
	Label     string             `json:"label" example:"Your question" doc:"The question, in the language asked for."`
	Hint      string             `json:"hint,omitempty" doc:"Help with it."`
	Required  bool               `json:"required" example:"true" doc:"It must be answered."`
	Verified  bool               `json:"verified" doc:"It is a verified claim: shown, not sent."`
	Min       *int64             `json:"min,omitempty" doc:"integer: the least."`
	Max       *int64             `json:"max,omitempty" doc:"integer: the most."`
	MinLength int                `json:"min_length,omitempty" minimum:"0" doc:"In characters."`
	MaxLength int                `json:"max_length,omitempty" minimum:"0" example:"1000" doc:"In characters."`
	Options   []DefinitionOption `json:"options,omitempty" doc:"choice and multi: what can be chosen."`
}

// DefinitionOption is one choice.
type DefinitionOption struct {
	Value string `json:"value" example:"bank" doc:"Send this."`
	Label string `json:"label" example:"For a bank" doc:"In the language asked for."`
}

func (s *Service) listDefinitions(ctx context.Context, _ *struct{}) (*DefinitionListOutput, error) {
	out := &DefinitionListOutput{}
	out.Body.Definitions = s.definitions(ctx)
	return out, nil
}

func (s *Service) getDefinition(ctx context.Context, in *DefinitionInput) (*DefinitionOutput, error) {
	d, err := s.definitionFor(ctx, in.Slug)
	if err != nil {
		return nil, err
	}
	return &DefinitionOutput{Body: d}, nil
}

// pdfResponse declares a PDF, which huma cannot see from a byte slice.
func pdfResponse() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "The document as PDF.",
		Content:     map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
}
