// Package cms builds and reads the signature containers of documents: CMS SignedData (RFC 5652) in the one strict form of a
// PAdES seal (ETSI EN 319 142-1) and of a timestamp token (RFC 3161).
package cms
