package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"townhall/modules"
)

const verifyCatalogueUsage = "usage: townhall verify-catalogue URL [--log-key KEY] [--state FILE]"

// verifyCatalogue checks a municipality's mini-apps as a host does. It answers by its exit code too: 0 everything is as it
// was published, 1 anything else, one line for each fault.
func verifyCatalogue(ctx context.Context, c *console, args []string) error {
	flags := c.flags("verify-catalogue")
	key := flags.String("log-key", "", `the log's public key, "townhall/catalogue+…"; default: the one in the state, else the one the log shows`)
	state := flags.String("state", "", "file that remembers the log between two checks; without it a rewritten log is not noticed")
	// The address may stand before or after the flags.
	var address string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		address, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if address == "" {
		address = flags.Arg(0)
	}
	if address == "" {
		return errors.New(verifyCatalogueUsage)
	}
	seen, err := readSeen(*state)
	if err != nil {
		return err
	}
	r, err := modules.VerifyCatalogue(ctx, address, *key, seen)
	if err != nil {
		return err
	}
	if err := printCatalogue(c, r); err != nil {
		return err
	}
	if *state != "" && r.Seen != nil {
		if err := writeSeen(*state, r.Seen); err != nil {
			return err
		}
	}
	if len(r.Faults) > 0 {
		return exitError(1)
	}
	return nil
}

func printCatalogue(c *console, r modules.CatalogueReport) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MINI-APP\tVERSION\tAGENCY\tSIGNED BY\tHASH\tRECORD\tVERDICT")
	for _, a := range r.Apps {
		verdict := "good"
		switch {
		case !a.Good:
			verdict = "NOT GOOD"
		case a.Gone != "":
			verdict = string(a.Gone)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%.12s\t%.19s\t%d\t%s\n", a.Client, a.Version.Code, a.Agency, a.Kid, a.Hash, a.Index, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Head.N > 0 {
		fmt.Fprintf(c.out, "log: %d records, root %s, signed by %s\n", r.Head.N, r.Head.Hash, r.Key)
	}
	if r.First {
		fmt.Fprintln(c.out, "log: nothing but the log itself vouches for this key: compare it with the operator's, then use --log-key or --state")
	}
	for _, f := range r.Faults {
		fmt.Fprintln(c.err, f)
	}
	return nil
}

// readSeen reads what was remembered; nil when there is nothing yet.
func readSeen(file string) (*modules.CatalogueSeen, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seen := &modules.CatalogueSeen{}
	if err := json.Unmarshal(raw, seen); err != nil || seen.Signed == "" {
		return nil, fmt.Errorf("%s: this is not what verify-catalogue remembered", file)
	}
	return seen, nil
}

// writeSeen puts the whole file in place at once: half of it would be taken for a rewritten log.
func writeSeen(file string, seen *modules.CatalogueSeen) error {
	raw, err := json.MarshalIndent(seen, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".seen-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(raw, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
