package pdf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

// tool runs somebody else's program. A missing one fails the test: a judge that is not there has not judged.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

func render(t testing.TB, in Input, slot *Slot) *Unsigned {
	t.Helper()
	u, err := engine(t).Render(in, slot)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func save(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "doc.pdf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var whole = &Slot{Reserve: 3000, Name: "Seal", Reason: "Issue", Location: "Northwick", Timestamp: true}

// preflight asks Apache PDFBox about a twin without fields that calls itself PDF/A-1b: the newest form it knows, whose rules
// are a subset.
func preflight(t testing.TB, in Input) {
	t.Helper()
	twin := bytes.Replace(render(t, in, nil).Bytes, []byte("<pdfaid:part>2<"), []byte("<pdfaid:part>1<"), 1)
	twin = bytes.Replace(twin, []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1)
	var jars []string
	for _, j := range []string{"preflight", "pdfbox2", "fontbox2", "xmpbox", "commons-logging", "javax.activation", "jaxb-api"} {
		jars = append(jars, "/usr/share/java/"+j+".jar")
	}
	out := tool(t, "java", "-cp", strings.Join(jars, ":"), "org.apache.pdfbox.preflight.Validator_A1b", save(t, twin))
	if !strings.Contains(out, "is a valid PDF/A-1b file") {
		t.Error(out)
	}
}

func embedded(t testing.TB, path string, atLeast int) {
	t.Helper()
	rows := regexp.MustCompile(`(?m)^\S+\+\S+.*$`).FindAllString(tool(t, "pdffonts", path), -1)
	if len(rows) < atLeast {
		t.Errorf("pdffonts lists %d fonts", len(rows))
	}
	for _, r := range rows {
		if !strings.Contains(r, "yes yes yes") {
			t.Errorf("font is not embedded, cut and Unicode: %s", r)
		}
	}
}

func TestOneDocumentSpeaksOfEverybody(t *testing.T) {
	t.Parallel()
	in := input("en")
	names := []string{"Αθήνα", "Łódź", "Київ", "王小明", "Nguyễn Văn", "とうきょう"}
	in.Content.Title = "Certificate for Αθήνα and 王小明"
	for _, n := range names {
		in.Content.Blocks = append(in.Content.Blocks, kernel.DocumentBlock{Kind: "fields", Fields: [][2]string{{n, n + ", " + n}}})
	}
	in.Content.Blocks = append(in.Content.Blocks, kernel.DocumentBlock{Kind: "paragraph", Text: strings.Join(names, " ")})
	path := save(t, render(t, in, whole).Bytes)
	tool(t, "qpdf", "--check", path)
	text := tool(t, "pdftotext", "-layout", path, "-")
	for _, n := range append(names, in.Content.Title) {
		if !strings.Contains(text, n) {
			t.Errorf("pdftotext does not find %s:\n%s", n, text)
		}
	}
	embedded(t, path, 7)
	preflight(t, in)
}

func TestALongDocumentOfManyTablesIsSoundToOthers(t *testing.T) {
	t.Parallel()
	in := input("zh")
	in.Content.Blocks = append(in.Content.Blocks, longTable(120))
	u := render(t, in, whole)
	path := save(t, u.Bytes)
	tool(t, "qpdf", "--check", path)
	embedded(t, path, 4)
	preflight(t, in)
	text := tool(t, "pdftotext", "-layout", path, "-")
	if n := strings.Count(text, "街道"); n != u.Pages {
		t.Errorf("the header stands on %d of %d pages", n, u.Pages)
	}
	if n := strings.Count(tool(t, "pdfinfo", "-struct-text", path), "街道"); n != 1 {
		t.Errorf("a reader for the blind says the header %d times", n)
	}
}

func longTable(rows int) kernel.DocumentBlock {
	b := kernel.DocumentBlock{Kind: "table", Header: []string{"No.", "街道", "Remarks"}}
	for i := range rows {
		b.Rows = append(b.Rows, []string{itoa(i + 1), "河滨路" + itoa(i), strings.Repeat("word ", i%19)})
	}
	return b
}

func TestAnAttachmentMakesTheFileOfPartThree(t *testing.T) {
	t.Parallel()
	in := input("ru")
	if f := render(t, in, whole).Bytes; !bytes.Contains(f, []byte("<pdfaid:part>2<")) || bytes.Contains(f, []byte("/EmbeddedFile")) {
		t.Error("without attachment the file is not PDF/A-2")
	}
	in.Attachment = []byte(`{"type":"residence","name":"Мария"}`)
	in.CheckURI, in.StatusURI = in.VerifyURL, "https://northwick.example/status/1#77"
	f := render(t, in, whole).Bytes
	for _, s := range []string{"<pdfaid:part>3<", "<pdfaid:conformance>A<", "/AFRelationship/Data", "/Subtype/application#2Fjson", "/CheckURI(" + in.CheckURI + ")", "/StatusURI(https://northwick.example/status/1#77)"} {
		if !bytes.Contains(f, []byte(s)) {
			t.Errorf("the file does not hold %s", s)
		}
	}
	path, out := save(t, f), filepath.Join(t.TempDir(), "document.json")
	tool(t, "qpdf", "--check", path)
	tool(t, "pdfdetach", "-savefile", "document.json", "-o", out, path)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, in.Attachment) {
		t.Errorf("detached %q, %v", got, err)
	}
}

func TestTheTimestampsFieldIsTaggedAndNotSeen(t *testing.T) {
	t.Parallel()
	u := render(t, input("en"), whole)
	for _, s := range []string{"/T(Timestamp)", "/Rect[0 0 0 0]", "/StructParent 2"} {
		if !bytes.Contains(u.stamp.dict, []byte(s)) {
			t.Errorf("the field does not say %s: %s", s, u.stamp.dict)
		}
	}
	if bytes.Contains(u.stamp.dict, []byte("/V ")) || bytes.Count(u.Bytes, []byte("/Type/StructElem/S/Form")) != 2 {
		t.Error("the field is filled, or not tagged")
	}
	if bytes.Contains(render(t, input("en"), &Slot{Reserve: 10}).Bytes, []byte("Timestamp")) {
		t.Error("the field is there without having been asked for")
	}
}
