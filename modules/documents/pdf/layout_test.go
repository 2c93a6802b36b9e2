package pdf

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

func TestALongDocumentGoesOnOverPagesAndCountsThem(t *testing.T) {
	t.Parallel()
	e := engine(t)
	in := input("en")
	rows := make([][]string, 60)
	for i := range rows {
		rows[i] = []string{itoa(i + 1), "A street with a rather long name", strings.Repeat("word ", 20)}
	}
	in.Content.Blocks = append(in.Content.Blocks, kernel.DocumentBlock{Kind: "table", Header: []string{"No.", "Street", "Remarks"}, Rows: rows},
		kernel.DocumentBlock{Kind: "paragraph", Text: strings.Repeat("A sentence that goes on. ", 150)},
		kernel.DocumentBlock{Kind: "fields", Fields: [][2]string{{"Long value", strings.Repeat("value ", 600)}}})
	u, err := e.Render(in, &Slot{Reserve: 2000})
	if err != nil {
		t.Fatal(err)
	}
	if u.Pages < 5 || bytes.Count(u.Bytes, []byte("/Type/Page/")) != u.Pages {
		t.Errorf("%d pages, %d page objects", u.Pages, bytes.Count(u.Bytes, []byte("/Type/Page/")))
	}
}

func TestADocumentWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	in := input("en")
	for range MaxBlocks {
		in.Content.Blocks = append(in.Content.Blocks[:0:0], append(in.Content.Blocks, kernel.DocumentBlock{Kind: "paragraph", Text: strings.Repeat("a b ", 999)})...)
	}
	if _, err := engine(t).Render(in, nil); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestLinesBreakWhereReadersExpectIt(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, err := e.begin(input("zh"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"兹证明：根据本市居民登记册的记载，下列人员登记居住于所示地址。", "Supercalifragilisticexpialidocious-and-a-very-long-word indeed", "one two three four five six seven"} {
		for width := 12.0; width < 60; width += 1.5 {
			var joined strings.Builder
			for i, l := range d.wrap(regular, s, 10, width) {
				text := l.text
				joined.WriteString(text)
				if i > 0 && strings.ContainsRune("，。：", []rune(text)[0]) {
					t.Errorf("at %.1f mm a line begins with %q", width, text)
				}
				if d.set(regular, strings.TrimRight(text, " ")).mm(10) > width+0.01 {
					t.Errorf("at %.1f mm the line %q is too long", width, text)
				}
			}
			if joined.String() != s {
				t.Errorf("at %.1f mm the text became %q", width, joined.String())
			}
		}
	}
}

func TestAPreviewHasNoPlaceForASealAndNoCode(t *testing.T) {
	t.Parallel()
	in := input("ru")
	in.Draft, in.Number, in.Sealer, in.VerifyURL = true, "", "", ""
	u, err := engine(t).Render(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(u.Bytes, []byte("/ByteRange")) || bytes.Contains(u.Bytes, []byte("/Figure")) {
		t.Error("the preview looks like a document")
	}
	if _, err := u.Seal([]byte{1}); err == nil {
		t.Error("the preview can be sealed")
	}
}

func TestACMSThatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	u, err := engine(t).Render(input("en"), &Slot{Reserve: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Seal(make([]byte, 101)); err == nil {
		t.Error("101 bytes went into 100")
	}
}

func TestEveryFixedTextExistsInEveryLanguage(t *testing.T) {
	t.Parallel()
	all, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for l, w := range all {
		for i, s := range append(w.all(), w.QRAlt, w.SealField, w.StampField, w.AttachDesc, w.Keywords) {
			if s == "" {
				t.Errorf("%s: text %d is empty", l, i)
			}
		}
	}
}

func TestThePanelWithTheSealIsNeverAloneOnItsPage(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for n := range 60 {
		in := input("en")
		in.Content.Blocks = []kernel.DocumentBlock{{Kind: "heading", Text: "Reasons"}, {Kind: "paragraph", Text: strings.Repeat("A sentence that goes on. ", 8*n)}}
		d, err := e.begin(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.compose()
		d.place()
		if last := len(d.pages) - 1; last > 0 && len(d.pages[last].items) < 3 {
			t.Errorf("with %d sentences page %d has %d pieces", 8*n, last+1, len(d.pages[last].items))
		}
		for _, p := range d.pages {
			for i, it := range p.items {
				if it.y+it.height > foot+0.1 || i > 0 && it.y < p.items[i-1].y+p.items[i-1].height-0.1 {
					t.Errorf("with %d sentences a piece lies over another or below the page", 8*n)
				}
			}
		}
	}
}

func TestThePanelSaysWhoConfirmsTheTime(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for level, confirmed := range map[string]bool{"B-B": false, "": false, "B-T": true, "B-LT": true, "B-LTA": true} {
		in := input("en")
		in.Level = level
		d, err := e.begin(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, f := range d.sealFacts(54) {
			for _, l := range f.lines {
				text += l.text
			}
		}
		if strings.Contains(text, d.words.Timed) != confirmed || strings.Contains(text, d.words.Untimed) == confirmed {
			t.Errorf("%s: %s", level, text)
		}
	}
}

func TestTheSameInputGivesTheSameBytesWhateverWasRenderedBefore(t *testing.T) {
	t.Parallel()
	slot := &Slot{Reserve: 500, Name: "Seal", Timestamp: true}
	want := map[string][]byte{}
	for _, l := range kernel.Locales {
		u, err := engine(t).Render(input(l), slot)
		if err != nil {
			t.Fatal(err)
		}
		want[l] = u.Bytes
	}
	e := engine(t)
	done := make(chan error)
	for range 4 {
		go func() {
			for i := range 30 {
				l := kernel.Locales[i%len(kernel.Locales)]
				u, err := e.Render(input(l), slot)
				if err != nil || !bytes.Equal(u.Bytes, want[l]) {
					done <- fmt.Errorf("%s came out differently: %v", l, err)
					return
				}
				clear(u.Bytes) // whoever got the bytes owns them
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (w *words) all() []string {
	return append([]string{w.Number, w.Issued, w.Valid, w.NoEnd, w.Verify, w.VerifyHow, w.VerifyPDF, w.Sealed, w.SealedBy, w.SealedFor,
		w.SealedAt, w.Seal, w.Untimed, w.Timed, w.Page, w.Draft, w.DraftWhy, w.Pending, w.Date, w.Moment}, w.Months[:]...)
}
