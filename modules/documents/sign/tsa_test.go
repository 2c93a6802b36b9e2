package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/tspclient-go"

	"townhall/modules/documents/cms"
)

func post(t *testing.T, url, media string, body []byte) (*http.Response, []byte) {
	t.Helper()
	res, err := http.Post(url, media, bytes.NewReader(body))
	must(t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	must(t, err)
	return res, out
}

func TestOpenSSLVerifiesTheTimestampsOfTheEmbeddedAuthority(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA, RSA3072} {
		k := newKeys(t, a)
		web := httptest.NewServer(newTSA(t, k))
		defer web.Close()
		root := save(t, "root.pem", pemOf(k.Root()))
		bundle := save(t, "bundle.pem", bundleOf(t, k))
		for _, hash := range []string{"-sha256", "-sha384", "-sha512"} {
			t.Run(string(a)+hash, func(t *testing.T) {
				data := save(t, "data", []byte("what happened"))
				query := filepath.Join(t.TempDir(), "q.tsq")
				tool(t, "openssl", "ts", "-query", "-data", data, hash, "-cert", "-out", query)
				q, err := os.ReadFile(query)
				must(t, err)
				res, reply := post(t, web.URL, mediaQuery, q)
				if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != mediaReply {
					t.Fatalf("%s %s", res.Status, res.Header)
				}
				file := save(t, "r.tsr", reply)
				for _, ca := range []string{root, bundle} {
					if out := tool(t, "openssl", "ts", "-verify", "-data", data, "-in", file, "-CAfile", ca); !strings.Contains(out, "Verification: OK") {
						t.Error(out)
					}
				}
				if out := tool(t, "openssl", "ts", "-verify", "-queryfile", query, "-in", file, "-CAfile", root); !strings.Contains(out, "Verification: OK") {
					t.Error(out)
				}
				text := tool(t, "openssl", "ts", "-reply", "-in", file, "-text")
				for _, s := range []string{"Status: Granted", "Policy OID: 2.999.3161.1", "Accuracy: 0x01 seconds", "Ordering: no", "Nonce: 0x"} {
					if !strings.Contains(text, s) {
						t.Errorf("openssl does not read %q:\n%s", s, text)
					}
				}
				// A reply to something else.
				other := save(t, "other", []byte("what did not happen"))
				if out, ok := lenient(t, "openssl", "ts", "-verify", "-data", other, "-in", file, "-CAfile", root); ok {
					t.Error(out)
				}
				stranger := save(t, "stranger.pem", pemOf(newKeys(t, ECDSA).Root()))
				if out, ok := lenient(t, "openssl", "ts", "-verify", "-data", data, "-in", file, "-CAfile", stranger); ok {
					t.Error(out)
				}
			})
		}
	}
}

func TestATokenInProcessIsReadByOpenSSL(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	tsa := newTSA(t, k)
	token, err := tsa.Stamp(t.Context(), sha256Of([]byte("a page")))
	must(t, err)
	if len(token) > tsa.Reserve() || len(token) < tsa.Reserve()/2 {
		t.Errorf("%d bytes, %d reserved", len(token), tsa.Reserve())
	}
	out := tool(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", token), "-data", save(t, "data", []byte("a page")), "-CAfile", save(t, "root.pem", pemOf(k.Root())))
	if !strings.Contains(out, "Verification: OK") {
		t.Error(out)
	}
	for _, bad := range [][]byte{nil, make([]byte, 20), make([]byte, 48)} {
		if _, err := tsa.Stamp(t.Context(), bad); err == nil {
			t.Errorf("a digest of %d bytes was stamped", len(bad))
		}
	}
}

// The client of the Notary Project builds its own requests and judges the answers.
func TestTheNotaryProjectsClientVerifiesTheEmbeddedAuthority(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k := newKeys(t, a)
		web := httptest.NewServer(newTSA(t, k))
		defer web.Close()
		client, err := tspclient.NewHTTPTimestamper(nil, web.URL)
		must(t, err)
		for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			for _, bare := range []bool{false, true} {
				req, err := tspclient.NewRequest(tspclient.RequestOptions{Content: []byte("x"), HashAlgorithm: hash, NoCert: bare, ReqPolicy: Policy()})
				must(t, err)
				res, err := client.Timestamp(t.Context(), req)
				must(t, err)
				token, err := res.SignedToken()
				must(t, err)
				if bare {
					if len(token.Certificates) > 0 {
						t.Error("certificates nobody asked for")
					}
					continue
				}
				roots := x509.NewCertPool()
				roots.AddCert(k.Root())
				if _, err := token.Verify(t.Context(), x509.VerifyOptions{Roots: roots}); err != nil {
					t.Error(err)
				}
				info, err := token.Info()
				must(t, err)
				stamp, err := info.Validate([]byte("x"))
				must(t, err)
				if stamp.Accuracy != time.Second || time.Since(stamp.Value).Abs() > 10*time.Second || info.SerialNumber.BitLen() != 127 {
					t.Errorf("%+v, serial of %d bits", stamp, info.SerialNumber.BitLen())
				}
			}
		}
	}
}

func TestARequestThatCannotBeGrantedIsRejectedWithItsReason(t *testing.T) {
	t.Parallel()
	tsa := newTSA(t, newKeys(t, ECDSA))
	imprint := func(oid []byte, digest int) []byte {
		return cms.Append(nil, 0x30, cms.Append(nil, 0x30, oid), cms.Append(nil, 0x04, make([]byte, digest)))
	}
	sha256, md5 := []byte("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"), []byte("\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05")
	one, good := []byte{2, 1, 1}, imprint(sha256, 32)
	query := func(parts ...[]byte) []byte { return cms.Append(nil, 0x30, parts...) }
	for name, c := range map[string]struct {
		query []byte
		want  failure
	}{
		"good":                 {query(one, good), granted},
		"good with all":        {query(one, good, []byte{0x06, 5, 0x88, 0x37, 0x98, 0x59, 1}, []byte{2, 1, 7}, []byte{1, 1, 0xff}), granted},
		"nothing":              {nil, failRequest},
		"no DER":               {[]byte("GET / HTTP/1.1"), failRequest},
		"version 2":            {query([]byte{2, 1, 2}, good), failRequest},
		"something behind":     {append(query(one, good), 0), failRequest},
		"something within":     {query(one, good, []byte{4, 0}), failRequest},
		"MD5":                  {query(one, imprint(md5, 16)), failAlgorithm},
		"short digest":         {query(one, imprint(sha256, 31)), failData},
		"unknown policy":       {query(one, good, []byte{0x06, 1, 0x2a}), failPolicy},
		"extension":            {query(one, good, []byte{0xa0, 2, 0x30, 0}), failExtension},
		"endless nonce":        {query(one, good, cms.Append(nil, 2, bytes.Repeat([]byte{1}, 200))), failRequest},
		"parameters of SHA256": {query(one, imprint(append(bytes.Clone(sha256), 4, 0), 32)), failAlgorithm},
	} {
		var res tspclient.Response
		reply := tsa.Reply(c.query)
		if err := res.UnmarshalBinary(reply); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := tool(t, "openssl", "ts", "-reply", "-in", save(t, "r", reply), "-text")
		if c.want == granted {
			if res.Status.Err() != nil || !strings.Contains(text, "Status: Granted") {
				t.Errorf("%s: %v", name, res.Status.Err())
			}
			continue
		}
		if res.Status.Status != 2 || res.Status.FailInfo.At(int(c.want)) != 1 || len(res.TimestampToken.FullBytes) > 0 || !strings.Contains(text, "Status: Rejected") {
			t.Errorf("%s: %+v", name, res.Status)
		}
	}
}

func TestTheAuthorityAnswersOnlyWhatItUnderstandsOverHTTP(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(newTSA(t, newKeys(t, ECDSA)))
	defer web.Close()
	if res, _ := post(t, web.URL, mediaQuery, make([]byte, maxQuery+1)); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %s", res.Status)
	}
	if res, _ := post(t, web.URL, "text/plain", nil); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("other type: %s", res.Status)
	}
	if res, err := http.Get(web.URL); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v %v", res, err)
	}
}

func TestTheTimestampCertificateIsForTimestampsAloneAndComesFromTheRoot(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	tsa := newTSA(t, k)
	c := tsa.Chains()[0][0]
	text := tool(t, "openssl", "x509", "-noout", "-text", "-in", save(t, "c.pem", pemOf(c)))
	for _, s := range []string{"X509v3 Extended Key Usage: critical\n                Time Stamping", "URI:" + origin + "/verify/root.crl", "OCSP - URI:" + origin + "/verify/ocsp", "CA Issuers - URI:" + origin + "/verify/root.cer", "CA:FALSE"} {
		if !strings.Contains(text, s) {
			t.Errorf("the certificate lacks %q:\n%s", s, text)
		}
	}
	if err := c.CheckSignatureFrom(k.Root()); err != nil {
		t.Error(err)
	}
}

func TestTheTimestampKeyIsReplacedLongBeforeItsEndAndByAllProcesses(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	now := time.Now()
	tsa, err := k.TSA(func() time.Time { return now })
	must(t, err)
	first := tsa.Chains()[0][0]
	other, err := again(t, k).TSA(func() time.Time { return now })
	must(t, err)
	if !other.Chains()[0][0].Equal(first) {
		t.Error("two processes have two keys")
	}
	now = now.AddDate(4, 0, 0)
	_, err = tsa.Stamp(t.Context(), make([]byte, 32))
	must(t, err)
	second := tsa.Chains()[0][0]
	if second.Equal(first) || second.NotAfter.Before(now.AddDate(tsaSpare, 0, 0)) {
		t.Error("the key was not replaced")
	}
	other.file.forget()
	_, err = other.Stamp(t.Context(), make([]byte, 32))
	must(t, err)
	if !other.Chains()[0][0].Equal(second) {
		t.Error("the other process stamps with a key that was replaced")
	}
	must(t, k.RevokeSeal(serialOf(second), KeyCompromise, now))
	if _, err := tsa.Stamp(t.Context(), make([]byte, 32)); err == nil {
		t.Error("a revoked key stamps")
	}
	_, err = k.RotateTSA(now)
	must(t, err)
	tsa.file.forget()
	_, err = tsa.Stamp(t.Context(), make([]byte, 32))
	must(t, err)
}

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

func TestTheClientTakesATimestampFromOutsideAndRemembersItsChain(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k := newKeys(t, a)
		web := httptest.NewServer(newTSA(t, k))
		defer web.Close()
		c, err := NewTSAClient(web.URL, pool(k.Root()), TSAOptions{})
		must(t, err)
		if c.Reserve() != 0 || len(c.Chains()) != 0 {
			t.Error("the client knows before it has asked")
		}
		token, err := c.Stamp(t.Context(), sha256Of([]byte("a page")))
		must(t, err)
		if c.Reserve() < len(token) || len(c.Chains()) != 1 || !c.Chains()[0][1].Equal(k.Root()) {
			t.Errorf("reserve %d, token %d, %d chains", c.Reserve(), len(token), len(c.Chains()))
		}
		tool(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", token), "-data", save(t, "data", []byte("a page")), "-CAfile", save(t, "root.pem", pemOf(k.Root())))
	}
}

func TestTheClientRefusesEveryAnswerThatIsNotTheOneItAskedFor(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	tsa := newTSA(t, k)
	late, err := k.TSA(func() time.Time { return time.Now().Add(-time.Hour / 2) })
	must(t, err)
	seal, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	fixed := tsa.Reply(cms.Append(nil, 0x30, []byte{2, 1, 1}, cms.Append(nil, 0x30, cms.Append(nil, 0x30, []byte("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00")), cms.Append(nil, 4, make([]byte, 32))), []byte{1, 1, 0xff}))
	stranger := newTSA(t, newKeys(t, ECDSA))
	for name, answer := range map[string]func(query []byte) []byte{
		"another authority": stranger.Reply,
		"half an hour old":  late.Reply,
		"without our nonce": func([]byte) []byte { return fixed },
		"rejected":          func([]byte) []byte { return rejection(failSystem) },
		"no DER":            func([]byte) []byte { return []byte("<html>") },
		"nothing":           func([]byte) []byte { return nil },
		"too large":         func([]byte) []byte { return make([]byte, 2<<20) },
		// From the same root, but its certificate is not for timestamps.
		"of a seal": func(q []byte) []byte {
			p, _ := parseQuery(q)
			tok, _ := stampBy(seal.signer, time.Now().UTC(), p.imprint, p.nonce, true)
			return cms.Append(nil, 0x30, []byte{0x30, 3, 2, 1, 0}, tok)
		},
		"without certificates": func(q []byte) []byte {
			p, _ := parseQuery(q)
			tok, _ := tsa.token(p.imprint, p.nonce, false)
			return cms.Append(nil, 0x30, []byte{0x30, 3, 2, 1, 0}, tok)
		},
		"one bit changed": func(q []byte) []byte { r := tsa.Reply(q); r[len(r)-3] ^= 1; return r },
		"another imprint": func(q []byte) []byte {
			p, _ := parseQuery(q)
			p.imprint[len(p.imprint)-1] ^= 1
			tok, _ := tsa.token(p.imprint, p.nonce, true)
			return cms.Append(nil, 0x30, []byte{0x30, 3, 2, 1, 0}, tok)
		},
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", mediaReply)
			w.Write(answer(q))
		}))
		c, err := NewTSAClient(web.URL, pool(k.Root()), TSAOptions{})
		must(t, err)
		if _, err := c.Stamp(t.Context(), make([]byte, 32)); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if c.Reserve() != 0 || len(c.Chains()) != 0 {
			t.Errorf("%s: remembered", name)
		}
		web.Close()
	}
	for _, url := range []string{"", "ftp://x", "tsa.example", "http://"} {
		if _, err := NewTSAClient(url, pool(k.Root()), TSAOptions{}); err == nil {
			t.Errorf("address %q is taken", url)
		}
	}
	if _, err := NewTSAClient("http://x", nil, TSAOptions{}); err == nil {
		t.Error("no roots, and no error")
	}
}

func TestAnAuthorityThatDoesNotAnswerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer web.Close()
	defer close(stop)
	k := newKeys(t, ECDSA)
	c, err := NewTSAClient(web.URL, pool(k.Root()), TSAOptions{HTTP: &http.Client{Timeout: 50 * time.Millisecond}})
	must(t, err)
	if _, err := k.Seal(town("northwick", origin), SealOptions{Level: BT, Stamper: c}, time.Now()); err == nil {
		t.Error("a level without timestamps was reached")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Stamp(ctx, make([]byte, 32)); err == nil || !strings.Contains(fmt.Sprint(err), "context canceled") {
		t.Error(err)
	}
}
