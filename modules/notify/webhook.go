package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// wallet is a Wallet ready to be called.
type wallet struct {
	url    string
	keys   outside.Keys
	client *http.Client
}

const longestPause = time.Hour

func newWallet(w Wallet, r *net.Resolver) (*wallet, error) {
	keys, err := outside.NewKeys(w.Secrets)
	if err != nil {
		return nil, fmt.Errorf("notify: wallet %q: %w", w.Issuer, err)
	}
	return &wallet{url: w.WebhookURL, keys: keys, client: outside.Client(w.AllowLoopback, r)}, nil
}

// post sends one webhook (Standard Webhooks 1.0): id is the same for every retry, at is the time of this attempt.
// An error means: try again later; it names no address and no text the other side sent.
func (w *wallet) post(ctx context.Context, id string, at time.Time, body []byte) (outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("notify: webhook %s: %w", id, err)
	}
	if err := w.keys.Sign(req.Header, id, at, body); err != nil {
		return "", fmt.Errorf("notify: webhook %s: %w", id, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Townhall-Webhooks/1.0")
	res, err := w.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("notify: webhook %s: %w", id, outside.WithoutAddress(err))
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, outside.AnswerLimit) // so that the connection can be used again
	return judge(id, res)
}

// judge reads the answer: 2xx is done, 410 means never again, all others are worth another try.
func judge(id string, res *http.Response) (outcome, error) {
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return delivered, nil
	case res.StatusCode == http.StatusGone:
		return refused, nil
	}
	e := kernel.NewError(kernel.Unavailable, "webhook-not-accepted", "The wallet did not accept the notice.")
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(seconds)*time.Second, longestPause)
	}
	return "", e.Wrap(fmt.Errorf("notify: webhook %s: status %d", id, res.StatusCode))
}
