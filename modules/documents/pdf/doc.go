// Package pdf turns a kernel.DocumentContent into the bytes of an official document, ready to be
// sealed: A4, tagged, PDF/A-2a and PDF/UA-1 by construction, the same bytes for the same input.
//
// Page streams and shapes are made by fpdf, which also cuts the fonts and reads a municipality's crest. Text is measured,
// broken and tagged here, and so is the file around the pages (objects, structure tree, metadata, output intent, signature
// fields, cross-reference table), because fpdf 0.9.0 writes no /ID, no output intent, no tags and a ToUnicode map that
// ISO 19005-2 refuses. The font objects of the everyday alphabets are a constant prefix of every document, so their SHA-256
// is computed once; characters beyond them come in a cut that only the document has. A rendering works in memory that the
// next one uses again; what it returns is its caller's own.
package pdf
