// Command wallet runs the reference host wallet on its own origin: a demonstration of what a national wallet does
// with mini-apps. Its people are invented and prove nothing, so it listens on this machine only unless told otherwise.
//
// Secrets come from the environment: WALLET_WEBHOOK_SECRET signs notices; WALLET_PAYMENT_SECRETS and
// WALLET_EVENT_SECRETS, each one or several with spaces between, let the municipalities of --catalogue ask for payments.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"townhall/cmd/wallet/host"
	"townhall/modules/kernel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "wallet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("wallet", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:8090", "address to listen on")
	remote := fs.Bool("allow-remote", false, "allow an address other machines can reach; anybody can then sign in as anybody")
	issuer := fs.String("issuer", "", "origin people see, when it is not http://<listen>")
	data := fs.String("data", "", "folder for keys and inbox; empty keeps them in memory")
	cfg := host.Config{WebhookSecret: os.Getenv("WALLET_WEBHOOK_SECRET"), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	fs.Func("catalogue", "origin of a municipality, e.g. http://northwick.localhost:8080; may be repeated", func(s string) error {
		cfg.Catalogues = append(cfg.Catalogues, s)
		return nil
	})
	fs.Func("staff", "staff client of a municipality, <tenant>=<origin>; may be repeated", func(s string) error {
		tenant, origin, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want <tenant>=<origin>")
		}
		cfg.StaffClients = append(cfg.StaffClients, host.StaffClient(tenant, strings.TrimSuffix(origin, "/")))
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return err
	}
	name, _, err := net.SplitHostPort(*listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if !kernel.LoopbackName(name) && !*remote {
		return fmt.Errorf("%s can be reached by other machines, and here anybody signs in as anybody; say --allow-remote if that is meant", *listen)
	}
	if cfg.Issuer = *issuer; cfg.Issuer == "" {
		cfg.Issuer = "http://" + *listen
	}
	cfg.DataDir = *data
	asks, tells := strings.Fields(os.Getenv("WALLET_PAYMENT_SECRETS")), strings.Fields(os.Getenv("WALLET_EVENT_SECRETS"))
	if len(asks)+len(tells) > 0 {
		cfg.Towns = []host.Town{{Origins: cfg.Catalogues, Secrets: asks, EventSecrets: tells}}
	}
	w, err := host.New(cfg)
	if err != nil {
		return err
	}
	defer w.Close()
	return serve(ctx, *listen, w)
}

func serve(ctx context.Context, listen string, w *host.Wallet) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: w.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	fmt.Printf("wallet ready on %s\n", w.Issuer())
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}
