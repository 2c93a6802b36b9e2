package documents

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// maxOCSP is larger than any request for a few certificates.
const maxOCSP = 16 << 10

// rawPages are what programs fetch at the addresses that stand in certificates: OCSP (RFC 6960, appendix A) and the
// certificates above a seal (RFC 5280, 4.2.2.1). They speak neither HTML nor JSON.
func (s *Service) rawPages() []web.Page {
	return []web.Page{
		{Pattern: "POST /verify/ocsp", Policy: web.Public, Handle: s.postOCSP, MaxBody: maxOCSP, CrossSite: true},
		{Pattern: "GET /verify/ocsp/{request...}", Policy: web.Public, Handle: s.getOCSP, Literal: true},
		{Pattern: "GET /verify/issuing.cer", Policy: web.Public, Handle: s.certificateFile("issuing")},
		{Pattern: "GET /verify/root.cer", Policy: web.Public, Handle: s.certificateFile("root")},
	}
}

func (s *Service) postOCSP(w http.ResponseWriter, r *http.Request) error {
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return tooLargeOr(errOCSP, err)
	}
	return s.answerOCSP(w, request, "no-store")
}

// getOCSP takes the request from the address, in base64. What is no base64 is answered like any request that cannot be read.
func (s *Service) getOCSP(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("request")
	if len(text) > maxOCSP {
		return errTooLarge
	}
	request, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		request = nil
	}
	return s.answerOCSP(w, request, "public, max-age=300")
}

func (s *Service) answerOCSP(w http.ResponseWriter, request []byte, cache string) error {
	keys, err := s.seals.open()
	if err != nil {
		return err
	}
	answer, err := keys.OCSP(request, s.Clock.Now())
	if err != nil {
		return errSealing.Wrap(err)
	}
	return raw(w, answer, "application/ocsp-response", cache)
}

func (s *Service) certificateFile(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		keys, err := s.seals.open()
		if err != nil {
			return err
		}
		der, err := keys.Certificate(name)
		if err != nil {
			return errSealing.Wrap(err)
		}
		return raw(w, der, "application/pkix-cert", "public, max-age=3600")
	}
}

func raw(w http.ResponseWriter, b []byte, contentType, cache string) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", cache)
	_, err := w.Write(b)
	return err
}

var errOCSP = kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
