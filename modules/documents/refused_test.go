package documents

import (
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/judges"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// forge is a B-LTA document of an authority, with all that is needed to tamper with one.
type forge struct {
	*authority
	engine *pdf.Engine
	sealer *sign.Sealer
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{authority: newAuthority(t, sign.ECDSA)}
	var err error
	f.engine, err = pdf.NewEngine()
	must(t, err)
	f.sealer = f.seal(t, f.tenant, sign.BLTA)
	return f
}

func (f *forge) seal(t *testing.T, tenant kernel.Tenant, level sign.Level) *sign.Sealer {
	t.Helper()
	s, err := f.keys.Seal(tenant, sign.SealOptions{Level: level, Stamper: f.tsa}, time.Now())
	must(t, err)
	return s
}

// document seals the sample, its input changed as wanted.
func (f *forge) document(t *testing.T, s *sign.Sealer, change func(*pdf.Input)) []byte {
	t.Helper()
	in := f.inputOf(t, sample("en"), s)
	if change != nil {
		change(&in)
	}
	file, err := sealFile(t.Context(), f.engine, s, in, sealText{"Issue of an official document", "Northwick", time.Now(), noStep})
	must(t, err)
	return file
}

func (f *forge) trust(t *testing.T, bundle []byte) *verify.Trust {
	t.Helper()
	trust, err := verify.ParseTrust(bundle)
	must(t, err)
	return trust
}

func (f *forge) expect(t *testing.T, name string, file, bundle []byte, at time.Time, state verify.State, reason string) {
	t.Helper()
	r := verify.Verify(file, f.trust(t, bundle), verify.Options{At: at})
	if r.State != state || !slices.Contains(r.Reasons, reason) || r.Number != "" {
		t.Errorf("%s: our verifier says %+v, want %s because of %s", name, r, state, reason)
	}
}

// Somebody exchanges the QR code in a file, to lead whoever scans it to another document, which is valid.
func TestADocumentWithTheCodeOfAnotherIsRefusedByUsAndByOthers(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	j := judges.New(t, f.bundle)
	if refused, says := j.Refuses(f.document(t, f.sealer, nil)); refused {
		t.Fatalf("the genuine file is refused:\n%s", says)
	}
	swapped := f.swapped(t)
	f.expect(t, "another document's code", swapped, f.bundle, time.Time{}, verify.Altered, verify.ReasonDigest)
	if refused, says := j.Refuses(swapped); !refused {
		t.Errorf("pdfsig and pdfcpu see nothing:\n%s", says)
	}
}

// swapped is a document with the QR code of another, and its own seal: what somebody gets who exchanges the code in the
// file to lead whoever scans it to a document that is valid.
func (f *forge) swapped(t *testing.T) []byte {
	t.Helper()
	s := f.seal(t, f.tenant, sign.BB)
	slot := &pdf.Slot{Reserve: s.Reserve(), Name: "Northwick Seal", Reason: "Issue", Location: "Northwick"}
	render := func(qr string) *pdf.Unsigned {
		in := f.inputOf(t, sample("en"), s)
		in.VerifyURL = qr
		u, err := f.engine.Render(in, slot)
		must(t, err)
		return u
	}
	genuine, other := render(f.tenant.Origin+"/verify/"+testNumber), render(f.tenant.Origin+"/verify/NW-0000-0000-0000-0001")
	digest, err := genuine.Digest()
	must(t, err)
	container, err := s.CMS(t.Context(), digest)
	must(t, err)
	file, err := other.Seal(container)
	must(t, err)
	if got := judges.Scan(t, judges.Save(t, "swapped.pdf", file)); !strings.HasSuffix(got, "0001") {
		t.Fatalf("the code was not exchanged: %s", got)
	}
	return file
}

// What is sealed well, but by a key that must not count: whose it is, and when. Where another program can see it, it refuses, too.
func TestASealThatMustNotCountIsRefusedByUsAndByOthersWhoCanSeeIt(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	now := time.Now()

	t.Run("the key of another municipality", func(t *testing.T) {
		eastmere := f.tenant
		eastmere.ID, eastmere.Name, eastmere.Origin = "eastmere", kernel.Text{"en": "Eastmere"}, "http://eastmere.localhost:8080"
		file := f.document(t, f.seal(t, eastmere, sign.BLTA), nil) // says that it is Northwick's
		f.expect(t, "another municipality's seal", file, f.bundle, now, verify.Untrusted, verify.ReasonOtherSeal)
		// Others know nothing of municipalities; they name the signer.
		if out := judges.Run(t, "pdfsig", "-no-ocsp", judges.Save(t, "x.pdf", file)); !strings.Contains(out, "CN=Eastmere Seal") {
			t.Errorf("pdfsig: %s", out)
		}
	})

	t.Run("an ended certificate", func(t *testing.T) {
		after := f.sealer.Certificate().NotAfter.Add(24 * time.Hour)
		file := f.document(t, f.seal(t, f.tenant, sign.BB), nil)
		f.expect(t, "a B-B seal after its end", file, f.bundle, after, verify.Untrusted, verify.ReasonExpired)
		if says := judges.OpenSSL(t, file, f.bundle, after); !strings.Contains(says, "expired") {
			t.Errorf("openssl: %s", says)
		}
		if r := verify.Verify(f.document(t, f.sealer, nil), f.trust(t, f.bundle), verify.Options{At: after}); r.State != verify.Valid {
			t.Errorf("a B-LTA document does not outlive the seal: %+v", r)
		}
	})

	t.Run("a key that was rotated out", func(t *testing.T) {
		old := f.seal(t, f.tenant, sign.BB)
		before := f.document(t, old, nil)
		_, err := f.keys.Rotate(f.tenant, now)
		must(t, err)
		bundle, err := f.keys.TrustBundle(now)
		must(t, err)
		late := now.Add(time.Hour)
		after := f.document(t, old, func(in *pdf.Input) { in.IssuedAt = late.UTC().Truncate(time.Second) })
		f.expect(t, "sealed after the rotation", after, bundle, late, verify.Untrusted, verify.ReasonRetired)
		if r := verify.Verify(before, f.trust(t, bundle), verify.Options{At: late}); r.State != verify.Valid {
			t.Errorf("what was sealed before the rotation: %+v", r)
		}
	})

	t.Run("a revoked key", func(t *testing.T) {
		s := f.seal(t, f.tenant, sign.BB)
		file, lasting := f.document(t, s, nil), f.document(t, f.seal(t, f.tenant, sign.BLTA), nil)
		must(t, f.keys.RevokeSeal(s.Certificate().SerialNumber.Text(16), sign.KeyCompromise, time.Now().Add(2*time.Second))) // timestamps count in seconds
		later := time.Now().Add(time.Minute)
		bundle, err := f.keys.TrustBundle(later)
		must(t, err)
		f.expect(t, "a B-B seal of a revoked key", file, bundle, later, verify.Untrusted, verify.ReasonRevoked)
		if says := judges.OpenSSL(t, file, bundle, later); !strings.Contains(says, "revoked") {
			t.Errorf("openssl: %s", says)
		}
		if refused, says := judges.New(t, bundle).Refuses(file); !refused || !strings.Contains(says, "revoked") {
			t.Errorf("pdfcpu, which asks the authority: %s", says)
		}
		if r := verify.Verify(lasting, f.trust(t, bundle), verify.Options{At: later}); r.State != verify.Valid {
			t.Errorf("what a timestamp proves to be older than the revocation: %+v", r)
		}
	})
}
