package partners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// An announcement goes to everybody who subscribed, as one case after the other takes the action "announce" of its workflow. Two kinds of
// effect do it: one walks through the subscriptions, some at a time, and writes one of the other kind for each of them, so that a
// subscription that cannot take it holds nobody else up, and a crash repeats nothing.
const (
	eventAnnounce   = "partner.announce"    // announceTo, which walks on
	eventAnnounceTo = "partner.announce-to" // announceTo with its case
	actionAnnounce  = "announce"
	announceAtOnce  = 100
)

type announceTo struct {
	Announcement string        `json:"announcement"`
	Before       kernel.CaseID `json:"before,omitempty"` // where the walk goes on
	Case         kernel.CaseID `json:"case,omitempty"`
}

// announcing returns the mini-apps in which the official may tell all subscribers something: those whose workflow lets officials announce,
// at agencies where they hold the role for it.
func (s *Service) announcing(ctx context.Context) []*workflows.Definition {
	who, t := kernel.PrincipalOf(ctx), kernel.TenantOf(ctx)
	var out []*workflows.Definition
	for _, slug := range t.Services {
		d, ok := s.Library.Get(slug)
		if !ok {
			continue
		}
		a := d.Action(actionAnnounce)
		if a == nil || !slices.Contains(a.By, workflows.BySystem) || a.Form == "" || who.Kind != kernel.Staff {
			continue
		}
		if slices.ContainsFunc(a.By, func(role string) bool { return who.Has(kernel.AgencyID(d.Agency), role) }) {
			out = append(out, d)
		}
	}
	return out
}

func (s *Service) announcingIn(ctx context.Context, app string) (*workflows.Definition, error) {
	for _, d := range s.announcing(ctx) {
		if d.Slug == app {
			return d, nil
		}
	}
	return nil, kernel.NotThere("mini-app")
}

// announced returns what was announced in one mini-app, newest first. Officials who may announce in it. Error: NotFound.
func (s *Service) announced(ctx context.Context, app string) (d *workflows.Definition, out []Announcement, err error) {
	if d, err = s.announcingIn(ctx, app); err != nil {
		return nil, nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		out, err = announcedIn(ctx, tx, app)
		return err
	})
	return d, out, err
}

// announce tells everybody who subscribed to a mini-app something, once per idempotency key: each receives a signed document and a message
// in the language of their subscription. Officials who may announce in it. Errors: NotFound, Conflict
// partner-not-active while the agency is suspended, Invalid naming heading.<language> or body.<language>.
func (s *Service) announce(ctx context.Context, app string, heading, body kernel.Text) (Announcement, error) {
	d, err := s.announcingIn(ctx, app)
	if err != nil {
		return Announcement{}, err
	}
	if agency, _ := s.Directory.Agency(kernel.TenantOf(ctx).ID, kernel.AgencyID(d.Agency)); agency.Suspended {
		return Announcement{}, errNotActive
	}
	who := kernel.PrincipalOf(ctx)
	a := Announcement{ID: kernel.NewID(), App: app, Agency: kernel.AgencyID(d.Agency), Heading: heading, Body: body, By: who.Person, ByName: who.Name, At: s.now()}
	if err := a.check(s.Printable); err != nil {
		return Announcement{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Announcement, error) {
		if err := insertAnnouncement(ctx, tx, a); err != nil {
			return a, err
		}
		if err := s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "notice.announce", Details: map[string]string{"app": app, "announcement": a.ID}}); err != nil {
			return a, err
		}
		return a, pg.Emit(ctx, tx, kernel.Event{Name: eventAnnounce, Key: a.ID, Payload: announceTo{Announcement: a.ID}})
	})
}

// onAnnounce writes an effect for each of the next subscriptions, and one to walk on from there.
func (s *Service) onAnnounce(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var p announceTo
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("announcement: %w", err)
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		a, err := announcementOf(ctx, tx, p.Announcement)
		if err != nil {
			return err
		}
		open, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{Service: a.App, Open: true, Limit: announceAtOnce, BeforeID: p.Before})
		if err != nil {
			return err
		}
		var events []kernel.Event
		for _, c := range open {
			if d, ok := s.Library.ByHash(c.WorkflowHash); ok && d.Action(actionAnnounce) != nil && slices.Contains(d.Action(actionAnnounce).From, c.State) {
				events = append(events, kernel.Event{Name: eventAnnounceTo, Key: a.ID + "/" + string(c.ID), Case: c.ID, Payload: announceTo{Announcement: a.ID, Case: c.ID}})
			}
		}
		if len(open) == announceAtOnce {
			last := open[len(open)-1].ID
			events = append(events, kernel.Event{Name: eventAnnounce, Key: a.ID + "/" + string(last), Payload: announceTo{Announcement: a.ID, Before: last}})
		}
		return pg.Emit(ctx, tx, events...)
	}, nil
}

// onAnnounceTo takes the action in one case. A subscription that has ended meanwhile is left in peace.
func (s *Service) onAnnounceTo(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var p announceTo
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("announcement: %w", err)
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		a, err := announcementOf(ctx, tx, p.Announcement)
		if err != nil {
			return err
		}
		found, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{ID: p.Case})
		if err != nil || len(found) != 1 {
			return err
		}
		c := found[0]
		_, err = s.Cases.Act(ctx, tx, kernel.Act{Case: c.ID, Version: c.Version, Action: actionAnnounce, Sector: c.Sector, Input: map[string]any{"heading": a.Heading.In(c.Locale), "body": a.Body.In(c.Locale)}})
		if errors.Is(err, workflows.ErrNotPossible) {
			return nil
		}
		if err != nil {
			return err
		}
		return countReached(ctx, tx, a.ID, 1)
	}, nil
}
