package gtfs

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"townhall/modules/kernel/lines"
)

// Bounds of what Unzip takes.
const (
	MaxFiles    = 200       // in the archive
	MaxUnpacked = 128 << 20 // bytes of all files that are read
)

// Unzip takes the files of a feed out of an archive ("Dataset Files": all files lie at its root). Only what Read reads is
// unpacked, no byte more than it takes, and nothing is ever written to a disk; still, a name that leads out of the archive
// is refused: whoever made it means harm.
func Unzip(archive lines.File) ([]lines.File, lines.Problems) {
	r := reader{}
	z, err := zip.NewReader(bytes.NewReader(archive.Data), int64(len(archive.Data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		r.add(archive.Name, 0, "", "archive")
		return nil, r.problems
	}
	if len(z.File) > MaxFiles {
		r.add(archive.Name, 0, "", "archive-files")
		return nil, r.problems
	}
	var out []lines.File
	left := int64(MaxUnpacked)
	for _, f := range z.File {
		if slug := r.entry(f, out); slug != "" {
			r.add(named(archive.Name, f.Name), 0, "", slug)
			continue
		}
		if !Reads(f.Name) {
			continue
		}
		data, err := unpack(f, min(left, MaxBytes)+1)
		switch {
		case err != nil:
			r.add(f.Name, 0, "", "archive")
			continue
		case int64(len(data)) > MaxBytes:
			r.add(f.Name, 0, "", "file-long")
			continue
		case int64(len(data)) > left:
			r.add(archive.Name, 0, "", "archive-bomb")
			return nil, r.problems
		}
		left -= int64(len(data))
		out = append(out, lines.File{Name: f.Name, Data: data})
	}
	if r.problems.Any() {
		return nil, r.problems
	}
	return out, r.problems
}

// entry tells why an entry of the archive is refused, or nothing.
func (r *reader) entry(f *zip.File, out []lines.File) string {
	name := strings.ReplaceAll(f.Name, `\`, "/")
	switch {
	case name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, ":") || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) ||
		slices.Contains(strings.Split(name, "/"), ".."):
		return "archive-name"
	case f.Mode()&fs.ModeType&^fs.ModeDir != 0:
		return "archive-link"
	case !Reads(path.Base(name)):
		return ""
	case name != f.Name || strings.Contains(name, "/"):
		if strings.HasPrefix(name, "__MACOSX/") {
			return ""
		}
		return "archive-folder"
	case f.Flags&1 != 0:
		return "archive-sealed"
	case slices.ContainsFunc(out, func(x lines.File) bool { return x.Name == f.Name }):
		return "file-twice"
	}
	return ""
}

// Reads reports whether a file is one that Read reads, by its name.
func Reads(name string) bool {
	return slices.ContainsFunc(tables, func(t table) bool { return t.file == name })
}

// named is how a problem calls an entry: by its name, when that can be shown.
func named(archive, entry string) string {
	if unshown(entry) != "" || len(entry) > 200 || entry == "" {
		return archive
	}
	return entry
}

func unpack(f *zip.File, most int64) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(in, most))
	if cut := errors.Join(err, in.Close()); cut != nil && int64(len(data)) < most {
		return nil, cut
	}
	return data, nil
}
