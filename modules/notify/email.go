package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	gomail "github.com/wneessen/go-mail"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// email is one message to one person. It says that there is news and where to read it, not what it is: mail passes
// through foreign hands, and which service somebody uses can be private, too.
type email struct {
	id      string // Message-ID, the same for every retry
	to      kernel.Sensitive[string]
	subject string
	body    string
	locale  string
	at      time.Time
}

func (s *Service) emailOf(p parcel) email {
	locale := p.person.Locale
	if !slices.Contains(kernel.Locales, locale) {
		locale = kernel.Locales[0]
	}
	name := p.tenant.Name.In(locale)
	return email{
		id: p.effect.ID + "@" + hostOf(p.tenant.Origin), to: kernel.NewSensitive(p.person.Claims["email"]), locale: locale,
		subject: s.deps.Texts.T(locale, "notify.email.subject", "municipality", name),
		body:    s.deps.Texts.T(locale, "notify.email.body", "municipality", name, "link", p.tenant.Origin+"/messages"),
		at:      p.message.CreatedAt,
	}
}

func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return "localhost"
	}
	return u.Hostname()
}

// send hands the message to the mail server. A server that will never take this recipient ends the delivery; every
// other fault is an error without the address in it.
func (c *SMTP) send(ctx context.Context, e email) (outcome, error) {
	msg, err := c.compose(e)
	if err != nil {
		return refused, nil // the address is none: no retry mends that
	}
	client, err := c.client()
	if err != nil {
		return "", errors.New("notify: smtp: configuration")
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("notify: smtp: cannot reach the server: %w", plainNet(err))
	}
	// A fault while saying good-bye comes after the server has taken the message; repeating it would send it twice.
	defer func() { _ = client.CloseWithSMTPClient(conn) }()
	if err := client.SendWithSMTPClient(conn, msg); err != nil {
		var sent *gomail.SendError
		if errors.As(err, &sent) {
			if sent.Reason == gomail.ErrSMTPRcptTo && sent.ErrorCode() >= 500 {
				return refused, nil
			}
			return "", fmt.Errorf("notify: smtp: %s, code %d", sent.Reason, sent.ErrorCode())
		}
		return "", errors.New("notify: smtp: not sent")
	}
	return delivered, nil
}

// plainNet keeps of a connection error only what the network said: a server's greeting or refusal is its own text.
func plainNet(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return errors.New("no connection")
}

func (c *SMTP) compose(e email) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.From(c.From); err != nil {
		return nil, err
	}
	if err := msg.To(e.to.Value()); err != nil {
		return nil, err
	}
	msg.Subject(e.subject)
	msg.SetMessageIDWithValue(e.id)
	msg.SetDateWithValue(e.at)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no holiday reply comes back
	msg.SetGenHeader("Content-Language", e.locale)
	msg.SetBodyString(gomail.TypeTextPlain, e.body)
	return msg, nil
}

func (c *SMTP) client() (*gomail.Client, error) {
	port := c.Port
	if port == 0 {
		port = 587
	}
	policy := gomail.TLSMandatory
	if c.Clear {
		policy = gomail.NoTLS
	}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(outside.CallTimeout), gomail.WithTLSPolicy(policy),
		gomail.WithDialContextFunc(kernel.DialLoopbackNames),
	}
	if c.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(c.Username), gomail.WithPassword(c.Password.Value()))
	}
	return gomail.NewClient(c.Host, options...)
}
