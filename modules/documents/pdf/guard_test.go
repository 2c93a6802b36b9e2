package pdf

import (
	"errors"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

// unprintable is text that no document can show as it was written, and what its author is told.
var unprintable = []struct{ name, text, slug, arg string }{
	{"emoji", "Anna 😀", slugText, "U+1F600"},
	{"NUL", "Anna\x00", slugText, "U+0000"},
	{"line feed", "Anna\nWhitfield", slugText, "U+000A"},
	{"escape", "Anna\x1b[31m", slugText, "U+001B"},
	{"a rune no font has", "Anna \u2c00", slugText, "U+2C00"},
	{"a script that needs shaping", "أنا", slugText, "U+0623"},
	{"Hangul, which our fallback lacks", "서울", slugText, "U+C11C"},
	{"private use", "Anna \ue000", slugText, "U+E000"},
	{"no character", "Anna \uffff", slugText, "U+FFFF"},
	{"a lone combining mark", "x\u0335", slugText, "U+0335"},
	{"a combining mark at the start", "\u0301Anna", slugText, "U+0301"},
	{"right-to-left override", "Anna \u202etxt", slugText, "U+202E"},
	{"isolate", "Anna \u2066txt", slugText, "U+2066"},
	{"zero width space", "An\u200bna", slugText, "U+200B"},
	{"soft hyphen", "An\u00adna", slugText, "U+00AD"},
	{"byte order mark", "\ufeffAnna", slugText, "U+FEFF"},
	{"NFD", "Zoe\u0308", slugText, "NFC"},
	{"NFD of Cyrillic", "и\u0306", slugText, "NFC"},
	{"a character that NFC replaces", "5 \u212b", slugText, "NFC"},
	{"half a character", "Anna\xc3", slugText, "UTF-8"},
	{"a surrogate", "Anna\xed\xa0\x80", slugText, "UTF-8"},
	{"what the verifier looks for", "see /ByteRange[0", slugText, "/ByteRange"},
	{"ten thousand characters", strings.Repeat("a", 10_000), slugTooLong, ""},
}

// places are where text of a citizen can come to stand, with the path an error names and the content that has it there.
var places = []struct {
	path string
	put  func(c *kernel.DocumentContent, s string)
}{
	{"content.title", func(c *kernel.DocumentContent, s string) { c.Title = s }},
	{"content.subject", func(c *kernel.DocumentContent, s string) { c.Subject = s }},
	{"content.blocks.0.text", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "paragraph", Text: s}}
	}},
	{"content.blocks.1.text", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "heading", Text: "H"}, {Kind: "notice", Text: s}}
	}},
	{"content.blocks.0.fields.1.value", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "fields", Fields: [][2]string{{"a", "b"}, {"Name", s}}}}
	}},
	{"content.blocks.0.fields.0.label", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "fields", Fields: [][2]string{{s, "b"}}}}
	}},
	{"content.blocks.0.header.0", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "table", Header: []string{s}}}
	}},
	{"content.blocks.0.text", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "codes", Text: s, Fields: [][2]string{{"12A", "K7M4"}}}}
	}},
	{"content.blocks.0.fields.0.label", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "codes", Text: "Code", Fields: [][2]string{{s, "K7M4"}}}}
	}},
	{"content.blocks.0.fields.1.value", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "codes", Text: "Code", Fields: [][2]string{{"12A", "K7M4"}, {"12B", s}}}}
	}},
	{"content.blocks.0.rows.1.0", func(c *kernel.DocumentContent, s string) {
		c.Blocks = []kernel.DocumentBlock{{Kind: "table", Header: []string{"h"}, Rows: [][]string{{"x"}, {s}}}}
	}},
}

func TestTextThatCannotBePrintedAsWrittenIsRefusedAtItsPlace(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for _, bad := range unprintable {
		for _, at := range places {
			in := input("en")
			at.put(&in.Content, bad.text)
			_, err := e.Render(in, nil)
			var k *kernel.Error
			if kernel.KindOf(err) != kernel.Invalid || !errors.As(err, &k) || len(k.Fields) != 1 {
				t.Errorf("%s in %s: got %v", bad.name, at.path, err)
				continue
			}
			f := k.Fields[0]
			if f.Path != at.path || f.Slug != bad.slug || bad.arg != "" && f.Args["char"] != bad.arg || f.Message == "" {
				t.Errorf("%s in %s: got %+v", bad.name, at.path, f)
			}
			if strings.Contains(err.Error(), "Anna") {
				t.Errorf("%s in %s: the error repeats the text", bad.name, at.path)
			}
		}
	}
}

func TestTextOfEverySupportedScriptIsLetThrough(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for _, s := range []string{"Łódź Ñandú Ağrı Þór ß", "Київ ґ Ѓорѓи Ђорђе", "Αθήνα, Ιωάννης", "王小明", "とうきょう トウキョウ", "12,50 € № 5 – „x“", "Nguyễn Văn"} {
		in := input("en")
		in.Content.Subject = s
		if _, err := e.Render(in, nil); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	in := input("en")
	in.StatusURI = "https://northwick.example/stätus#1"
	if _, err := engine(t).Render(in, nil); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("got %v", err)
	}
}
