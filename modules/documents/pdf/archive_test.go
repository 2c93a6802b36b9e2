package pdf

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"townhall/modules/documents/judges"
	"townhall/modules/kernel"
)

func render(t testing.TB, in Input, slot *Slot) *Unsigned {
	t.Helper()
	u, err := engine(t).Render(in, slot)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var whole = &Slot{Reserve: 3000, Name: "Seal", Reason: "Issue", Location: "Northwick", Timestamp: true}

func TestOneDocumentSpeaksOfEverybody(t *testing.T) {
	t.Parallel()
	in := input("en")
	names := []string{"Αθήνα", "Łódź", "Київ", "王小明", "Nguyễn Văn", "とうきょう"}
	in.Content.Title = "Certificate for Αθήνα and 王小明"
	for _, n := range names {
		in.Content.Blocks = append(in.Content.Blocks, kernel.DocumentBlock{Kind: "fields", Fields: [][2]string{{n, n + ", " + n}}})
	}
	in.Content.Blocks = append(in.Content.Blocks, kernel.DocumentBlock{Kind: "paragraph", Text: strings.Join(names, " ")})
	path := judges.Save(t, "document.pdf", render(t, in, whole).Bytes)
	judges.Run(t, "qpdf", "--check", path)
	text := judges.Run(t, "pdftotext", "-layout", path, "-")
	for _, n := range append(names, in.Content.Title) {
		if !strings.Contains(text, n) {
			t.Errorf("pdftotext does not find %s:\n%s", n, text)
		}
	}
	judges.Fonts(t, path, 7)
	judges.Archive(t, map[string][]byte{"document": render(t, in, nil).Bytes})
}

func TestALongDocumentOfManyTablesIsSoundToOthers(t *testing.T) {
	t.Parallel()
	in := input("zh")
	in.Content.Blocks = append(in.Content.Blocks, longTable(120))
	u := render(t, in, whole)
	path := judges.Save(t, "document.pdf", u.Bytes)
	judges.Run(t, "qpdf", "--check", path)
	judges.Fonts(t, path, 4)
	judges.Archive(t, map[string][]byte{"document": render(t, in, nil).Bytes})
	text := judges.Run(t, "pdftotext", "-layout", path, "-")
	if n := strings.Count(text, "街道"); n != u.Pages {
		t.Errorf("the header stands on %d of %d pages", n, u.Pages)
	}
	if n := strings.Count(judges.Run(t, "pdfinfo", "-struct-text", path), "街道"); n != 1 {
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
	path, out := judges.Save(t, "document.pdf", f), filepath.Join(t.TempDir(), "document.json")
	judges.Run(t, "qpdf", "--check", path)
	judges.Run(t, "pdfdetach", "-savefile", "document.json", "-o", out, path)
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
