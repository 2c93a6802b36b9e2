package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"townhall/modules"
)

// verify answers by its exit code too: 0 valid, 3 anything else, 1 when the files cannot be read.
func verify(_ context.Context, c *console, args []string) error {
	fs := c.flags("verify")
	trust := fs.String("trust", "", "trust bundle (PEM), from /verify/trust.pem of the municipality (required)")
	// The file may stand before or after the flags.
	var file string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		file, args = args[0], args[1:]
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if file == "" {
		file = fs.Arg(0)
	}
	if file == "" || *trust == "" {
		return errors.New("usage: townhall verify FILE --trust bundle.pem")
	}
	r, err := modules.VerifyDocument(file, *trust)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n", r.State)
	for _, line := range []struct{ name, value string }{{"number", r.Number}, {"sealed by", r.Signer}, {"for", r.Issuer}} {
		if line.value != "" {
			fmt.Fprintf(c.out, "  %-10s %s\n", line.name, line.value)
		}
	}
	if !r.SealedAt.IsZero() {
		fmt.Fprintf(c.out, "  %-10s %s, as the sealer says\n", "sealed at", r.SealedAt.Format("2006-01-02 15:04:05 MST"))
	}
	for _, reason := range r.Reasons {
		fmt.Fprintf(c.out, "  %-10s %s\n", "because", reason)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(c.out, "  %-10s %s\n", "note", note)
	}
	if r.State != modules.DocumentValid {
		return exitError(3)
	}
	return nil
}

// verdictOf is the one word of the verdict.
func verdictOf(file, bundle string) (string, error) {
	r, err := modules.VerifyDocument(file, bundle)
	return string(r.State), err
}

func keys(_ context.Context, c *console, args []string) error {
	usage := errors.New("usage: townhall keys init --settings FILE --dir DIR | townhall keys list --dir DIR")
	if len(args) == 0 {
		return usage
	}
	fs := c.flags("keys " + args[0])
	dir := fs.String("dir", "/var/lib/townhall/seal", "folder of the sealing keys")
	file := fs.String("settings", "", "settings file of this installation")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	var list []modules.SealingKey
	var err error
	switch args[0] {
	case "init":
		var settings modules.Settings
		if settings, err = readSettings(*file); err != nil {
			return err
		}
		list, err = modules.SealingKeys(*dir, settings)
	case "list":
		list, err = modules.ListSealingKeys(*dir)
	default:
		return usage
	}
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSUBJECT\tSERIAL\tENDS\tSTATE")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Name, k.Subject, k.Serial, k.Ends.Format("2006-01-02"), k.State)
	}
	return w.Flush()
}
