package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"townhall/migrations"
	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
)

// databaseURL is the flag every command with a database shares; the environment is its default.
func databaseURL(fs flagSet) *string {
	return fs.String("database-url", os.Getenv("TOWNHALL_DATABASE_URL"), "PostgreSQL to use, in libpq's form; default $TOWNHALL_DATABASE_URL")
}

type flagSet interface {
	String(name, value, usage string) *string
}

func serve(ctx context.Context, c *console, args []string) error {
	fs := c.flags("serve")
	listen := fs.String("listen", "127.0.0.1:8080", "address to answer on")
	file := fs.String("settings", "", "settings file of this installation (required)")
	data := fs.String("data", "/var/lib/townhall", "folder of the sealing and client keys")
	url := databaseURL(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *url == "" {
		return errors.New("no database: set --database-url or TOWNHALL_DATABASE_URL (townhall demo starts one of its own)")
	}
	settings, err := readSettings(*file)
	if err != nil {
		return err
	}
	db, err := pg.Open(ctx, pg.Options{URL: *url, Log: c.log})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := pg.CheckSchema(ctx, db, migrations.FS); err != nil {
		return err
	}
	town, err := modules.New(modules.Options{
		Settings: settings, DB: db, Data: *data, Clock: kernel.SystemClock{}, Log: c.log, Contracts: openapi.FS,
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	c.log.Info("listening", "address", l.Addr().String())
	return runTown(ctx, town, l, c.log)
}

func readSettings(file string) (modules.Settings, error) {
	if file == "" {
		return modules.Settings{}, errors.New("--settings FILE is required; cmd/townhall/demo.yaml is an example")
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return modules.Settings{}, err
	}
	return modules.ReadSettings(src)
}

// runTown serves until ctx ends, then stops in the order that loses nothing: say "not ready", let load balancers
// notice, answer what is running, then stop the background work.
func runTown(ctx context.Context, town *modules.Town, l net.Listener, log *slog.Logger) error {
	if err := town.Check(ctx); err != nil {
		return err
	}
	var draining atomic.Bool
	handler := town.Handler()
	srv := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() && r.URL.Path == "/readyz" {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	}), log)

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	var wg sync.WaitGroup
	wg.Go(func() { town.Run(background) })

	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		stopBackground()
		wg.Wait()
		return err
	case <-ctx.Done():
	}
	draining.Store(true)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	err := srv.Shutdown(stopCtx)
	stopBackground()
	wg.Wait()
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// newHTTPServer bounds every phase of a request, so that a slow client costs its own connection and no more.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
