package documents

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// maxUpload leaves room for the multipart wrapping around the largest file.
const maxUpload = verify.MaxFile + 64<<10

var mayHold = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "holder"}

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: "documents", Prefix: "/documents/v1", Title: "Townhall documents API",
		Description: "Check a document by its number or by its file, without signing in and without learning anything personal. " +
			"Holders fetch and share their own documents with an access token; the agency that issued a document can issue it again or revoke it.",
		Tags: map[string]string{
			"Documents":    "A person's own documents: download, links for others, and when somebody verified them.",
			"Issuing":      "For the registrars of an agency: what was issued, issuing again, revoking, and the switch that halts issuing.",
			"Verification": "Checking a document without signing in: by number, by file, by a link, by the status list, or offline with the trust bundle.",
		},
		Register: func(api *web.API) {
			s.register(api)
			s.registerStatus(api)
			s.registerShares(api)
			s.registerStaff(api)
		},
	}
}

func (s *Service) register(api *web.API) {
	check, docs := []string{"Verification"}, []string{"Documents"}
	notFound, conflict := http.StatusNotFound, http.StatusConflict
	web.Register(api, web.Op{ID: "verify-number", Method: http.MethodGet, Path: "/verifications/{number}", Tags: check, Policy: web.Public,
		Summary: "Check a document number", Returns: "What is known of the number.", Description: "Says who issued the document, when, and whether it is valid. A number nobody issued answers 200 with the state `unknown`. Nothing in the answer is personal. The holder sees that somebody checked, not who."}, s.getVerification)
	web.Register(api, web.Op{ID: "verify-file", Method: http.MethodPost, Path: "/verifications", Tags: check, Policy: web.Public, MaxBody: maxUpload, Errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
		Summary: "Check a document file", Returns: "What is known of the file.", Description: "Send the PDF as it is (application/pdf), or as the one file of a form (multipart/form-data), at most 10 MB. The file is compared with what was issued and is not kept. What was not issued here answers 200, too, with `unknown` or `altered` and, where there is more to say, `reasons`. 503 `check-busy` when many large files are being judged: wait as `Retry-After` says.", AlsoTakes: uploadForm()}, s.postVerification)
	web.Register(api, web.Op{ID: "get-trust-bundle", Method: http.MethodGet, Path: "/trust-bundle", Tags: check, Policy: web.Public, Responses: binary("application/x-pem-file", "The bundle in PEM."),
		Summary: "Fetch the trust bundle", Description: "What a program needs to check seals offline: the root certificates (CERTIFICATE), the revocation lists (X509 CRL), the seals that were replaced (RETIRED CERTIFICATE, with the PEM header `Retired-At` in RFC 3339) and, where timestamps come from outside, the roots that vouch for the time alone (TIMESTAMP CERTIFICATE). Fetch it anew before the revocation lists in it end."}, s.getTrustBundle)
	web.Register(api, web.Op{ID: "list-documents", Method: http.MethodGet, Path: "/documents", Tags: docs, Policy: mayHold,
		Summary: "List your documents", Returns: "The documents.", Description: "The signed-in person's documents, newest first, 200 at most. A host wallet asks with an access token of its own issuer for the person (RFC 9068: `sub` the pairwise subject this municipality knows, `aud` this contract), and only when the person has used a service here: other municipalities learn nothing of them."}, s.listDocuments)
	web.Register(api, web.Op{ID: "get-document", Method: http.MethodGet, Path: "/documents/{id}", Tags: docs, Policy: mayHold, Errors: []int{notFound},
		Summary: "Read one of your documents", Returns: "The document.", Description: "State `pending` means that the file is still being made: ask again after a second or more."}, s.getDocument)
	web.Register(api, web.Op{ID: "get-document-file", Method: http.MethodGet, Path: "/documents/{id}/file", Tags: docs, Policy: mayHold, Errors: []int{notFound}, Responses: binary("application/pdf", "The sealed document."),
		Summary: "Download one of your documents", Description: "The original: the PDF exactly as it was sealed, with the timestamps that were added since. 404 also while it is being made."}, s.getFile)
	web.Register(api, web.Op{ID: "revoke-document", Method: http.MethodPost, Path: "/documents/{id}/revocation", Tags: []string{"Issuing"}, Policy: mayIssue, Idempotent: true, Errors: []int{notFound, conflict},
		Summary: "Revoke a document", Returns: "The document, revoked.", Example: map[string]any{"state": "revoked"}, Description: "For registrars of the agency that issued it. The public check says `revoked` from then on; 409 `document-not-valid` when it is not valid any more."}, s.postRevocation)
}

// binary declares a body that huma cannot see from a byte slice.
func binary(contentType, what string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: what,
		Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
}

// uploadForm declares the other way a file can be sent.
func uploadForm() map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"file"},
		Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary", Description: "The PDF."}}}}}
}

// NumberInput names a document as it is printed on it.
type NumberInput struct {
	Number string `path:"number" minLength:"1" maxLength:"64" example:"RC-7K4M-93Q2-TX8D-6HRW" doc:"The document's number; case, spaces and hyphens do not matter."`
}

// VerificationOutput is what a stranger learns about a document.
type VerificationOutput struct {
	CacheControl string `header:"Cache-Control" doc:"Always no-store: a revocation shows at once."`
	Body         Verification
}

// Verification is the public state of a document. All members but state are absent when it is unknown or altered.
type Verification struct {
	State        string    `json:"state" enum:"valid,expired,superseded,revoked,unknown,altered" example:"valid" doc:"valid: as issued and in force. expired: its last day has passed. superseded: a newer one took its place. revoked: the agency took it back. unknown: not issued here. altered: a sealed file that was changed."`
	Reasons      []string  `json:"reasons,omitempty" maxItems:"10" doc:"For a file that is unknown or altered, why, if more can be said. Changed: content, appended, truncated, range. The seal is not good: signature, container, attributes, structure, timestamp, chain, other-seal, key-revoked, key-expired, key-retired. No sealed document: no-signature, not-a-pdf. Sealed elsewhere: other-municipality. More may come."`
	Notes        []string  `json:"notes,omitempty" maxItems:"10" doc:"For a file: what could not be checked, whatever the state. crl-outdated: nobody confirms up to today that the seal was not revoked. timestamp-expired: a timestamp was not renewed in time. More may come."`
	CheckAt      string    `json:"check_at,omitempty" format:"uri" doc:"For a genuine file of another municipality that is served here: where its number can be checked."`
	Number       string    `json:"number,omitempty" example:"RC-7K4M-93Q2-TX8D-6HRW" doc:"The document's number."`
	Type         string    `json:"type,omitempty" example:"residence-certificate" doc:"What kind of document it is."`
	Title        string    `json:"title,omitempty" example:"Certificate of residence" doc:"The same in words, in the document's language."`
	Municipality string    `json:"municipality,omitempty" example:"Northwick" doc:"The municipality."`
	Issuer       string    `json:"issuer,omitempty" example:"Civil Registry" doc:"The agency that issued it."`
	Language     string    `json:"language,omitempty" example:"en" doc:"The document's language."`
	IssuedAt     time.Time `json:"issued_at,omitzero" required:"false" example:"2026-11-20T09:30:00Z" doc:"When it was issued."`
	ValidTo      time.Time `json:"valid_to,omitzero" required:"false" doc:"Its last second; absent when it does not end."`
	RevokedAt    time.Time `json:"revoked_at,omitzero" required:"false" doc:"When it was revoked."`
}

func (v verification) output() *VerificationOutput {
	return &VerificationOutput{CacheControl: "no-store", Body: Verification{State: v.State, Reasons: v.Reasons, Notes: v.Notes, CheckAt: v.CheckAt, Number: v.Number, Type: v.Type, Title: v.Title,
		Municipality: v.Municipality, Issuer: v.Issuer, Language: v.Locale, IssuedAt: v.IssuedAt, ValidTo: v.ValidTo, RevokedAt: v.RevokedAt}}
}

func (s *Service) getVerification(ctx context.Context, in *NumberInput) (*VerificationOutput, error) {
	v, err := s.verifyNumber(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	return v.output(), nil
}

// FileInput is an uploaded file.
type FileInput struct {
	ContentType string `header:"Content-Type" hidden:"true" maxLength:"200" example:"application/pdf" doc:"application/pdf, or multipart/form-data with one file."`
	RawBody     []byte `contentType:"application/pdf" doc:"The PDF."`
}

func (s *Service) postVerification(ctx context.Context, in *FileInput) (*VerificationOutput, error) {
	file, err := uploaded(in.ContentType, bytes.NewReader(in.RawBody))
	if err != nil {
		return nil, err
	}
	v, err := s.verifyFile(ctx, file)
	if err != nil {
		return nil, err
	}
	return v.output(), nil
}

// uploaded reads a file that is the whole body, or the first file of a form. Nothing is written to disk.
func uploaded(contentType string, body io.Reader) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		return firstFile(multipart.NewReader(body, params["boundary"]))
	}
	return readFile(body)
}

func firstFile(m *multipart.Reader) ([]byte, error) {
	for range 20 {
		part, err := m.NextPart()
		if err != nil {
			return nil, tooLargeOr(errNoFile, err)
		}
		if part.FileName() != "" {
			return readFile(part)
		}
	}
	return nil, errNoFile
}

func readFile(r io.Reader) ([]byte, error) {
	file, err := io.ReadAll(io.LimitReader(r, verify.MaxFile+1))
	switch {
	case err != nil:
		return nil, tooLargeOr(errNoFile, err)
	case len(file) > verify.MaxFile:
		return nil, errTooLarge
	case len(file) == 0:
		return nil, errNoFile
	}
	return file, nil
}

func tooLargeOr(e *kernel.Error, err error) error {
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		return errTooLarge
	}
	return e.Wrap(err)
}

// BinaryOutput is a file.
type BinaryOutput struct {
	ContentType  string `header:"Content-Type" doc:"What the file is."`
	CacheControl string `header:"Cache-Control" doc:"Who may keep it."`
	Disposition  string `header:"Content-Disposition" doc:"The name to save it under."`
	NoSniff      string `header:"X-Content-Type-Options" doc:"Always nosniff."`
	Body         []byte
}

func (s *Service) getTrustBundle(_ context.Context, _ *struct{}) (*BinaryOutput, error) {
	b, err := s.seals.bundle(s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return &BinaryOutput{ContentType: "application/x-pem-file", CacheControl: "public, max-age=300", Disposition: `attachment; filename="trust.pem"`, NoSniff: "nosniff", Body: b}, nil
}

// DocumentInput names one document.
type DocumentInput struct {
	ID string `path:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The document's id."`
}

// IssuedDocument is a document as its holder sees it.
type IssuedDocument struct {
	ID       string    `json:"id" format:"uuid" doc:"The document's id."`
	Case     string    `json:"case,omitempty" format:"uuid" doc:"The case it was issued in."`
	Number   string    `json:"number" example:"RC-7K4M-93Q2-TX8D-6HRW" doc:"The number printed on it."`
	Type     string    `json:"type" example:"residence-certificate" doc:"What kind of document it is."`
	Title    string    `json:"title" example:"Certificate of residence" doc:"The same in words, in the document's language."`
	State    string    `json:"state" enum:"pending,valid,superseded,revoked" example:"valid" doc:"pending: being made. valid: issued and not taken back; see valid_to for its end. superseded: a newer one took its place. revoked: the agency took it back."`
	IssuedAt time.Time `json:"issued_at" example:"2026-11-20T09:30:00Z" doc:"When it was issued."`
	ValidTo  time.Time `json:"valid_to,omitzero" required:"false" doc:"Its last second; absent when it does not end."`
}

// HeldDocument is what a holder needs besides, to show a document without opening its file.
type HeldDocument struct {
	IssuedDocument
	Issuer    string    `json:"issuer" example:"Civil Registry" doc:"The agency that issued it, in the document's language."`
	Language  string    `json:"language" example:"en" doc:"The document's language."`
	CheckURI  string    `json:"check_uri" format:"uri" example:"https://northwick.example/verify/RC-7K4M-93Q2-TX8D-6HRW" doc:"Where anybody can check it, and what the QR code printed on it says. Draw it as a QR code for somebody to scan."`
	RevokedAt time.Time `json:"revoked_at,omitzero" required:"false" doc:"When it was revoked."`
}

func held(t kernel.Tenant, r record) HeldDocument {
	return HeldDocument{IssuedDocument: issued(r.Document), Issuer: r.Issuer, Language: r.Locale, CheckURI: checkAddress(t, r), RevokedAt: r.RevokedAt}
}

func issued(d kernel.Document) IssuedDocument {
	return IssuedDocument{ID: string(d.ID), Case: string(d.Case), Number: d.Number, Type: d.Type, Title: d.Title, State: d.State, IssuedAt: d.IssuedAt, ValidTo: d.ValidTo}
}

// DocumentOutput is one document.
type DocumentOutput struct{ Body IssuedDocument }

// HeldDocumentOutput is one document, for its holder.
type HeldDocumentOutput struct{ Body HeldDocument }

// DocumentListOutput is a list of documents.
type DocumentListOutput struct {
	Body struct {
		Documents []IssuedDocument `json:"documents" maxItems:"200" doc:"Newest first."`
	}
}

// HeldDocumentListOutput is the person's documents.
type HeldDocumentListOutput struct {
	Body struct {
		Documents []HeldDocument `json:"documents" maxItems:"200" doc:"Newest first."`
	}
}

func (s *Service) listDocuments(ctx context.Context, _ *struct{}) (*HeldDocumentListOutput, error) {
	all, err := s.myDocuments(ctx)
	if err != nil {
		return nil, err
	}
	out := &HeldDocumentListOutput{}
	out.Body.Documents = make([]HeldDocument, len(all))
	for i, r := range all {
		out.Body.Documents[i] = held(kernel.TenantOf(ctx), r)
	}
	return out, nil
}

func (s *Service) getDocument(ctx context.Context, in *DocumentInput) (*HeldDocumentOutput, error) {
	r, err := s.myDocument(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &HeldDocumentOutput{Body: held(kernel.TenantOf(ctx), r)}, nil
}

func (s *Service) getFile(ctx context.Context, in *DocumentInput) (*BinaryOutput, error) {
	r, file, err := s.myFile(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return pdfOutput(r, file), nil
}

func pdfOutput(r record, file []byte) *BinaryOutput {
	return &BinaryOutput{ContentType: "application/pdf", CacheControl: "private, no-store", Disposition: `attachment; filename="` + r.Number + `.pdf"`, NoSniff: "nosniff", Body: file}
}

// RevocationInput says why.
type RevocationInput struct {
	web.IdempotencyInput
	DocumentInput
	Body struct {
		Reason string `json:"reason" minLength:"3" maxLength:"500" example:"Issued on wrong data." doc:"Kept for the agency; not shown to the public."`
	}
}

func (s *Service) postRevocation(ctx context.Context, in *RevocationInput) (*DocumentOutput, error) {
	d, err := s.Revoke(ctx, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &DocumentOutput{Body: issued(d)}, nil
}
