package host

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"townhall/modules/kernel"
)

// notice is the payload municipalities send. It names the person by the pairwise subject only they and we know.
type notice struct {
	Type string `json:"type"`
	Data struct {
		Issuer   string      `json:"iss"`
		Subject  string      `json:"sub"`
		ClientID string      `json:"client_id"`
		Title    kernel.Text `json:"title"`
		Body     kernel.Text `json:"body"`
		Path     string      `json:"path"`
		Number   string      `json:"number"`
	} `json:"data"`
}

// receiveWebhook takes one notice (Standard Webhooks): signature and a five-minute window are checked before
// anything is read, the message is on disk before the answer, and the same webhook-id again changes nothing.
// 401 bad signature or time, 400 unreadable, 404 nobody with that subject here, 503 catalogue away: try again.
func (w *Wallet) receiveWebhook(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tooLarge := new(http.MaxBytesError)
		if errors.As(err, &tooLarge) {
			http.Error(rw, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(rw, "unreadable", http.StatusBadRequest)
		return
	}
	if w.webhook == nil || w.webhook.Verify(body, r.Header) != nil {
		http.Error(rw, "signature refused", http.StatusUnauthorized)
		return
	}
	id := r.Header.Get("webhook-id")
	w.deliver.Lock()
	defer w.deliver.Unlock()
	if w.journal.knows(id) {
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	var n notice
	if json.Unmarshal(body, &n) != nil || n.Type == "" || len(n.Data.Title) == 0 {
		http.Error(rw, "unreadable", http.StatusBadRequest)
		return
	}
	a, ok := w.book.app(r.Context(), n.Data.ClientID)
	if !ok {
		rw.Header().Set("Retry-After", "5")
		http.Error(rw, "client not in the catalogue", http.StatusServiceUnavailable)
		return
	}
	who, ok := w.personaOf(a.Client, n.Data.Subject)
	if !ok || n.Data.Issuer != w.citizens.issuer {
		http.Error(rw, "no such subject", http.StatusNotFound)
		return
	}
	// The address goes on inside the sender's own origin, or nowhere.
	n.Data.Path = strings.TrimPrefix(n.Data.Path, a.Origin)
	if n.Data.Path != "" && !localPath(n.Data.Path) {
		http.Error(rw, "path is not the sender's", http.StatusBadRequest)
		return
	}
	m := Message{ID: id, Persona: who.ID, ClientID: a.Client.ID, Title: n.Data.Title, Body: n.Data.Body, Path: n.Data.Path, Number: n.Data.Number, At: w.clock.Now()}
	if err := w.journal.write(entry{Message: &m}); err != nil {
		w.log.ErrorContext(r.Context(), "message not stored", "error", err)
		http.Error(rw, "not stored", http.StatusServiceUnavailable)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

// personaOf maps a pairwise subject back.
func (w *Wallet) personaOf(c Client, subject string) (Persona, bool) {
	for _, p := range w.cfg.Personas {
		if !p.Staff && w.citizens.subject(c, p.ID) == subject {
			return p, true
		}
	}
	return Persona{}, false
}

// demoInbox lets demonstrations and tests read an inbox without a browser. This machine only, and only while the issuer is on it.
func (w *Wallet) demoInbox(rw http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	// The Host header too: a page elsewhere whose name was made to point here must not read it.
	if err != nil || !kernel.LoopbackName(host) || r.Host != strings.TrimPrefix(originOf(w.origin), "http://") {
		http.NotFound(rw, r)
		return
	}
	who, ok := w.persona(r.URL.Query().Get("persona"), false)
	if !ok {
		http.NotFound(rw, r)
		return
	}
	list := w.journal.inbox(who.ID)
	if list == nil {
		list = []Message{}
	}
	writeJSON(rw, http.StatusOK, map[string]any{"persona": who.ID, "unread": w.journal.unread(who.ID), "messages": list})
}
