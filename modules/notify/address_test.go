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
)

func TestPrivateAddressesAreRefusedInEveryForm(t *testing.T) {
	t.Parallel()
	for address, public := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "172.32.0.1": true, "100.128.0.1": true, "223.255.255.255": true,
		"2606:4700::1111": true, "2a00:1450:4001::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:7f00:1": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "::ffff:0.0.0.0": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "::ffff:10.0.0.1": false, "::ffff:192.168.1.1": false,
		"169.254.169.254": false, "::ffff:169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "febf::1": false,
		"100.64.0.1": false, "100.127.255.255": false, "198.18.0.1": false, "192.0.0.1": false, "192.0.0.192": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false,
		"224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false, "ff02::1": false, "ff0e::1": false,
		"fc00::1": false, "fd12:3456::1": false, "fec0::1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "100::1": false,
		"2001::1": false, "2001:10::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "2002:a00:1::1": false, "3fff::1": false, "5f00::1": false,
		"::127.0.0.1": false, "::10.0.0.1": false,
	} {
		if got := allowed(netip.MustParseAddr(address), false); got != public {
			t.Errorf("%s: allowed = %v, want %v", address, got, public)
		}
	}
	if allowed(netip.Addr{}, true) {
		t.Error("no address at all is allowed")
	}
}

func TestDeclaringLoopbackOpensNothingElse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "8.8.8.8": true,
		"10.0.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "fd00::1": false, "0.0.0.0": false, "::": false,
	} {
		if got := allowed(netip.MustParseAddr(address), true); got != want {
			t.Errorf("%s: allowed = %v, want %v", address, got, want)
		}
	}
}

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
		w := &wallet{url: "http://" + host + ":" + port + "/", client: &http.Client{Transport: guardedTransport(false, nil), Timeout: 5 * time.Second}}
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
	if err != nil || len(found) != 1 || !allowed(found[0].Unmap(), false) {
		t.Fatalf("the first answer should pass: %v, %v", found, err)
	}
	w := &wallet{url: "http://rebind.example.:" + port + "/", client: &http.Client{Transport: guardedTransport(false, dns.resolver), Timeout: 5 * time.Second}}
	if _, err := w.post(t.Context(), kernel.NewID(), time.Now(), nil); !errors.Is(err, errAddress) {
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
