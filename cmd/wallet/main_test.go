package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestAnAddressOthersCanReachIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:8090", "[::]:0"} {
		if err := run(t.Context(), []string{"--listen", listen}); err == nil || !strings.Contains(err.Error(), "--allow-remote") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if err := run(t.Context(), []string{"--listen", "0.0.0.0:0", "--allow-remote"}); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("clear text for everybody: %v", err)
	}
}

func TestPaymentsNeedBothSecretsAndATown(t *testing.T) {
	t.Setenv("WALLET_PAYMENT_SECRETS", "whsec_"+strings.Repeat("QUFB", 8))
	for _, args := range [][]string{{"--catalogue", "http://northwick.localhost:1"}, nil} {
		if err := run(t.Context(), append([]string{"--listen", "127.0.0.1:0"}, args...)); err == nil || !strings.Contains(err.Error(), "town:") {
			t.Errorf("%v: %v", args, err)
		}
		t.Setenv("WALLET_EVENT_SECRETS", "whsec_"+strings.Repeat("QUFC", 8))
	}
}

func TestTheWalletServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", address, "--data", t.TempDir(), "--catalogue", "http://northwick.localhost:1", "--staff", "northwick=http://northwick.localhost:1"})
	}()
	for {
		resp, err := http.Get("http://" + address + "/staff/.well-known/openid-configuration")
		if err != nil {
			select {
			case err := <-done:
				t.Fatal(err)
			default:
				continue
			}
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(b), `"issuer":"http://`+address+`/staff"`) {
			t.Errorf("%s %v", b, err)
		}
		break
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
