package documents

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"github.com/go-jose/go-jose/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"townhall/modules/documents/status"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func (h *house) list(t *testing.T, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return h.send("GET", "/documents/v1/status-lists/1", "", nil, header...)
}

// bit decodes a list as any other program would: JOSE library, zlib, two bits from the low end.
func bit(t *testing.T, token []byte, trust *x509.CertPool, at time.Time, index int) int {
	t.Helper()
	jws, err := jose.ParseSignedCompact(string(token), []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	must(t, err)
	head := jws.Signatures[0].Header
	chains, err := head.Certificates(x509.VerifyOptions{Roots: trust, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	must(t, err)
	payload, err := jws.Verify(chains[0][0].PublicKey)
	must(t, err)
	var c struct {
		Sub           string
		Iat, Exp, TTL int64
		StatusList    struct {
			Bits int
			Lst  string
		} `json:"status_list"`
	}
	must(t, json.Unmarshal(payload, &c))
	if head.ExtraHeaders["typ"] != "statuslist+jwt" || c.Sub != "http://northwick.localhost:8080/documents/v1/status-lists/1" || c.StatusList.Bits != 2 || c.Exp-c.Iat != 86400 || c.TTL <= 0 || c.TTL > 60 {
		t.Fatalf("claims %+v, header %v", c, head.ExtraHeaders)
	}
	packed, err := base64.RawURLEncoding.DecodeString(c.StatusList.Lst)
	must(t, err)
	z, err := zlib.NewReader(bytes.NewReader(packed))
	must(t, err)
	raw, err := io.ReadAll(z)
	must(t, err)
	return int(raw[index/4]) >> (index % 4 * 2) & 3
}

func TestTheStatusListTellsRevokedAndSupersededAtOnce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ecdsa", "rsa"} {
		h := newHouse(t, func(d *Deps) { d.Algorithm = algorithm })
		staff := h.ctx(t, "staff "+kernel.NewID())
		var ids []kernel.DocumentID
		for range 3 {
			ids = append(ids, h.intend(t, newPerson(), newCase(), sample("en")))
		}
		h.drain(t)
		bundle := h.get("/verify/trust.pem", "").Body.Bytes()
		trust, err := verify.ParseTrust(bundle)
		must(t, err)
		before := h.list(t)
		if before.Code != 200 || before.Header().Get("Content-Type") != status.MediaType || before.Header().Get("ETag") == "" || before.Header().Get("Cache-Control") != "public, max-age=50" || before.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("list: %d %v", before.Code, before.Header())
		}
		if same := h.list(t, "If-None-Match", before.Header().Get("ETag")); same.Code != 304 || same.Body.Len() != 0 {
			t.Errorf("unchanged: %d", same.Code)
		}
		_, err = h.Revoke(staff, string(ids[1]), "Issued on wrong data.")
		must(t, err)
		_, err = h.Reissue(staff, string(ids[2]), "The first one was lost.")
		must(t, err)
		h.drain(t)
		h.clock.Advance(listFresh)
		after := h.list(t, "If-None-Match", before.Header().Get("ETag"))
		if after.Code != 200 {
			t.Fatalf("changed: %d", after.Code)
		}
		for i, want := range []int{0, 1, 3} {
			r := h.read(t, ids[i])
			if got := bit(t, after.Body.Bytes(), trust.Roots, h.clock.Now(), r.StatusIndex); got != want {
				t.Errorf("%s: document %d (%s) is %d in the list, want %d", algorithm, i, r.State, got, want)
			}
			rep := verify.Verify(h.bytes(t, ids[i]), trust, verify.Options{At: h.clock.Now()})
			got, err := status.CheckStatus(after.Body.Bytes(), bundle, rep.StatusURI, h.clock.Now())
			if err != nil || got != r.State {
				t.Errorf("%s: offline, %s (%s) is %q: %v", algorithm, rep.StatusURI, r.State, got, err)
			}
		}
	}
}

func TestARevocationShowsEverywhereWithinAMinuteInOtherProcessesToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other, err := New(h.Service.Deps) // another process on the same database
	must(t, err)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	ctx := h.ctx(t, "")
	old, _, err := other.statusList(ctx, "1")
	must(t, err)
	_, err = h.Revoke(h.ctx(t, "staff "+kernel.NewID()), string(id), "Issued on wrong data.")
	must(t, err)
	if v, err := other.verifyNumber(ctx, h.read(t, id).Number); err != nil || v.State != stateRevoked {
		t.Errorf("by number: %+v %v", v, err)
	}
	own, _, err := h.statusList(ctx, "1")
	must(t, err)
	h.clock.Advance(listFresh)
	theirs, _, err := other.statusList(ctx, "1")
	must(t, err)
	if bytes.Equal(own, old) || bytes.Equal(theirs, old) {
		t.Error("the list does not show the revocation")
	}
	if worst := listFresh + status.TTL; worst >= time.Minute {
		t.Errorf("a revocation shows after %s", worst)
	}
}

func TestAListIsRefusedWhenItIsNotToBeBelieved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	bundle, token, now := h.get("/verify/trust.pem", "").Body.Bytes(), h.list(t).Body.Bytes(), h.clock.Now()
	ref := status.Reference("http://northwick.localhost:8080", h.read(t, id).StatusIndex)
	if got, err := status.CheckStatus(token, bundle, ref, now); err != nil || got != "valid" {
		t.Fatalf("a good list: %q %v", got, err)
	}
	theirs := newHouse(t).list(t)
	eastmere, _, err := h.statusList(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Eastmere)), "1")
	must(t, err)
	// Eastmere's own seal, speaking about a document of Northwick's.
	sealOfEastmere, err := h.seals.of(kerneltest.Tenant(kerneltest.Eastmere), now)
	must(t, err)
	uri, _, err := status.Split(ref)
	must(t, err)
	usurped, err := status.Issue(sealOfEastmere.Key(), sealOfEastmere.Chain(), uri, nil, nil, now)
	must(t, err)
	parts := strings.Split(string(token), ".")
	forged := func(change func(map[string]any)) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		must(t, err)
		var c map[string]any
		must(t, json.Unmarshal(raw, &c))
		change(c)
		raw, err = json.Marshal(c)
		must(t, err)
		return []byte(parts[0] + "." + base64.RawURLEncoding.EncodeToString(raw) + "." + parts[2])
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"statuslist+jwt"}`))
	for name, c := range map[string]struct {
		token, bundle []byte
		ref           string
		at            time.Time
	}{
		"old":               {token, bundle, ref, now.Add(25 * time.Hour)},
		"from the future":   {token, bundle, ref, now.Add(-time.Hour)},
		"changed":           {forged(func(c map[string]any) { c["exp"] = now.Add(1e6 * time.Second).Unix() }), bundle, ref, now},
		"unsigned":          {[]byte(none + "." + parts[1] + "."), bundle, ref, now},
		"another address":   {token, bundle, strings.Replace(ref, "/1#", "/2#", 1), now},
		"another town's":    {token, bundle, strings.Replace(ref, "northwick", "eastmere", 1), now},
		"another authority": {theirs.Body.Bytes(), bundle, ref, now},
		"about another":     {eastmere, bundle, ref, now},
		"another's seal":    {usurped, bundle, ref, now},
		"behind the end":    {token, bundle, status.URI("http://northwick.localhost:8080", 1) + "#" + strconv.Itoa(status.Places), now},
		"no reference":      {token, bundle, "http://northwick.localhost:8080", now},
		"no list":           {[]byte("hello"), bundle, ref, now},
		"no bundle":         {token, nil, ref, now},
	} {
		if got, err := status.CheckStatus(c.token, c.bundle, c.ref, c.at); err == nil {
			t.Errorf("%s: it says %q", name, got)
		}
	}
	keys, err := h.seals.open()
	must(t, err)
	sealer, err := h.seals.of(kerneltest.Tenant(kerneltest.Northwick), now)
	must(t, err)
	must(t, keys.RevokeSeal(sealer.Certificate().SerialNumber.Text(16), 0, now.Add(-time.Hour)))
	bundle, err = keys.TrustBundle(now)
	must(t, err)
	if got, err := status.CheckStatus(token, bundle, ref, now); err == nil {
		t.Errorf("by a revoked seal it says %q", got)
	}
	for _, no := range []string{"2", "0", "01", "99", "x"} {
		if w := h.get("/documents/v1/status-lists/"+no, ""); w.Code != 404 && w.Code != 422 {
			t.Errorf("list %s: %d", no, w.Code)
		}
	}
}

// Places are drawn from all of the list, so that a neighbour's place says nothing about the time of issue.
func TestPlacesInTheListAreDrawnAndNeverGivenTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seen := map[int]bool{}
	spread := 0
	var last int
	for i := range 30 {
		r := h.read(t, h.intend(t, newPerson(), newCase(), sample("en")))
		if seen[r.StatusIndex] || r.StatusIndex < 0 || r.StatusIndex >= status.Places {
			t.Fatalf("place %d", r.StatusIndex)
		}
		seen[r.StatusIndex] = true
		if d := r.StatusIndex - last; i > 0 && (d > 1000 || d < -1000) {
			spread++
		}
		last = r.StatusIndex
	}
	if spread < 25 {
		t.Errorf("only %d of 29 are far from the one before", spread)
	}
	// A document of before the lists gets its place when it is sealed.
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE documents.document SET status_index = NULL WHERE tenant_id = $1 AND id = $2`, string(kerneltest.Northwick), string(id))
		return err
	}))
	h.drain(t)
	if r := h.read(t, id); r.StatusIndex < 0 || r.State != stateValid {
		t.Errorf("place %d, %s", r.StatusIndex, r.State)
	}
}

func TestTheAttachedJSONSaysWhatTheDocumentSaysAndFitsItsSchema(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := sample("en")
	c.Attach = true
	c.Blocks[2].Name, c.Blocks[2].Items = "resident", []string{"name", "birthdate", "address", "since"}
	c.Blocks[2].Fields[0][1] = "Anna <Whitfield> & Co"
	c.Blocks = append(c.Blocks, kernel.DocumentBlock{Kind: "table", Name: "stays", Items: []string{"from", "to"}, Header: []string{"From", "To"}, Rows: [][]string{{"2017", "2020"}, {"2020", ""}}})
	r := record{Document: kernel.Document{Number: "RC-7K4M-93Q2-TX8D-6HRW", Type: "residence-certificate", IssuedAt: h.clock.Now(), ValidTo: h.clock.Now().Add(time.Hour)}, StatusIndex: status.Places + 7}
	town := kerneltest.Tenant(kerneltest.Northwick)
	one, err := machine(town, r, c)
	must(t, err)
	two, err := machine(town, r, c)
	must(t, err)
	if !bytes.Equal(one, two) || !bytes.Contains(one, []byte("Anna <Whitfield> & Co")) {
		t.Errorf("not the same bytes, or escaped: %s", one)
	}
	for _, want := range []string{`"birthdate": "14 May 1991"`, `"from": "2017"`, `"idx": 7`, `/documents/v1/status-lists/2"`, `"check": "http://northwick.localhost:8080/verify/RC-7K4M-93Q2-TX8D-6HRW"`} {
		if !bytes.Contains(one, []byte(want)) {
			t.Errorf("it lacks %s: %s", want, one)
		}
	}
	schema, err := jsonschema.UnmarshalJSON(h.get("/documents/v1/schemas/document.json", "").Body)
	must(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	must(t, compiler.AddResource("document.json", schema))
	compiled, err := compiler.Compile("document.json")
	must(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(one))
	must(t, err)
	if err := compiled.Validate(value); err != nil {
		t.Errorf("the JSON does not fit its schema: %v", err)
	}
	value.(map[string]any)["surprise"] = 1
	if compiled.Validate(value) == nil {
		t.Error("the schema lets anything pass")
	}
	id := h.intend(t, newPerson(), newCase(), c)
	h.drain(t)
	if r := h.read(t, id); r.State != stateValid {
		t.Errorf("with the JSON attached: %s", r.State)
	}
}

func TestOCSPAndCertificatesAreServedWhereTheCertificatesSay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.check(t.Context()))
	sealer, err := h.seals.of(kerneltest.Tenant(kerneltest.Northwick), h.clock.Now())
	must(t, err)
	c := sealer.Certificate()
	if len(c.OCSPServer) != 1 || len(c.IssuingCertificateURL) != 1 || len(c.CRLDistributionPoints) != 1 {
		t.Fatalf("the seal says %v %v %v", c.OCSPServer, c.IssuingCertificateURL, c.CRLDistributionPoints)
	}
	cer := h.get(strings.TrimPrefix(c.IssuingCertificateURL[0], "http://northwick.localhost:8080"), "")
	issuer, err := x509.ParseCertificate(cer.Body.Bytes())
	must(t, err)
	must(t, c.CheckSignatureFrom(issuer))
	crl := h.get(strings.TrimPrefix(c.CRLDistributionPoints[0], "http://northwick.localhost:8080"), "")
	list, err := x509.ParseRevocationList(crl.Body.Bytes())
	must(t, err)
	must(t, list.CheckSignatureFrom(issuer))
	ask := ocspRequest(t, c, issuer)
	path := strings.TrimPrefix(c.OCSPServer[0], "http://northwick.localhost:8080")
	posted := h.send("POST", path, "", bytes.NewReader(ask), "Content-Type", "application/ocsp-request")
	got := h.get(path+"/"+strings.ReplaceAll(base64.StdEncoding.EncodeToString(ask), "/", "%2F"), "")
	for name, w := range map[string]*httptest.ResponseRecorder{"POST": posted, "GET": got} {
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/ocsp-response" {
			t.Fatalf("%s: %d %v", name, w.Code, w.Header())
		}
		ocspGood(t, w.Body.Bytes(), c, issuer)
	}
	if w := h.send("POST", path, "", strings.NewReader("hello")); w.Code != 200 || w.Body.Len() == 0 {
		t.Errorf("no request: %d", w.Code)
	}
	if w := h.send("POST", path, "", bytes.NewReader(make([]byte, maxOCSP+1))); w.Code != 413 {
		t.Errorf("a huge request: %d", w.Code)
	}
}
