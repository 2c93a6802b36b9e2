// Package pdf turns a kernel.DocumentContent into the bytes of an official document, ready to be
// sealed: A4, tagged, PDF/A-2a and PDF/UA-1 by construction, the same bytes for the same input.
//
// Lines, shapes and page streams are drawn by fpdf, which also cuts the fonts. The file around them
// (objects, structure tree, metadata, output intent, signature field, cross-reference table) is written
// here, because fpdf 0.9.0 writes no /ID, no output intent, no tags and a ToUnicode map that
// ISO 19005-2 refuses. The font objects of the everyday alphabets are a constant prefix of every
// document, so their SHA-256 is computed once.
package pdf
