package workflows

import "io/fs"

// Library holds the definitions of an installation: the newest of each service and every older one that a case
// may still be pinned to.
type Library struct {
	current []*Definition
	byHash  map[string]*Definition
}

// Embedded returns the definitions that come with the program.
func Embedded() fs.FS { return nil }

// Load reads and checks every definition below fsys: <sector>/<slug>/service.yaml and so on. The error joins all
// problems found, each with file and line or key.
func Load(fsys fs.FS) (*Library, error) { return nil, nil }

// Get returns the newest definition of a service.
func (l *Library) Get(slug string) (*Definition, bool) {
	for _, d := range l.current {
		if d.Slug == slug {
			return d, true
		}
	}
	return nil, false
}

// ByHash returns the definition a case is pinned to, however old.
func (l *Library) ByHash(hash string) (*Definition, bool) {
	d, ok := l.byHash[hash]
	return d, ok
}

// All returns the newest definition of each service, by sector and slug.
func (l *Library) All() []*Definition { return l.current }

// Problem is one fault of a definition.
type Problem struct {
	File string // e.g. "civic/residence-certificate/service.yaml"
	Line int    // 0 when the fault has no one line
	Key  string // e.g. "actions.submit.guards.0"
	Text string
}
type compiled struct{}
