package gtfs_test

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"

	"townhall/modules/kernel/lines"
	"townhall/modules/travel/gtfs"
)

// packed is an archive of files.
func packed(t testing.TB, files []lines.File, change ...func(*zip.FileHeader)) lines.File {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate}
		for _, c := range change {
			c(h)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return lines.File{Name: "feed.zip", Data: b.Bytes()}
}

// again adds the archive's first file under further names, as it is packed already.
func again(t testing.TB, archive lines.File, names ...string) lines.File {
	t.Helper()
	old, err := zip.NewReader(bytes.NewReader(archive.Data), int64(len(archive.Data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range append([]string{old.File[0].Name}, names...) {
		h := old.File[0].FileHeader
		h.Name = name
		w, err := z.CreateRaw(&h)
		if err != nil {
			t.Fatal(err)
		}
		in, err := old.File[0].OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, in); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return lines.File{Name: archive.Name, Data: b.Bytes()}
}

func TestAnArchiveIsItsFiles(t *testing.T) {
	t.Parallel()
	whole := append(folder(t, "testdata/good"), lines.File{Name: "readme.md"}, lines.File{Name: "__MACOSX/._stops.txt"}, lines.File{Name: "notes/about.txt"})
	files, problems := gtfs.Unzip(packed(t, whole))
	if problems.Any() || len(files) != 13 {
		t.Fatal(len(files), problems.String())
	}
	if f, problems := gtfs.Read(files); problems.Any() || len(f.Trips) != 16 {
		t.Fatal(problems.String())
	}
}

func TestAnArchiveThatMeansHarmIsRefused(t *testing.T) {
	t.Parallel()
	named := func(names ...string) (out []lines.File) {
		for _, n := range names {
			out = append(out, lines.File{Name: n, Data: []byte("stop_id\n")})
		}
		return out
	}
	zeros := bytes.Repeat([]byte{'0'}, gtfs.MaxBytes)
	for name, c := range map[string]struct {
		archive lines.File
		want    string
	}{
		"no archive":                      {lines.File{Name: "feed.zip", Data: []byte("stop_id\n")}, "feed.zip: is no ZIP archive that can be read\n"},
		"half an archive":                 {lines.File{Name: "feed.zip", Data: packed(t, named("stops.txt")).Data[:40]}, "feed.zip: is no ZIP archive that can be read\n"},
		"a way up":                        {packed(t, named("../stops.txt")), "../stops.txt: has a name that leads out of the archive\n"},
		"a way up inside":                 {packed(t, named("a/../../x")), "a/../../x: has a name that leads out of the archive\n"},
		"a way up by backslashes":         {packed(t, named(`..\stops.txt`)), "..\\stops.txt: has a name that leads out of the archive\n"},
		"a way from the root":             {packed(t, named("/etc/passwd")), "/etc/passwd: has a name that leads out of the archive\n"},
		"a drive":                         {packed(t, named(`C:\stops.txt`)), "C:\\stops.txt: has a name that leads out of the archive\n"},
		"a name nobody can see":           {packed(t, named("stops.txt\x00.md")), "feed.zip: has a name that leads out of the archive\n"},
		"a folder":                        {packed(t, named("feed/stops.txt")), "feed/stops.txt: lies in a folder; the files of a feed lie at the root of the archive\n"},
		"a file twice":                    {packed(t, named("stops.txt", "stops.txt")), "stops.txt: was handed in twice\n"},
		"a link":                          {packed(t, named("stops.txt"), func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }), "stops.txt: is no regular file\n"},
		"a sealed file":                   {packed(t, named("stops.txt"), func(h *zip.FileHeader) { h.Flags |= 1 }), "stops.txt: is encrypted\n"},
		"a file that unpacks to too much": {packed(t, []lines.File{{Name: "stops.txt", Data: append(zeros, '0')}}), "stops.txt: is larger than is read\n"},
		"files that unpack to too much":   {again(t, packed(t, []lines.File{{Name: "stops.txt", Data: zeros}}), "trips.txt", "routes.txt"), "feed.zip: unpacks to more than is read\n"},
		"too many files":                  {packed(t, named(strings.Fields(strings.Repeat("x ", gtfs.MaxFiles+1))...)), "feed.zip: holds more files than are read\n"},
	} {
		files, problems := gtfs.Unzip(c.archive)
		if problems.String() != c.want || files != nil {
			t.Errorf("%s: got %swant %s", name, problems.String(), c.want)
		}
	}
}

func TestAFileOfAnArchiveThatIsDamagedIsRefused(t *testing.T) {
	t.Parallel()
	whole := packed(t, folder(t, "testdata/good"))
	whole.Data = bytes.Clone(whole.Data)
	whole.Data[60] ^= 0xff // in the first file's data
	if files, problems := gtfs.Unzip(whole); files != nil || problems.String() != "agency.txt: is no ZIP archive that can be read\n" {
		t.Error(problems.String())
	}
}
