package documents

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/documents/pdf"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// halt is the switch of a municipality.
type halt struct {
	Halted  bool
	Reason  string
	Since   time.Time // zero: never turned
	Waiting int       // documents that are not issued yet
	version int
}

func reasonField(reason string) error {
	if n := utf8.RuneCountInString(reason); n < 3 || n > 500 {
		return kernel.InvalidFields(kernel.FieldError{Path: "body.reason", Slug: "document.reason-needed", Message: "Give a reason of 3 to 500 characters."})
	}
	return nil
}

// Revoke takes a document's validity away, at once and for good. Staff of the agency that issued it only; for anybody else
// it is not there. Errors: NotFound, Conflict (document-not-valid), Invalid without a reason. The reason is kept for the
// agency; the public check shows the fact and the date.
func (s *Service) Revoke(ctx context.Context, id, reason string) (kernel.Document, error) {
	if err := reasonField(reason); err != nil {
		return kernel.Document{}, err
	}
	d, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.Document, error) {
		r, err := s.ofAgency(ctx, tx, id)
		if err != nil {
			return kernel.Document{}, err
		}
		if err := revokeDocument(ctx, tx, r, reason, kernel.PrincipalOf(ctx).Person, s.Clock.Now()); err != nil {
			return kernel.Document{}, err
		}
		r.State = stateRevoked
		return r.Document, s.record(ctx, tx, "document.revoke", r, nil)
	})
	s.lists.forget(kernel.TenantOf(ctx).ID)
	return d, err
}

// Reissue issues the same content again, with a new number and date, e.g. after a slip of the printer or a change of the
// seal. It is pending like any other; once it is published it takes the place of the old one. Staff of the agency that
// issued it only. Errors: NotFound, Conflict (document-not-valid when it is pending, superseded, revoked or has been
// re-issued already; document-content-gone when the content of an old document was not kept), Invalid without a reason.
func (s *Service) Reissue(ctx context.Context, id, reason string) (kernel.Document, error) {
	if err := reasonField(reason); err != nil {
		return kernel.Document{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.Document, error) {
		old, err := s.ofAgency(ctx, tx, id)
		if err != nil {
			return kernel.Document{}, err
		}
		if old, err = lockDocument(ctx, tx, old.ID); err != nil {
			return kernel.Document{}, err
		}
		switch {
		case old.State != stateValid:
			return kernel.Document{}, errNotValid
		case len(old.Content) == 0:
			return kernel.Document{}, errNoContent
		}
		return s.again(ctx, tx, old, reason)
	})
}

func (s *Service) again(ctx context.Context, tx *pg.Tx, old record, reason string) (kernel.Document, error) {
	var c kernel.DocumentContent
	if err := json.Unmarshal(old.Content, &c); err != nil {
		return kernel.Document{}, err
	}
	if err := s.engine.Check(c); err != nil { // the layout may have learnt new rules since
		return kernel.Document{}, err
	}
	i := kernel.DocumentIntent{Case: old.Case, Holder: old.Holder, Agency: old.Agency, Type: old.Type, Content: c}
	r, err := s.intend(ctx, tx, i, record{ReissueOf: old.ID, ReissueReason: reason})
	if err != nil {
		return kernel.Document{}, err
	}
	return r.Document, s.record(ctx, tx, "document.reissue", old, map[string]string{"successor": string(r.ID)})
}

// intend stores an intent and asks for its issue. from holds what is known of the new record beyond the intent.
func (s *Service) intend(ctx context.Context, tx kernel.Tx, i kernel.DocumentIntent, from record) (record, error) {
	t, err := s.tenant(tx.TenantID())
	if err != nil {
		return record{}, err
	}
	content, err := json.Marshal(i.Content)
	if err != nil {
		return record{}, err
	}
	now := s.Clock.Now()
	code := newCode()
	r := from
	r.Document = kernel.Document{ID: kernel.DocumentID(kernel.NewID()), Case: i.Case, Number: formatNumber(i.Type, code), Type: i.Type, Title: i.Content.Title,
		State: statePending, IssuedAt: now, ValidTo: validTo(now, i.Content.ValidDays, t.Location())}
	r.Holder, r.Agency, r.Municipality, r.Issuer, r.Locale = i.Holder, i.Agency, i.Content.Municipality, i.Content.Issuer, i.Content.Locale
	r.Content, r.ContentHash, r.Template = content, sum(content), pdf.TemplateVersion
	s.step("intend")
	if err := insertDocument(ctx, tx, r, code); err != nil {
		return record{}, err
	}
	if err := s.record(ctx, tx, "document.intend", r, nil); err != nil {
		return record{}, err
	}
	if err := pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventDocumentIssue, Key: string(r.ID), Case: i.Case, Payload: kernel.DocumentIssue{Document: r.ID}}); err != nil {
		return record{}, err
	}
	s.step("intended")
	return r, nil
}

// halted reports the switch and how many documents wait. Registrars of any agency of the municipality; Forbidden otherwise.
func (s *Service) halted(ctx context.Context) (h halt, err error) {
	if err := mayHalt(ctx); err != nil {
		return halt{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if h, err = readHalt(ctx, tx); err != nil {
			return err
		}
		h.Waiting, err = waiting(ctx, tx)
		return err
	})
	return h, err
}

// Halt stops sealing and publishing in the municipality, at once: when it returns, nothing follows until Resume. Intents
// are still accepted and wait. Registrars only. Errors: Forbidden, Invalid without a reason, Conflict (halt-unchanged).
func (s *Service) Halt(ctx context.Context, reason string) error { return s.turn(ctx, true, reason) }

// Resume ends a halt; whatever waits is then issued, each document once. Registrars only. Errors as of Halt.
func (s *Service) Resume(ctx context.Context, reason string) error { return s.turn(ctx, false, reason) }

func (s *Service) turn(ctx context.Context, halted bool, reason string) error {
	if err := mayHalt(ctx); err != nil {
		return err
	}
	if err := reasonField(reason); err != nil {
		return err
	}
	_, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (bool, error) {
		version, err := turnHalt(ctx, tx, halted, reason, kernel.PrincipalOf(ctx).Person, s.Clock.Now())
		if err != nil {
			return halted, err
		}
		action := "document.halt"
		if !halted {
			action = "document.resume"
			// The effects that came while the switch was off have ended. One that is still open issues the same document,
			// and the second of the two finds it published.
			if err := emitPending(ctx, tx, time.Time{}, fmt.Sprintf("/resumed-%d", version)); err != nil {
				return halted, err
			}
		}
		return halted, s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: action})
	})
	return err
}

func mayHalt(ctx context.Context) error {
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Staff || !who.Has("", "registrar") {
		return errHaltRight
	}
	return nil
}

// IssuedQuery selects issued documents for staff; empty members do not narrow.
type IssuedQuery struct {
	Text   string            // a number, a part of the title, or a type; at most 100 characters
	Type   string            // e.g. "residence-certificate"
	State  string            // pending, valid, superseded, revoked
	Before kernel.DocumentID // page on: documents older than this one
	Limit  int               // 0: 50; at most 200
}

// issuedDocuments lists the documents of the agencies where the principal is registrar, newest first. Anybody else gets none.
func (s *Service) issuedDocuments(ctx context.Context, q IssuedQuery) (all []record, err error) {
	if q.Limit <= 0 || q.Limit > 200 {
		q.Limit = 50
	}
	q.Text = strings.TrimSpace(q.Text)
	if utf8.RuneCountInString(q.Text) > 100 {
		return nil, kernel.InvalidFields(kernel.FieldError{Path: "query.text", Slug: "document.text-too-long", Message: "The text is too long."})
	}
	if q.Before != "" && !kernel.ValidID(string(q.Before)) {
		return nil, kernel.NotThere("document to page on from")
	}
	agencies := registrarOf(kernel.PrincipalOf(ctx))
	if len(agencies) == 0 {
		return nil, nil
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err = issuedOfAgencies(ctx, tx, agencies, q)
		return err
	})
	return all, err
}

func registrarOf(who kernel.Principal) (agencies []string) {
	if who.Kind != kernel.Staff {
		return nil
	}
	for _, a := range who.Agencies() {
		if who.Has(a, "registrar") {
			agencies = append(agencies, string(a))
		}
	}
	return agencies
}

// documentEvent is one thing that happened to a document.
type documentEvent struct {
	At     time.Time
	Action string // intended, issued, renewed, reissued, superseded, revoked
	Reason string // of a re-issue or a revocation
}

// issuedDetail is a document as its agency sees it.
type issuedDetail struct {
	record
	History     []documentEvent
	Checks      []check // without the holder's labels
	Successor   string  // number of the document that took its place, or will; empty: none
	Predecessor string  // number of the document it re-issues; empty: none
	MayReissue  bool    // valid, the content is there, and not re-issued yet
}

// issuedDocument returns one document of an agency where the principal is registrar; NotFound for any other. The look is
// recorded, and the holder sees that it happened.
func (s *Service) issuedDocument(ctx context.Context, id string) (d issuedDetail, err error) {
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		d = issuedDetail{}
		if d.record, err = s.ofAgency(ctx, tx, id); err != nil {
			return err
		}
		if err := s.relatives(ctx, tx, &d); err != nil {
			return err
		}
		if d.Checks, err = checksOfDocument(ctx, tx, d.ID); err != nil {
			return err
		}
		for i := range d.Checks {
			d.Checks[i].Label = ""
		}
		return s.record(ctx, tx, "document.read", d.record, nil)
	})
	return d, err
}

func (s *Service) relatives(ctx context.Context, tx *pg.Tx, d *issuedDetail) error {
	next, err := reissuedAs(ctx, tx, d.ID)
	if err != nil {
		return err
	}
	d.Successor = next.Number
	if next.ID == "" && d.SupersededBy != "" {
		by, err := documentByID(ctx, tx, d.SupersededBy)
		if err != nil {
			return err
		}
		d.Successor = by.Number
	}
	if d.ReissueOf != "" {
		old, err := documentByID(ctx, tx, d.ReissueOf)
		if err != nil {
			return err
		}
		d.Predecessor = old.Number
	}
	times, err := sealTimes(ctx, tx, d.ID)
	d.MayReissue = d.State == stateValid && len(d.Content) > 0 && next.ID == ""
	d.History = history(d.record, next, times)
	return err
}

// history tells what happened, oldest first.
func history(r, next record, sealed []time.Time) []documentEvent {
	out := []documentEvent{{At: r.IssuedAt, Action: "intended", Reason: r.ReissueReason}}
	add := func(at time.Time, action, reason string) {
		if !at.IsZero() {
			out = append(out, documentEvent{At: at, Action: action, Reason: reason})
		}
	}
	add(r.PublishedAt, "issued", "")
	for i, at := range sealed {
		if i > 0 {
			add(at.UTC(), "renewed", "")
		}
	}
	add(next.IssuedAt, "reissued", next.ReissueReason)
	add(r.SupersededAt, "superseded", "")
	add(r.RevokedAt, "revoked", r.RevokeReason)
	sortEvents(out)
	return out
}
