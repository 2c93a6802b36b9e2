package pdf

import (
	"bytes"
	"strings"
	"testing"
)

const star = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="120" viewBox="0 0 100 120"><path fill-rule="evenodd" d="M0,0H100V70q0 40 -50 50Q0 110 0 70Z M10 10V70q0 34 40 40Q90 104 90 70V10z M50 20 L58 42H80L62 56 70 78 50 64 30 78 38 56 20 42h22z"/></svg>`

func TestACrestOfPathsIsDrawnInTheMunicipalitysColour(t *testing.T) {
	t.Parallel()
	c, err := ParseCrest(star)
	if err != nil {
		t.Fatal(err)
	}
	in := input("en")
	in.Crest = c
	u, err := engine(t).Render(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(u.Bytes, c.paths) || !bytes.HasSuffix(c.paths, []byte("f*\n")) {
		t.Error("the crest is not on the page")
	}
}

func TestACrestThatWouldLookDifferentIsRefused(t *testing.T) {
	t.Parallel()
	path := func(d string) string { return `<svg width="10" height="10"><path d="` + d + `"/></svg>` }
	for name, svg := range map[string]string{
		"nothing": "", "no svg": "<html/>", "no size": `<svg><path d="M0 0L1 1Z"/></svg>`, "no path": `<svg width="10" height="10"></svg>`, "an empty path": path(""),
		"a group":          `<svg width="10" height="10"><g><path d="M0 0L1 1Z"/></g></svg>`,
		"a circle":         `<svg width="10" height="10"><circle r="4"/></svg>`,
		"a script":         `<svg width="10" height="10"><script>1</script></svg>`,
		"a stroke":         `<svg width="10" height="10"><path stroke="#000" d="M0 0L1 1"/></svg>`,
		"a transformation": `<svg width="10" height="10"><path transform="scale(2)" d="M0 0L1 1Z"/></svg>`,
		"another view":     `<svg width="10" height="10" viewBox="0 0 20 20"><path d="M0 0L1 1Z"/></svg>`,
		"an arc":           path("M0 0A1 1 0 0 0 2 2"), "no number": path("M0 0LNaN 1Z"), "without end": path("M0 0LInf 1Z"), "too far": path("M0 0L1e9 1Z"),
		"a line first": path("L1 1Z"), "a small letter after Z": path("M1 1L2 2Zm1 1l2 2z"), "half a point": path("M1 1L2"),
		"too large": path("M0 0" + strings.Repeat("L1 1", MaxCrest/4) + "Z"),
		"no shape":  `<svg width="10" height="9000"><path d="M0 0L1 1Z"/></svg>`,
	} {
		if _, err := ParseCrest(svg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func FuzzParseCrest(f *testing.F) {
	f.Add(star)
	f.Fuzz(func(t *testing.T, svg string) {
		c, err := ParseCrest(svg)
		if err != nil {
			return
		}
		if c.width <= 0 || c.height <= 0 || bytes.Contains(c.paths, []byte("NaN")) || bytes.Contains(c.paths, []byte("Inf")) {
			t.Errorf("%q became %+v", svg, c)
		}
	})
}
