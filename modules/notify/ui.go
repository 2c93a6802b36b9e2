package notify

import (
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

type inboxView struct {
	Messages []messageView
	Newest   string // the id the "mark as read" form names; empty when nothing is unread
	MarkRead ui.Button
	Empty    ui.Empty
}

type messageView struct {
	Message
	TitleText, BodyText string
	Unread              *ui.Tag
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
	for _, m := range list {
		one := messageView{Message: m, TitleText: m.Title.In(locale), BodyText: m.Body.In(locale)}
		if m.ReadAt.IsZero() {
			one.Unread = &ui.Tag{Text: say("notify.inbox.new"), Tone: ui.Info}
			v.Newest = list[0].ID
		}
		v.Messages = append(v.Messages, one)
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
