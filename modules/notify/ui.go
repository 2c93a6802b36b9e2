package notify

import (
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

type inboxView struct {
	Messages []ui.Card
	Newest   string // the id the "mark as read" form names; empty when nothing is unread
	MarkRead ui.Button
	Empty    ui.Empty
}

// inboxPage lists what the municipality told the citizen, newest first.
func (s *Service) inboxPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.inbox(r.Context())
	if err != nil {
		return err
	}
	locale := kernel.LocaleOf(r.Context())
	say := func(key string) string { return s.deps.Texts.T(locale, key) }
	v := inboxView{MarkRead: ui.Button{Label: say("notify.inbox.mark-read"), Tone: "secondary"}, Empty: ui.Empty{Title: say("notify.inbox.empty.title"), Body: say("notify.inbox.empty.body")}}
	zone := kernel.TenantOf(r.Context()).Location()
	for _, m := range list {
		card := ui.Card{
			Href: m.Path, Title: m.Title.In(locale), Text: m.Body.In(locale),
			Meta: ui.DateTime(locale, zone, m.CreatedAt),
		}
		if m.ReadAt.IsZero() {
			card.Tag = ui.Tag{Text: say("notify.inbox.new"), Tone: ui.Info}
			v.Newest = list[0].ID
		}
		v.Messages = append(v.Messages, card)
	}
	return s.deps.Citizen.Render(w, r, s.views, "messages", ui.View{Title: say("notify.inbox.title"), Data: v, Active: "messages"})
}

// readAction marks the messages the page showed as read and comes back to it.
func (s *Service) readAction(w http.ResponseWriter, r *http.Request) error {
	if err := s.read(r.Context(), r.PostFormValue("up_to")); err != nil {
		return err
	}
	http.Redirect(w, r, "/messages", http.StatusSeeOther)
	return nil
}
