package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// noticed handles case.notice: everything it does is in the transaction that completes the effect, so a notice is in
// the inbox exactly once, and so is each further channel's own effect.
func (s *Service) noticed(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var n kernel.CaseNotice
	if err := json.Unmarshal(e.Payload, &n); err != nil {
		return nil, fmt.Errorf("notify: payload of %s: %w", e.ID, err)
	}
	m := Message{
		ID: e.ID, Person: n.Person, Case: n.Case, Service: n.Service, Number: n.Number, Notice: n.Notice,
		Title: n.Title, Body: n.Body, Path: n.Path, CreatedAt: s.deps.Clock.Now(),
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		if err := insertMessage(ctx, tx, m); err != nil {
			return err
		}
		return s.emitCopies(ctx, tx, m)
	}, nil
}

// emitCopies writes one effect for each channel that can reach the person.
func (s *Service) emitCopies(ctx context.Context, tx *pg.Tx, m Message) error {
	p, err := s.deps.People.Person(ctx, tx, m.Person, m.Service)
	if kernel.KindOf(err) == kernel.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("notify: person of message %s: %w", m.ID, err)
	}
	var events []kernel.Event
	if s.wallets[p.Issuer] != nil {
		events = append(events, kernel.Event{Name: eventWebhook, Key: m.ID, Case: m.Case, Payload: copyOf{m.ID}})
	}
	if s.deps.Config.SMTP != nil && p.Claims["email"] != "" {
		events = append(events, kernel.Event{Name: eventEmail, Key: m.ID, Case: m.Case, Payload: copyOf{m.ID}})
	}
	if len(events) == 0 {
		return nil
	}
	return pg.Emit(ctx, tx, events...)
}

// parcel is what a channel needs for one delivery.
type parcel struct {
	effect  kernel.Effect
	message Message
	person  kernel.Person
	tenant  kernel.Tenant
}

// open reads the message and the person of a channel's effect; false when one of them is gone for good.
func (s *Service) open(ctx context.Context, e kernel.Effect) (parcel, bool, error) {
	var c copyOf
	if err := json.Unmarshal(e.Payload, &c); err != nil {
		return parcel{}, false, fmt.Errorf("notify: payload of %s: %w", e.ID, err)
	}
	out := parcel{effect: e}
	for _, t := range s.deps.Directory.Tenants() {
		if t.ID == e.Tenant {
			out.tenant = t
		}
	}
	err := s.deps.DB.Read(ctx, e.Tenant, func(tx *pg.Tx) error {
		var err error
		if out.message, err = getMessage(ctx, tx, c.Message); err != nil {
			return err
		}
		out.person, err = s.deps.People.Person(ctx, tx, out.message.Person, out.message.Service)
		return err
	})
	if kernel.KindOf(err) == kernel.NotFound && err != nil {
		return out, false, nil
	}
	return out, err == nil && out.tenant.ID != "", err
}

// sendWebhook delivers one notice to the wallet of the person's issuer. 2xx ends it, and so does 410 Gone; every other
// answer and every fault of the network is an error, which the dispatcher repeats later under the same webhook-id.
func (s *Service) sendWebhook(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	p, ok, err := s.open(ctx, e)
	if err != nil {
		return nil, err
	}
	w := s.wallets[p.person.Issuer]
	if !ok || w == nil {
		return s.ended(p, "webhook", noAddress), nil
	}
	body, err := json.Marshal(webhookOf(p.message, p.person, p.tenant))
	if err != nil {
		return nil, fmt.Errorf("notify: webhook %s: %w", e.ID, err)
	}
	result, err := w.post(ctx, e.ID, s.deps.Clock.Now(), body)
	if err != nil {
		return nil, err
	}
	if result == refused {
		s.deps.Log.Error("wallet refuses webhooks: 410 Gone", "issuer", p.person.Issuer, "tenant", e.Tenant, "effect", e.ID)
	}
	return s.ended(p, "webhook", result), nil
}

// sendEmail tells the person by e-mail that there is something new. A mail server cannot be asked whether it has seen
// a message, so a crash between its answer and ours repeats it, with the same Message-ID.
func (s *Service) sendEmail(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	p, ok, err := s.open(ctx, e)
	if err != nil {
		return nil, err
	}
	if !ok || s.deps.Config.SMTP == nil || p.person.Claims["email"] == "" {
		return s.ended(p, "email", noAddress), nil
	}
	result, err := s.deps.Config.SMTP.send(ctx, s.emailOf(p))
	if err != nil {
		return nil, err
	}
	return s.ended(p, "email", result), nil
}

// ended records how a delivery ended; a message that is gone takes its deliveries with it.
func (s *Service) ended(p parcel, channel string, o outcome) pg.Complete {
	if p.message.ID == "" {
		return nil
	}
	at := s.deps.Clock.Now()
	return func(ctx context.Context, tx *pg.Tx) error {
		return insertDelivery(ctx, tx, p.effect, p.message.ID, channel, o, at)
	}
}

// inbox returns the signed-in citizen's messages, newest first.
func (s *Service) inbox(ctx context.Context) ([]Message, error) {
	who := kernel.PrincipalOf(ctx)
	var list []Message
	err := s.deps.DB.Read(ctx, who.Tenant, func(tx *pg.Tx) error {
		var err error
		list, err = messagesOf(ctx, tx, who.Person)
		return err
	})
	return list, err
}

// read marks what the signed-in citizen has seen, up to the newest message the page showed. Doing it twice, or with a
// message of somebody else, changes nothing.
func (s *Service) read(ctx context.Context, upTo string) error {
	who := kernel.PrincipalOf(ctx)
	if !kernel.ValidID(upTo) {
		return kernel.NotThere("message")
	}
	return s.deps.DB.InTx(ctx, who.Tenant, func(tx *pg.Tx) error {
		return markRead(ctx, tx, who.Person, upTo, s.deps.Clock.Now())
	})
}

// Unread counts the signed-in citizen's unread messages, for a badge in the navigation; 0 for everybody else.
func (s *Service) Unread(ctx context.Context) (int, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen {
		return 0, nil
	}
	var n int
	err := s.deps.DB.Read(ctx, who.Tenant, func(tx *pg.Tx) error {
		var err error
		n, err = countUnread(ctx, tx, who.Person)
		return err
	})
	return n, err
}

const defaultKeep = 400 * 24 * time.Hour

// expire deletes messages whose time is over, in every municipality.
func (s *Service) expire(ctx context.Context) error {
	keep := s.deps.Config.Keep
	if keep <= 0 {
		keep = defaultKeep
	}
	before := s.deps.Clock.Now().Add(-keep)
	for _, t := range s.deps.Directory.Tenants() {
		err := s.deps.DB.InTx(ctx, t.ID, func(tx *pg.Tx) error { return deleteMessages(ctx, tx, before) })
		if err != nil {
			return fmt.Errorf("notify: expire messages of %s: %w", t.ID, err)
		}
	}
	return nil
}
