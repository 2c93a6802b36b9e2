package documents

import (
	"context"
	"fmt"
	"sync"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/pdffile"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/status"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// reachable reads the configured level and refuses one that this installation cannot reach: it is never lowered.
func reachable(d Deps) (sign.Level, error) {
	l, err := sign.ParseLevel(d.Level)
	if err == nil && l != sign.BB {
		err = fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", l)
	}
	return l, err
}

// seals opens the keys when they are first needed, so that a program which only describes the contract makes none.
type seals struct {
	Deps
	level sign.Level

	mu      sync.Mutex
	keys    *sign.Keys
	checked bool
}

func (s *seals) open() (*sign.Keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	keys, err := OpenKeys(s.Keys, s.Directory)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	s.keys = keys
	return keys, nil
}

// OpenKeys makes or opens the folder of sealing keys of an installation: what the server does at its start, and
// `townhall keys init` before it.
func OpenKeys(dir string, d kernel.Directory) (*sign.Keys, error) {
	if dir == "" {
		return nil, fmt.Errorf("no folder for the sealing keys is configured")
	}
	o := sign.InitOptions{Name: "Townhall"}
	if all := d.Tenants(); len(all) > 0 {
		o.CRLBase = all[0].Origin
		if len(all) == 1 {
			o.Name, o.Country = all[0].Name.In("en"), all[0].Country
		}
	}
	return sign.Init(dir, o)
}

func (s *seals) of(t kernel.Tenant, now time.Time) (*sign.Sealer, error) {
	keys, err := s.open()
	if err != nil {
		return nil, err
	}
	sealer, err := keys.Seal(t, sign.SealOptions{Level: s.level}, now)
	if err != nil {
		return nil, errSealing.Wrap(err)
	}
	return sealer, nil
}

func (s *seals) bundle(now time.Time) ([]byte, error) {
	keys, err := s.open()
	if err != nil {
		return nil, err
	}
	return keys.TrustBundle(now)
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
	for _, t := range s.Directory.Tenants() {
		c := kernel.DocumentContent{Locale: kernel.Locales[0], Title: "Self-test", Municipality: t.Name.In("en"), Issuer: "Townhall"}
		r := record{Document: kernel.Document{Number: formatNumber("self-test", newCode()), IssuedAt: s.Clock.Now()}}
		if _, err := s.sealed(ctx, t, r, c); err != nil {
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
	file, err := sealFile(ctx, s.engine, sealer, in, c.Title, t.Name.In(c.Locale), s.step)
	if err != nil {
		return sealedFile{}, fmt.Errorf("document %s: %w", r.ID, err)
	}
	f, err := s.proved(t, r, file, s.seals.level)
	s.step("signed")
	return f, err
}

// sealFile renders, lints and seals: everything between the intent and the bytes that are stored.
func sealFile(ctx context.Context, e *pdf.Engine, s *sign.Sealer, in pdf.Input, reason, location string, step func(string)) ([]byte, error) {
	step("render")
	u, err := e.Render(in, &pdf.Slot{Reserve: s.Reserve(), Name: in.Sealer, Reason: reason, Location: location})
	if err != nil {
		return nil, err
	}
	step("rendered")
	step("lint")
	if err := lint(u); err != nil {
		return nil, err
	}
	step("linted")
	step("sign")
	digest, err := u.Digest()
	if err != nil {
		return nil, err
	}
	cms, err := s.CMS(ctx, digest)
	if err != nil {
		return nil, err
	}
	return u.Seal(cms)
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
func (s *Service) proved(_ kernel.Tenant, r record, file []byte, level sign.Level) (sealedFile, error) {
	now := s.Clock.Now()
	trust, err := s.seals.trust(now)
	if err != nil {
		return sealedFile{}, err
	}
	rep := verify.Verify(file, trust, verify.Options{At: now})
	if rep.State != verify.Valid || rep.Number != r.Number || rep.Level != level {
		return sealedFile{}, fmt.Errorf("document %s was sealed, but does not verify at %s: %s %s %v", r.ID, level, rep.State, rep.Level, rep.Reasons)
	}
	return sealedFile{Document: r.ID, Revision: 1, Bytes: file, Level: string(rep.Level)}, nil
}

// renewed puts fresh validation data and a new document timestamp around a file.
func (s *Service) renewed(_ context.Context, _ kernel.Tenant, r record, _ sealedFile) (sealedFile, error) {
	return sealedFile{}, fmt.Errorf("document %s has no timestamp to renew", r.ID)
}

func (s *Service) input(t kernel.Tenant, r record, c kernel.DocumentContent) pdf.Input {
	in := pdf.Input{Content: c, Number: r.Number, IssuedAt: r.IssuedAt, ValidTo: r.ValidTo, Zone: t.Location(), Colour: t.Colour,
		VerifyURL: checkAddress(t, r), VerifyAt: t.Host + "/verify"}
	if r.Number != "" {
		in.CheckURI = in.VerifyURL
		in.StatusURI = status.Reference(t.Origin, max(r.StatusIndex, 0))
	}
	return in
}

// statusList signs a status list with the municipality's seal.
func (s *seals) statusList(t kernel.Tenant, uri string, revoked, superseded []int, now time.Time) ([]byte, error) {
	sealer, err := s.of(t, now)
	if err != nil {
		return nil, err
	}
	return status.Issue(sealer.Key(), sealer.Chain(), uri, revoked, superseded, now)
}
