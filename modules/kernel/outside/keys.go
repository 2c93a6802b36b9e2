package outside

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Keys sign and check messages by Standard Webhooks 1.0. Two of them are a rotation: what we sign carries a signature of each,
// what we receive may be signed by either.
type Keys []*standardwebhooks.Webhook

// NewKeys reads secrets of the form "whsec_" and base64 of 24 to 64 bytes. Its errors print no secret.
func NewKeys(secrets []string) (Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("needs at least one secret")
	}
	var out Keys
	for i, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(raw) < 24 || len(raw) > 64 {
			return nil, fmt.Errorf("secret %d: want whsec_ and base64 of 24 to 64 bytes", i+1)
		}
		key, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, fmt.Errorf("secret %d cannot be used", i+1)
		}
		out = append(out, key)
	}
	return out, nil
}

// Sign sets the three headers. id is the same for every retry of a message, at is the time of this attempt.
func (k Keys) Sign(h http.Header, id string, at time.Time, body []byte) error {
	var all []string
	for _, key := range k {
		one, err := key.Sign(id, at, body)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(all, " "))
	return nil
}

// Verify returns the message's id when one of the keys has signed it within the last five minutes, else an error that says
// why without quoting anything.
func (k Keys) Verify(h http.Header, body []byte) (id string, err error) {
	err = standardwebhooks.ErrNoMatchingSignature
	for _, key := range k {
		if err = key.Verify(body, h); err == nil {
			return h.Get(standardwebhooks.HeaderWebhookID), nil
		}
	}
	return "", err
}

// WithoutAddress returns what is inside a *url.Error: its own text repeats the whole address, which may hold a token.
func WithoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
