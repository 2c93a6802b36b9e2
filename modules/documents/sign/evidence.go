package sign

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Validation is what a verifier needs besides the document to judge it years later (EN 319 142-1, 5.4.2): certificates,
// OCSP answers and revocation lists, each in DER and each once.
type Validation struct{ Certs, OCSPs, CRLs [][]byte }

func (v *Validation) add(o Validation) {
	for _, p := range []struct {
		to   *[][]byte
		from [][]byte
	}{{&v.Certs, o.Certs}, {&v.OCSPs, o.OCSPs}, {&v.CRLs, o.CRLs}} {
		for _, b := range p.from {
			if !slices.ContainsFunc(*p.to, func(have []byte) bool { return bytes.Equal(have, b) }) {
				*p.to = append(*p.to, b)
			}
		}
	}
}

// evidence gathers what proves that no certificate of a chain (signer first, root last) was revoked, and says until when
// it may be used again. k answers for its own certificates without asking anybody; it may be nil. Anything missing is an
// error, and so is a certificate that was revoked.
func evidence(ctx context.Context, k *Keys, web *fetcher, chain []*x509.Certificate, now time.Time) (Validation, time.Time, error) {
	var out Validation
	last := chain[len(chain)-1]
	if !bytes.Equal(last.RawSubject, last.RawIssuer) || last.CheckSignature(last.SignatureAlgorithm, last.RawTBSCertificate, last.Signature) != nil {
		return out, time.Time{}, fmt.Errorf("the chain of %q does not end in a root", chain[0].Subject.CommonName)
	}
	until := now.Add(ocspFresh)
	for i, c := range chain {
		out.add(Validation{Certs: [][]byte{c.Raw}})
		if i == len(chain)-1 {
			break
		}
		one, next, err := evidenceOf(ctx, k, web, c, chain[i+1], now)
		if err != nil {
			return Validation{}, time.Time{}, fmt.Errorf("revocation data of %q: %w", c.Subject.CommonName, err)
		}
		if next.Before(until) {
			until = next
		}
		out.add(one)
	}
	return out, until, nil
}

func evidenceOf(ctx context.Context, k *Keys, web *fetcher, c, issuer *x509.Certificate, now time.Time) (Validation, time.Time, error) {
	if k != nil {
		for name, by := range map[string]*entry{"root": k.root, "issuing": k.issuing} {
			if issuer.Equal(by.cert) {
				return k.evidenceOf(c, name, by, now)
			}
		}
	}
	return web.evidenceOf(ctx, c, issuer, now)
}

func (k *Keys) evidenceOf(c *x509.Certificate, name string, by *entry, now time.Time) (Validation, time.Time, error) {
	revoked, err := k.revocations()
	if err != nil {
		return Validation{}, time.Time{}, err
	}
	if r, gone := revoked.all[serialOf(c)]; gone {
		return Validation{}, time.Time{}, errRevoked{r.At}
	}
	list, err := k.CRL(name, now)
	if err != nil {
		return Validation{}, time.Time{}, err
	}
	out := Validation{CRLs: [][]byte{list}}
	if c.IsCA {
		return out, now.Add(ocspFresh), nil
	}
	answer, until, err := k.statusOf(c, by, now)
	out.OCSPs = [][]byte{answer}
	return out, until, err
}

// errRevoked is why a certificate gives no evidence.
type errRevoked struct{ at time.Time }

func (e errRevoked) Error() string { return "it was revoked on " + e.at.Format(time.DateOnly) }

// fetcher asks other authorities, and keeps their answers until shortly before they end.
type fetcher struct {
	client *http.Client

	mu    sync.Mutex
	cache map[string]fetched
}

type fetched struct {
	v     Validation
	until time.Time
}

// maxFetched is the largest revocation list anybody reads.
const maxFetched = 10 << 20

// fetchTimeout is for authorities that do not answer.
const fetchTimeout = 15 * time.Second

func newFetcher(c *http.Client) *fetcher {
	if c == nil {
		c = &http.Client{Timeout: fetchTimeout}
	}
	return &fetcher{client: c, cache: map[string]fetched{}}
}

// evidenceOf asks the certificate's OCSP responders and, when none gives a usable answer, fetches its revocation list.
func (f *fetcher) evidenceOf(ctx context.Context, c, issuer *x509.Certificate, now time.Time) (Validation, time.Time, error) {
	key := string(c.RawIssuer) + "/" + serialOf(c)
	f.mu.Lock()
	have, ok := f.cache[key]
	f.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.v, have.until, nil
	}
	v, until, err := f.ask(ctx, c, issuer, now)
	if err != nil {
		return Validation{}, time.Time{}, err
	}
	f.mu.Lock()
	f.cache[key] = fetched{v, until}
	f.mu.Unlock()
	return v, until, nil
}

func (f *fetcher) ask(ctx context.Context, c, issuer *x509.Certificate, now time.Time) (Validation, time.Time, error) {
	var all []error
	for _, url := range c.OCSPServer {
		v, until, err := f.askOCSP(ctx, url, c, issuer, now)
		if err == nil || errors.As(err, new(errRevoked)) {
			return v, until, err
		}
		all = append(all, err)
	}
	for _, url := range c.CRLDistributionPoints {
		raw, until, err := f.fetchCRL(ctx, url, c, issuer, now)
		if err == nil || errors.As(err, new(errRevoked)) {
			return Validation{CRLs: [][]byte{raw}}, until, err
		}
		all = append(all, err)
	}
	if len(all) == 0 {
		return Validation{}, time.Time{}, errors.New("the certificate names no place to ask")
	}
	return Validation{}, time.Time{}, errors.Join(all...)
}

func (f *fetcher) askOCSP(ctx context.Context, url string, c, issuer *x509.Certificate, now time.Time) (Validation, time.Time, error) {
	fail := func(err error) (Validation, time.Time, error) { return Validation{}, time.Time{}, err }
	q, err := ocsp.CreateRequest(c, issuer, nil)
	if err != nil {
		return fail(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(q))
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	raw, err := f.do(req)
	if err != nil {
		return fail(err)
	}
	r, err := ocsp.ParseResponseForCert(raw, c, issuer)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", url, err))
	}
	if r.Status == ocsp.Revoked {
		return fail(errRevoked{r.RevokedAt})
	}
	if r.Status != ocsp.Good || r.NextUpdate.IsZero() || !now.Before(r.NextUpdate) || r.ThisUpdate.After(now.Add(overlap)) {
		return fail(fmt.Errorf("%s gives no answer that is good and in force", url))
	}
	v, until := Validation{OCSPs: [][]byte{raw}}, shortlyBefore(r.ThisUpdate, r.NextUpdate)
	if r.Certificate == nil || r.Certificate.Equal(issuer) {
		return v, until, nil
	}
	more, next, err := f.responder(ctx, r.Certificate, issuer, now)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", url, err))
	}
	v.add(more)
	if !next.IsZero() && next.Before(until) {
		until = next
	}
	return v, until, nil
}

// responder checks the certificate of somebody who answers for an authority: the authority must have said that it may
// (RFC 6960, 4.2.2.2), and vouch for it now or for good (id-pkix-ocsp-nocheck).
func (f *fetcher) responder(ctx context.Context, c, issuer *x509.Certificate, now time.Time) (Validation, time.Time, error) {
	if err := c.CheckSignatureFrom(issuer); err != nil {
		return Validation{}, time.Time{}, err
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return Validation{}, time.Time{}, errors.New("the responder may not answer for this authority")
	}
	v := Validation{Certs: [][]byte{c.Raw}}
	nocheck := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	for _, e := range c.Extensions {
		if e.Id.Equal(nocheck) {
			return v, time.Time{}, nil
		}
	}
	for _, url := range c.CRLDistributionPoints {
		raw, until, err := f.fetchCRL(ctx, url, c, issuer, now)
		if err == nil {
			v.CRLs = [][]byte{raw}
			return v, until, nil
		}
	}
	return Validation{}, time.Time{}, errors.New("nobody vouches for the responder")
}

func (f *fetcher) fetchCRL(ctx context.Context, url string, c, issuer *x509.Certificate, now time.Time) ([]byte, time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, time.Time{}, err
	}
	raw, err := f.do(req)
	if err != nil {
		return nil, time.Time{}, err
	}
	l, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", url, err)
	}
	if err := l.CheckSignatureFrom(issuer); err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", url, err)
	}
	if !now.Before(l.NextUpdate) || l.ThisUpdate.After(now.Add(overlap)) {
		return nil, time.Time{}, fmt.Errorf("%s is not in force", url)
	}
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
			return nil, time.Time{}, errRevoked{e.RevocationTime}
		}
	}
	return raw, shortlyBefore(l.ThisUpdate, l.NextUpdate), nil
}

// shortlyBefore leaves a tenth of the time an answer holds for a second attempt to get the next one.
func shortlyBefore(from, to time.Time) time.Time { return to.Add(-to.Sub(from) / 10) }

func (f *fetcher) do(req *http.Request) ([]byte, error) {
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, res.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxFetched+1))
	if err == nil && len(raw) > maxFetched {
		err = fmt.Errorf("%s is too large", req.URL)
	}
	return raw, err
}
