package medical

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/sealed"
)

// Kinds of notes: what a person wrote, and what the practitioner noted. Both are health data in free text.
const (
	noteReason  = "reason"
	noteOutcome = "outcome"
)

// maxNote is how many characters a note may have.
const maxNote = 1000

var errNoteLong = kernel.InvalidFields(kernel.FieldError{Path: "reason", Slug: "medical.note-too-long", Message: "Use at most 1,000 characters."})

// keepNote seals a text of a person's for one case and stores it; an empty text takes the stored one away. The caller has
// checked who writes. Errors: Invalid when it is longer than maxNote.
func (s *Service) keepNote(ctx context.Context, tx kernel.Tx, c kernel.CaseID, p kernel.PersonID, kind, text string) error {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return dropNote(ctx, tx, c, kind)
	case utf8.RuneCountInString(text) > maxNote:
		return errNoteLong
	}
	now := s.Clock.Now()
	key, err := s.keyOf(ctx, tx, p, now)
	if err != nil {
		return err
	}
	return putNote(ctx, tx, c, kind, sealedNote{Person: p, Sealed: key.Seal(sealed.Place{Case: c, Column: kind}, text)}, now)
}

// keepReason keeps why the patient of an appointment comes; an empty reason is nothing to keep.
func (s *Service) keepReason(ctx context.Context, tx kernel.Tx, a Appointment, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return nil
	}
	return s.keepNote(ctx, tx, a.Case, a.Applicant, noteReason, reason)
}

// readNote opens a note; empty when there is none. The caller has checked who reads, and records it.
func (s *Service) readNote(ctx context.Context, tx kernel.Tx, c kernel.CaseID, kind string) (string, error) {
	n, ok, err := noteOf(ctx, tx, c, kind)
	if err != nil || !ok {
		return "", err
	}
	w, ok, err := wrappedKey(ctx, tx, n.Person)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("note of case %s: its person's key was deleted", c)
	}
	key, err := s.openKey(tx, n.Person, w)
	if err != nil {
		return "", err
	}
	return key.Open(sealed.Place{Case: c, Column: kind}, n.Sealed)
}

// keyOf returns a person's key and makes it when they have none.
func (s *Service) keyOf(ctx context.Context, tx kernel.Tx, p kernel.PersonID, now time.Time) (sealed.Key, error) {
	w, ok, err := wrappedKey(ctx, tx, p)
	if err != nil {
		return sealed.Key{}, err
	}
	if !ok {
		masters, err := s.ring.open(s.Keys)
		if err != nil {
			return sealed.Key{}, err
		}
		if w, err = masters.NewKey(tx.TenantID(), p); err != nil {
			return sealed.Key{}, err
		}
		if err := keepKey(ctx, tx, p, w, now); err != nil {
			return sealed.Key{}, err
		}
		if w, ok, err = wrappedKey(ctx, tx, p); err != nil || !ok {
			return sealed.Key{}, errors.Join(err, fmt.Errorf("key of person %s is not there after it was stored", p))
		}
	}
	return s.openKey(tx, p, w)
}

func (s *Service) openKey(tx kernel.Tx, p kernel.PersonID, w sealed.Wrapped) (sealed.Key, error) {
	masters, err := s.ring.open(s.Keys)
	if err != nil {
		return sealed.Key{}, err
	}
	return masters.Open(tx.TenantID(), p, w)
}

// keyring opens the folder of master keys at its first use, so that a house that never seals anything needs none.
type keyring struct {
	mu      sync.Mutex
	masters *sealed.Masters
}

func (k *keyring) open(dir string) (*sealed.Masters, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.masters == nil {
		if dir == "" {
			return nil, errors.New("no folder for the keys of health data")
		}
		m, err := sealed.OpenMasters(dir)
		if err != nil {
			return nil, err
		}
		k.masters = m
	}
	return k.masters, nil
}

// reasonFor returns why a patient comes, to a practitioner of the treating facility, and records that they read it. Anybody
// else: NotThere. Empty when the patient wrote nothing; then nothing was read, and nothing is recorded.
func (s *Service) reasonFor(ctx context.Context, tx kernel.Tx, a Appointment) (string, error) {
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Staff || !who.Has(a.Facility, RolePractitioner) {
		return "", kernel.NotThere("reason of a visit")
	}
	text, err := s.readNote(ctx, tx, a.Case, noteReason)
	if err != nil || text == "" {
		return "", err
	}
	return text, s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "appointment.reason", Case: a.Case, Subject: a.Applicant})
}

// keepNotes is for how many days after a visit the clinic can read why the patient came; the texts of the services say so.
const keepNotes = 30

func (s *Service) noteJobs() []app.Job {
	return []app.Job{{Name: "forget-notes", Every: time.Hour, Run: s.ForgetNotes}, {Name: "rewrap-keys", Every: 24 * time.Hour, Run: s.RewrapKeys}}
}

// forTenants goes on after a municipality that fails: one must not hold up the others.
func (s *Service) forTenants(ctx context.Context, do func(context.Context, *pg.Tx) error) error {
	var all []error
	for _, t := range s.Directory.Tenants() {
		ctx := kernel.WithTenant(kernel.WithPrincipal(ctx, kernel.SystemPrincipal(t.ID)), t)
		if err := s.DB.InTx(ctx, t.ID, func(tx *pg.Tx) error { return do(ctx, tx) }); err != nil {
			all = append(all, fmt.Errorf("%s: %w", t.ID, err))
		}
	}
	return errors.Join(all...)
}

// ForgetNotes deletes what patients wrote: keepNotes days after the visit, and when there was no visit after the draft days of
// its service. The keys of those who have no note left go with them. It is a job; any number of processes may run it.
func (s *Service) ForgetNotes(ctx context.Context) error {
	return s.forTenants(ctx, func(ctx context.Context, tx *pg.Tx) error {
		now := s.Clock.Now()
		for _, d := range s.Library.All() {
			if d.Sector != Sector {
				continue
			}
			if err := dropNotesOver(ctx, tx, d.Slug, now.AddDate(0, 0, -keepNotes), now.AddDate(0, 0, -d.Retention.DraftDays)); err != nil {
				return err
			}
		}
		return dropIdleKeys(ctx, tx, now.AddDate(0, 0, -1))
	})
}

// RewrapKeys moves the keys of persons under the newest master key, a thousand at a time. It is a job.
func (s *Service) RewrapKeys(ctx context.Context) error {
	return s.forTenants(ctx, func(ctx context.Context, tx *pg.Tx) error {
		masters, err := s.ring.open(s.Keys)
		if err != nil {
			return err
		}
		newest, err := masters.Newest()
		if err != nil {
			return err
		}
		all, err := keysNotUnder(ctx, tx, newest, 1000)
		if err != nil {
			return err
		}
		for _, p := range all {
			if err := rewrap(ctx, tx, masters, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func rewrap(ctx context.Context, tx kernel.Tx, masters *sealed.Masters, p kernel.PersonID) error {
	old, ok, err := wrappedKey(ctx, tx, p)
	if err != nil || !ok {
		return err
	}
	next, changed, err := masters.Rewrap(tx.TenantID(), p, old)
	if err != nil || !changed {
		return err
	}
	return rewrapKey(ctx, tx, p, old, next)
}
