package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Publication is the member townhall.publication.
type Publication = published.Publication

// Version of a mini-app.
type Version = published.Version

// Publisher says who signs a manifest.
type Publisher struct {
	Agency  string `json:"agency" example:"civil-registry" doc:"The agency that publishes the mini-app and signs its manifest."`
	Kind    string `json:"kind,omitempty" enum:"public-body,company" example:"public-body" doc:"What kind of body it is; a company has a licence for what it offers. Absent where a municipality does not say."`
	JWKSURI string `json:"jwks_uri" format:"uri" example:"https://northwick.example/.well-known/agencies/civil-registry/jwks.json" doc:"The agency's public keys, on the municipality's own address."`
}

// agencyKeysPath is where an agency's public keys are served.
func agencyKeysPath(agency string) string { return "/.well-known/agencies/" + agency + "/jwks.json" }

// publisher publishes manifests: it signs them and writes them into the log, each form once, however many processes do it.
type publisher struct {
	keys  publishKeys
	since time.Time // when this process started

	mu  sync.Mutex
	has map[string]form // client id → what is published, as far as this process knows
}

// form is a published manifest: in English, without its publication.
type form struct {
	manifest Manifest
	proof    Publication
}

// errUnfit is a manifest the schema refuses: it is not published and not shown.
type errUnfit struct {
	client string
	err    error
}

func (e *errUnfit) Error() string { return "manifest of " + e.client + ": " + e.err.Error() }

// prove gives manifests, in whatever language, the version and the publication of their English form, publishing first what
// has changed since. A manifest the schema refuses is left out and logged. Without a database nothing is published and they
// come back as they are. Errors: those of the database, when something has to be published.
func (s *Service) prove(ctx context.Context, t kernel.Tenant, shown ...Manifest) ([]Manifest, error) {
	if s.deps.DB == nil {
		return shown, nil
	}
	out := make([]Manifest, 0, len(shown))
	for _, m := range shown {
		f, err := s.publish(ctx, t, m.AppID, false)
		if unfit := (*errUnfit)(nil); errors.As(err, &unfit) {
			s.deps.Log.Error("mini-app not published", "tenant", t.ID, "app", m.AppID, "err", err)
			continue
		}
		if kernel.KindOf(err) == kernel.NotFound { // held back a moment ago
			continue
		}
		if err != nil {
			return nil, err
		}
		m.Version, m.Townhall.Publication = f.manifest.Version, &f.proof
		out = append(out, m)
	}
	return out, nil
}

// english is the form of a mini-app's manifest that is published and signed, without its publication. NotFound when the
// municipality shows no such mini-app.
func (s *Service) english(ctx context.Context, t kernel.Tenant, app string) (Manifest, error) {
	m, err := s.find(t, app, kernel.Locales[0])
	if err != nil {
		return Manifest{}, err
	}
	return s.shownOne(ctx, t, m)
}

// publish makes sure that the present form of a mini-app's manifest is the newest of it in the log. repair also publishes
// again what another process has published over since, unless that one started later: while two versions of the program
// run side by side, the newer one's form stays.
func (s *Service) publish(ctx context.Context, t kernel.Tenant, app string, repair bool) (form, error) {
	m, err := s.english(ctx, t, app)
	if err != nil {
		return form{}, err
	}
	p := &s.publisher
	p.mu.Lock()
	have, known := p.has[m.Townhall.ClientID]
	p.mu.Unlock()
	m.Version.Code = have.manifest.Version.Code
	if known = known && reflect.DeepEqual(m, have.manifest); known && !repair {
		return have, nil
	}
	if err := s.deps.DB.Shared(ctx, func(tx *pg.Tx) error {
		var mine *form
		if known {
			mine = &have
		}
		have, err = s.publishIn(ctx, tx, t, m, mine)
		return err
	}); err != nil {
		return form{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has == nil {
		p.has = map[string]form{}
	}
	if now := p.has[m.Townhall.ClientID]; now.proof.LogIndex > have.proof.LogIndex && reflect.DeepEqual(now.manifest, have.manifest) {
		return now, nil // another request was quicker
	}
	p.has[m.Townhall.ClientID] = have
	return have, nil
}

// publishIn is publish in a transaction; mine is what this process already has in the log, if that is still its form.
func (s *Service) publishIn(ctx context.Context, tx *pg.Tx, t kernel.Tenant, m Manifest, mine *form) (form, error) {
	keys, err := s.publisher.keys.of(t.ID, kernel.AgencyID(m.Townhall.Publisher.Agency))
	if err != nil {
		return form{}, err
	}
	for _, locked := range []bool{false, true} { // nearly always there is nothing to write
		if locked {
			if err := lockLog(ctx, tx); err != nil {
				return form{}, err
			}
		}
		last, there, err := lastRecord(ctx, tx, t.ID, m.AppID)
		if err != nil {
			return form{}, err
		}
		m.Version.Code = max(last.Code, 1)
		canonical, err := canonicalOf(m)
		if err != nil {
			return form{}, err
		}
		if there && published.Hash(canonical) == last.Hash {
			record, err := published.ReadLeaf([]byte(last.Leaf))
			if err != nil {
				return form{}, err
			}
			if _, err := published.CheckSignature(canonical, record.Signature, keys.public); err == nil {
				return s.formOf(t, m, record, last.Position), nil
			} // the key it was signed with is the agency's no more
		} else if there && mine != nil && last.Since.After(s.publisher.since) && last.Fresh {
			return *mine, nil
		}
		if locked {
			m.Version.Code = last.Code + 1
			return s.append(ctx, tx, t, m, keys)
		}
	}
	panic("not reached")
}

// append signs a manifest and writes it into the log. The caller holds the log's lock.
func (s *Service) append(ctx context.Context, tx *pg.Tx, t kernel.Tenant, m Manifest, keys agencyKeys) (form, error) {
	canonical, err := canonicalOf(m)
	if err != nil {
		return form{}, err
	}
	if err := published.Validate(canonical); err != nil {
		return form{}, &errUnfit{m.Townhall.ClientID, err}
	}
	signature, err := published.Sign(canonical, keys.signing)
	if err != nil {
		return form{}, err
	}
	key, err := s.logKeyIn(ctx, tx)
	if err != nil {
		return form{}, err
	}
	record := published.Record{Tenant: string(t.ID), AppID: m.AppID, Version: m.Version, Hash: published.Hash(canonical), Signature: signature,
		At: s.deps.Clock.Now().UTC().Truncate(time.Second).Format(time.RFC3339)}
	position, err := appendRecord(ctx, tx, record, s.publisher.since, func(h published.Head) (string, error) {
		return published.SignHead(h, key.signer)
	})
	return s.formOf(t, m, record, position), err
}

// logKeyIn returns the log's key, when it is the one that signed the log so far: a server with a folder of its own must not
// go on with the others' log.
func (s *Service) logKeyIn(ctx context.Context, tx *pg.Tx) (logKey, error) {
	signed, err := signedHead(ctx, tx)
	if err != nil {
		return logKey{}, err
	}
	key, err := s.publisher.keys.ofLog()
	if err != nil || signed == "" {
		return key, err
	}
	if _, err := published.OpenHead(signed, key.public); err != nil {
		return logKey{}, fmt.Errorf("catalogue: %s is not the key of the log in this database: all servers share the folder of keys, and it is restored with the database: %w",
			filepath.Join(s.deps.Keys, "log.key"), err)
	}
	return key, nil
}

// check reports whether this server may write into the log, and fills what the search looks into.
func (s *Service) check(ctx context.Context) error {
	if s.deps.DB == nil {
		return nil
	}
	err := s.deps.DB.Shared(ctx, func(tx *pg.Tx) error {
		_, err := s.logKeyIn(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.fillSearch(ctx)
}

func (s *Service) formOf(t kernel.Tenant, m Manifest, r published.Record, position int64) form {
	return form{m, Publication{Hash: r.Hash, Signature: r.Signature, LogIndex: position, LogURI: t.Origin + published.LogPath}}
}

func canonicalOf(m Manifest) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest of %s: %w", m.Townhall.ClientID, err)
	}
	return published.Canonical(raw)
}

// publishAll publishes every municipality's manifests, and withdraws what it does not show any more: when the server starts, and from time to time. One that cannot be
// published does not keep the others back.
func (s *Service) publishAll(ctx context.Context) error {
	if s.deps.DB == nil {
		return nil
	}
	var newest map[string]published.Record
	err := s.deps.DB.Shared(ctx, func(tx *pg.Tx) (err error) {
		newest, err = newestRecords(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range s.deps.Directory.Tenants() {
		for _, app := range t.Services {
			m, err := s.english(ctx, t, app)
			if err == nil && !s.isNewest(m, newest[m.Townhall.ClientID].Hash) {
				_, err = s.publish(ctx, t, app, true)
			}
			if err != nil && kernel.KindOf(err) != kernel.NotFound {
				errs = append(errs, fmt.Errorf("publish %s of %s: %w", app, t.ID, err))
			}
			if ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
		errs = append(errs, s.withdrawAll(ctx, t, newest))
	}
	return errors.Join(errs...)
}

// isNewest reports whether a manifest is the one this process knows to be published, and hash that one's.
func (s *Service) isNewest(m Manifest, hash string) bool {
	s.publisher.mu.Lock()
	have, known := s.publisher.has[m.Townhall.ClientID]
	s.publisher.mu.Unlock()
	m.Version.Code = have.manifest.Version.Code
	return known && have.proof.Hash == hash && reflect.DeepEqual(m, have.manifest)
}
