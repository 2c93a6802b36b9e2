package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strconv"
	"sync"
	"unicode/utf16"
)

// writer writes PDF objects one after the other and remembers where each begins.
type writer struct {
	b       []byte
	n       int   // the next object's number
	offsets []int // of objects 1, 2, …; 0 for one that was reserved and is not written yet
	once    bool  // what is written is constant: compress as well as possible
}

func newWriter() *writer { return &writer{n: 1} }

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
	w.put(n, format, args...)
	return n
}

// put writes a reserved object.
func (w *writer) put(n int, format string, args ...any) {
	w.open(n)
	if len(args) == 0 {
		w.b = append(w.b, format...)
	} else {
		w.b = fmt.Appendf(w.b, format, args...)
	}
	w.close()
}

func (w *writer) open(n int) {
	w.offsets[n-1] = len(w.b)
	w.b = strconv.AppendInt(w.b, int64(n), 10)
	w.b = append(w.b, " 0 obj\n"...)
}

// indirect is object n, which has been written and whose dictionary ends at the given offset.
func (w *writer) indirect(n, end int) indirect {
	begin := w.offsets[n-1] + len(strconv.Itoa(n)) + len(" 0 obj\n")
	return indirect{n, w.b[begin:end:end]}
}

func (w *writer) close() { w.b = append(w.b, "\nendobj\n"...) }

func (w *writer) stream(extra string, data []byte) int {
	n := w.reserve(1)
	w.putStream(n, extra, data)
	return n
}

func (w *writer) putStream(n int, extra string, data []byte) {
	z := compressors.Get().(*compressor)
	defer compressors.Put(z)
	if w.once {
		z = newCompressor(zlib.BestCompression)
	}
	w.rawStream(n, extra+"/Filter/FlateDecode", z.compress(data))
}

func (w *writer) rawStream(n int, extra string, data []byte) {
	w.open(n)
	w.b = append(w.b, "<<"...)
	w.b = append(w.b, extra...)
	w.b = append(w.b, "/Length "...)
	w.b = strconv.AppendInt(w.b, int64(len(data)), 10)
	w.b = append(w.b, ">>\nstream\n"...)
	w.b = append(w.b, data...)
	w.b = append(w.b, "\nendstream"...)
	w.close()
}

// xref writes the cross-reference table and returns its offset.
func (w *writer) xref() int {
	at := len(w.b)
	w.b = fmt.Appendf(w.b, "xref\n0 %d\n0000000000 65535 f \n", w.n)
	for _, o := range w.offsets {
		var d [20]byte
		copy(d[:], "0000000000 00000 n \n")
		for i := 9; o > 0; i-- {
			d[i] = '0' + byte(o%10)
			o /= 10
		}
		w.b = append(w.b, d[:]...)
	}
	return at
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

// textString is a PDF text string (ISO 32000-1, 7.9.2.2): plain where ASCII suffices, else UTF-16 with its mark.
func textString(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			ascii = false
			break
		}
	}
	b := make([]byte, 0, 2*len(s)+8)
	if ascii {
		b = append(b, '(')
		for i := 0; i < len(s); i++ {
			if s[i] == '(' || s[i] == ')' || s[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, s[i])
		}
		return string(append(b, ')'))
	}
	b = append(b, "<FEFF"...)
	for _, u := range utf16.Encode([]rune(s)) {
		b = appendHex4(b, u)
	}
	return string(append(b, '>'))
}

func appendHex4(b []byte, u uint16) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
}
