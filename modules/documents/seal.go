package documents

import (
	"context"
	"fmt"
	"sync"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// sealFile renders and seals: everything between the intent and the bytes that are stored.
func sealFile(e *pdf.Engine, s *sign.Sealer, in pdf.Input, reason, location string) ([]byte, error) {
	u, err := e.Render(in, &pdf.Slot{Reserve: s.Reserve(), Name: in.Sealer, Reason: reason, Location: location})
	if err != nil {
		return nil, err
	}
	digest, err := u.Digest()
	if err != nil {
		return nil, err
	}
	cms, err := s.CMS(digest)
	if err != nil {
		return nil, err
	}
	return u.Seal(cms)
}

// reachable reads the configured level and refuses one that this installation cannot reach: it is never lowered.
func reachable(level string) (sign.Level, error) {
	l, err := sign.ParseLevel(level)
	if err == nil && l != sign.BB {
		err = fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", l)
	}
	return l, err
}

// seals opens the keys when they are first needed, so that a program which only describes the contract makes none.
type seals struct {
	dir       string
	directory kernel.Directory
	level     sign.Level

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
	keys, err := OpenKeys(s.dir, s.directory)
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
	sealer, err := keys.Seal(t, s.level, now)
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

// check seals one page per municipality and verifies it: a server that could not issue does not start.
func (s *Service) check(context.Context) error {
	s.seals.mu.Lock()
	done := s.seals.checked
	s.seals.mu.Unlock()
	if done || s.DB == nil {
		return nil
	}
	for _, t := range s.Directory.Tenants() {
		c := kernel.DocumentContent{Locale: kernel.Locales[0], Title: "Self-test", Municipality: t.Name.In("en"), Issuer: "Townhall"}
		r := record{Document: kernel.Document{Number: formatNumber("self-test", newCode()), IssuedAt: s.Clock.Now()}}
		if _, err := s.sealed(t, r, c); err != nil {
			return fmt.Errorf("self-test of the seal of %s: %w", t.ID, err)
		}
	}
	s.seals.mu.Lock()
	s.seals.checked = true
	s.seals.mu.Unlock()
	return nil
}

// sealed renders, seals and lints: what our own verifier does not call valid never leaves this function.
func (s *Service) sealed(t kernel.Tenant, r record, c kernel.DocumentContent) ([]byte, error) {
	sealer, err := s.seals.of(t, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	in := s.input(t, r, c)
	in.Sealer, in.Level = sealer.Certificate().Subject.CommonName, string(sealer.Level())
	file, err := sealFile(s.engine, sealer, in, c.Title, t.Name.In(c.Locale))
	if err != nil {
		return nil, err
	}
	trust, err := s.seals.trust(s.Clock.Now())
	if err != nil {
		return nil, err
	}
	if rep := verify.Verify(file, trust, verify.Options{At: s.Clock.Now()}); rep.State != verify.Valid || rep.Number != r.Number {
		return nil, fmt.Errorf("document %s was sealed, but does not verify: %s %v", r.ID, rep.State, rep.Reasons)
	}
	return file, nil
}

func (s *Service) input(t kernel.Tenant, r record, c kernel.DocumentContent) pdf.Input {
	return pdf.Input{Content: c, Number: r.Number, IssuedAt: r.IssuedAt, ValidTo: r.ValidTo, Zone: t.Location(), Colour: t.Colour,
		VerifyURL: t.Origin + "/verify/" + r.Number, VerifyAt: t.Host + "/verify"}
}
