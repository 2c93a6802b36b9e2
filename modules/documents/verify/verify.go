package verify

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"townhall/modules/documents/cms"
	"townhall/modules/documents/pdffile"
	"townhall/modules/documents/sign"
)

// State is the verifier's one word about a file.
type State string

const (
	Valid      State = "valid"      // sealed by somebody the bundle trusts, and exactly as sealed
	Altered    State = "altered"    // it was sealed, and is not what was sealed
	Untrusted  State = "untrusted"  // the seal is intact, but nobody in the bundle vouches for the sealer
	Unsigned   State = "unsigned"   // a PDF without a seal
	Unreadable State = "unreadable" // no PDF, or too large
)

// Reasons, each with a text "verify.reason.<reason>".
const (
	ReasonNotPDF     = "not-a-pdf"
	ReasonTooLarge   = "too-large"
	ReasonUnsigned   = "no-signature"
	ReasonRange      = "range"             // the byte range is not all of the file but the signature
	ReasonAppended   = "appended"          // something was added behind what was sealed
	ReasonTruncated  = "truncated"         // the end is missing
	ReasonDigest     = cms.FaultDigest     // the content was changed
	ReasonSignature  = cms.FaultSignature  // the signature value is not of this signer
	ReasonContainer  = "container"         // the signature container is damaged
	ReasonAttributes = cms.FaultAttributes // the signed attributes are not those of a PAdES seal
	ReasonStructure  = "structure"         // the file does not lead to this signature
	ReasonChain      = "chain"             // the sealer's certificate is from nobody we trust
	ReasonRevoked    = "key-revoked"       // the seal's certificate was revoked, and nothing proves that the seal is older
	ReasonExpired    = "key-expired"       // the seal's certificate ended, and nothing proves that the seal is older
	ReasonRetired    = "key-retired"       // sealed after the key was rotated out
	ReasonOtherSeal  = "other-seal"        // the address of the check is not that of the municipality whose seal it is
	ReasonTimestamp  = "timestamp"         // a timestamp that does not fit, or is from nobody we trust
)

// Notes, with texts like the reasons.
const (
	ReasonOldCRL         = "crl-outdated"      // nobody says up to this day whether the seal was revoked
	NoteTimestampExpired = "timestamp-expired" // a timestamp was not renewed in time and proves nothing any more
)

// MaxFile is the largest file anybody looks at.
const MaxFile = 10 << 20

// Report is what Verify found. What the document says about itself is told only of a valid file.
type Report struct {
	State     State      `json:"state"`
	Reasons   []string   `json:"reasons,omitempty"`
	Notes     []string   `json:"notes,omitempty"`      // what could not be checked, without changing the state
	Signer    string     `json:"signer,omitempty"`     // common name of the seal
	Issuer    string     `json:"issuer,omitempty"`     // organisation of the seal
	Number    string     `json:"number,omitempty"`     // the document's own number
	CheckURI  string     `json:"check_uri,omitempty"`  // where the number can be checked
	StatusURI string     `json:"status_uri,omitempty"` // where the status is listed: "<address>#<index>"
	SealedAt  time.Time  `json:"sealed_at,omitzero"`   // as the sealer claims it
	Proven    time.Time  `json:"proven,omitzero"`      // the time of the oldest good timestamp; zero: nobody confirms the time
	Level     sign.Level `json:"level,omitempty"`      // the PAdES level of what is really there and good
	Renew     time.Time  `json:"renew,omitzero"`       // when the newest document timestamp must have been renewed: its first certificate ends
}

// Options of a verification.
type Options struct {
	At time.Time // when the certificates must be in force; zero: now
}

// Verify judges a file without asking anybody. It never fails: what it cannot read is a state, too. A file is valid only
// when one seal covers all of its first revision and every later one does nothing but prove it for longer: validation data
// and document timestamps. Anything else that was added makes it altered, even where the digest still matches. A timestamp
// that is there is good or the file is not valid; the level is never lowered because of a bad one.
func Verify(file []byte, trust *Trust, o Options) Report {
	if len(file) > MaxFile {
		return Report{State: Unreadable, Reasons: []string{ReasonTooLarge}}
	}
	if !bytes.HasPrefix(file, []byte("%PDF-")) {
		return Report{State: Unreadable, Reasons: []string{ReasonNotPDF}}
	}
	if o.At.IsZero() {
		o.At = time.Now()
	}
	v := &verification{file: file, trust: trust, at: o.At}
	v.run()
	if v.sd == nil {
		if len(v.bad) == 0 {
			return Report{State: Unsigned, Reasons: []string{ReasonUnsigned}}
		}
		return Report{State: Altered, Reasons: v.bad}
	}
	r := Report{Signer: v.sd.Signer.Subject.CommonName}
	if org := v.sd.Signer.Subject.Organization; len(org) > 0 {
		r.Issuer = org[0]
	}
	v.judge(&r)
	r.Notes = v.notes
	switch {
	case len(v.bad) > 0:
		r.State, r.Reasons = Altered, append(v.bad, v.doubts...)
	case len(v.doubts) > 0:
		r.State, r.Reasons = Untrusted, v.doubts
	default:
		r.State, r.Number, r.CheckURI, r.StatusURI, r.SealedAt = Valid, v.number, v.checkURI, v.statusURI, v.claimed
		return r
	}
	r.Level, r.Proven, r.Renew = "", time.Time{}, time.Time{}
	return r
}

type verification struct {
	file  []byte
	trust *Trust
	at    time.Time

	bad    []string // reasons of altered
	doubts []string // reasons of untrusted
	notes  []string

	sd       *cms.SignedData
	hash     rangeHash
	stamps   []*stamp // the signature timestamp first, then those of the revisions
	newest   *stamp   // the newest good document timestamp
	evidence evidence

	doc         *pdffile.File
	stampField  int          // the field made for the first document timestamp
	stampFields map[int]bool // all such fields
	added       map[int]bool // objects of later revisions

	number, checkURI, statusURI string
	claimed                     time.Time
}

func add(to *[]string, s string) {
	if !slices.Contains(*to, s) {
		*to = append(*to, s)
	}
}

func (v *verification) fail(reason string)     { add(&v.bad, reason) }
func (v *verification) distrust(reason string) { add(&v.doubts, reason) }
func (v *verification) note(n string)          { add(&v.notes, n) }

func (v *verification) run() {
	at := bytes.Index(v.file, []byte("/ByteRange"))
	if at < 0 {
		// A file that names our signature format but has lost its range was sealed once.
		if bytes.Contains(v.file, []byte("ETSI.CAdES.detached")) || bytes.Contains(v.file, []byte("/SigFlags 3")) {
			v.fail(ReasonContainer)
		}
		return
	}
	at += len("/ByteRange")
	r, ok := rangeOf(pdffile.Value(v.file[at:min(at+maxRange, len(v.file))]))
	if !ok {
		v.fail(ReasonRange)
		return
	}
	if !v.checkRange(r) {
		return
	}
	der, ok := container(v.file[r[1]+1 : r[2]-1])
	if !ok {
		v.fail(ReasonContainer)
		return
	}
	sd, rest, err := cms.Parse(der)
	if err != nil || len(rest) > 0 {
		v.fail(ReasonContainer)
		return
	}
	v.sd = sd
	v.hash = rangeHash{file: v.file, h: sha256.New()}
	for _, fault := range sd.Check(v.hash.without(r[1], r[2], r[2]+r[3])) {
		v.fail(fault)
	}
	if len(v.bad) > 0 {
		return
	}
	if sd.Timestamp != nil {
		v.stamps = append(v.stamps, &stamp{token: sd.Timestamp, digest: digestOf(sd.Value())})
	}
	v.structure(r)
}

// rangeHash hashes ranges that begin at the start of the file and grow: what was read once is not read again.
type rangeHash struct {
	file []byte
	h    hash.Hash // of file[:n]
	n    int
}

// without is the SHA-256 of [0, to) without [a, b). a never decreases from call to call.
func (r *rangeHash) without(a, b, to int) []byte {
	r.h.Write(r.file[r.n:a])
	r.n = a
	var h hash.Hash
	if c, ok := r.h.(hash.Cloner); ok {
		if copied, err := c.Clone(); err == nil {
			h = copied
		}
	}
	if h == nil {
		h = sha256.New()
		h.Write(r.file[:a])
	}
	h.Write(r.file[b:to])
	return h.Sum(nil)
}

// maxRange is room enough for four numbers; a stranger's endless list is not worth its memory.
const maxRange = 200

// checkRange asks that the range is the whole of a revision but one hexadecimal string. It reports whether there is
// anything left to look at.
func (v *verification) checkRange(r [4]int) bool {
	n := len(v.file)
	if r[1] >= r[2]-1 || r[2] > n || v.file[r[1]] != '<' || v.file[r[2]-1] != '>' {
		v.fail(ReasonRange)
		return false
	}
	switch end := r[2] + r[3]; {
	case end > n:
		v.fail(ReasonTruncated)
		return false
	case end < n && !bytes.HasSuffix(bytes.TrimRight(v.file[:end], "\r\n"), []byte("%%EOF")):
		v.fail(ReasonRange)
	}
	return true
}

// elementLength is the length of the DER element at the start of raw, with its header; 0 when there is none.
func elementLength(raw []byte) int {
	s := cryptobyte.String(raw)
	var element cryptobyte.String
	if !s.ReadASN1Element(&element, der.SEQUENCE) {
		return 0
	}
	return len(element)
}

// VerifyFile is Verify for two files on disk: `townhall verify FILE --trust BUNDLE`. The error is for files that
// cannot be read, never for what is in the PDF.
func VerifyFile(path, bundlePath string) (Report, error) {
	bundle, err := os.ReadFile(bundlePath)
	if err != nil {
		return Report{}, err
	}
	trust, err := ParseTrust(bundle)
	if err != nil {
		return Report{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, err
	}
	if info.Size() > MaxFile {
		return Report{State: Unreadable, Reasons: []string{ReasonTooLarge}}, nil
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return Report{}, err
	}
	return Verify(file, trust, Options{}), nil
}
