package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

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
	ReasonRevoked    = "key-revoked"       // the seal's certificate was revoked
	ReasonOldCRL     = "crl-outdated"
)

// MaxFile is the largest file anybody looks at.
const MaxFile = 10 << 20

// Report is what Verify found.
type Report struct {
	State    State      `json:"state"`
	Reasons  []string   `json:"reasons,omitempty"`
	Notes    []string   `json:"notes,omitempty"`    // what could not be checked, without changing the state
	Signer   string     `json:"signer,omitempty"`   // common name of the seal
	Issuer   string     `json:"issuer,omitempty"`   // organisation of the seal
	Number   string     `json:"number,omitempty"`   // the document's own number, when the file is intact
	SealedAt time.Time  `json:"sealed_at,omitzero"` // as the sealer claims it
	Level    sign.Level `json:"level,omitempty"`
}

// Trust is who may vouch for a sealer, and what was revoked.
type Trust struct {
	Roots *x509.CertPool
	lists []*x509.RevocationList
	certs []*x509.Certificate
}

// ParseTrust reads a bundle as Keys.TrustBundle writes it.
func ParseTrust(bundle []byte) (*Trust, error) {
	t := &Trust{Roots: x509.NewCertPool()}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("trust bundle: %w", err)
			}
			t.Roots.AddCert(c)
			t.certs = append(t.certs, c)
		case "X509 CRL":
			l, err := x509.ParseRevocationList(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("trust bundle: %w", err)
			}
			t.lists = append(t.lists, l)
		}
	}
	if len(t.certs) == 0 {
		return nil, errors.New("the trust bundle holds no certificate")
	}
	return t, nil
}

// Options of a verification.
type Options struct {
	At time.Time // when the certificates must be in force; zero: now
}

// Verify judges a file without asking anybody. It never fails: what it cannot read is a state, too. A file is valid
// only when one seal covers all of it; anything that follows the sealed revision makes it altered, even where the
// digest of that revision still matches.
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
	v := &verification{file: file}
	v.run()
	if v.sd == nil {
		if len(v.bad) == 0 {
			return Report{State: Unsigned, Reasons: []string{ReasonUnsigned}}
		}
		return Report{State: Altered, Reasons: v.bad}
	}
	r := Report{Signer: v.sd.Signer.Subject.CommonName, Level: sign.BB}
	if org := v.sd.Signer.Subject.Organization; len(org) > 0 {
		r.Issuer = org[0]
	}
	chain, notes := trust.judge(v.sd, o.At)
	if slices.Contains(chain, ReasonContainer) {
		v.fail(ReasonContainer)
		chain = nil
	}
	r.Notes = notes
	switch {
	case len(v.bad) > 0:
		r.State, r.Reasons = Altered, append(v.bad, chain...)
	case len(chain) > 0:
		r.State, r.Reasons = Untrusted, chain
	default:
		r.State, r.Number, r.SealedAt = Valid, v.number, v.claimed
	}
	return r
}

type verification struct {
	file    []byte
	bad     []string
	sd      *cms.SignedData
	number  string
	claimed time.Time
}

func (v *verification) fail(reason string) { v.bad = append(v.bad, reason) }

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
	r, ok := readRange(v.file[at:min(at+maxRange, len(v.file))])
	if !ok {
		v.fail(ReasonRange)
		return
	}
	if !v.checkRange(r) {
		return
	}
	der, ok := v.container(v.file[r[1]+1 : r[2]-1])
	if !ok {
		v.fail(ReasonContainer)
		return
	}
	sd, padding, err := cms.Parse(der)
	if err != nil || len(bytes.Trim(padding, "\x00")) > 0 {
		v.fail(ReasonContainer)
		return
	}
	v.sd = sd
	h := sha256.New()
	h.Write(v.file[:r[1]])
	h.Write(v.file[r[2] : r[2]+r[3]])
	v.bad = append(v.bad, sd.Check(h.Sum(nil))...)
	if len(v.bad) == 0 {
		v.structure(r)
	}
}

// maxRange is room enough for four numbers; a stranger's endless list is not worth its memory.
const maxRange = 200

// readRange reads "[0 a b c]".
func readRange(b []byte) ([4]int, bool) {
	list, ok := pdffile.Value(b).([]any)
	var r [4]int
	if !ok || len(list) != 4 {
		return r, false
	}
	for i, x := range list {
		n, ok := x.(int)
		if !ok || n < 0 || n > MaxFile {
			return r, false
		}
		r[i] = n
	}
	return r, true
}

// checkRange asks that the range is the whole file but one hexadecimal string. It reports whether there is
// anything left to look at.
func (v *verification) checkRange(r [4]int) bool {
	n := len(v.file)
	if r[0] != 0 || r[1] >= r[2]-1 || r[2] > n || v.file[r[1]] != '<' || v.file[r[2]-1] != '>' {
		v.fail(ReasonRange)
		return false
	}
	switch end := r[2] + r[3]; {
	case end > n:
		v.fail(ReasonTruncated)
		return false
	case end < n && bytes.HasSuffix(bytes.TrimRight(v.file[:end], "\r\n"), []byte("%%EOF")):
		v.fail(ReasonAppended)
	case end < n:
		v.fail(ReasonRange)
	}
	return true
}

// container decodes the hexadecimal string. Only the form we write is accepted: the place itself is not signed, so
// every freedom in it would be room for a change nobody sees.
func (v *verification) container(hexText []byte) ([]byte, bool) {
	der := make([]byte, len(hexText)/2)
	if _, err := hex.Decode(der, hexText); err != nil || len(hexText)%2 != 0 || bytes.ContainsAny(hexText, "ABCDEF") {
		return nil, false
	}
	return der, true
}

// structure walks from the end of the file to the signature, as a reader does, so that what readers show is what was
// judged; a file with more than one revision or more than one signature field does not get here.
func (v *verification) structure(r [4]int) {
	doc, err := pdffile.Open(v.file)
	if err != nil {
		v.fail(ReasonStructure)
		return
	}
	sig := doc.OnlySignature()
	list, _ := sig["ByteRange"].([]any)
	contents, _ := sig["Contents"].(pdffile.String)
	same := len(list) == 4
	for i := range list {
		same = same && i < 4 && list[i] == any(r[i])
	}
	if !same || contents.From != r[1] || contents.To != r[2] || sig["SubFilter"] != any(pdffile.Name("ETSI.CAdES.detached")) {
		v.fail(ReasonStructure)
		return
	}
	if m, ok := sig["M"].(pdffile.String); ok {
		v.claimed, _ = time.Parse("D:20060102150405+00'00'", string(m.Bytes))
	}
	if info, ok := doc.Resolve(doc.Trailer["Info"]).(map[string]any); ok {
		if k, ok := info["Keywords"].(pdffile.String); ok && len(k.Bytes) < 64 {
			v.number = string(k.Bytes)
		}
	}
}

// judge asks whether a root vouches for the signer, and whether the signer was revoked.
func (t *Trust) judge(sd *cms.SignedData, at time.Time) (bad, notes []string) {
	if t == nil {
		return []string{ReasonChain}, nil
	}
	middle := x509.NewCertPool()
	for _, c := range sd.Certs {
		middle.AddCert(c)
	}
	chains, err := sd.Signer.Verify(x509.VerifyOptions{Roots: t.Roots, Intermediates: middle, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
	if err != nil || sd.Signer.IsCA {
		return []string{ReasonChain}, nil
	}
	// No signature covers the certificates: one that is not needed would be room for anything.
	if slices.ContainsFunc(sd.Certs, func(c *x509.Certificate) bool { return !slices.ContainsFunc(chains[0], c.Equal) }) {
		return []string{ReasonContainer}, nil
	}
	for _, pair := range chains[0][:len(chains[0])-1] {
		issuer := chains[0][indexOf(chains[0], pair)+1]
		found := false
		for _, l := range t.lists {
			if l.CheckSignatureFrom(issuer) != nil {
				continue
			}
			found = found || at.Before(l.NextUpdate)
			for _, e := range l.RevokedCertificateEntries {
				if e.SerialNumber.Cmp(pair.SerialNumber) == 0 {
					return []string{ReasonRevoked}, nil
				}
			}
		}
		if !found && len(notes) == 0 {
			notes = append(notes, ReasonOldCRL)
		}
	}
	return nil, notes
}

func indexOf(chain []*x509.Certificate, c *x509.Certificate) int {
	for i := range chain {
		if chain[i] == c {
			return i
		}
	}
	return -1
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
