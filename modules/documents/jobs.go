package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
)

// Steps are the moments of a document's issue at which Deps.Step is called, in order: before and after each of intent,
// render, lint, sign, store and publish. A crash drill ends the process there.
var Steps = [...]string{"intend", "intended", "render", "rendered", "lint", "linted", "sign", "signed", "store", "stored", "publish", "published"}

func (s *Service) step(name string) {
	if s.Step != nil {
		s.Step(name)
	}
}

// issue is the effect of an intent. It may run any number of times, at once too: the file that is stored first is the
// document, whoever sealed it. While the municipality is halted it ends without issuing: Resume asks anew.
func (s *Service) issue(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.DocumentIssue
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	var r record
	var stored bool
	var h halt
	err := s.DB.Read(ctx, e.Tenant, func(tx *pg.Tx) (err error) {
		if r, err = documentByID(ctx, tx, p.Document); err != nil {
			return err
		}
		if stored, err = hasFile(ctx, tx, p.Document); err != nil {
			return err
		}
		h, err = readHalt(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case r.State != statePending:
		return nil, nil
	case h.Halted:
		return s.wait, nil
	case !stored:
		done, err := s.makeFile(ctx, e.Tenant, r)
		if err != nil {
			return nil, err
		}
		if !done {
			return s.wait, nil
		}
	}
	return func(ctx context.Context, tx *pg.Tx) error { return s.publish(ctx, tx, p.Document) }, nil
}

// wait ends the effect of a document that has to wait. When the switch was turned on again meanwhile, the effect fails
// and is run again: else nobody would.
func (s *Service) wait(ctx context.Context, tx *pg.Tx) error {
	h, err := holdHalt(ctx, tx)
	if err == nil && !h.Halted {
		return errHalted
	}
	return err
}

// makeFile renders, lints, seals and stores. false: the switch was turned off meanwhile, and what was sealed is thrown away.
func (s *Service) makeFile(ctx context.Context, tenant kernel.TenantID, r record) (bool, error) {
	t, err := s.tenant(tenant)
	if err != nil {
		return false, err
	}
	var c kernel.DocumentContent
	if err := json.Unmarshal(r.Content, &c); err != nil {
		return false, fmt.Errorf("content of document %s: %w", r.ID, err)
	}
	// jsonb keeps the content, not its bytes: the hash is of the canonical form.
	if canonical, err := json.Marshal(c); err != nil || !bytes.Equal(sum(canonical), r.ContentHash) {
		return false, fmt.Errorf("content of document %s is not what was intended", r.ID)
	}
	if r.StatusIndex < 0 {
		err := s.DB.InTx(ctx, tenant, func(tx *pg.Tx) error {
			r.StatusIndex, err = givePlace(ctx, tx, r.ID)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	f, err := s.sealed(ctx, t, r, c)
	if err != nil {
		return false, err
	}
	return s.store(ctx, tenant, f)
}

func (s *Service) store(ctx context.Context, tenant kernel.TenantID, f sealedFile) (done bool, err error) {
	s.step("store")
	err = s.DB.InTx(ctx, tenant, func(tx *pg.Tx) error {
		h, err := holdHalt(ctx, tx)
		if err != nil {
			return err
		}
		if done = !h.Halted; h.Halted {
			return nil
		}
		_, err = storeFile(ctx, tx, f, s.Clock.Now())
		return err
	})
	s.step("stored")
	return done, err
}

// publish runs in the transaction that completes the effect. A halt makes it end without publishing: Resume asks anew.
func (s *Service) publish(ctx context.Context, tx *pg.Tx, id kernel.DocumentID) error {
	h, err := holdHalt(ctx, tx)
	if err != nil || h.Halted {
		return err
	}
	s.step("publish")
	r, old, err := lockFamily(ctx, tx, id)
	if err != nil {
		return err
	}
	now := s.Clock.Now()
	published, err := publishDocument(ctx, tx, id, now)
	if err != nil || !published {
		return err
	}
	if err := s.record(ctx, tx, "document.issue", r, nil); err != nil {
		return err
	}
	beside, err := r.standsBeside()
	if err != nil {
		return err
	}
	newer := kernel.DocumentID("")
	if !beside {
		newer, err = newerValid(ctx, tx, r)
	}
	switch {
	case err != nil:
	case old.ID != "" && old.State != stateValid:
		err = s.follow(ctx, tx, r, old, now)
	case newer != "": // asked for later, and ready sooner
		err = supersedeDocument(ctx, tx, r.ID, newer, now)
	default:
		err = s.succeed(ctx, tx, r, old, beside, now)
	}
	s.step("published")
	return err
}

// standsBeside reports that a document that is still to be published takes the place of none of its kind in its case.
func (r record) standsBeside() (bool, error) {
	var c kernel.DocumentContent
	if err := json.Unmarshal(r.Content, &c); err != nil {
		return false, fmt.Errorf("content of document %s: %w", r.ID, err)
	}
	return c.Beside, nil
}

// succeed lets a new document take the place of the one it re-issues and, unless it stands beside them, of older ones of its
// kind in its case.
func (s *Service) succeed(ctx context.Context, tx *pg.Tx, r, old record, beside bool, now time.Time) error {
	if old.ID != "" {
		if err := supersedeDocument(ctx, tx, old.ID, r.ID, now); err != nil {
			return err
		}
	}
	if !beside {
		if err := supersedeOlder(ctx, tx, r, now); err != nil {
			return err
		}
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventDocumentIssued, Key: string(r.ID), Case: r.Case,
		Payload: kernel.DocumentIssued{Document: r.ID, Case: r.Case, Person: r.Holder, Number: r.Number, Type: r.Type}})
}

// follow: what was to be re-issued lost its validity while the new one was being made, so the new one never has any.
func (s *Service) follow(ctx context.Context, tx *pg.Tx, r, old record, now time.Time) error {
	if old.State == stateSuperseded {
		return supersedeDocument(ctx, tx, r.ID, old.SupersededBy, now)
	}
	r.Version++ // publishing did
	if err := revokeDocument(ctx, tx, r, old.RevokeReason, "", now); err != nil {
		return err
	}
	return s.record(ctx, tx, "document.revoke", r, nil)
}

// keepChecks is how long a holder can look back at who verified a document.
const keepChecks = 2 * 365 * 24 * time.Hour

func (s *Service) jobs() []app.Job {
	return []app.Job{
		{Name: "issue-waiting", Every: time.Hour, Run: s.issueOverdue},
		{Name: "renew-timestamps", Every: 24 * time.Hour, Run: s.renewDue},
		{Name: "forget-checks", Every: 24 * time.Hour, Run: s.forgetChecks},
	}
}

// overdue is how long a document may be in the making before its issue is asked for anew.
const overdue = time.Hour

// issueOverdue asks anew for what is still not issued: the effect of an intent gives up after some tries, and a timestamp
// authority may be away for longer. Asked for by several processes it is asked for once an hour.
func (s *Service) issueOverdue(ctx context.Context) error {
	return s.eachTenant(ctx, func(ctx context.Context, tx *pg.Tx) error {
		if h, err := readHalt(ctx, tx); err != nil || h.Halted {
			return err
		}
		now := s.Clock.Now()
		return emitPending(ctx, tx, now.Add(-overdue), now.UTC().Format("/overdue-2006-01-02T15"))
	})
}

// emitPending asks for the issue of every document that has been pending since before a moment, of every pending one when
// it is zero. suffix makes the request another one than those before.
func emitPending(ctx context.Context, tx *pg.Tx, before time.Time, suffix string) error {
	for after := noShare; ; {
		all, err := pendingAfter(ctx, tx, after)
		if err != nil || len(all) == 0 {
			return err
		}
		var events []kernel.Event
		for _, d := range all {
			if before.IsZero() || d.IssuedAt.Before(before) {
				events = append(events, kernel.Event{Name: kernel.EventDocumentIssue, Key: string(d.ID) + suffix, Case: d.Case, Payload: kernel.DocumentIssue{Document: d.ID}})
			}
		}
		if err := pg.Emit(ctx, tx, events...); err != nil {
			return err
		}
		after = string(all[len(all)-1].ID)
	}
}

func (s *Service) forgetChecks(ctx context.Context) error {
	return s.eachTenant(ctx, func(ctx context.Context, tx *pg.Tx) error {
		return forgetChecks(ctx, tx, s.Clock.Now().Add(-keepChecks))
	})
}

// eachTenant goes on after a municipality that fails: one must not hold up the others.
func (s *Service) eachTenant(ctx context.Context, do func(context.Context, *pg.Tx) error) error {
	var all []error
	for _, t := range s.Directory.Tenants() {
		ctx := kernel.WithTenant(kernel.WithPrincipal(ctx, kernel.SystemPrincipal(t.ID)), t)
		if err := s.DB.InTx(ctx, t.ID, func(tx *pg.Tx) error { return do(ctx, tx) }); err != nil {
			all = append(all, fmt.Errorf("%s: %w", t.ID, err))
		}
	}
	return errors.Join(all...)
}

// renewal is a document whose newest timestamp ends soon, and the revision that carries it.
type renewal struct {
	Document kernel.DocumentID
	Case     kernel.CaseID
	Revision int
}

const renewBatch = 10_000 // documents of one municipality at one turn of the job

// renewDue asks for the renewal of every document whose newest timestamp ends within RenewBefore. Any number of processes
// may run it: the same revision is asked for once a day, until it has a successor.
func (s *Service) renewDue(ctx context.Context) error {
	return s.eachTenant(ctx, func(ctx context.Context, tx *pg.Tx) error {
		now := s.Clock.Now()
		due, err := dueForRenewal(ctx, tx, now, now.Add(s.RenewBefore), renewBatch)
		if err != nil {
			return err
		}
		events := make([]kernel.Event, len(due))
		for i, d := range due {
			events[i] = kernel.Event{Name: kernel.EventDocumentRenew, Key: fmt.Sprintf("%s/%d/%s", d.Document, d.Revision, now.UTC().Format(time.DateOnly)), Case: d.Case,
				Payload: kernel.DocumentRenew{Document: d.Document, Revision: d.Revision}}
		}
		return pg.Emit(ctx, tx, events...)
	})
}

// renew is the effect: fresh validation data and a new timestamp around the newest revision, stored as the next one. A
// second attempt is thrown away; the earlier revisions stay as they are.
func (s *Service) renew(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.DocumentRenew
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	var r record
	var f sealedFile
	err := s.DB.Read(ctx, e.Tenant, func(tx *pg.Tx) (err error) {
		if r, err = documentByID(ctx, tx, p.Document); err != nil {
			return err
		}
		f, err = newestFile(ctx, tx, p.Document)
		return err
	})
	if err != nil || f.Revision != p.Revision {
		return nil, err
	}
	t, err := s.tenant(e.Tenant)
	if err != nil {
		return nil, err
	}
	next, err := s.renewed(ctx, t, r, f)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		done, err := storeFile(ctx, tx, next, s.Clock.Now())
		if err != nil || !done {
			return err
		}
		return s.record(ctx, tx, "document.renew", r, map[string]string{"revision": fmt.Sprint(next.Revision)})
	}, nil
}
