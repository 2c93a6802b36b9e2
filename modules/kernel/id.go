package kernel

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// Ids are UUIDv7 (RFC 9562 §5.7) in their text form, made in Go, never in the database.
type (
	TenantID   string // a short slug, e.g. "northwick"; the first column of every tenant table
	AgencyID   string // a slug inside its tenant, e.g. "civil-registry"
	PersonID   string // one person at one municipality
	CaseID     string
	DocumentID string
	SessionID  string
)

// NewID returns a fresh UUIDv7: its first 48 bits are the Unix time in milliseconds, so that rows made
// together lie together in an index.
func NewID() string { return newIDAt(time.Now()) }

func newIDAt(t time.Time) string {
	var b [16]byte
	rand.Read(b[6:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	dst := make([]byte, 36)
	hex.Encode(dst[0:8], b[0:4])
	dst[8] = '-'
	hex.Encode(dst[9:13], b[4:6])
	dst[13] = '-'
	hex.Encode(dst[14:18], b[6:8])
	dst[18] = '-'
	hex.Encode(dst[19:23], b[8:10])
	dst[23] = '-'
	hex.Encode(dst[24:36], b[10:16])
	return string(dst)
}

// ValidID reports whether s has the shape of an id; a path parameter that does not is NotFound, and
// never reaches the database.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < 36; i++ {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
