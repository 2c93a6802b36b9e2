package outside

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"townhall/modules/kernel"
)

// ErrAddress is the refusal of promise 15: we never call into a private network for anybody.
var ErrAddress = errors.New("outside: the address is not a public one")

// The limits of one call. Standard Webhooks asks for 15 to 30 s at most; a lease is a minute.
const (
	CallTimeout = 10 * time.Second
	AnswerLimit = 64 << 10 // bytes of a small answer, and of the headers of any
)

// Client returns a client that calls public addresses only (and, with loopback, this machine) and follows no redirect: that
// would leave the address that was configured. r is how hosts are looked up; nil: the machine's own resolver.
func Client(loopback bool, r *net.Resolver) *http.Client {
	return &http.Client{
		Timeout:       CallTimeout,
		Transport:     guardedTransport(loopback, r),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guardedTransport calls public addresses only. The check sits between the look-up and the connection, on the address
// the connection really goes to: a name that answers differently the second time gains nothing.
func guardedTransport(loopback bool, r *net.Resolver) *http.Transport {
	d := &net.Dialer{
		Timeout:  CallTimeout,
		Resolver: r,
		Control: func(_, address string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(address)
			if err != nil || !allowed(a.Addr(), loopback) {
				return ErrAddress
			}
			return nil
		},
	}
	return &http.Transport{
		Proxy: nil, // a proxy would make the connection for us, past the check
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err == nil && loopback && kernel.LoopbackName(host) && net.ParseIP(host) == nil {
				address = net.JoinHostPort("127.0.0.1", port) // RFC 6761 §6.3: no resolver is asked for localhost
			}
			return d.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout:    CallTimeout,
		ResponseHeaderTimeout:  CallTimeout,
		MaxResponseHeaderBytes: AnswerLimit,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// allowed reports whether a may be called. An IPv4 address written as an IPv6 one is judged as what it is. Of IPv6 only
// global unicast (2000::/3, RFC 4291 §2.4) is public at all; of both, what the special-purpose registries
// (RFC 6890) set aside is not.
func allowed(a netip.Addr, loopback bool) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if a.IsLoopback() {
		return loopback
	}
	if a.Is6() && !globalUnicast6.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

var globalUnicast6 = netip.MustParsePrefix("2000::/3")

var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers, RFC 6598
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local; cloud metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, with Teredo (carries an IPv4 address)
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4 (carries an IPv4 address)
	netip.MustParsePrefix("3fff::/20"),       // documentation
}
