package documents

import (
	"context"
	"fmt"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Intend implements kernel.Documents. It is called inside the step that promises the document, by casework, which has
// checked that the step is allowed.
func (s *Service) Intend(ctx context.Context, tx kernel.Tx, i kernel.DocumentIntent) (kernel.DocumentID, error) {
	if err := s.engine.Check(i.Content); err != nil {
		return "", err
	}
	r, err := s.intend(ctx, tx, i, record{})
	return r.ID, err
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
		return plain(documentsOfCase(ctx, tx, c))
	}
	return plain(s.held(ctx, tx))
}

// held are the documents of the signed-in citizen; none when nobody is.
func (s *Service) held(ctx context.Context, tx kernel.Tx) ([]record, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen || who.Person == "" {
		return nil, nil
	}
	return documentsOfHolder(ctx, tx, who.Person)
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

// ofAgency returns a document of an agency where the principal is registrar; NotFound for anything else.
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

// myDocuments are those of the signed-in citizen, newest first.
func (s *Service) myDocuments(ctx context.Context) (all []record, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err = s.held(ctx, tx)
		return err
	})
	return all, err
}

// myFile returns the sealed bytes; NotFound while the document is being made, and when it was taken back before it was. A revoked document is still its holder's.
func (s *Service) myFile(ctx context.Context, id string) (r record, file []byte, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if r, err = s.mine(ctx, tx, id); err != nil {
			return err
		}
		if !r.published() {
			return kernel.NotThere("document without a file")
		}
		file, err = fileOf(ctx, tx, r.ID)
		return err
	})
	return r, file, err
}
