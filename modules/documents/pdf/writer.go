package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
)

// writer writes PDF objects one after the other and remembers where each begins.
type writer struct {
	b       []byte
	base    int   // so many bytes of the file come before b
	n       int   // the next object's number
	offsets []int // of objects 1, 2, …; 0 for one that was reserved and is not written yet
	once    bool  // what is written is constant: compress as well as possible
	pack    bool  // compress streams
}

// reserve keeps k object numbers for objects written later.
func (w *writer) reserve(k int) int {
	first := w.n
	w.n += k
	for len(w.offsets) < w.n-1 {
		w.offsets = append(w.offsets, 0)
	}
	return first
}

// obj writes the next object and returns its number.
func (w *writer) obj(format string, args ...any) int {
	n := w.reserve(1)
	w.open(n)
	w.b = fmt.Appendf(w.b, format, args...)
	w.close()
	return n
}

func (w *writer) open(n int) {
	w.offsets[n-1] = w.base + len(w.b)
	w.int(n).s(" 0 obj\n")
}

func (w *writer) close() { w.b = append(w.b, "\nendobj\n"...) }

// indirect is object n of the finished file; its dictionary ends where b was so long.
func (w *writer) indirect(file []byte, n, end int) indirect {
	begin, end := w.offsets[n-1], w.base+end
	begin += bytes.IndexByte(file[begin:], '\n') + 1
	return indirect{n, file[begin:end:end]}
}

// s, int, ref, fixed, text and date write the parts of an object.
func (w *writer) s(s string) *writer {
	w.b = append(w.b, s...)
	return w
}

func (w *writer) int(n int) *writer {
	w.b = strconv.AppendInt(w.b, int64(n), 10)
	return w
}

func (w *writer) ref(n int) *writer {
	w.b = append(strconv.AppendInt(w.b, int64(n), 10), " 0 R"...)
	return w
}

func (w *writer) fixed(v float64) *writer {
	w.b = appendFixed(w.b, v, 2)
	return w
}

func (w *writer) text(s string) *writer {
	w.b = appendText(w.b, s)
	return w
}

func (w *writer) date(t time.Time) *writer {
	w.b = t.UTC().AppendFormat(w.b, "D:20060102150405+00'00'")
	return w
}

// stream writes data, compressed where that pays, and returns its number.
func (w *writer) stream(extra string, data []byte) int {
	if w.once {
		return w.plain(extra+"/Filter/FlateDecode", newCompressor(zlib.BestCompression).compress(data))
	}
	if !w.pack {
		return w.plain(extra, data)
	}
	z := compressors.Get().(*compressor)
	defer compressors.Put(z)
	return w.plain(extra+"/Filter/FlateDecode", z.compress(data))
}

// plain writes a stream as it is.
func (w *writer) plain(extra string, data []byte) int {
	n := w.reserve(1)
	w.open(n)
	w.s("<<").s(extra).s("/Length ").int(len(data)).s(">>\nstream\n")
	w.b = append(w.b, data...)
	w.s("\nendstream").close()
	return n
}

// xref writes the cross-reference table and returns its offset.
func (w *writer) xref() int {
	at := w.base + len(w.b)
	w.s("xref\n0 ").int(w.n).s("\n0000000000 65535 f \n")
	for _, o := range w.offsets {
		w.b = appendTableEntry(w.b, o)
	}
	return at
}

// appendTableEntry is one line of a cross-reference table.
func appendTableEntry(b []byte, offset int) []byte {
	var d [20]byte
	copy(d[:], "0000000000 00000 n \n")
	for i := 9; offset > 0; i-- {
		d[i] = '0' + byte(offset%10)
		offset /= 10
	}
	return append(b, d[:]...)
}

type compressor struct {
	buf bytes.Buffer
	z   *zlib.Writer
}

// compressors are reused: a fresh one costs more memory than the page it compresses.
var compressors = sync.Pool{New: func() any { return newCompressor(zlib.BestSpeed) }}

func newCompressor(level int) *compressor {
	c := new(compressor)
	c.z, _ = zlib.NewWriterLevel(&c.buf, level) // fails for an unknown level only
	return c
}

func (c *compressor) compress(data []byte) []byte {
	c.buf.Reset()
	c.z.Reset(&c.buf)
	c.z.Write(data) // a bytes.Buffer does not fail
	c.z.Close()
	return c.buf.Bytes()
}

// appendText writes a PDF text string (ISO 32000-1, 7.9.2.2): plain where ASCII suffices, else UTF-16 with its mark.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return appendUTF16(b, s)
		}
	}
	b = append(b, '(')
	for i := range len(s) {
		if s[i] == '(' || s[i] == ')' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, ')')
}

func appendUTF16(b []byte, s string) []byte {
	b = append(b, "<FEFF"...)
	for _, r := range s {
		if r >= bmp {
			hi, lo := utf16.EncodeRune(r)
			b = appendHex4(b, uint16(hi))
			r = lo
		}
		b = appendHex4(b, uint16(r))
	}
	return append(b, '>')
}

func appendHex4(b []byte, u uint16) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
}
