package bench

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// statement is one statement as PostgreSQL logged it (log_statement = all).
type statement struct {
	pid    string
	text   string
	simple bool // sent without parameters, in the simple protocol
	params []param
	types  []string // of the parameters, as the server infers them; filled in later
}

type param struct {
	value string
	null  bool
}

var (
	logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \S+ \S+ \[(\d+)\] ([A-Z]+):  (.*)$`) // log_line_prefix = '%m [%p] ', the default
	execute = regexp.MustCompile(`(?s)^execute [^:]*: (.*)$`)
)

// parseLog reads the statements of a server's log, in the order they were sent.
func parseLog(log string) ([]statement, error) {
	var out []statement
	for _, e := range entries(log) {
		switch {
		case e.kind == "LOG" && strings.HasPrefix(e.text, "statement: "):
			out = append(out, statement{pid: e.pid, text: strings.TrimPrefix(e.text, "statement: "), simple: true})
		case e.kind == "LOG" && execute.MatchString(e.text):
			out = append(out, statement{pid: e.pid, text: execute.FindStringSubmatch(e.text)[1]})
		case e.kind == "DETAIL" && strings.HasPrefix(strings.ToLower(e.text), "parameters: "):
			params, err := parseParams(e.text[len("parameters: "):])
			if err != nil {
				return nil, err
			}
			for i := len(out) - 1; i >= 0; i-- { // the last statement of the same connection
				if out[i].pid == e.pid {
					out[i].params = params
					break
				}
			}
		}
	}
	return out, nil
}

type entry struct{ pid, kind, text string }

// entries joins the lines of each log entry; all but its first begin with a tab.
func entries(log string) []entry {
	var out []entry
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "\t"); ok && len(out) > 0 {
			out[len(out)-1].text += "\n" + rest
		} else if m := logLine.FindStringSubmatch(line); m != nil {
			out = append(out, entry{m[1], m[2], m[3]})
		}
	}
	return out
}

// parseParams reads `$1 = 'it”s', $2 = NULL`.
func parseParams(s string) ([]param, error) {
	var out []param
	for s != "" {
		head, rest, ok := strings.Cut(s, " = ")
		if !ok || head != "$"+strconv.Itoa(len(out)+1) {
			return nil, fmt.Errorf("parameter %d is not where it should be: %.40q", len(out)+1, s)
		}
		if after, ok := strings.CutPrefix(rest, "NULL"); ok {
			out, s = append(out, param{null: true}), strings.TrimPrefix(after, ", ")
			continue
		}
		value, after, err := unquote(rest)
		if err != nil {
			return nil, err
		}
		out, s = append(out, param{value: value}), strings.TrimPrefix(after, ", ")
	}
	return out, nil
}

func unquote(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, "'") {
		return "", "", fmt.Errorf("not a quoted value: %.40q", s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), s[i+1:], nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", "", errors.New("a quoted value does not end")
}

// transaction picks the one write transaction of a log: the statements of the connection that began it, until its
// commit. The wake-up that follows on some connection is not part of it: it is sent beside the requests, one for many.
func transaction(all []statement) ([]statement, error) {
	var out []statement
	for _, s := range all {
		switch {
		case strings.HasPrefix(s.text, "BEGIN READ WRITE"):
			if out != nil {
				return nil, errors.New("more than one write transaction")
			}
			out = []statement{s}
		case out != nil && s.pid == out[0].pid:
			out = append(out, s)
			if s.text == "COMMIT" {
				return out, nil
			}
		}
	}
	return nil, errors.New("no write transaction that commits")
}
