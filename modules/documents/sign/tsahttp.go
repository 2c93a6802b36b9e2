package sign

import (
	"encoding/asn1"
	"io"
	"net/http"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"townhall/modules/documents/cms"
)

// Media types of RFC 3161, 3.4.
const (
	mediaQuery = "application/timestamp-query"
	mediaReply = "application/timestamp-reply"
)

// maxQuery is the largest request anybody needs: an imprint, a policy and a nonce.
const maxQuery = 4 << 10

// maxStampNonce is the longest nonce that is echoed, in bytes.
const maxStampNonce = 64

// failure is PKIFailureInfo: the number of a bit (RFC 3161, 2.4.2).
type failure int

const (
	failAlgorithm failure = 0
	failRequest   failure = 2
	failData      failure = 5
	failPolicy    failure = 15
	failExtension failure = 16
	failSystem    failure = 25
	granted       failure = -1
)

// ServeHTTP answers a POST of application/timestamp-query. A request that is not granted is a reply, too, with the status
// rejection and the reason.
func (t *TSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST a timestamp request", http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("Content-Type") != mediaQuery {
		http.Error(w, "want "+mediaQuery, http.StatusUnsupportedMediaType)
		return
	}
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
	if err != nil {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", mediaReply)
	w.Header().Set("Cache-Control", "no-store")
	w.Write(t.Reply(query))
}

// Reply answers TimeStampReq with TimeStampResp, both in DER. It never fails: what cannot be granted is rejected in the
// answer.
func (t *TSA) Reply(query []byte) []byte {
	q, fail := parseQuery(query)
	if fail != granted {
		return rejection(fail)
	}
	token, err := t.token(q.imprint, q.nonce, q.certs)
	if err != nil {
		return rejection(failSystem)
	}
	return cms.Append(nil, 0x30, []byte{0x30, 3, 0x02, 1, 0}, token)
}

// rejection is a reply with status 2 and one bit of PKIFailureInfo.
func rejection(f failure) []byte {
	bits := make([]byte, 2+f/8) // the first byte says how many bits of the last are not used
	bits[0] = byte(7 - f%8)
	bits[1+f/8] = 0x80 >> (f % 8)
	return cms.Append(nil, 0x30, cms.Append(nil, 0x30, []byte{0x02, 1, 2}, cms.Append(nil, 0x03, bits)))
}

// stampQuery is what a request asks for; imprint and nonce are elements as they came.
type stampQuery struct {
	imprint, nonce []byte
	certs          bool
}

func parseQuery(raw []byte) (stampQuery, failure) {
	var q stampQuery
	in := cryptobyte.String(raw)
	var body, imprint cryptobyte.String
	var version int
	if !in.ReadASN1(&body, der.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 || !body.ReadASN1Element(&imprint, der.SEQUENCE) {
		return q, failRequest
	}
	q.imprint = imprint
	if f := checkImprint(imprint); f != granted {
		return q, f
	}
	if body.PeekASN1Tag(der.OBJECT_IDENTIFIER) {
		var policy asn1.ObjectIdentifier
		if !body.ReadASN1ObjectIdentifier(&policy) {
			return q, failRequest
		}
		if !policy.Equal(Policy()) {
			return q, failPolicy
		}
	}
	if body.PeekASN1Tag(der.INTEGER) {
		var nonce cryptobyte.String
		if !body.ReadASN1Element(&nonce, der.INTEGER) || len(nonce) > maxStampNonce+2 {
			return q, failRequest
		}
		q.nonce = nonce
	}
	if body.PeekASN1Tag(der.BOOLEAN) && !body.ReadASN1Boolean(&q.certs) {
		return q, failRequest
	}
	if body.PeekASN1Tag(tagged(0)) {
		return q, failExtension
	}
	if !body.Empty() {
		return q, failRequest
	}
	return q, granted
}

// checkImprint accepts SHA-256, SHA-384 and SHA-512 digests of the right length.
func checkImprint(imprint cryptobyte.String) failure {
	var fields, alg, digest cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !imprint.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1(&alg, der.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) ||
		!fields.ReadASN1(&digest, der.OCTET_STRING) || !fields.Empty() {
		return failRequest
	}
	if !alg.Empty() {
		var null cryptobyte.String
		if !alg.ReadASN1(&null, der.NULL) || !null.Empty() || !alg.Empty() {
			return failAlgorithm
		}
	}
	want := 0
	switch {
	case oid.Equal(cms.OIDSHA256):
		want = 32
	case oid.Equal(cms.OIDSHA384):
		want = 48
	case oid.Equal(cms.OIDSHA512):
		want = 64
	default:
		return failAlgorithm
	}
	if len(digest) != want {
		return failData
	}
	return granted
}

var _ Stamper = (*TSA)(nil)
var _ http.Handler = (*TSA)(nil)
