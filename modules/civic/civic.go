package civic

import (
	"errors"

	"townhall/modules/kernel"
)

// errNoDefinition means a case is pinned to a workflow this installation no longer carries: a fault of ours.
var errNoDefinition = errors.New("no definition for the application's workflow")

// inBody renames the fields of an error to where a program sent them: "copies" → "body.input.copies".
func inBody(err error) error {
	var e *kernel.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = "body.input." + f.Path
		c.Fields[i] = f
	}
	return &c
}
