package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// addressForms are ways to write this machine in a URL. Go's resolver and dialer decide what they mean; whatever that
// is, no call may arrive.
func TestNoSpellingOfThisMachineIsCalled(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, nil)
	_, port, _ := net.SplitHostPort(rec.Listener.Addr().String())
	for _, host := range []string{
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "localhost", "LOCALHOST", "localhost.", "northwick.localhost", "127.0.0.1.",
	} {
		w := &wallet{url: "http://" + host + ":" + port + "/", client: outside.Client(false, nil)}
		if _, err := w.post(t.Context(), kernel.NewID(), time.Now(), nil); err == nil {
			t.Errorf("%s: called", host)
		}
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
}

func TestANameThatChangesItsAddressAfterACheckIsRefused(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, nil)
	_, port, _ := net.SplitHostPort(rec.Listener.Addr().String())
	dns := newNameServer(t, "8.8.8.8", "127.0.0.1")
	// Somebody checks the name first: public.
	found, err := dns.resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.")
	if err != nil || len(found) != 1 || found[0].IsLoopback() {
		t.Fatalf("the first answer should pass: %v, %v", found, err)
	}
	w := &wallet{url: "http://rebind.example.:" + port + "/", client: outside.Client(false, dns.resolver)}
	if _, err := w.post(t.Context(), kernel.NewID(), time.Now(), nil); !errors.Is(err, outside.ErrAddress) {
		t.Errorf("want the address refused, got %v", err)
	}
	if n := len(rec.all()); n != 0 || dns.asked.Load() < 2 {
		t.Errorf("%d calls arrived, the name was asked for %d times", n, dns.asked.Load())
	}
}

func TestARedirectToThisMachineIsNotFollowed(t *testing.T) {
	t.Parallel()
	inner := newReceiver(t, nil)
	outer := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
	})
	w, err := newWallet(outer.wallet(secret(1)).Wallets[0], nil) // even where loopback is allowed
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.post(t.Context(), kernel.NewID(), time.Now(), []byte(`{}`)); err == nil {
		t.Error("a redirect counts as delivered")
	}
	if n := len(inner.all()); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	stopped := make(chan struct{})
	rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		defer close(stopped)
		for block := make([]byte, 32<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	w, err := newWallet(rec.wallet(secret(1)).Wallets[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.post(t.Context(), kernel.NewID(), time.Now(), []byte(`{}`)); err != nil {
		t.Error(err)
	}
	<-stopped // the connection was closed on the sender
}

// nameServer answers A queries over UDP with its addresses in turn, staying at the last; AAAA queries get none.
type nameServer struct {
	resolver *net.Resolver
	asked    atomic.Int64
}

func newNameServer(t *testing.T, addresses ...string) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &nameServer{}
	s.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	go func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := s.answer(buf[:n], addresses); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return s
}

// answer builds a reply to one question (RFC 1035 §4.1).
func (s *nameServer) answer(query []byte, addresses []string) []byte {
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	if end > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[end-4:])
	reply := append([]byte{}, query[:end]...)
	copy(reply[2:12], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // an authoritative answer to one question
	if kind != 1 {
		return reply
	}
	n := min(int(s.asked.Add(1)), len(addresses)) - 1
	reply[7] = 1
	a := netip.MustParseAddr(addresses[n]).As4()
	reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(reply, a[:]...)
}
