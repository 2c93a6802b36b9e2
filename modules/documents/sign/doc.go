// Package sign holds what makes a document trustworthy: the keys of the seals and the small certification
// authority above them, the CMS of a PAdES signature (ETSI EN 319 142-1), and a verifier that reads a file as
// an attacker would have left it.
package sign
