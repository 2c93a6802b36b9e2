package pdf

// Printable reports whether documents can show r: for forms that ask for a text which a document will quote.
func (e *Engine) Printable(r rune) bool { return e.printable(r) }
