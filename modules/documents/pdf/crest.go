package pdf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-pdf/fpdf"
)

// MaxCrest is the size of a crest's SVG in bytes.
const MaxCrest = 16 << 10

// Crest is a municipality's arms or wordmark as outlines, filled in one colour. It is read-only.
type Crest struct {
	width, height float64
	paths         []byte // path operators in the units of the SVG, y downwards
}

// draw scales the crest into the box, with its own proportions, in the middle.
func (cr *Crest) draw(c *canvas, x, y, w, h float64, k colour) {
	s := min(w/cr.width, h/cr.height)
	x, y = x+(w-s*cr.width)/2, y+(h-s*cr.height)/2
	c.buf = append(c.buf, "q "...)
	c.rgb(k, "rg")
	for _, v := range [6]float64{s * ptPerMM, 0, 0, -s * ptPerMM, x * ptPerMM, (pageHeight - y) * ptPerMM} {
		c.buf = append(appendFixed(c.buf, v, 5), ' ')
	}
	c.buf = append(append(append(c.buf, "cm\n"...), cr.paths...), "Q\n"...)
	c.forget()
}

// ParseCrest reads an SVG file that consists of filled paths: the element svg with width and height in plain numbers (and,
// if any, the viewBox "0 0 width height"), and in it path elements with the commands M L H V C Q Z in either case; numbers are
// separated by a space or a comma, a path that goes on after Z goes on with a capital M. The attributes fill and fill-rule are allowed, the first
// is not looked at: the crest is drawn in the municipality's colour, so that it survives a black and white printer. The whole
// is even-odd where any element says so. Everything that would be drawn differently from the file (groups, strokes,
// transformations, arcs, other shapes) is an error that says what it is, and so is a file of more than MaxCrest bytes.
func ParseCrest(svg string) (*Crest, error) {
	if len(svg) > MaxCrest {
		return nil, fmt.Errorf("the crest has %d bytes, the limit is %d", len(svg), MaxCrest)
	}
	evenOdd, err := checkSVG(svg)
	if err != nil {
		return nil, fmt.Errorf("the crest: %w", err)
	}
	parsed, err := fpdf.SVGBasicParse([]byte(svg))
	if err != nil {
		return nil, fmt.Errorf("the crest: %w", err)
	}
	c := &Crest{width: parsed.Wd, height: parsed.Ht}
	if !sane(c.width) || !sane(c.height) || c.width > 20*c.height || c.height > 20*c.width {
		return nil, errors.New("the crest's width and height are out of range")
	}
	for _, path := range parsed.Segments {
		if err := c.add(path); err != nil {
			return nil, err
		}
	}
	if len(c.paths) == 0 {
		return nil, errors.New("the crest has no path")
	}
	if evenOdd {
		c.paths = append(c.paths, "f*\n"...)
	} else {
		c.paths = append(c.paths, "f\n"...)
	}
	return c, nil
}

// sane keeps out what is no number, and numbers that no reader of PDF must understand (ISO 32000-1, annex C).
func sane(v float64) bool { return !math.IsNaN(v) && math.Abs(v) < 30_000 }

// add writes one path with the operators of PDF: H and V become lines, a quadratic curve becomes a cubic one.
func (c *Crest) add(path []fpdf.SVGBasicSegmentType) error {
	var x, y float64
	for i, s := range path {
		a := s.Arg
		for _, v := range a {
			if !sane(v) {
				return errors.New("the crest's numbers are out of range")
			}
		}
		switch s.Cmd {
		case 'M':
			c.op("m\n", a[0], a[1])
			x, y = a[0], a[1]
		case 'L', 'H', 'V':
			if s.Cmd == 'H' {
				a[1] = y
			} else if s.Cmd == 'V' {
				a[0], a[1] = x, a[0]
			}
			c.op("l\n", a[0], a[1])
			x, y = a[0], a[1]
		case 'C':
			c.op("c\n", a[:]...)
			x, y = a[4], a[5]
		case 'Q':
			c.op("c\n", x+2*(a[0]-x)/3, y+2*(a[1]-y)/3, a[2]+2*(a[0]-a[2])/3, a[3]+2*(a[1]-a[3])/3, a[2], a[3])
			x, y = a[2], a[3]
		case 'Z':
			c.op("h\n")
		}
		if i == 0 && s.Cmd != 'M' {
			return errors.New("a path of the crest does not begin with M")
		}
	}
	return nil
}

func (c *Crest) op(name string, args ...float64) {
	for _, v := range args {
		c.paths = append(strconv.AppendFloat(c.paths, v, 'f', 3, 64), ' ')
	}
	c.paths = append(c.paths, name...)
}

// checkSVG refuses what SVGBasicParse leaves out without a word.
func checkSVG(svg string) (evenOdd bool, err error) {
	dec := xml.NewDecoder(strings.NewReader(svg))
	depth := 0
	for {
		t, err := dec.Token()
		if err == io.EOF {
			return evenOdd, nil
		}
		if err != nil {
			return false, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if want := [2]string{"svg", "path"}[min(depth, 1)]; t.Name.Local != want || depth > 1 {
				return false, fmt.Errorf("the element %q is not understood: only paths directly inside svg are", t.Name.Local)
			}
			depth++
			odd, err := checkAttrs(t)
			if err != nil {
				return false, err
			}
			evenOdd = evenOdd || odd
		case xml.EndElement:
			depth--
		}
	}
}

func checkAttrs(t xml.StartElement) (evenOdd bool, err error) {
	size := map[string]string{}
	for _, a := range t.Attr {
		size[a.Name.Local] = a.Value
		switch a.Name.Local {
		case "xmlns", "version", "width", "height", "viewBox", "fill", "id":
		case "fill-rule":
			evenOdd = a.Value == "evenodd"
		case "d":
			if err := checkPath(a.Value); err != nil {
				return false, err
			}
		default:
			return false, fmt.Errorf("the attribute %q is not understood", a.Name.Local)
		}
	}
	if box := size["viewBox"]; box != "" && strings.Join(strings.Fields(strings.ReplaceAll(box, ",", " ")), " ") != "0 0 "+size["width"]+" "+size["height"] {
		return false, errors.New(`the viewBox is not "0 0 width height"`)
	}
	return evenOdd, nil
}

// checkPath refuses everything but M after Z: the parser takes small letters there for relative to the last point
// instead of the first one.
func checkPath(d string) error {
	for i := range len(d) {
		if d[i] != 'z' && d[i] != 'Z' {
			continue
		}
		if next := strings.TrimLeft(d[i+1:], " \t\r\n,"); next != "" && next[0] != 'M' {
			return errors.New("a path goes on after Z with something else than a capital M")
		}
	}
	return nil
}
