package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
)

// verdict is what `townhall verify` says, as text or as JSON.
type verdict struct {
	modules.DocumentReport
	Status      string `json:"status,omitempty"`       // by the status list: valid, revoked, superseded
	StatusError string `json:"status_error,omitempty"` // why the list says nothing
}

// verify answers by its exit code too: 0 valid, 3 anything else, 1 when the files cannot be read.
func verify(_ context.Context, c *console, args []string) error {
	fs := c.flags("verify")
	trust := fs.String("trust", "", "trust bundle (PEM), from /verify/trust.pem of the municipality (required)")
	list := fs.String("status", "", "signed status list, from the address the document names; says whether it was revoked since")
	asJSON := fs.Bool("json", false, "answer in JSON")
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
		return errors.New("usage: townhall verify FILE --trust bundle.pem [--status list.jwt] [--json]")
	}
	v, err := judge(file, *trust, *list)
	if err != nil {
		return err
	}
	if *asJSON {
		out := json.NewEncoder(c.out)
		out.SetIndent("", "  ")
		err = out.Encode(v)
	} else {
		v.print(c.out)
	}
	if err == nil && !v.good() {
		return exitError(3)
	}
	return err
}

func judge(file, trust, list string) (verdict, error) {
	r, err := modules.VerifyDocument(file, trust)
	v := verdict{DocumentReport: r}
	if err != nil || list == "" || r.State != modules.DocumentValid {
		return v, err
	}
	if v.Status, err = modules.DocumentStatus(list, trust, r.StatusURI); err != nil {
		v.StatusError = err.Error()
	}
	return v, nil
}

// good: intact, from somebody trusted, and, where a list was given, not taken back since.
func (v verdict) good() bool {
	return v.State == modules.DocumentValid && v.StatusError == "" && (v.Status == "" || v.Status == "valid")
}

// word is the verdict in one word.
func (v verdict) word() string {
	switch {
	case v.StatusError != "":
		return "unknown"
	case v.State == modules.DocumentValid && v.Status != "":
		return v.Status
	}
	return string(v.State)
}

func (v verdict) print(w io.Writer) {
	fmt.Fprintln(w, v.word())
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	for _, l := range []struct{ name, value string }{{"number", v.Number}, {"sealed by", v.Signer}, {"for", v.Issuer}, {"level", string(v.Level)}, {"check at", v.CheckURI}, {"status at", v.StatusURI}} {
		if l.value != "" {
			line(l.name, "%s", l.value)
		}
	}
	const moment = "2006-01-02 15:04:05 MST"
	switch {
	case !v.Proven.IsZero():
		line("sealed", "before %s, as a timestamp authority confirms", v.Proven.Format(moment))
	case !v.SealedAt.IsZero():
		line("sealed", "%s, as the sealer says", v.SealedAt.Format(moment))
	}
	for _, reason := range v.Reasons {
		line("because", "%s", reason)
	}
	for _, note := range v.Notes {
		line("note", "%s", note)
	}
	if v.StatusError != "" {
		line("because", "%s", v.StatusError)
	}
}

// verdictOf is the one word of the verdict. list may be empty.
func verdictOf(file, bundle, list string) (string, error) {
	v, err := judge(file, bundle, list)
	return v.word(), err
}

const keysUsage = `usage:
  townhall keys init   --settings FILE --dir DIR
  townhall keys list   --dir DIR
  townhall keys rotate --settings FILE --dir DIR --tenant ID [--token PKCS#11-URI]
  townhall keys revoke --dir DIR --serial HEX --reason key-compromise|superseded|cessation-of-operation|…`

// keys makes, lists, rotates and revokes sealing keys. The servers need not stop for any of it.
func keys(_ context.Context, c *console, args []string) error {
	if len(args) == 0 {
		return errors.New(keysUsage)
	}
	fs := c.flags("keys " + args[0])
	dir := fs.String("dir", "/var/lib/townhall/seal", "folder of the sealing keys")
	file := fs.String("settings", "", "settings file of this installation")
	tenant := fs.String("tenant", "", "municipality whose key is rotated")
	token := fs.String("token", "", "PKCS#11 URI of the new key, for a key that lives in a hardware module")
	serial := fs.String("serial", "", "serial number of the certificate to revoke")
	reason := fs.String("reason", "", "why it is revoked (RFC 5280, 5.3.1)")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "list":
	case "revoke":
		if *serial == "" || *reason == "" {
			return errors.New(keysUsage)
		}
		if err := modules.RevokeSealingKey(*dir, *serial, *reason); err != nil {
			return err
		}
	case "init", "rotate":
		settings, err := readSettings(*file)
		if err != nil {
			return err
		}
		if _, err = modules.SealingKeys(*dir, settings); err == nil && args[0] == "rotate" {
			_, err = modules.RotateSealingKey(*dir, *token, settings, kernel.TenantID(*tenant))
		}
		if err != nil {
			return err
		}
	default:
		return errors.New(keysUsage)
	}
	list, err := modules.ListSealingKeys(*dir)
	if err != nil {
		return err
	}
	return printKeys(c.out, list)
}

func printKeys(out io.Writer, list []modules.SealingKey) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSTATE\tALGORITHM\tENDS\tSERIAL\tSUBJECT")
	for _, k := range list {
		state := string(k.State)
		switch {
		case !k.RevokedAt.IsZero():
			state += " " + k.RevokedAt.Format(time.DateOnly) + " (" + k.Reason + ")"
		case !k.RetiredAt.IsZero():
			state += " " + k.RetiredAt.Format(time.DateOnly)
		}
		algorithm := string(k.Algorithm)
		if k.Token {
			algorithm += " (token)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Name, state, algorithm, k.Ends.Format(time.DateOnly), k.Serial, k.Subject)
	}
	return w.Flush()
}
