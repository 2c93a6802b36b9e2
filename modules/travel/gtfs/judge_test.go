package gtfs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"townhall/modules/kernel/lines"
	"townhall/modules/travel/gtfs"
)

// judged is how many errors another program finds in a feed, by their kind. It ends with status 0 whatever it finds.
func judged(t *testing.T, files []lines.File) map[string]int {
	t.Helper()
	dir := t.TempDir()
	feed, report := filepath.Join(dir, "feed.zip"), filepath.Join(dir, "report.json")
	if err := os.WriteFile(feed, packed(t, files).Data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cache(t, "bin/transitland"), "validate", "--o", report, feed).CombinedOutput(); err != nil {
		t.Fatalf("transitland: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Details *struct{ Files []any }
		Errors  map[string]struct{ Count int }
	}
	if err := json.Unmarshal(raw, &said); err != nil || said.Details == nil || len(said.Details.Files) < len(files) {
		t.Fatalf("the report cannot be read (%v) or is about nothing: %.300s", err, raw)
	}
	out := map[string]int{}
	for kind, e := range said.Errors {
		out[kind] = e.Count
	}
	return out
}

func TestAnotherProgramAgreesOnWhatIsGoodAndWhatIsBad(t *testing.T) {
	t.Parallel()
	whole := folder(t, "testdata/good")
	if found := judged(t, whole); len(found) > 0 {
		t.Errorf("our good feed is wrong: %v", found)
	}
	for name, c := range map[string]struct{ file, old, new string }{
		"a trip that goes back in time": {"stop_times.txt", "09:55:00,09:57:00", "09:25:00,09:27:00"},
		"a stop that is not there":      {"stop_times.txt", ",oak,20", ",elm,20"},
		"a date that is none":           {"calendar.txt", "20291231", "20291331"},
		"no latitude":                   {"stops.txt", "51.5500,-0.2500", "151.5500,-0.2500"},
	} {
		files := slices.Clone(whole)
		i := slices.IndexFunc(files, func(f lines.File) bool { return f.Name == c.file })
		files[i].Data = bytes.ReplaceAll(files[i].Data, []byte(c.old), []byte(c.new))
		if bytes.Equal(files[i].Data, whole[i].Data) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if found := judged(t, files); len(found) == 0 {
			t.Errorf("%s is not found by the other program", name)
		}
		if _, problems := read(files); problems == 0 {
			t.Errorf("%s is not found by us", name)
		}
	}
}

func read(files []lines.File) (trips, problems int) {
	f, p := gtfs.Read(files)
	return len(f.Trips), p.Total
}
