package citizen

import (
	"errors"
	"net/http"
	"strconv"

	"townhall/modules/kernel"
)

// errNoDefinition means a case is pinned to a workflow this installation no longer carries: a fault of ours.
var errNoDefinition = errors.New("no definition for the case's workflow")

// input reads the answers of an action's form: several values for a field that takes several, one otherwise.
// Checking them is the workflow's job.
func input(r *http.Request, names []string, several map[string]bool) map[string]any {
	in := map[string]any{}
	for _, name := range names {
		if several[name] {
			values := append([]string{}, r.PostForm[name]...)
			in[name] = values
			continue
		}
		in[name] = r.PostForm.Get(name)
	}
	if r.PostForm.Get("declaration") == "true" {
		in["declaration"] = true
	}
	return in
}

// version is the version of the case the person looked at when they filled the form.
func version(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PostForm.Get("version"))
	if err != nil {
		return 0, kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	return n, nil
}
