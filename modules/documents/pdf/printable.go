package pdf

import "golang.org/x/image/font/sfnt"

// Printable reports whether documents can show r: for forms that ask for a text which a document will quote.
func (e *Engine) Printable(r rune) bool {
	var buf sfnt.Buffer
	return e.printable(&buf, r)
}
