package documents

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

var mayIssue = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: "registrar", Relation: "agency"}

func (s *Service) registerStaff(api *web.API) {
	tags := []string{"Issuing"}
	conflict := http.StatusConflict
	web.Register(api, web.Op{ID: "list-issued-documents", Method: http.MethodGet, Path: "/issued-documents", Tags: tags, Policy: mayIssue,
		Summary: "List issued documents", Returns: "The documents.", Description: "Those of the agencies where you are registrar, newest first. For the next page repeat the request with `before` set to the id of the last one; a page shorter than `limit` is the last."}, s.listIssued)
	web.Register(api, web.Op{ID: "get-issued-document", Method: http.MethodGet, Path: "/issued-documents/{id}", Tags: tags, Policy: mayIssue,
		Summary: "Read an issued document", Returns: "The document with its history.", Description: "For registrars of the agency that issued it. The look is recorded, and its holder can see that it happened."}, s.getIssued)
	web.Register(api, web.Op{ID: "reissue-document", Method: http.MethodPost, Path: "/documents/{id}/reissue", Tags: tags, Policy: mayIssue, Idempotent: true, Status: http.StatusCreated, Errors: []int{conflict},
		Summary: "Issue a document again", Returns: "The new document.", Example: map[string]any{"state": "pending"}, Description: "The same content with a new number and date. Once it is issued, the old one is `superseded`. 409 `document-not-valid` when the old one is not valid or was issued again already, `document-content-gone` when its content was not kept."}, s.postReissue)
	web.Register(api, web.Op{ID: "get-halt", Method: http.MethodGet, Path: "/halt", Tags: tags, Policy: mayIssue,
		Summary: "See whether issuing is halted", Returns: "The switch.", Description: "One switch for the whole municipality, and how many documents wait."}, s.getHalt)
	web.Register(api, web.Op{ID: "halt-issuing", Method: http.MethodPost, Path: "/halt", Tags: tags, Policy: mayIssue, Idempotent: true, Status: http.StatusNoContent, Errors: []int{conflict},
		Summary: "Halt issuing", Returns: "Issuing is halted.", Description: "Nothing is sealed or published in the municipality from now on; what is decided meanwhile waits. 409 `halt-unchanged` when it is halted already."}, s.postHalt)
	web.Register(api, web.Op{ID: "resume-issuing", Method: http.MethodPost, Path: "/halt/end", Tags: tags, Policy: mayIssue, Idempotent: true, Status: http.StatusNoContent, Errors: []int{conflict},
		Summary: "Resume issuing", Returns: "Issuing goes on.", Description: "Whatever waits is issued, each document once. 409 `halt-unchanged` when it is not halted."}, s.postResume)
}

// IssuedInput narrows the list of issued documents.
type IssuedInput struct {
	Text   string `query:"q" maxLength:"100" example:"RC-7K4M" doc:"A number, a part of the title, or a type."`
	Type   string `query:"type" maxLength:"100" example:"residence-certificate" doc:"What kind of document."`
	State  string `query:"state" enum:"pending,valid,superseded,revoked" example:"valid" doc:"Its state."`
	Before string `query:"before" format:"uuid" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Only documents older than this one."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" example:"50" doc:"How many at most."`
}

func (s *Service) listIssued(ctx context.Context, in *IssuedInput) (*DocumentListOutput, error) {
	all, err := s.issuedDocuments(ctx, IssuedQuery{Text: in.Text, Type: in.Type, State: in.State, Before: kernel.DocumentID(in.Before), Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &DocumentListOutput{}
	out.Body.Documents = make([]IssuedDocument, len(all))
	for i, r := range all {
		out.Body.Documents[i] = issued(r.Document)
	}
	return out, nil
}

// DocumentEvent is one thing that happened to a document.
type DocumentEvent struct {
	At     time.Time `json:"at" example:"2026-11-20T09:30:00Z" doc:"When."`
	Action string    `json:"action" enum:"intended,issued,renewed,reissued,superseded,revoked" example:"issued" doc:"intended: decided. issued: sealed and published. renewed: its timestamp was renewed. reissued: issued again under another number. superseded: another one took its place. revoked: taken back."`
	Reason string    `json:"reason,omitempty" example:"The seal is printed over the text." doc:"Of a re-issue or a revocation."`
}

// IssuedDetail is a document as its agency sees it.
type IssuedDetail struct {
	IssuedDocument
	History     []DocumentEvent `json:"history" maxItems:"100" doc:"Oldest first."`
	Checks      []Check         `json:"checks" maxItems:"1000" doc:"When it was verified, newest first; without the labels of the holder's links."`
	Successor   string          `json:"successor,omitempty" example:"RC-93Q2-7K4M-TX8D-6HRW" doc:"Number of the document that took its place, or will."`
	Predecessor string          `json:"predecessor,omitempty" example:"RC-TX8D-93Q2-7K4M-6HRW" doc:"Number of the document that it issues again."`
	MayReissue  bool            `json:"may_reissue" example:"true" doc:"Whether it can be issued again."`
}

// IssuedDetailOutput is one document of the agency.
type IssuedDetailOutput struct{ Body IssuedDetail }

func (s *Service) getIssued(ctx context.Context, in *DocumentInput) (*IssuedDetailOutput, error) {
	d, err := s.issuedDocument(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := IssuedDetail{IssuedDocument: issued(d.Document), Checks: checksOutput(d.Checks), Successor: d.Successor, Predecessor: d.Predecessor, MayReissue: d.MayReissue}
	out.History = make([]DocumentEvent, len(d.History))
	for i, e := range d.History {
		out.History[i] = DocumentEvent(e)
	}
	return &IssuedDetailOutput{Body: out}, nil
}

// ReissueInput says why.
type ReissueInput struct {
	web.IdempotencyInput
	DocumentInput
	Body struct {
		Reason string `json:"reason" minLength:"3" maxLength:"500" example:"The first one was lost in the post." doc:"Kept for the agency; not shown to the public."`
	}
}

func (s *Service) postReissue(ctx context.Context, in *ReissueInput) (*DocumentOutput, error) {
	d, err := s.Reissue(ctx, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &DocumentOutput{Body: issued(d)}, nil
}

// HaltOutput is the switch of the municipality.
type HaltOutput struct {
	Body struct {
		Halted  bool      `json:"halted" example:"false" doc:"Whether nothing is sealed or published."`
		Reason  string    `json:"reason,omitempty" example:"The seal's certificate is being replaced." doc:"Of the last turn of the switch."`
		Since   time.Time `json:"since,omitzero" required:"false" example:"2026-11-20T09:30:00Z" doc:"When it was turned last; absent when never."`
		Waiting int       `json:"waiting" minimum:"0" example:"0" doc:"Documents that are not issued yet."`
	}
}

func (s *Service) getHalt(ctx context.Context, _ *struct{}) (*HaltOutput, error) {
	h, err := s.halted(ctx)
	if err != nil {
		return nil, err
	}
	out := &HaltOutput{}
	out.Body.Halted, out.Body.Reason, out.Body.Since, out.Body.Waiting = h.Halted, h.Reason, h.Since, h.Waiting
	return out, nil
}

// HaltInput says why.
type HaltInput struct {
	web.IdempotencyInput
	Body struct {
		Reason string `json:"reason" minLength:"3" maxLength:"500" example:"The seal's certificate is being replaced." doc:"Kept for the agency."`
	}
}

func (s *Service) postHalt(ctx context.Context, in *HaltInput) (*struct{}, error) {
	return nil, s.Halt(ctx, in.Body.Reason)
}

func (s *Service) postResume(ctx context.Context, in *HaltInput) (*struct{}, error) {
	return nil, s.Resume(ctx, in.Body.Reason)
}
