package payments

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
)

// daysBack is how many days are looked at: a provider that is away on one day is asked again on the next.
const daysBack = 7

func (s *Service) jobs() []app.Job {
	return []app.Job{{Name: "compare-statements", Every: time.Hour, Run: s.Reconcile}}
}

// Reconcile compares every finished day (UTC) that has not been compared yet with the statements of those providers that give
// them. It may run in several processes at once: the same difference found twice is one.
func (s *Service) Reconcile(ctx context.Context) error {
	today := s.Clock.Now().UTC().Truncate(24 * time.Hour)
	for _, t := range s.Directory.Tenants() {
		for _, p := range s.providers {
			by, ok := p.(stating)
			if !ok {
				continue
			}
			for back := daysBack; back >= 1; back-- {
				if err := s.reconcileDay(ctx, t, p.Name(), by, today.AddDate(0, 0, -back)); err != nil {
					return fmt.Errorf("payments: compare %s of %s: %w", p.Name(), t.ID, err)
				}
			}
		}
	}
	return nil
}

func (s *Service) reconcileDay(ctx context.Context, t kernel.Tenant, provider string, by stating, at time.Time) error {
	of := dayOf(at)
	var done bool
	err := s.DB.Read(ctx, t.ID, func(tx *pg.Tx) (err error) {
		done, err = reconciled(ctx, tx, provider, of)
		return err
	})
	if err != nil || done {
		return err
	}
	theirs, err := by.Statement(ctx, t, of)
	if err != nil {
		return err
	}
	if theirs, err = s.withoutOthers(ctx, t, theirs); err != nil {
		return err
	}
	var ours []movement
	err = s.DB.Read(ctx, t.ID, func(tx *pg.Tx) (err error) {
		ours, err = movementsOf(ctx, tx, provider, of, named(theirs))
		return err
	})
	if err != nil {
		return err
	}
	found := compare(of, provider, ours, theirs, nil)
	if slices.ContainsFunc(found, func(d difference) bool { return d.Kind == missingThere }) {
		beside, err := subjectsBeside(ctx, t, by, at)
		if err != nil {
			return err
		}
		found = compare(of, provider, ours, theirs, beside)
	}
	ours = slices.DeleteFunc(ours, func(m movement) bool { return dayOf(m.At) != of })
	now := s.Clock.Now()
	return s.DB.InTx(ctx, t.ID, func(tx *pg.Tx) error {
		for _, d := range found {
			d.FoundAt = now
			if err := insertDifference(ctx, tx, d); err != nil {
				return err
			}
		}
		return saveReconciled(ctx, tx, day{Provider: provider, Day: of, Theirs: len(theirs), Ours: len(ours), At: now})
	})
}

// subjectsBeside are what the statements of the day before and the day after name.
func subjectsBeside(ctx context.Context, t kernel.Tenant, by stating, at time.Time) (map[string]bool, error) {
	out := map[string]bool{}
	for _, n := range []int{-1, 1} {
		entries, err := by.Statement(ctx, t, dayOf(at.AddDate(0, 0, n)))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			out[e.subject()] = true
		}
	}
	return out, nil
}

// withoutOthers leaves out what belongs to other municipalities of this installation: one wallet may serve several and keep one
// set of books.
func (s *Service) withoutOthers(ctx context.Context, t kernel.Tenant, theirs []entry) ([]entry, error) {
	foreign := map[kernel.PaymentID]bool{}
	for _, other := range s.Directory.Tenants() {
		if other.ID == t.ID {
			continue
		}
		err := s.DB.Read(ctx, other.ID, func(tx *pg.Tx) error {
			ids, err := knows(ctx, tx, named(theirs))
			for _, id := range ids {
				foreign[kernel.PaymentID(id)] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(theirs, func(e entry) bool { return foreign[e.Payment] }), nil
}

// named are the ids of payments a statement names, as far as they can be ids.
func named(theirs []entry) []string {
	out := []string{}
	for _, e := range theirs {
		if kernel.ValidID(string(e.Payment)) {
			out = append(out, string(e.Payment))
		}
	}
	return out
}

// desk is what a treasurer sees: the differences to be settled, and the days compared.
type desk struct {
	Open []difference
	Days []day
}

// desk is for the role treasurer, which the page's policy has checked; so are the other uses below.
func (s *Service) desk(ctx context.Context) (desk, error) {
	var d desk
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if d.Open, err = readDifferences(ctx, tx, ""); err != nil {
			return err
		}
		d.Days, err = readDays(ctx, tx, 60)
		return err
	})
	return d, err
}

func (s *Service) difference(ctx context.Context, id string) (difference, error) {
	var d difference
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		d, err = getDifference(ctx, tx, id)
		return err
	})
	return d, err
}

// maxReason is the longest reason, in characters.
const maxReason = 500

var errNoReason = kernel.InvalidFields(kernel.FieldError{Path: "reason", Slug: "payments.reason-needed", Message: "Say how it was settled, in at most 500 characters."})

// settleDifference closes a difference with a reason, which is recorded with who gave it. Errors: NotFound, Invalid without a reason,
// kernel.ErrChanged when it was settled meanwhile.
func (s *Service) settleDifference(ctx context.Context, id, reason string) error {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxReason {
		return errNoReason
	}
	who := kernel.PrincipalOf(ctx)
	_, err := pg.Once(ctx, s.DB, who.Tenant, func(tx *pg.Tx) (struct{}, error) {
		d, err := getDifference(ctx, tx, id)
		if err != nil {
			return struct{}{}, err
		}
		done, err := closeDifference(ctx, tx, id, who.Person, reason, s.Clock.Now())
		if err != nil {
			return struct{}{}, err
		}
		if !done {
			return struct{}{}, kernel.ErrChanged
		}
		return struct{}{}, s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "payment.difference-settle", Details: map[string]string{"difference": id, "kind": d.Kind, "payment": string(d.Payment)}})
	})
	return err
}

// report is the ledger of a day (YYYY-MM-DD, UTC) as CSV (RFC 4180), for a spreadsheet. Its head is in English: programs read it.
func (s *Service) report(ctx context.Context, of string) ([]byte, error) {
	if _, err := time.Parse(time.DateOnly, of); err != nil {
		return nil, kernel.NotThere("report")
	}
	var rows []posting
	var found []difference
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if rows, err = bookedOn(ctx, tx, of); err != nil {
			return err
		}
		found, err = readDifferences(ctx, tx, of)
		return err
	})
	if err != nil {
		return nil, err
	}
	return reportOf(rows, found)
}

func reportOf(rows []posting, found []difference) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	write := func(cells ...string) {
		for i := range cells {
			cells[i] = guarded(cells[i])
		}
		_ = w.Write(cells) // a buffer; Error says so below
	}
	write("at", "entry", "payment", "reference", "provider", "line", "account", "amount", "currency", "reason", "theirs", "settlement")
	for _, r := range rows {
		write(r.At.UTC().Format(time.RFC3339), r.Kind, r.Number, r.Reference, r.Provider, r.Line, r.Account, kernel.Money{Amount: r.Amount, Currency: r.Currency}.Decimal(), r.Currency, r.Reason, "", "")
	}
	for _, d := range found {
		ours, theirs := "", ""
		if d.HasOurs {
			ours = kernel.Money{Amount: d.Ours, Currency: d.Currency}.Decimal()
		}
		if d.HasTheirs {
			theirs = kernel.Money{Amount: d.Theirs, Currency: d.Currency}.Decimal()
		}
		write(d.FoundAt.UTC().Format(time.RFC3339), "difference", d.Number, d.Reference, d.Provider, "", "", ours, d.Currency, d.Kind, theirs, d.Settlement)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
