package notify

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

// mailServer speaks as much SMTP (RFC 5321) as a relay needs. reply may answer a command itself; "" goes on as usual.
type mailServer struct {
	listener net.Listener
	reply    func(n int, command string) string
	mu       sync.Mutex
	mails    []string
	seen     int
}

func newMailServer(t *testing.T, reply func(n int, command string) string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &mailServer{listener: l, reply: reply}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *mailServer) config() *SMTP {
	a := s.listener.Addr().(*net.TCPAddr)
	return &SMTP{Host: "127.0.0.1", Port: a.Port, From: "Northwick <no-reply@northwick.example>", Clear: true}
}

func (s *mailServer) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

func (s *mailServer) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	s.seen++
	n := s.seen
	s.mu.Unlock()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 mail.example ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if s.reply != nil {
			if answer := s.reply(n, line); answer != "" {
				fmt.Fprint(c, answer+"\r\n")
				continue
			}
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO":
			fmt.Fprint(c, "250-mail.example\r\n250 8BITMIME\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var b strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(l)
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func TestAnEmailIsInThePersonsLanguageAndSaysNothingAboutTheCase(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string][2]string{
		"en": {"You have a new message from Northwick", "http://northwick.localhost:8080/messages"},
		"ru": {"У вас новое сообщение: Нортвик", "войдите в систему"},
		"zh": {"您有一条来自诺斯威克的新消息", "请登录查看"},
		"xx": {"You have a new message from Northwick", "sign in here"},
	} {
		box := newMailServer(t, nil)
		h := newHouse(t, Config{SMTP: box.config()})
		h.tell(t, h.resident("anna@example.org", locale), number(1))
		h.settle(t)
		mails := box.all()
		if len(mails) != 1 {
			t.Fatalf("%s: want 1 e-mail, got %d", locale, len(mails))
		}
		m, err := mail.ReadMessage(strings.NewReader(mails[0]))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != want[0] {
			t.Errorf("%s: subject %q, %v", locale, subject, err)
		}
		raw, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || !strings.Contains(string(raw), want[1]) {
			t.Errorf("%s: %q is missing in %q, %v", locale, want[1], raw, err)
		}
		for _, private := range []string{number(1), "residence", "question", "вопрос", "问题", "Whitfield", "Anna W"} {
			if strings.Contains(subject+string(raw)+m.Header.Get("To"), private) {
				t.Errorf("%s: %q is in the e-mail", locale, private)
			}
		}
		if kind := m.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%s: %q is not automatic plain text", locale, kind)
		}
	}
}

func TestAMailServerThatFailsIsTriedAgainWithTheSameMessageId(t *testing.T) {
	t.Parallel()
	var ids []string
	box := newMailServer(t, func(n int, command string) string {
		if n <= 3 && strings.HasPrefix(command, "RCPT") {
			return "451 later"
		}
		return ""
	})
	h := newHouse(t, Config{SMTP: box.config()})
	h.tell(t, h.resident("anna@example.org", "en"), number(1))
	h.settle(t)
	for _, m := range box.all() {
		parsed, err := mail.ReadMessage(strings.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, parsed.Header.Get("Message-ID"))
	}
	if len(ids) != 1 || !strings.HasSuffix(ids[0], "@northwick.localhost>") {
		t.Errorf("want one e-mail with an id of ours, got %v", ids)
	}
	if n := h.count(t, `SELECT attempt FROM notify.delivery WHERE tenant_id = 'northwick' AND channel = 'email'`); n != 4 {
		t.Errorf("want the 4th attempt on record, got %d", n)
	}
}

func TestAnAddressThatDoesNotExistEndsTheDeliveryAndIsNotInAnyError(t *testing.T) {
	t.Parallel()
	box := newMailServer(t, func(_ int, command string) string {
		if strings.HasPrefix(command, "RCPT") {
			return "550 no such user anna@example.org"
		}
		return ""
	})
	h := newHouse(t, Config{SMTP: box.config()})
	h.tell(t, h.resident("anna@example.org", "en"), number(1))
	h.settle(t)
	if n := h.count(t, `SELECT count(*) FROM notify.delivery WHERE tenant_id = 'northwick' AND outcome = 'refused'`); n != 1 {
		t.Errorf("want a refused delivery, got %d", n)
	}
	away := *box.config()
	box.listener.Close()
	_, err := away.send(t.Context(), email{to: kernel.NewSensitive("anna@example.org"), id: "x@y"})
	if err == nil || strings.Contains(err.Error(), "anna") {
		t.Errorf("want an error without the address, got %v", err)
	}
	busy := newMailServer(t, func(_ int, command string) string {
		if strings.HasPrefix(command, "RCPT") {
			return "450 mailbox anna@example.org busy"
		}
		return ""
	})
	_, err = busy.config().send(t.Context(), email{to: kernel.NewSensitive("anna@example.org"), id: "x@y"})
	if err == nil || strings.Contains(err.Error(), "anna") {
		t.Errorf("want an error without the address, got %v", err)
	}
}

func TestMailInClearTextStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{"127.0.0.1": true, "localhost": true, "mail.example": false, "10.0.0.1": false} {
		err := Config{SMTP: &SMTP{Host: host, From: "a@b.example", Clear: true}}.Validate()
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := (Config{SMTP: &SMTP{Host: "mail.example", From: "a@b.example"}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestTheInboxPageShowsMessagesAndMarksThemRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, Config{})
	anna := h.resident("", "en")
	show := func(locale string) string {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/messages", nil).WithContext(kernel.WithLocale(h.as(anna), locale))
		if err := h.inboxPage(w, r); err != nil {
			t.Fatal(err)
		}
		return w.Body.String()
	}
	if page := show("en"); !strings.Contains(page, "No messages yet") {
		t.Errorf("an empty inbox does not say so:\n%s", page)
	}
	c := h.tell(t, anna, number(1))
	h.settle(t)
	for locale, want := range map[string]string{"en": "We have a question", "ru": "У нас есть вопрос", "zh": "我们有一个问题"} {
		page := show(locale)
		for _, text := range []string{want, `href="/cases/` + string(c) + `"`, `action="/messages/read"`} {
			if !strings.Contains(page, text) {
				t.Errorf("%s: %q is missing in\n%s", locale, text, page)
			}
		}
		if strings.Contains(page, "⟦") {
			t.Errorf("%s: a text is missing", locale)
		}
	}
	list, err := h.inbox(h.as(anna))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/messages/read", strings.NewReader("up_to="+list[0].ID)).WithContext(h.as(anna))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := h.readAction(w, r); err != nil || w.Code != http.StatusSeeOther {
		t.Fatalf("%d, %v", w.Code, err)
	}
	if page := show("en"); strings.Contains(page, "/messages/read") || strings.Contains(page, ">New<") {
		t.Errorf("still unread:\n%s", page)
	}
}

func TestOldMessagesAreDeletedWithTheirDeliveries(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, nil)
	h := newHouse(t, rec.wallet(secret(1)))
	h.tell(t, h.resident("", "en"), number(1))
	h.settle(t)
	clock := kerneltest.NewClock(h.deps.Clock.Now())
	h.deps.Clock = clock
	if err := h.expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("a fresh message is gone")
	}
	clock.Advance(defaultKeep + 1e9)
	if err := h.expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `SELECT (SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick') + (SELECT count(*) FROM notify.delivery WHERE tenant_id = 'northwick')`); n != 0 {
		t.Errorf("%d rows stay", n)
	}
}
