package documents

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/pdffile"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/status"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// reachable reads the configured level and refuses one that this installation cannot reach: it is never lowered. What can
// only be known from the authority itself, check finds out.
func reachable(d Deps) (sign.Level, error) {
	l, err := sign.ParseLevel(d.Level)
	if err != nil {
		return "", err
	}
	if _, err := sign.ParseAlgorithm(d.Algorithm); err != nil {
		return "", err
	}
	if l.Stamped() && d.Stamp.URL == "" {
		return "", fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", l)
	}
	if _, err := stampRoots(d.Stamp); err != nil {
		return "", fmt.Errorf("signature level %s: %w", l, err)
	}
	return l, nil
}

// seals opens the keys when they are first needed, so that a program which only describes the contract makes none.
type seals struct {
	Deps
	level sign.Level

	mu      sync.Mutex
	keys    *sign.Keys
	stamper sign.Stamper // nil: none
	checked bool
}

func (s *seals) open() (*sign.Keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	keys, err := OpenKeys(s.Keys, s.Algorithm, s.Directory)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	s.keys = keys
	return keys, nil
}

// stamp opens the timestamp authority when it is first needed: without one, lists and answers about revoked keys, and the
// public check, still go on.
func (s *seals) stamp(keys *sign.Keys) (sign.Stamper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stamper != nil {
		return s.stamper, nil
	}
	stamper, err := stamperOf(s.Stamp, keys, s.Clock)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	s.stamper = stamper
	return stamper, nil
}

// OpenKeys makes or opens the folder of sealing keys of an installation: what the server does at its start, and
// `townhall keys init` before it. algorithm is of keys that are made: "ecdsa", "rsa", or empty for that of the folder.
func OpenKeys(dir, algorithm string, d kernel.Directory) (*sign.Keys, error) {
	if dir == "" {
		return nil, fmt.Errorf("no folder for the sealing keys is configured")
	}
	o := sign.InitOptions{Name: "Townhall", Algorithm: sign.Algorithm(algorithm)}
	if all := d.Tenants(); len(all) > 0 {
		o.CRLBase = all[0].Origin
		if len(all) == 1 {
			o.Name, o.Country = all[0].Name.In("en"), all[0].Country
		}
	}
	return sign.Init(dir, o)
}

// stamperOf opens the timestamp authority; nil when none is configured.
func stamperOf(o Stamp, keys *sign.Keys, clock kernel.Clock) (sign.Stamper, error) {
	switch o.URL {
	case "":
		return nil, nil
	case embeddedStamp:
		return keys.TSA(clock.Now)
	}
	roots, err := stampRoots(o)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	return sign.NewTSAClient(o.URL, pool, sign.TSAOptions{Clock: clock.Now})
}

const embeddedStamp = "embedded"

// stampRoots are the certificates that vouch for a timestamp authority outside.
func stampRoots(o Stamp) ([]*x509.Certificate, error) {
	if o.URL == "" || o.URL == embeddedStamp {
		return nil, nil
	}
	all, err := readCertificates(o.Roots)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no certificate in %s", o.Roots)
	}
	if err != nil {
		return nil, fmt.Errorf("roots of the timestamp authority: %w", err)
	}
	return all, nil
}

func readCertificates(path string) (all []*x509.Certificate, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// of returns the sealer of a municipality. Unavailable when a seal or its level cannot be had now.
func (s *seals) of(t kernel.Tenant, now time.Time) (*sign.Sealer, error) {
	keys, err := s.open()
	if err != nil {
		return nil, err
	}
	stamper, err := s.stamp(keys)
	if err != nil {
		return nil, err
	}
	return s.sealer(keys, t, sign.SealOptions{Level: s.level, Stamper: stamper}, now)
}

// plain is a municipality's seal for what carries no timestamp: it needs no timestamp authority.
func (s *seals) plain(t kernel.Tenant, now time.Time) (*sign.Sealer, error) {
	keys, err := s.open()
	if err != nil {
		return nil, err
	}
	return s.sealer(keys, t, sign.SealOptions{Level: sign.BB}, now)
}

func (s *seals) sealer(keys *sign.Keys, t kernel.Tenant, o sign.SealOptions, now time.Time) (*sign.Sealer, error) {
	if own, ok := s.Outside[t.ID]; ok {
		o.Outside = sign.Outside{CertificateFile: own.Certificate, Key: own.Key.Value()}
	}
	sealer, err := keys.Seal(t, o, now)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	return sealer, nil
}

// bundle is what a stranger needs to trust: our root, those of seals from outside, those of an outside timestamp authority
// (which vouch for the time alone), revocation lists, and the seals that were rotated out.
func (s *seals) bundle(now time.Time) ([]byte, error) {
	keys, err := s.open()
	if err != nil {
		return nil, err
	}
	var others []*x509.Certificate
	for _, t := range s.Directory.Tenants() {
		own, ok := s.Outside[t.ID]
		if !ok {
			continue
		}
		all, err := readCertificates(own.Certificate)
		if err != nil {
			return nil, errSealing.Wrap(err)
		}
		for _, c := range all {
			if bytes.Equal(c.RawSubject, c.RawIssuer) {
				others = append(others, c)
			}
		}
	}
	out, err := keys.TrustBundle(now, others...)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	roots, err := stampRoots(s.Stamp)
	for _, c := range roots {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "TIMESTAMP CERTIFICATE", Bytes: c.Raw})...)
	}
	return out, err
}

func (s *seals) trust(now time.Time) (*verify.Trust, error) {
	b, err := s.bundle(now)
	if err != nil {
		return nil, err
	}
	return verify.ParseTrust(b)
}

// check seals one page per municipality and verifies it: a server that could not issue at its level does not start.
func (s *Service) check(ctx context.Context) error {
	s.seals.mu.Lock()
	done := s.seals.checked
	s.seals.mu.Unlock()
	if done || s.DB == nil {
		return nil
	}
	keys, err := s.seals.open()
	if err != nil {
		return err
	}
	if s.Stamp.URL != embeddedStamp { // a wrong address is a mistake of whoever configured it; nobody is asked yet
		if _, err := s.seals.stamp(keys); err != nil {
			return err
		}
	}
	for _, t := range s.Directory.Tenants() {
		c := kernel.DocumentContent{Locale: kernel.Locales[0], Title: "Self-test", Municipality: t.Name.In("en"), Issuer: "Townhall"}
		r := record{Document: kernel.Document{Number: formatNumber("self-test", newCode()), IssuedAt: s.Clock.Now()}}
		_, err := s.sealed(ctx, t, r, c)
		if kernel.KindOf(err) == kernel.Unavailable {
			// Its documents wait and are retried; the others, and all that is no document, go on.
			s.Log.Error("documents cannot be sealed now", "tenant", t.ID, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("self-test of the seal of %s: %w", t.ID, err)
		}
	}
	s.seals.mu.Lock()
	s.seals.checked = true
	s.seals.mu.Unlock()
	return nil
}

// sealed renders, lints, seals and verifies: what our own verifier does not call valid, at the configured level, never
// leaves this function.
func (s *Service) sealed(ctx context.Context, t kernel.Tenant, r record, c kernel.DocumentContent) (sealedFile, error) {
	sealer, err := s.seals.of(t, s.Clock.Now())
	if err != nil {
		return sealedFile{}, err
	}
	in := s.input(t, r, c)
	in.Sealer, in.Level = sealer.Certificate().Subject.CommonName, string(sealer.Level())
	if c.Attach {
		if in.Attachment, err = machine(t, r, c); err != nil {
			return sealedFile{}, err
		}
	}
	file, err := sealFile(ctx, s.engine, sealer, in, sealText{c.Title, t.Name.In(c.Locale), s.Clock.Now(), s.step})
	if err != nil {
		return sealedFile{}, fmt.Errorf("document %s: %w", r.ID, err)
	}
	f, err := s.proved(r, file, s.seals.level)
	f.Revision = 1
	s.step("signed")
	return f, err
}

// sealText is what a seal says besides who made it, and who watches it being made.
type sealText struct {
	reason, location string
	now              time.Time
	step             func(string)
}

// sealFile renders, lints and seals: everything between the intent and the bytes that are stored.
func sealFile(ctx context.Context, e *pdf.Engine, s *sign.Sealer, in pdf.Input, o sealText) ([]byte, error) {
	o.step("render")
	u, err := e.Render(in, &pdf.Slot{Reserve: s.Reserve(), Name: in.Sealer, Reason: o.reason, Location: o.location, Timestamp: s.Level() == sign.BLTA})
	if err != nil {
		return nil, err
	}
	o.step("rendered")
	o.step("lint")
	if err := lint(u); err != nil {
		return nil, err
	}
	o.step("linted")
	o.step("sign")
	digest, err := u.Digest()
	if err != nil {
		return nil, err
	}
	cms, err := s.CMS(ctx, digest)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	file, err := u.Seal(cms)
	if err != nil || !s.Level().Proven() {
		return file, err
	}
	v, err := s.Validation(ctx, o.now)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	return extended(ctx, s, u, v, s.Level() == sign.BLTA)
}

// extendable is a document that was just sealed, or one that was reopened.
type extendable interface {
	Extend(v pdf.Validation, reserve int) (*pdf.Increment, error)
}

// extended adds what proves a seal and, with stamped, a document timestamp around all of it.
func extended(ctx context.Context, s *sign.Sealer, u extendable, v sign.Validation, stamped bool) ([]byte, error) {
	if !stamped {
		i, err := u.Extend(pdf.Validation(v), 0)
		if err != nil {
			return nil, err
		}
		return i.Bytes(), nil
	}
	i, err := u.Extend(pdf.Validation(v), s.TimestampReserve())
	if err != nil {
		return nil, err
	}
	digest, err := i.Digest()
	if err != nil {
		return nil, err
	}
	token, err := s.Timestamp(ctx, digest)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	return i.Seal(token)
}

// lint reads the page as the verifier will, before a key is used on it.
func lint(u *pdf.Unsigned) error {
	f, err := pdffile.Open(u.Bytes)
	if err != nil {
		return fmt.Errorf("before sealing: %w", err)
	}
	if f.Dict(f.Trailer["Root"]) == nil || f.Dict(f.Trailer["Info"]) == nil {
		return fmt.Errorf("before sealing: the file has no catalog")
	}
	return nil
}

// proved lets our own verifier judge a file: it must be valid, of this number, and of exactly this level.
func (s *Service) proved(r record, file []byte, level sign.Level) (sealedFile, error) {
	now := s.Clock.Now()
	trust, err := s.seals.trust(now)
	if err != nil {
		return sealedFile{}, err
	}
	rep := verify.Verify(file, trust, verify.Options{At: now})
	if rep.State != verify.Valid || rep.Number != r.Number || rep.Level != level {
		return sealedFile{}, fmt.Errorf("document %s was sealed, but does not verify at %s: %s %s %v", r.ID, level, rep.State, rep.Level, rep.Reasons)
	}
	return sealedFile{Document: r.ID, Bytes: file, Level: string(rep.Level), Proven: rep.Proven, RenewBefore: rep.Renew}, nil
}

func (s *Service) input(t kernel.Tenant, r record, c kernel.DocumentContent) pdf.Input {
	in := pdf.Input{Content: c, Number: r.Number, IssuedAt: r.IssuedAt, ValidTo: r.ValidTo, Zone: t.Location(), Colour: t.Colour, Crest: s.crests[t.ID],
		VerifyURL: checkAddress(t, r), VerifyAt: t.Host + "/verify"}
	if r.Number != "" {
		in.CheckURI = in.VerifyURL
		in.StatusURI = status.Reference(t.Origin, max(r.StatusIndex, 0))
	}
	return in
}

// statusList signs a status list with the municipality's seal.
func (s *seals) statusList(t kernel.Tenant, uri string, revoked, superseded []int, now time.Time) ([]byte, error) {
	sealer, err := s.plain(t, now)
	if err != nil {
		return nil, err
	}
	return status.Issue(sealer.Key(), sealer.Chain(), uri, revoked, superseded, now)
}
