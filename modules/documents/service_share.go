package documents

import (
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// shareDocument makes a link to a document of the signed-in citizen. The token is returned here and nowhere else; the
// link is <origin>/shared/<token>. Errors: NotFound when the document is not theirs, Conflict (document-not-valid while it is
// pending, too-many-shares at 20 live ones), Invalid for label (1 to 80 characters) or days (1 to 90).
func (s *Service) shareDocument(ctx context.Context, id, label string, days int) (share, string, error) {
	var wrong []kernel.FieldError
	label, problem := checkLabel(label)
	if problem != nil {
		wrong = append(wrong, *problem)
	}
	if problem = checkDays(days); problem != nil {
		wrong = append(wrong, *problem)
	}
	if len(wrong) > 0 {
		return share{}, "", kernel.InvalidFields(wrong...)
	}
	made, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (share, error) {
		r, err := s.mine(ctx, tx, id)
		if err != nil {
			return share{}, err
		}
		if r, err = lockDocument(ctx, tx, r.ID); err != nil {
			return share{}, err
		}
		if !r.published() {
			return share{}, errNotValid
		}
		now := s.Clock.Now().UTC()
		sh := share{ID: kernel.NewID(), Document: r.ID, Label: label, CreatedAt: now, ExpiresAt: now.Add(time.Duration(days) * 24 * time.Hour)}
		token, err := s.seals.token(tx.TenantID(), sh.ID)
		if err != nil {
			return share{}, err
		}
		hash, _ := tokenHash(token)
		if err := insertShare(ctx, tx, sh, hash); err != nil {
			return share{}, err
		}
		return sh, s.record(ctx, tx, "document.share", r, map[string]string{"share": sh.ID})
	})
	if err != nil {
		return share{}, "", err
	}
	token, err := s.seals.token(kernel.TenantOf(ctx).ID, made.ID)
	return made, token, err
}

// sharesOf lists the links to a document of the signed-in citizen, newest first, ended ones too; NotFound for anybody else.
func (s *Service) sharesOf(ctx context.Context, id string) (all []share, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err := s.mine(ctx, tx, id)
		if err != nil {
			return err
		}
		all, err = sharesOfDocument(ctx, tx, r.ID)
		return err
	})
	return all, err
}

// endShare ends a link at once; doing it again changes nothing. NotFound when document or link is not the citizen's.
func (s *Service) endShare(ctx context.Context, id, shareID string) error {
	_, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (string, error) {
		r, err := s.mine(ctx, tx, id)
		if err != nil {
			return "", err
		}
		if err := endShare(ctx, tx, r.ID, shareID, s.Clock.Now()); err != nil {
			return "", err
		}
		return shareID, s.record(ctx, tx, "document.unshare", r, map[string]string{"share": shareID})
	})
	return err
}

// shared answers anybody who holds a link: the state of the document, and the share. NotFound, the same to the byte, for
// a link that was never one, has ended, or has expired. The look is counted.
func (s *Service) shared(ctx context.Context, token string) (v verification, sh share, err error) {
	r, sh, err := s.byToken(ctx, token)
	if err != nil {
		return verification{}, share{}, err
	}
	s.count(ctx, r, checkShare, sh.ID)
	return r.verification(s.Clock.Now()), sh, nil
}

// sharedFile is the file behind a link; NotFound as in shared.
func (s *Service) sharedFile(ctx context.Context, token string) (r record, file []byte, err error) {
	r, sh, err := s.byToken(ctx, token)
	if err != nil {
		return record{}, nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		file, err = fileOf(ctx, tx, r.ID)
		return err
	})
	if err != nil {
		return record{}, nil, err
	}
	s.count(ctx, r, checkShare, sh.ID)
	return r, file, nil
}

func (s *Service) byToken(ctx context.Context, token string) (r record, sh share, err error) {
	hash, ok := tokenHash(token)
	if !ok {
		return record{}, share{}, kernel.NotThere("share")
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if sh, err = shareByToken(ctx, tx, hash); err != nil {
			return err
		}
		if !sh.live(s.Clock.Now()) {
			return kernel.NotThere("share")
		}
		r, err = documentByID(ctx, tx, sh.Document)
		return err
	})
	if err != nil {
		return record{}, share{}, err
	}
	return r, sh, nil
}

// checksOf tells when, how and how often a document was verified: its holder, with the labels of the links, and the
// registrars of its agency, without them. NotFound for anybody else.
func (s *Service) checksOf(ctx context.Context, id string) (all []check, err error) {
	who := kernel.PrincipalOf(ctx)
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err := s.mine(ctx, tx, id)
		if who.Kind == kernel.Staff {
			r, err = s.ofAgency(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		all, err = checksOfDocument(ctx, tx, r.ID)
		return err
	})
	if who.Kind == kernel.Staff {
		for i := range all {
			all[i].Label = ""
		}
	}
	return all, err
}

// count adds a verification to the document's hour, unless it is the holder's own or the agency's. It is for the holder to
// look at, so that failing to count does not fail the answer: that is logged, and the check is not in the list.
func (s *Service) count(ctx context.Context, r record, how, shareID string) {
	who := kernel.PrincipalOf(ctx)
	own := who.Kind == kernel.Citizen && who.Person == r.Holder
	agency := who.Kind == kernel.Staff && slices.Contains(who.Agencies(), r.Agency)
	if r.ID == "" || !r.published() || own || agency {
		return
	}
	s.tallyCheck(ctx, checkKey{kernel.TenantOf(ctx).ID, r.ID, how, shareID, s.Clock.Now().UTC().Truncate(time.Hour)})
}
