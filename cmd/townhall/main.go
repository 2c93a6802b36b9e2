// Command townhall is the whole back end: one binary, one PostgreSQL.
//
//	townhall demo              everything on this machine with demo data; --tour walks the journey
//	townhall serve             the server, on an existing database
//	townhall migrate           bring a database to this version
//	townhall check             check every workflow definition and run its scripts
//	townhall openapi           write the contracts into openapi/
//	townhall verify            check a signed document offline
//	townhall verify-catalogue  check a municipality's mini-apps as a host wallet does
//	townhall keys              make or list the sealing keys
//	townhall gallery           render every page block and state
//	townhall config            print the settings in force, secrets masked
//	townhall version           print the version
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// command is one subcommand. run gets its own flags parsed by itself.
type command struct {
	name, summary string
	run           func(ctx context.Context, c *console, args []string) error
}

// console is where a command reads and writes; tests give their own.
type console struct {
	out, err io.Writer
	log      *slog.Logger
}

// exitError ends the program with a code of its own, its message already printed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func commands() []command {
	return []command{
		{"demo", "everything on this machine with demo data", demo},
		{"serve", "the server, on an existing database", serve},
		{"migrate", "bring a database to this version", migrate},
		{"check", "check every workflow definition and run its scripts", check},
		{"openapi", "write the contracts", openapiFiles},
		{"verify", "check a signed document offline", verify},
		{"verify-catalogue", "check a municipality's mini-apps as a host wallet does", verifyCatalogue},
		{"keys", "make or list the sealing keys", keys},
		{"token", "print an access token of one of the demo's people", token},
		{"gallery", "render every page block and state", gallery},
		{"config", "print the settings in force, secrets masked", config},
		{"version", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := &console{out: out, err: errOut, log: slog.New(slog.NewJSONHandler(errOut, nil))}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		return 0
	}
	for _, cmd := range commands() {
		if cmd.name != args[0] {
			continue
		}
		err := cmd.run(ctx, c, args[1:])
		var exit exitError
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.As(err, &exit):
			return int(exit)
		}
		fmt.Fprintf(errOut, "townhall %s: %v\n", cmd.name, err)
		return 1
	}
	fmt.Fprintf(errOut, "townhall: no command %q\n", args[0])
	usage(errOut)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "townhall COMMAND [FLAGS]; townhall COMMAND -h shows the flags")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-16s %s\n", cmd.name, cmd.summary)
	}
}

// flags makes the flag set of one command; errors and help go to the console.
func (c *console) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("townhall "+name, flag.ContinueOnError)
	fs.SetOutput(c.err)
	return fs
}
