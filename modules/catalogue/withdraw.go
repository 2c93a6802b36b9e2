package catalogue

import (
	"context"
	"fmt"
	"time"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// withdrawAll writes into the log that a municipality's mini-apps are not shown any more: those it dropped from its services, and
// those that went back to being drafts. Without it nobody could tell them from mini-apps that somebody in between left out of the
// list. What comes back is published anew, with a higher version. newest are the newest records of the log.
func (s *Service) withdrawAll(ctx context.Context, t kernel.Tenant, newest map[string]published.Record) error {
	for client, r := range newest {
		if r.Tenant != string(t.ID) {
			continue
		}
		_, err := s.english(ctx, t, r.AppID)
		if err == nil {
			continue
		}
		if kernel.KindOf(err) != kernel.NotFound {
			return fmt.Errorf("withdraw %s: %w", client, err)
		}
		if !r.Withdrawn {
			if err := s.deps.DB.Shared(ctx, func(tx *pg.Tx) error { return s.withdrawIn(ctx, tx, t, r.AppID) }); err != nil {
				return fmt.Errorf("withdraw %s: %w", client, err)
			}
		}
		s.publisher.mu.Lock()
		delete(s.publisher.has, client) // when it comes back, it is published anew
		s.publisher.mu.Unlock()
	}
	return nil
}

// withdrawIn writes one withdrawal, signed by the agency whose signature the newest publication has. It writes nothing when
// another process was quicker, or one that started later has just published it: while two versions of the program or of the
// settings run side by side, the newer one decides.
func (s *Service) withdrawIn(ctx context.Context, tx *pg.Tx, t kernel.Tenant, app string) error {
	if err := lockLog(ctx, tx); err != nil {
		return err
	}
	last, there, err := lastRecord(ctx, tx, t.ID, app)
	if err != nil || !there || last.Since.After(s.publisher.since) && last.Fresh {
		return err
	}
	was, err := published.ReadLeaf([]byte(last.Leaf))
	if err != nil || was.Withdrawn {
		return err
	}
	kid := published.KeyOf(was.Signature)
	agency, keys, ok, err := s.publisher.keys.byKid(t.ID, kid)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("no agency has the key %q that its publication was signed with", kid)
	}
	key, err := s.logKeyIn(ctx, tx)
	if err != nil {
		return err
	}
	record, err := published.Withdraw(published.Record{
		Tenant: was.Tenant, AppID: was.AppID, Version: Version{Code: last.Code + 1, Name: was.Version.Name}, Agency: string(agency),
		At: s.deps.Clock.Now().UTC().Truncate(time.Second).Format(time.RFC3339),
	}, keys.signing)
	if err != nil {
		return err
	}
	_, err = appendRecord(ctx, tx, record, s.publisher.since, func(h published.Head) (string, error) { return published.SignHead(h, key.signer) })
	return err
}
