package kernel

import (
	"context"
	"net"
	"strings"
	"time"
)

// DialLoopbackNames is a DialContext that knows what RFC 6761 §6.3 says of "localhost" and every name below
// it: they mean this machine. Browsers do this themselves; Go's resolver asks DNS.
func DialLoopbackNames(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if host, port, err := net.SplitHostPort(addr); err == nil && LoopbackName(host) {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return d.DialContext(ctx, network, addr)
}

// LoopbackName reports whether host can only mean this machine.
func LoopbackName(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
