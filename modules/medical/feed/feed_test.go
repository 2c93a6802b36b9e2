package feed_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"townhall/modules/kernel/lines"
	"townhall/modules/medical/feed"
)

func good(t *testing.T) []lines.File {
	t.Helper()
	names, err := filepath.Glob("testdata/good/*")
	if err != nil || len(names) != 5 {
		t.Fatal(names, err)
	}
	var out []lines.File
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}

func TestAGoodFeedIsReadWhole(t *testing.T) {
	t.Parallel()
	f, problems := feed.Read(good(t))
	if problems.Any() {
		t.Fatal(problems.String())
	}
	if len(f.Locations) != 3 || len(f.Schedules) != 4 || len(f.Slots) != 46 {
		t.Fatalf("%d locations, %d schedules, %d slots", len(f.Locations), len(f.Schedules), len(f.Slots))
	}
	night := f.Slots[slices.IndexFunc(f.Slots, func(s feed.Slot) bool { return s.ID == "n28-5" })]
	if want := time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC); !night.Start.Equal(want) || night.Start.Format("15:04") != "02:00" {
		t.Errorf("the slot behind the change of the clock starts at %s", night.Start)
	}
	vaccination := f.Slots[slices.IndexFunc(f.Slots, func(s feed.Slot) bool { return s.ID == "v26-1" })]
	if vaccination.Capacity() != 12 || night.Capacity() != 1 || !strings.HasSuffix(night.Link(), "slot=n28-5&from=feed") {
		t.Errorf("capacity %d and %d, link %s", vaccination.Capacity(), night.Capacity(), night.Link())
	}
	if l := f.Locations[1]; l.Identifier[0].System != feed.SystemVTrckS || l.Position.Longitude != -0.1987 || l.Address.Line[0] != "3 Mill Lane" {
		t.Errorf("location %+v", l)
	}
}

func TestAFeedNeedsNoManifestAndMayEndItsLinesTheOtherWay(t *testing.T) {
	t.Parallel()
	var files []lines.File
	for _, f := range good(t)[1:] {
		files = append(files, lines.File{Name: f.Name, Data: append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))...)})
	}
	if f, problems := feed.Read(files); problems.Any() || len(f.Slots) != 46 {
		t.Fatal(len(f.Slots), problems.String())
	}
}

func TestAMalformedFeedIsRefusedLineByLineAndNothingOfItTaken(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var files []lines.File
		want := ""
		for _, f := range archive.Files {
			if f.Name == "want" {
				want = string(f.Data)
				continue
			}
			files = append(files, lines.File{Name: f.Name, Data: f.Data})
		}
		got, problems := feed.Read(files)
		if problems.String() != want {
			t.Errorf("%s: got\n%swant\n%s", name, problems.String(), want)
		}
		if !reflect.DeepEqual(got, feed.Feed{}) {
			t.Errorf("%s: something was taken", name)
		}
	}
}

func TestWhatATextFileCannotHoldIsRefusedToo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"{\"resourceType\":\"Slot\x00\"}", "x.ndjson:2: holds a NUL\n"},
		{"{\"resourceType\":\"Slot\xff\"}", "x.ndjson:2: is not UTF-8\n"},
		{`{"resourceType":"Slot","id":"` + strings.Repeat("a", feed.MaxLine) + `"}`, "x.ndjson:2: is longer than 64 KiB\n"},
		{`{"resourceType":"\ud800"}`, "x.ndjson:2: resourceType: holds a character that cannot be shown\n"},
	} {
		if _, problems := feed.Read([]lines.File{{Name: "x.ndjson", Data: []byte("\n" + c.line + "\n")}}); problems.String() != c.want {
			t.Errorf("got %swant %s", problems.String(), c.want)
		}
	}
}

func TestProblemsAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	_, problems := feed.Read([]lines.File{{Name: "x.ndjson", Data: []byte(strings.Repeat("x\n", 1000))}})
	if len(problems.List) != lines.Most || problems.Total != 1000 || !strings.HasSuffix(problems.String(), "and 800 more\n") {
		t.Errorf("%d of %d", len(problems.List), problems.Total)
	}
	if _, problems = feed.Read(make([]lines.File, feed.MaxFiles+1)); problems.Total != 1 {
		t.Error("any number of files is taken")
	}
}

func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	t.Parallel()
	first, _ := feed.Read(good(t))
	zones := []*time.Location{time.UTC, time.FixedZone("", 90*60), time.FixedZone("", -5*3600)}
	rapid.Check(t, func(r *rapid.T) {
		want := feed.Feed{Locations: first.Locations, Schedules: first.Schedules}
		for i := range rapid.IntRange(0, 20).Draw(r, "slots") {
			start := time.Unix(1_700_000_000+int64(i), 0).Add(time.Duration(rapid.Int64Range(0, 80_000).Draw(r, "start")) * time.Hour).In(rapid.SampledFrom(zones).Draw(r, "zone"))
			want.Slots = append(want.Slots, feed.NewSlot("s-"+string(rune('a'+i)), "harbour-gp", rapid.SampledFrom([]string{feed.Free, feed.Busy}).Draw(r, "status"),
				start, start.Add(time.Duration(rapid.IntRange(1, 600).Draw(r, "minutes"))*time.Minute), "https://x.example/?a=1&b=<2>", rapid.IntRange(1, 50).Draw(r, "capacity")))
		}
		var l, s, x bytes.Buffer
		for _, err := range []error{feed.Write(&l, slices.Values(want.Locations)), feed.Write(&s, slices.Values(want.Schedules)), feed.Write(&x, slices.Values(want.Slots))} {
			if err != nil {
				r.Fatal(err)
			}
		}
		got, problems := feed.Read([]lines.File{{Name: "l", Data: l.Bytes()}, {Name: "s", Data: s.Bytes()}, {Name: "x", Data: x.Bytes()}})
		if problems.Any() {
			r.Fatal(problems.String())
		}
		got.Where = nil
		again, _ := json.Marshal(got)
		if once, _ := json.Marshal(want); !bytes.Equal(once, again) {
			r.Fatalf("wrote %s\nread  %s", once, again)
		}
	})
}

func TestNoFileBringsTheReaderDown(t *testing.T) {
	t.Parallel()
	whole := good(t)
	rapid.Check(t, func(r *rapid.T) {
		f := whole[rapid.IntRange(0, len(whole)-1).Draw(r, "file")]
		data := slices.Clone(f.Data)
		for range rapid.IntRange(1, 5).Draw(r, "edits") {
			data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
		}
		if got, problems := feed.Read([]lines.File{{Name: f.Name, Data: data}}); problems.Any() && !reflect.DeepEqual(got, feed.Feed{}) {
			r.Fatal("something was taken")
		}
	})
}

func TestAManifestSaysWhenAndWhere(t *testing.T) {
	t.Parallel()
	m := feed.NewManifest(time.Date(2026, 11, 23, 10, 0, 0, 5, time.FixedZone("", 3600)), "https://x.example/$bulk-publish")
	m.Output = append(m.Output, feed.Output{Type: feed.TypeSlot, URL: "https://x.example/slots.ndjson"})
	got, err := json.Marshal(m)
	want := `{"transactionTime":"2026-11-23T09:00:00Z","request":"https://x.example/$bulk-publish","output":[{"type":"Slot","url":"https://x.example/slots.ndjson"}],"error":[]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}

func TestThePublishersRecordIsByThePublishedSchema(t *testing.T) {
	t.Parallel()
	p := feed.NewPublisher("Northwick clinics", "https://northwick.example/medical/v1/feed/$bulk-publish", "Borough of Northwick", "Digital services", "digital@northwick.example", true)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"@context":"https://schema.org/","@type":"Service","name":"Northwick clinics","serviceType":"https://github.com/smart-on-fhir/smart-scheduling-links",` +
		`"category":"testing","url":"https://northwick.example/medical/v1/feed/$bulk-publish","provider":{"@type":"Organization","name":"Borough of Northwick",` +
		`"contactPoint":[{"@type":"ContactPoint","name":"Digital services","email":"digital@northwick.example"}]}}`
	if string(data) != want {
		t.Errorf("%s\nwant %s", data, want)
	}
	schema := publishedSchema(t)
	if schema == nil {
		t.Log("the published schema does not lie beside the checkout")
		return
	}
	if err := validate(t, schema, data); err != nil {
		t.Error(err)
	}
	p.URL = "http://northwick.example/feed"
	if data, err = json.Marshal(p); err != nil {
		t.Fatal(err)
	}
	if validate(t, schema, data) == nil {
		t.Error("the schema takes an address that does not end in $bulk-publish: it judges nothing")
	}
}

func validate(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// publishedSchema is that of the specification's home; it lies in shared/data beside the checkout, or nowhere.
func publishedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	name := "../../../../shared/data/smart-scheduling-links/schema.json"
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
