package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Intend implements kernel.Documents. It is called inside the step that promises the document, by casework, which has
// checked that the step is allowed.
func (s *Service) Intend(ctx context.Context, tx kernel.Tx, i kernel.DocumentIntent) (kernel.DocumentID, error) {
	if err := s.engine.Check(i.Content); err != nil {
		return "", err
	}
	t, err := s.tenant(tx.TenantID())
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(i.Content)
	if err != nil {
		return "", err
	}
	now := s.Clock.Now()
	code := newCode()
	r := record{
		Document: kernel.Document{ID: kernel.DocumentID(kernel.NewID()), Case: i.Case, Number: formatNumber(i.Type, code), Type: i.Type, Title: i.Content.Title,
			State: statePending, IssuedAt: now, ValidTo: validTo(now, i.Content.ValidDays, t.Location())},
		Holder: i.Holder, Agency: i.Agency, Municipality: i.Content.Municipality, Issuer: i.Content.Issuer, Locale: i.Content.Locale,
		Content: content, ContentHash: sum(content), Template: pdf.TemplateVersion,
	}
	if err := insertDocument(ctx, tx, r, code); err != nil {
		return "", err
	}
	if err := s.record(ctx, tx, "document.intend", r, nil); err != nil {
		return "", err
	}
	return r.ID, pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventDocumentIssue, Key: string(r.ID), Case: i.Case, Payload: kernel.DocumentIssue{Document: r.ID}})
}

// Preview implements kernel.Documents. The tenant is the request's.
func (s *Service) Preview(ctx context.Context, i kernel.DocumentIntent) ([]byte, error) {
	t := kernel.TenantOf(ctx)
	now := s.Clock.Now()
	in := s.input(t, record{Document: kernel.Document{IssuedAt: now, ValidTo: validTo(now, i.Content.ValidDays, t.Location())}}, i.Content)
	in.Draft = true
	u, err := s.engine.Render(in, nil)
	if err != nil {
		return nil, err
	}
	return u.Bytes, nil
}

// List implements kernel.Documents. Of a case: the caller has checked that the principal may see the case. Without a
// case: the signed-in citizen's own.
func (s *Service) List(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]kernel.Document, error) {
	if c != "" {
		return documentsOfCase(ctx, tx, c)
	}
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen || who.Person == "" {
		return nil, nil
	}
	return documentsOfHolder(ctx, tx, who.Person)
}

// issue is the effect of an intent. It may run any number of times, at once too: the file that is stored first is the
// document, whoever sealed it.
func (s *Service) issue(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.DocumentIssue
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	var r record
	var stored bool
	err := s.DB.Read(ctx, e.Tenant, func(tx *pg.Tx) (err error) {
		if r, err = documentByID(ctx, tx, p.Document); err != nil {
			return err
		}
		stored, err = hasFile(ctx, tx, p.Document)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.State != statePending {
		return nil, nil
	}
	if !stored {
		if err := s.makeFile(ctx, e.Tenant, r); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx *pg.Tx) error { return s.publish(ctx, tx, r) }, nil
}

func (s *Service) makeFile(ctx context.Context, tenant kernel.TenantID, r record) error {
	t, err := s.tenant(tenant)
	if err != nil {
		return err
	}
	var c kernel.DocumentContent
	if err := json.Unmarshal(r.Content, &c); err != nil {
		return fmt.Errorf("content of document %s: %w", r.ID, err)
	}
	// jsonb keeps the content, not its bytes: the hash is of the canonical form.
	if canonical, err := json.Marshal(c); err != nil || !bytes.Equal(sum(canonical), r.ContentHash) {
		return fmt.Errorf("content of document %s is not what was intended", r.ID)
	}
	file, err := s.sealed(t, r, c)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, tenant, func(tx *pg.Tx) error { return storeFile(ctx, tx, r.ID, file, s.Clock.Now()) })
}

// publish runs in the transaction that completes the effect.
func (s *Service) publish(ctx context.Context, tx *pg.Tx, r record) error {
	published, err := publishDocument(ctx, tx, r, s.Clock.Now())
	if err != nil || !published {
		return err
	}
	if err := s.record(ctx, tx, "document.issue", r, nil); err != nil {
		return err
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventDocumentIssued, Key: string(r.ID), Case: r.Case,
		Payload: kernel.DocumentIssued{Document: r.ID, Case: r.Case, Person: r.Holder, Number: r.Number, Type: r.Type}})
}

// record writes the audit entry of something that happened to a document.
func (s *Service) record(ctx context.Context, tx kernel.Tx, action string, r record, details map[string]string) error {
	all := map[string]string{"document": string(r.ID), "type": r.Type}
	for k, v := range details {
		all[k] = v
	}
	return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: action, Case: r.Case, Subject: r.Holder, Details: all})
}

func (s *Service) tenant(id kernel.TenantID) (kernel.Tenant, error) {
	all := s.Directory.Tenants()
	if i := slices.IndexFunc(all, func(t kernel.Tenant) bool { return t.ID == id }); i >= 0 {
		return all[i], nil
	}
	return kernel.Tenant{}, fmt.Errorf("municipality %q is not served here", id)
}

// Revoke takes a document's validity away, at once and for good. Staff of the agency that issued it only; for anybody else
// it is not there. Errors: NotFound, Conflict (document-not-valid), Invalid without a reason. The reason is kept for the
// agency; the public check shows the fact and the date.
func (s *Service) Revoke(ctx context.Context, id, reason string) (kernel.Document, error) {
	if n := len([]rune(reason)); n < 3 || n > 500 {
		return kernel.Document{}, kernel.InvalidFields(kernel.FieldError{Path: "body.reason", Slug: "document.reason-needed", Message: "Give a reason of 3 to 500 characters."})
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.Document, error) {
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
}

func (s *Service) ofAgency(ctx context.Context, tx kernel.Tx, id string) (record, error) {
	r, err := documentByID(ctx, tx, kernel.DocumentID(id))
	if err != nil {
		return record{}, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Staff || !who.Has(r.Agency, "registrar") {
		return record{}, kernel.NotThere("document of another agency")
	}
	return r, nil
}

// mine returns a document of the signed-in citizen; NotFound for anything else.
func (s *Service) mine(ctx context.Context, tx kernel.Tx, id string) (record, error) {
	r, err := documentByID(ctx, tx, kernel.DocumentID(id))
	if err != nil {
		return record{}, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person == "" || r.Holder != who.Person {
		return record{}, kernel.NotThere("document of somebody else")
	}
	return r, nil
}

func (s *Service) myDocument(ctx context.Context, id string) (r record, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err = s.mine(ctx, tx, id)
		return err
	})
	return r, err
}

func (s *Service) myDocuments(ctx context.Context) (all []kernel.Document, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err = s.List(ctx, tx, "")
		return err
	})
	return all, err
}

// myFile returns the sealed bytes; NotFound while the document is being made. A revoked document is still its holder's.
func (s *Service) myFile(ctx context.Context, id string) (r record, file []byte, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if r, err = s.mine(ctx, tx, id); err != nil {
			return err
		}
		if r.State == statePending {
			return kernel.NotThere("document that is being made")
		}
		file, err = fileOf(ctx, tx, r.ID)
		return err
	})
	return r, file, err
}

// verifyNumber answers anybody who holds a number. Unknown is an answer, not an error.
func (s *Service) verifyNumber(ctx context.Context, number string) (v verification, err error) {
	code, ok := parseNumber(number)
	if !ok {
		return verification{State: stateUnknown}, nil
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err := documentByCode(ctx, tx, code)
		v = r.verification(s.Clock.Now())
		return err
	})
	return orUnknown(v, err)
}

func orUnknown(v verification, err error) (verification, error) {
	var e *kernel.Error
	if errors.As(err, &e) && e.Kind == kernel.NotFound {
		return verification{State: stateUnknown}, nil
	}
	return v, err
}

// verifyFile answers anybody who holds a file. The bytes we issued are known by their hash; everything else is judged
// by the verifier, and "altered" is only said of a file that carries a seal.
func (s *Service) verifyFile(ctx context.Context, file []byte) (verification, error) {
	if len(file) > verify.MaxFile {
		return verification{}, errTooLarge
	}
	if len(file) == 0 {
		return verification{}, errNoFile
	}
	now := s.Clock.Now()
	var v verification
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err := documentByFile(ctx, tx, sum(file))
		v = r.verification(now)
		return err
	})
	if v, err = orUnknown(v, err); err != nil || v.State != stateUnknown {
		return v, err
	}
	return s.judge(file, now)
}

func (s *Service) judge(file []byte, now time.Time) (verification, error) {
	trust, err := s.seals.trust(now)
	if err != nil {
		return verification{}, err
	}
	rep := verify.Verify(file, trust, verify.Options{At: now})
	switch rep.State {
	case verify.Altered:
		return verification{State: stateAltered, Reasons: rep.Reasons}, nil
	case verify.Valid: // an intact seal of this installation, but of another municipality
		return verification{State: stateUnknown, Reasons: []string{"other-municipality"}}, nil
	}
	return verification{State: stateUnknown, Reasons: rep.Reasons}, nil
}
