package documents

import (
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// pages are all routes for people: the public check, what somebody was shown by a link, the holder's own, the agency's.
func (s *Service) pages() []web.Page {
	own := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "holder"}
	agency := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: "registrar", Relation: "agency"}
	return []web.Page{
		{Pattern: "GET /verify", Policy: web.Public, Handle: s.verifyPage},
		{Pattern: "POST /verify", Policy: web.Public, Handle: s.uploadAction, MaxBody: maxUpload},
		{Pattern: "GET /verify/{number}", Policy: web.Public, Handle: s.numberPage},
		{Pattern: "GET /verify/trust.pem", Policy: web.Public, Handle: s.trustFile},
		{Pattern: "GET /verify/root.crl", Policy: web.Public, Handle: s.crlFile("root")},
		{Pattern: "GET /verify/issuing.crl", Policy: web.Public, Handle: s.crlFile("issuing")},

		{Pattern: "GET /shared/{token}", Policy: web.Public, Handle: s.sharedPage},
		{Pattern: "GET /shared/{token}/document.pdf", Policy: web.Public, Handle: s.sharedFileAction},

		{Pattern: "GET /documents", Policy: own, Handle: s.documentsPage},
		{Pattern: "GET /documents/{file}", Policy: own, Handle: s.documentPage},
		{Pattern: "GET /documents/{file}/share", Policy: own, Handle: s.sharePage},
		{Pattern: "POST /documents/{file}/share", Policy: own, Handle: s.shareAction},
		{Pattern: "POST /documents/{file}/shares/{share}/end", Policy: own, Handle: s.endShareAction},

		{Pattern: "GET /staff/documents", Policy: agency, Handle: s.issuedListPage},
		{Pattern: "GET /staff/documents/issuing", Policy: agency, Handle: s.issuingPage},
		{Pattern: "POST /staff/documents/issuing/halt", Policy: agency, Handle: s.haltAction},
		{Pattern: "POST /staff/documents/issuing/resume", Policy: agency, Handle: s.resumeAction},
		{Pattern: "GET /staff/documents/{id}", Policy: agency, Handle: s.issuedPage},
		{Pattern: "GET /staff/documents/{id}/document.pdf", Policy: agency, Handle: s.issuedFileAction},
		{Pattern: "GET /staff/documents/{id}/revoke", Policy: agency, Handle: s.revokePage},
		{Pattern: "POST /staff/documents/{id}/revoke", Policy: agency, Handle: s.revokeAction},
		{Pattern: "GET /staff/documents/{id}/reissue", Policy: agency, Handle: s.reissuePage},
		{Pattern: "POST /staff/documents/{id}/reissue", Policy: agency, Handle: s.reissueAction},
	}
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), key, args...)
}
