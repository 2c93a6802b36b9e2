package documents

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// What the pages tell beyond the state of a document.

// sealingOf tells how a number's document is sealed, to anybody who may be told its state; the zero value when there is no
// such document, or no file yet.
func (s *Service) sealingOf(ctx context.Context, number string) (out sealing, err error) {
	code, ok := parseNumber(number)
	if !ok {
		return sealing{}, nil
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = sealingByCode(ctx, tx, code)
		return err
	})
	return out, err
}

// usesOf counts how often each link of a document was opened, by link. The caller has checked that the document is the
// citizen's.
func (s *Service) usesOf(ctx context.Context, id kernel.DocumentID) (out map[string]int, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = usesOfShares(ctx, tx, id)
		return err
	})
	return out, err
}

// issuedFile returns a document's file to a registrar of its agency, and records that they read it; NotFound for anybody
// else, and for a document without a file.
func (s *Service) issuedFile(ctx context.Context, id string) (r record, file []byte, err error) {
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if r, err = s.ofAgency(ctx, tx, id); err != nil {
			return err
		}
		if !r.published() {
			return kernel.NotThere("document without a file")
		}
		if file, err = fileOf(ctx, tx, r.ID); err != nil {
			return err
		}
		return s.record(ctx, tx, "document.read", r, map[string]string{"part": "file"})
	})
	return r, file, err
}
