package developers

import (
	"slices"
	"strings"
)

// contract is one published API as its reference page shows it.
type contract struct {
	Name, Title, Version, OpenAPI string
	Description                   []string // paragraphs
	Groups                        []tagGroup
	yaml, yaml30                  []byte
}

// tagGroup is the operations of one tag.
type tagGroup struct {
	Name       string
	Operations []*operation
}

// operation is one method of one path.
type operation struct {
	ID, Method, Path, Summary string
	Description               []string
	Public                    bool
	Policy                    []fact
	Parameters                []property
	Body                      []property
	BodyTypes                 []string
	Responses                 []response
	Curl                      string
}

// Tone is the colour of the method's tag.
func (o *operation) Tone() string {
	switch o.Method {
	case "GET":
		return "info"
	case "DELETE":
		return "danger"
	}
	return "success"
}

type fact struct{ Key, Value string }

// property is one line of a schema, deeper ones with their path.
type property struct {
	Name, In, Type, Note string
	Description          string
	Required             bool
}

type response struct {
	Status, Description, Type string
	Headers                   []string
	Properties                []property
	Problem                   bool
}

func (c *contract) sort() {
	for _, g := range c.Groups {
		slices.SortStableFunc(g.Operations, func(a, b *operation) int {
			if n := strings.Compare(a.Path, b.Path); n != 0 {
				return n
			}
			return methodRank(a.Method) - methodRank(b.Method)
		})
	}
	slices.SortFunc(c.Groups, func(a, b tagGroup) int { return strings.Compare(a.Name, b.Name) })
}

func methodRank(m string) int { return slices.Index(methods, strings.ToLower(m)) }

var methods = []string{"get", "post", "put", "patch", "delete"}

// paragraphs splits a description at its blank lines.
func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
