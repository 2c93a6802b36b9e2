package documents

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/documents/status"
	"townhall/modules/kernel/web"
)

func (s *Service) registerStatus(api *web.API) {
	check := []string{"Verification"}
	web.Register(api, web.Op{ID: "get-status-list", Method: http.MethodGet, Path: "/status-lists/{list}", Tags: check, Policy: web.Public, Responses: listResponses(),
		Summary: "Fetch a status list", Description: "A Token Status List (IETF draft-ietf-oauth-status-list) as a JWT, signed with the municipality's seal (`x5c`): `sub` is the list's own address, `status_list.lst` is base64url of zlib, two bits per document, lowest first: 0 valid, 1 revoked, 3 superseded. A document that is not issued yet reads 0, so check the seal first. A document carries the address of its list and its place there (`StatusURI` in the file's Info as `<address>#<place>`, `status` in the JSON). Fetch it anew when `ttl` (seconds) has passed; it must not be used after `exp`. A revocation shows within 60 seconds."}, s.getStatusList)
	web.Register(api, web.Op{ID: "get-document-schema", Method: http.MethodGet, Path: "/schemas/document.json", Tags: check, Policy: web.Public, Responses: binary("application/schema+json", "The JSON Schema."),
		Summary: "Fetch the schema of the embedded JSON", Description: "Describes document.json, which goes along inside documents that say the same to programs (JSON Schema 2020-12)."}, s.getDocumentSchema)
}

func listResponses() map[string]*huma.Response {
	out := binary(status.MediaType, "The signed list.")
	out["304"] = &huma.Response{Description: "The list is the one you have."}
	return out
}

// StatusListInput names a list.
type StatusListInput struct {
	List    string `path:"list" minLength:"1" maxLength:"6" pattern:"^[1-9][0-9]*$" example:"1" doc:"The number of the list, as the document says."`
	IfMatch string `header:"If-None-Match" maxLength:"200" doc:"The ETag of the copy you have."`
}

// StatusListOutput is a signed list, or nothing when it did not change.
type StatusListOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" doc:"Always application/statuslist+jwt."`
	CacheControl string `header:"Cache-Control" doc:"How long it may be kept."`
	ETag         string `header:"ETag" doc:"Changes with the list."`
	AllowOrigin  string `header:"Access-Control-Allow-Origin" doc:"Always *: a checker may be a page of somebody else."`
	Body         []byte
}

func (s *Service) getStatusList(ctx context.Context, in *StatusListInput) (*StatusListOutput, error) {
	token, etag, err := s.statusList(ctx, in.List)
	if err != nil {
		return nil, err
	}
	out := &StatusListOutput{Status: http.StatusOK, ContentType: status.MediaType, CacheControl: statusCache, ETag: etag, AllowOrigin: "*", Body: token}
	if in.IfMatch == etag {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

func (s *Service) getDocumentSchema(context.Context, *struct{}) (*BinaryOutput, error) {
	return &BinaryOutput{ContentType: "application/schema+json", CacheControl: "public, max-age=3600", Disposition: `inline; filename="document.json"`, NoSniff: "nosniff", Body: machineSchema}, nil
}
