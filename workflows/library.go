package workflows

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed versions.lock */*
var embedded embed.FS

// Embedded returns the definitions that come with the program. A new folder <sector>/<slug> is in it without any
// change to Go.
func Embedded() fs.FS { return embedded }

// LoadEmbedded is Load of the definitions that come with the program; several towns in one process share the Library.
var LoadEmbedded = sync.OnceValues(func() (*Library, error) { return Load(embedded) })

// Library holds the definitions of an installation: the newest of each service and every older one that a case
// may still be pinned to. It is immutable and safe for concurrent use.
type Library struct {
	current []*Definition
	bySlug  map[string]*Definition
	byHash  map[string]*Definition
}

// Load reads and checks every definition below fsys: <sector>/<slug>/service.yaml, and its older versions in
// versions/<first 12 characters of the hash>/. The error is Problems: all that were found.
func Load(fsys fs.FS) (*Library, error) {
	l := &Library{bySlug: map[string]*Definition{}, byHash: map[string]*Definition{}}
	var problems Problems
	for _, dir := range folders(fsys) {
		d, ps := Parse(fsys, dir)
		if len(ps) > 0 {
			problems = append(problems, ps...)
			continue
		}
		if other := l.bySlug[d.Slug]; other != nil {
			problems = append(problems, Problem{File: dir + "/service.yaml", Key: "slug", Text: "is also the slug of " + other.Dir})
			continue
		}
		l.current = append(l.current, d)
		l.bySlug[d.Slug], l.byHash[d.Hash] = d, d
		problems = append(problems, l.archived(fsys, dir)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return l, nil
}

// archived loads the older versions of one service.
func (l *Library) archived(fsys fs.FS, dir string) []Problem {
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
			l.byHash[d.Hash] = d
		}
	}
	return problems
}

// folders lists the folders that hold a definition, in order.
func folders(fsys fs.FS) []string {
	files, _ := fs.Glob(fsys, "*/*/service.yaml")
	var out []string
	for _, f := range files {
		out = append(out, path.Dir(f))
	}
	slices.Sort(out)
	return out
}

// Get returns the newest definition of a service.
func (l *Library) Get(slug string) (*Definition, bool) {
	d, ok := l.bySlug[slug]
	return d, ok
}

// ByHash returns the definition a case is pinned to, however old.
func (l *Library) ByHash(hash string) (*Definition, bool) {
	d, ok := l.byHash[hash]
	return d, ok
}

// All returns the newest definition of each service, by sector and slug.
func (l *Library) All() []*Definition { return slices.Clone(l.current) }

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
