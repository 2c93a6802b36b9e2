package web

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Dialect is how the operations of a standard speak where it has ways of its own: FHIR says what went wrong in an
// OperationOutcome, and which parameters a search leaves out is the handler's to say.
type Dialect struct {
	Name      string             // of its shared responses in the contract: "Fhir"
	MediaType string             // of its errors
	Problem   func(*Problem) any // an error in its words; what it returns is written as JSON
}

// dialectProblem is a Problem in the words of a dialect.
type dialectProblem struct {
	*Problem
	d *Dialect
}

func (p dialectProblem) MarshalJSON() ([]byte, error) { return json.Marshal(p.d.Problem(p.Problem)) }

func (p dialectProblem) ContentType(string) string { return p.d.MediaType }

// say returns p as op answers it.
func (op Op) say(p *Problem) huma.StatusError {
	if op.Dialect == nil {
		return p
	}
	return dialectProblem{p, op.Dialect}
}

// refuseOp answers before the handler of op was asked.
func (s *Server) refuseOp(w http.ResponseWriter, r *http.Request, op Op, err error) {
	p := s.problemOf(r, err)
	if op.Dialect == nil {
		s.writeProblem(w, p)
		return
	}
	s.writeError(w, p, op.Dialect.MediaType, op.Dialect.Problem(p))
}

// response is a shared answer in the words of d.
func (d *Dialect) response(a answer, status int) *huma.Response {
	r := a.response(status, nil)
	r.Content = map[string]*huma.MediaType{d.MediaType: {
		Schema:  &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "What went wrong."},
		Example: d.Problem(newProblem(status, a.code, a.detail)),
	}}
	return r
}
