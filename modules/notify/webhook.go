package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"townhall/modules/kernel"
)

// wallet is a Wallet ready to be called.
type wallet struct {
	url     string
	signers []*standardwebhooks.Webhook
	client  *http.Client
}

// The limits of one call. Standard Webhooks asks for 15 to 30 s at most; a lease is a minute.
const (
	callTimeout  = 10 * time.Second
	answerLimit  = 64 << 10
	longestPause = time.Hour
)

func newWallet(w Wallet, r *net.Resolver) (*wallet, error) {
	out := &wallet{url: w.WebhookURL, client: &http.Client{
		Timeout:   callTimeout,
		Transport: guardedTransport(w.AllowLoopback, r),
		// A redirect is an answer like any other: not 2xx. Following it would leave the address that was configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for i, secret := range w.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, fmt.Errorf("notify: wallet %q: secret %d is not base64", w.Issuer, i+1)
		}
		out.signers = append(out.signers, signer)
	}
	return out, nil
}

// post sends one webhook (Standard Webhooks 1.0): id is the same for every retry, at is the time of this attempt.
// An error means: try again later; it names no address and no text the other side sent.
func (w *wallet) post(ctx context.Context, id string, at time.Time, body []byte) (outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("notify: webhook %s: %w", id, err)
	}
	signature, err := w.sign(id, at, body)
	if err != nil {
		return "", fmt.Errorf("notify: webhook %s: %w", id, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Townhall-Webhooks/1.0")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	res, err := w.client.Do(req)
	if err != nil {
		var u *url.Error // its text repeats the whole address, which may hold a token
		if errors.As(err, &u) {
			err = u.Err
		}
		return "", fmt.Errorf("notify: webhook %s: %w", id, err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, answerLimit) // so that the connection can be used again
	return judge(id, res)
}

func (w *wallet) sign(id string, at time.Time, body []byte) (string, error) {
	var all []string
	for _, s := range w.signers {
		one, err := s.Sign(id, at, body)
		if err != nil {
			return "", err
		}
		all = append(all, one)
	}
	return strings.Join(all, " "), nil
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
