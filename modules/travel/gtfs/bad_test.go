package gtfs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"townhall/modules/kernel/lines"
	"townhall/modules/travel/gtfs"
)

// The feed of testdata/base is good; each of testdata/bad changes files of it, and says exactly what is wrong then.
func TestAMalformedFeedIsRefusedLineByLineAndNothingOfItTaken(t *testing.T) {
	t.Parallel()
	base := folder(t, "testdata/base")
	if f, problems := gtfs.Read(base); problems.Any() || len(f.Trips) != 1 {
		t.Fatalf("the base is not good: %s", problems.String())
	}
	names, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(names) < 45 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files, want := slices.Clone(base), ""
		for _, f := range archive.Files {
			switch f.Name {
			case "want":
				want = string(f.Data)
			case "absent":
				gone := strings.Fields(string(f.Data))
				files = slices.DeleteFunc(files, func(x lines.File) bool { return slices.Contains(gone, x.Name) })
			default:
				files = slices.DeleteFunc(files, func(x lines.File) bool { return x.Name == f.Name })
				files = append(files, lines.File{Name: f.Name, Data: f.Data})
			}
		}
		got, problems := gtfs.Read(files)
		if problems.String() != want || want == "" {
			t.Errorf("%s: got\n%swant\n%s", name, problems.String(), want)
		}
		if !reflect.DeepEqual(got, gtfs.Feed{}) {
			t.Errorf("%s: something was taken", name)
		}
	}
}

func folder(t testing.TB, dir string) (out []lines.File) {
	t.Helper()
	names, err := filepath.Glob(dir + "/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(dir, err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}
