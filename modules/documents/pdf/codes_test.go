package pdf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"townhall/modules/documents/judges"
	"townhall/modules/kernel"
)

// codes is a block of n codes of tickets, with what they say.
func codes(n int) (b kernel.DocumentBlock, all []string) {
	b = kernel.DocumentBlock{Kind: "codes", Text: "Code of the ticket"}
	for i := range n {
		all = append(all, fmt.Sprintf("K7M4-R2QX-5ZLD-%04d", i))
		b.Fields = append(b.Fields, [2]string{fmt.Sprintf("%dA", i+1), all[i]})
	}
	return b, all
}

// scanned prints every page and reads every code but the one for checking.
func scanned(t *testing.T, path string) (out []string) {
	t.Helper()
	judges.Run(t, "pdftoppm", "-r", "150", "-png", "-gray", path, path)
	for line := range strings.FieldsSeq(judges.Run(t, "sh", "-c", "zbarimg --quiet --raw "+path+"-*.png")) {
		if !strings.Contains(line, "://") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func TestEveryCodeIsReadFromPaperAndStandsThereInWords(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	for _, n := range []int{1, 4, 9, MaxCodes} {
		in := input("en")
		block, all := codes(n)
		in.Content.Blocks = append(in.Content.Blocks, block)
		file := render(t, in, whole).Bytes
		path := judges.Save(t, "document.pdf", file)
		judges.Run(t, "qpdf", "--check", path)
		if got := scanned(t, path); !slices.Equal(got, all) {
			t.Errorf("of %d codes zbarimg reads %d: %v", n, len(got), got)
		}
		text := judges.Run(t, "pdftotext", "-layout", path, "-")
		for i, code := range all {
			if !strings.Contains(text, code) || !strings.Contains(text, block.Fields[i][0]) {
				t.Errorf("%s is not written below its code", code)
			}
		}
		if alts := strings.Count(judges.Run(t, "pdfinfo", "-struct", path), "Figure"); alts < n {
			t.Errorf("%d figures in the structure for %d codes", alts, n)
		}
		files[fmt.Sprintf("codes-%d", n)] = render(t, in, nil).Bytes
	}
	judges.Archive(t, files)
}

func TestCodesThatNoScannerReadsAreRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*kernel.DocumentBlock){
		"none":       func(b *kernel.DocumentBlock) { b.Fields = nil },
		"too many":   func(b *kernel.DocumentBlock) { *b, _ = codes(MaxCodes + 1) },
		"empty":      func(b *kernel.DocumentBlock) { b.Fields[0][1] = "" },
		"a space":    func(b *kernel.DocumentBlock) { b.Fields[0][1] = "K7M4 R2QX" },
		"no ASCII":   func(b *kernel.DocumentBlock) { b.Fields[0][1] = "К7М4" },
		"too long":   func(b *kernel.DocumentBlock) { b.Fields[0][1] = strings.Repeat("K", MaxCode+1) },
		"no label":   func(b *kernel.DocumentBlock) { b.Fields[0][0] = "" },
		"no meaning": func(b *kernel.DocumentBlock) { b.Text = "" },
	} {
		in := input("en")
		block, _ := codes(2)
		spoil(&block)
		in.Content.Blocks = append(in.Content.Blocks, block)
		if _, err := engine(t).Render(in, nil); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
