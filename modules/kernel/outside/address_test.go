package outside

import (
	"net/netip"
	"testing"
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
