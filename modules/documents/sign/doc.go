// Package sign holds what makes a document trustworthy: the keys of the seals, the small certification authority above
// them with its revocation lists, OCSP answers and timestamps, and the sealer that joins them at a PAdES level (ETSI EN 319
// 142-1). Keys are used only through crypto.Signer, so a file and a hardware module are the same.
package sign
