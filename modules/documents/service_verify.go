package documents

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// verifyNumber answers anybody who holds a number. Unknown is an answer, not an error.
func (s *Service) verifyNumber(ctx context.Context, number string) (verification, error) {
	code, ok := parseNumber(number)
	if !ok {
		return verification{State: stateUnknown}, nil
	}
	v, r, err := s.byCode(ctx, code)
	if err == nil {
		s.count(ctx, r, checkNumber, "")
	}
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
	var r record
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		r, err = documentByFile(ctx, tx, sum(file))
		v = r.verification(now)
		return err
	})
	if err == nil {
		s.count(ctx, r, checkFile, "")
	}
	if v, err = orUnknown(v, err); err != nil || v.State != stateUnknown {
		return v, err
	}
	return s.judge(ctx, file, now)
}

// judge says what a file is that we did not store. Unavailable (check-busy) when too much is being judged already.
func (s *Service) judge(ctx context.Context, file []byte, now time.Time) (verification, error) {
	end, err := s.beginJudging(len(file))
	if err != nil {
		return verification{}, err
	}
	defer end()
	trust, err := s.seals.trust(now)
	if err != nil {
		return verification{}, err
	}
	rep := verify.Verify(file, trust, verify.Options{At: now})
	switch rep.State {
	case verify.Altered:
		if !bytes.Contains(file, []byte(pdf.Mark)) { // somebody else's signature, in a form that we do not judge
			return verification{State: stateUnknown, Reasons: []string{verify.ReasonChain}}, nil
		}
		return verification{State: stateAltered, Reasons: rep.Reasons, Notes: rep.Notes}, nil
	case verify.Valid:
		return s.intact(ctx, file, rep)
	}
	return verification{State: stateUnknown, Reasons: rep.Reasons, Notes: rep.Notes}, nil
}

// intact: a genuine seal around bytes that we do not have. When it begins with a file of ours, it is our document, to which
// somebody, an archive say, has added validation data or a timestamp: its number tells its state. So it is when it is the
// beginning of one. With another address it is another municipality's. What names our address and is neither was not
// issued by us, whoever vouches for the seal: a seal from outside names no address, and its authority has other customers.
func (s *Service) intact(ctx context.Context, file []byte, rep verify.Report) (verification, error) {
	if rep.CheckURI != kernel.TenantOf(ctx).Origin+"/verify/"+rep.Number {
		v := verification{State: stateUnknown, Reasons: []string{"other-municipality"}}
		for _, t := range s.Directory.Tenants() { // an address that a seal from outside made up leads nowhere
			if rep.CheckURI == t.Origin+"/verify/"+rep.Number {
				v.CheckAt, v.CheckName = rep.CheckURI, t.Name.In(kernel.LocaleOf(ctx))
			}
		}
		return v, nil
	}
	code, ok := parseNumber(rep.Number)
	if !ok {
		return verification{State: stateUnknown}, nil
	}
	v, r, err := s.byCode(ctx, code)
	if err != nil {
		return orUnknown(v, err)
	}
	ours, err := s.issuedAs(ctx, r.ID, file)
	if err != nil {
		return verification{}, err
	}
	if !ours {
		return verification{State: stateUnknown, Reasons: []string{verify.ReasonOtherSeal}}, nil
	}
	s.count(ctx, r, checkFile, "")
	v.Notes = rep.Notes
	return v, nil
}

// issuedAs reports whether a file is a revision of a document with something added behind it, or the beginning of one.
func (s *Service) issuedAs(ctx context.Context, id kernel.DocumentID, file []byte) (ours bool, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err := filesOf(ctx, tx, id)
		ours = slices.ContainsFunc(all, func(f []byte) bool { return bytes.HasPrefix(file, f) || bytes.HasPrefix(f, file) })
		return err
	})
	return ours, err
}

func (s *Service) byCode(ctx context.Context, code string) (v verification, r record, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err = documentByCode(ctx, tx, code)
		v = r.verification(s.Clock.Now())
		return err
	})
	return v, r, err
}
