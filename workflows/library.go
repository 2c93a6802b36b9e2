package workflows

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"townhall/modules/kernel"
)

//go:embed versions.lock */*
var embedded embed.FS

// Embedded returns the definitions that come with the program. A new folder <sector>/<slug> is in it without any
// change to Go.
func Embedded() fs.FS { return embedded }

// LoadEmbedded is Load of the definitions that come with the program; several towns in one process share the Library, and
// whoever lets definitions be added while it runs takes a Fork.
var LoadEmbedded = sync.OnceValues(func() (*Library, error) { return Load(embedded) })

// TemplatesDir holds the templates, which are no definitions yet. No sector has this name.
const TemplatesDir = "templates"

// Library holds the definitions of an installation: the newest of each service and every older one that a case
// may still be pinned to. It is safe for concurrent use: whoever reads sees one state of it, before an addition or after,
// and waits for nobody.
type Library struct {
	now atomic.Pointer[shelf]
	mu  sync.Mutex // of those who add
}

// shelf is one state of a Library. It is immutable once it is put there.
type shelf struct {
	embedded map[string]bool // slugs of what the library began with: nothing added takes their place
	current  []*Definition   // by folder, that is sector and slug
	bySlug   map[string]*Definition
	byHash   map[string]*Definition
}

// Load reads and checks every definition below fsys: <sector>/<slug>/service.yaml, and its older versions in
// versions/<first 12 characters of the hash>/. The error is Problems: all that were found.
func Load(fsys fs.FS) (*Library, error) {
	s := &shelf{embedded: map[string]bool{}, bySlug: map[string]*Definition{}, byHash: map[string]*Definition{}}
	var problems Problems
	for _, dir := range folders(fsys) {
		d, ps := Parse(fsys, dir)
		if len(ps) > 0 {
			problems = append(problems, ps...)
			continue
		}
		if other := s.bySlug[d.Slug]; other != nil {
			problems = append(problems, Problem{File: dir + "/service.yaml", Key: "slug", Text: "is also the slug of " + other.Dir})
			continue
		}
		s.current = append(s.current, d)
		s.embedded[d.Slug] = true
		s.bySlug[d.Slug], s.byHash[d.Hash] = d, d
		problems = append(problems, s.archived(fsys, dir)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	l := &Library{}
	l.now.Store(s)
	return l, nil
}

// archived loads the older versions of one service.
func (s *shelf) archived(fsys fs.FS, dir string) []Problem {
	var problems []Problem
	old, _ := fs.Glob(fsys, dir+"/versions/*/service.yaml")
	for _, file := range old {
		at := path.Dir(file)
		d, ps := Parse(fsys, at)
		switch {
		case len(ps) > 0:
			problems = append(problems, ps...)
		case shortHash(d.Hash) != path.Base(at):
			problems = append(problems, Problem{File: at, Text: "holds a definition whose hash begins with " + shortHash(d.Hash)})
		default:
			d.Dir = dir
			s.byHash[d.Hash] = d
		}
	}
	return problems
}

// folders lists the folders that hold a definition, in order.
func folders(fsys fs.FS) []string {
	files, _ := fs.Glob(fsys, "*/*/service.yaml")
	var out []string
	for _, f := range files {
		if dir := path.Dir(f); path.Dir(dir) != TemplatesDir {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	return out
}

// Get returns the newest definition of a service.
func (l *Library) Get(slug string) (*Definition, bool) {
	d, ok := l.now.Load().bySlug[slug]
	return d, ok
}

// Made reports whether a service was added while the house runs; else it came with Load, or is not there.
func (l *Library) Made(slug string) bool {
	now := l.now.Load()
	return now.bySlug[slug] != nil && !now.embedded[slug]
}

// ByHash returns the definition a case is pinned to, however old.
func (l *Library) ByHash(hash string) (*Definition, bool) {
	d, ok := l.now.Load().byHash[hash]
	return d, ok
}

// All returns the newest definition of each service, by sector and slug.
func (l *Library) All() []*Definition { return slices.Clone(l.now.Load().current) }

// Fork returns a library that begins with what l holds now and grows by itself: what is added to one is not in the other.
// The definitions are shared.
func (l *Library) Fork() *Library {
	f := &Library{}
	f.now.Store(l.now.Load())
	return f
}

// ErrEmbeddedSlug is the answer to a definition whose slug belongs to a service that comes with the program.
var ErrEmbeddedSlug = kernel.NewError(kernel.Conflict, "slug-taken", "A service that comes with the program has this name. Choose another one.")

// Add makes d the newest definition of its service from now on; the one it replaces stays reachable by its hash. Adding the
// same again changes nothing. d must have been parsed without a problem. ErrEmbeddedSlug when the service came with Load.
func (l *Library) Add(d *Definition) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.now.Load()
	if old.embedded[d.Slug] {
		return ErrEmbeddedSlug
	}
	s := old.with(d)
	s.bySlug = maps.Clone(old.bySlug)
	s.bySlug[d.Slug] = s.byHash[d.Hash]
	s.current = slices.SortedFunc(maps.Values(s.bySlug), func(a, b *Definition) int { return strings.Compare(a.Dir, b.Dir) })
	l.now.Store(s)
	return nil
}

// AddOlder makes a version reachable by its hash alone: cases are pinned to it, and new ones get another. d must have been
// parsed without a problem.
func (l *Library) AddOlder(d *Definition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Store(l.now.Load().with(d))
}

// with returns a copy that knows d by its hash. A version that is there already stays the one definition of its hash.
func (s *shelf) with(d *Definition) *shelf {
	c := *s
	if c.byHash[d.Hash] == nil {
		c.byHash = maps.Clone(s.byHash)
		c.byHash[d.Hash] = d
	}
	return &c
}

// canonicalFile is one file that makes the definition what it is; case scripts do not.
type canonicalFile struct {
	name string
	data []byte
}

// hash is SHA-256 over each file's name, length and bytes, by name, with line ends as LF: a checkout on
// another system is the same version.
func (r *reader) hash() string {
	files := slices.Clone(r.read)
	slices.SortFunc(files, func(a, b canonicalFile) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	for _, f := range files {
		data := bytes.ReplaceAll(f.data, []byte("\r\n"), []byte("\n"))
		fmt.Fprintf(h, "%s\n%d\n", f.name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// LockFile lists the hash of every version of every service that was ever in use, one "<folder> <hash>" a line.
const LockFile = "versions.lock"

// CheckLock compares the definitions with versions.lock. A changed definition must be added to the lock, and the
// version it replaces must lie in versions/<hash12>/: open cases are pinned to it.
func CheckLock(fsys fs.FS) []Problem {
	lock, err := fs.ReadFile(fsys, LockFile)
	if err != nil {
		return []Problem{{File: LockFile, Text: "cannot be read: " + reason(err)}}
	}
	var problems []Problem
	locked, have := map[string]bool{}, map[string]bool{}
	for _, dir := range folders(fsys) {
		d, _ := decode(fsys, dir)
		have[dir+" "+d.Hash] = true
		old, _ := fs.Glob(fsys, dir+"/versions/*/service.yaml")
		for _, o := range old {
			d, _ := decode(fsys, path.Dir(o))
			have[dir+" "+d.Hash] = true
		}
	}
	for i, line := range strings.Split(strings.TrimSpace(string(lock)), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		locked[line] = true
		if !have[line] {
			dir, hash, _ := strings.Cut(line, " ")
			problems = append(problems, Problem{File: LockFile, Line: i + 1, Text: fmt.Sprintf("this version is gone: put its files back into %s/versions/%s/", dir, shortHash(hash))})
		}
	}
	for line := range have {
		if !locked[line] {
			problems = append(problems, Problem{File: LockFile, Text: "add the line: " + line})
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.String(), b.String()) })
	return problems
}
