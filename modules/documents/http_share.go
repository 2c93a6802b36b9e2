package documents

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

func (s *Service) registerShares(api *web.API) {
	docs, check := []string{"Documents"}, []string{"Verification"}
	conflict := http.StatusConflict
	web.Register(api, web.Op{ID: "create-share", Method: http.MethodPost, Path: "/documents/{id}/shares", Tags: docs, Policy: mayHold, Idempotent: true, Status: http.StatusCreated, Errors: []int{conflict},
		Summary: "Share a document by a link", Returns: "The link.", Description: "Whoever has the link sees the state of the document and can download it, without signing in, until the link ends or expires. The link is told here and nowhere else: only its SHA-256 is kept. 409 `too-many-shares` at 20 live links, `document-not-valid` while the document is being made."}, s.postShare)
	web.Register(api, web.Op{ID: "list-shares", Method: http.MethodGet, Path: "/documents/{id}/shares", Tags: docs, Policy: mayHold,
		Summary: "List the links to a document", Returns: "The links.", Description: "Newest first, ended and expired ones too. The links themselves are not known any more."}, s.listShares)
	web.Register(api, web.Op{ID: "end-share", Method: http.MethodDelete, Path: "/documents/{id}/shares/{share}", Tags: docs, Policy: mayHold, Status: http.StatusNoContent,
		Summary: "End a link", Returns: "The link does not open any more.", Description: "At once. Ending it again changes nothing."}, s.deleteShare)
	web.Register(api, web.Op{ID: "list-checks", Method: http.MethodGet, Path: "/documents/{id}/checks", Tags: docs, Policy: mayHold,
		Summary: "See when a document was verified", Returns: "The hours in which somebody verified it.", Description: "How often, within which hour and in which way somebody verified the document. Who it was is not recorded. The holder's own looks and those of the agency are not counted; nor is the use of the status list, which tells nobody which document it is about."}, s.listChecks)
	web.Register(api, web.Op{ID: "get-shared", Method: http.MethodGet, Path: "/shares/{token}", Tags: check, Policy: web.Public, Example: map[string]any{"state": "valid"},
		Summary: "Check a shared document", Returns: "The state of the document.", Description: "For whoever was given a link. A link that was never one, has ended or has expired answers 404, each alike."}, s.getShared)
	web.Register(api, web.Op{ID: "get-shared-file", Method: http.MethodGet, Path: "/shares/{token}/file", Tags: check, Policy: web.Public, Responses: binary("application/pdf", "The sealed document."),
		Summary: "Download a shared document", Description: "The original: the PDF exactly as it was sealed. A link that was never one, has ended or has expired answers 404, each alike."}, s.getSharedFile)
}

// ShareInput says whom a link is for and how long it lives.
type ShareInput struct {
	web.IdempotencyInput
	DocumentInput
	Body struct {
		Label string `json:"label" minLength:"1" maxLength:"80" example:"My bank" doc:"For whom, in your own words; only you see it."`
		Days  int    `json:"days" minimum:"1" maximum:"90" example:"7" doc:"How many days the link lives."`
	}
}

// Share is a link to a document.
type Share struct {
	ID        string    `json:"id" format:"uuid" doc:"The link's id."`
	Label     string    `json:"label" example:"My bank" doc:"For whom, in the holder's own words."`
	CreatedAt time.Time `json:"created_at" example:"2026-11-20T09:30:00Z" doc:"When it was made."`
	ExpiresAt time.Time `json:"expires_at" example:"2026-11-27T09:30:00Z" doc:"When it stops opening by itself."`
	EndedAt   time.Time `json:"ended_at,omitzero" required:"false" doc:"When the holder ended it."`
}

func (s share) output() Share {
	return Share{ID: s.ID, Label: s.Label, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, EndedAt: s.EndedAt}
}

// NewShare is a link, with its address.
type NewShare struct {
	Share
	Link string `json:"link" format:"uri" example:"https://northwick.example/shared/0Zq1yX8c3nJm5vT7wR2kL9bD4hF6gA8e" doc:"The address to give away. Keep it: it is not shown again."`
}

// NewShareOutput is the answer to a new link.
type NewShareOutput struct{ Body NewShare }

func (s *Service) postShare(ctx context.Context, in *ShareInput) (*NewShareOutput, error) {
	sh, token, err := s.shareDocument(ctx, in.ID, in.Body.Label, in.Body.Days)
	if err != nil {
		return nil, err
	}
	return &NewShareOutput{Body: NewShare{Share: sh.output(), Link: kernel.TenantOf(ctx).Origin + "/shared/" + token}}, nil
}

// ShareListOutput is the links to a document.
type ShareListOutput struct {
	Body struct {
		Shares []Share `json:"shares" maxItems:"200" doc:"Newest first."`
	}
}

func (s *Service) listShares(ctx context.Context, in *DocumentInput) (*ShareListOutput, error) {
	all, err := s.sharesOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &ShareListOutput{}
	out.Body.Shares = make([]Share, len(all))
	for i, sh := range all {
		out.Body.Shares[i] = sh.output()
	}
	return out, nil
}

// OneShareInput names one link to one document.
type OneShareInput struct {
	DocumentInput
	Share string `path:"share" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22" doc:"The link's id."`
}

func (s *Service) deleteShare(ctx context.Context, in *OneShareInput) (*struct{}, error) {
	return nil, s.endShare(ctx, in.ID, in.Share)
}

// Check tells that a document was verified.
type Check struct {
	At    time.Time `json:"at" example:"2026-11-20T09:00:00Z" doc:"The hour it happened in."`
	How   string    `json:"how" enum:"number,file,share" example:"share" doc:"number: by its number or QR code. file: by uploading the file. share: through a link."`
	Label string    `json:"label,omitempty" example:"My bank" doc:"Of the link."`
	Count int       `json:"count" minimum:"1" example:"1" doc:"How often within the hour."`
}

// CheckListOutput is when a document was verified.
type CheckListOutput struct {
	Body struct {
		Checks []Check `json:"checks" maxItems:"1000" doc:"Newest first."`
	}
}

func checksOutput(all []check) []Check {
	out := make([]Check, len(all))
	for i, c := range all {
		out[i] = Check(c)
	}
	return out
}

func (s *Service) listChecks(ctx context.Context, in *DocumentInput) (*CheckListOutput, error) {
	all, err := s.checksOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &CheckListOutput{}
	out.Body.Checks = checksOutput(all)
	return out, nil
}

// TokenInput is the secret part of a link.
type TokenInput struct {
	Token string `path:"token" minLength:"1" maxLength:"64" example:"0Zq1yX8c3nJm5vT7wR2kL9bD4hF6gA8e" doc:"The last part of the link."`
}

func (s *Service) getShared(ctx context.Context, in *TokenInput) (*VerificationOutput, error) {
	v, _, err := s.shared(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	return v.output(), nil
}

func (s *Service) getSharedFile(ctx context.Context, in *TokenInput) (*BinaryOutput, error) {
	r, file, err := s.sharedFile(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	return pdfOutput(r, file), nil
}
