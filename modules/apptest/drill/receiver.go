package drill

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver is a host wallet that answers badly one time in five; it notes a message only when it said yes, and
// only when its signature is right.
type receiver struct {
	*httptest.Server
	hook *webhooks.Webhook

	mu       sync.Mutex
	received []notice
	forged   int
}

// notice is one accepted webhook.
type notice struct {
	id, number, title string
}

func newReceiver(secret string) (*receiver, error) {
	hook, err := webhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	r := &receiver{hook: hook}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	return r, nil
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil || rand.N(5) == 0 {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.hook.Verify(body, req.Header); err != nil {
		r.forged++
		http.Error(w, "bad signature", http.StatusBadRequest)
		return
	}
	var message struct {
		Data struct {
			Number string            `json:"number"`
			Title  map[string]string `json:"title"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		r.forged++
		http.Error(w, "bad body", http.StatusBadRequest)
		return
	}
	r.received = append(r.received, notice{req.Header.Get("webhook-id"), message.Data.Number, message.Data.Title["en"]})
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) all() ([]notice, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]notice(nil), r.received...), r.forged
}
