package sign

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"townhall/modules/documents/cms"
)

// Level is a PAdES baseline level (EN 319 142-1, 6). It is configured, printed on the document, and never lowered
// in silence: a Sealer that cannot reach its level is not made.
type Level string

const (
	BB   Level = "B-B"   // signature and certificates
	BT   Level = "B-T"   // + signature timestamp, an unsigned attribute of the CMS
	BLT  Level = "B-LT"  // + validation data (DSS)
	BLTA Level = "B-LTA" // + document timestamp
)

// ParseLevel reads a level of the configuration; an empty one is B-B. Anything unknown is an error.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case "":
		return BB, nil
	case BB, BT, BLT, BLTA:
		return l, nil
	}
	return "", fmt.Errorf("signature level %q: want B-B, B-T, B-LT or B-LTA", s)
}

// Stamped: documents of this level carry a signature timestamp.
func (l Level) Stamped() bool { return l == BT || l == BLT || l == BLTA }

// Proven: documents of this level carry validation data.
func (l Level) Proven() bool { return l == BLT || l == BLTA }

// Stamper gets timestamps (RFC 3161) for SHA-256 digests: TSA in process, TSAClient over HTTP. Implementations are
// pointers.
type Stamper interface {
	// Stamp returns a token for the digest, verified.
	Stamp(ctx context.Context, digest []byte) (token []byte, err error)
	// Reserve is the number of bytes a token needs at most, as seen so far; 0 before the first one.
	Reserve() int
	// Chains are those of the tokens of late, signer first and root last.
	Chains() [][]*x509.Certificate
}

// SealOptions say what a seal is made with. They are comparable: the same options give the same Sealer.
type SealOptions struct {
	Level   Level   // required
	Stamper Stamper // required from B-T on
	Outside Outside // zero: a seal of the embedded authority
}

// Sealer makes seals at one level. It is safe for many goroutines.
type Sealer struct {
	signer  *cms.Signer
	chain   []*x509.Certificate // with the root last, where it is known
	level   Level
	stamper Stamper
	keys    *Keys // answers for its own certificates; may be nil
	web     *fetcher

	mu     sync.Mutex
	proof  Validation
	until  time.Time
	from   time.Time
	mark   *byte
	stamps [][]*x509.Certificate
}

// NewSealer makes a sealer of a key from anywhere. chain is the seal's certificate, the intermediates and, last, the root;
// without the root the level is at most B-T. It fails when key and certificate do not fit, when the certificate is not for
// signatures, and when the level cannot be reached.
func NewSealer(key crypto.Signer, chain []*x509.Certificate, o SealOptions) (*Sealer, error) {
	return newSealer(key, chain, o, nil)
}

func newSealer(key crypto.Signer, chain []*x509.Certificate, o SealOptions, k *Keys) (*Sealer, error) {
	if len(chain) == 0 {
		return nil, errors.New("a seal needs a certificate")
	}
	if l, err := ParseLevel(string(o.Level)); err != nil || l != o.Level {
		return nil, fmt.Errorf("signature level %q: want B-B, B-T, B-LT or B-LTA", o.Level)
	}
	sent := chain
	if last := chain[len(chain)-1]; len(chain) > 1 && string(last.RawSubject) == string(last.RawIssuer) {
		sent = chain[:len(chain)-1]
	}
	signer, err := cms.NewSigner(key, sent)
	if err != nil {
		return nil, err
	}
	if chain[0].KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, errors.New("the seal's certificate is not for signatures")
	}
	s := &Sealer{signer: signer, chain: chain, level: o.Level, stamper: o.Stamper, keys: k}
	if k != nil {
		s.web = k.web
	} else {
		s.web = newFetcher(nil)
	}
	if !o.Level.Stamped() {
		return s, nil
	}
	if o.Stamper == nil {
		return nil, fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", o.Level)
	}
	if err := trial(o.Stamper); err != nil {
		return nil, fmt.Errorf("signature level %s cannot be reached: %w", o.Level, err)
	}
	return s, nil
}

// trial gets one token when none was seen yet, so that the room for all others is known.
func trial(s Stamper) error {
	if s.Reserve() > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*fetchTimeout)
	defer cancel()
	digest := make([]byte, 32)
	rand.Read(digest)
	_, err := s.Stamp(ctx, digest)
	return err
}

// attributeRoom is what an unsigned attribute needs around its token.
const attributeRoom = 64

// Reserve is the number of bytes the CMS needs at most: the size of the empty place in the file.
func (s *Sealer) Reserve() int {
	if !s.level.Stamped() {
		return s.signer.Size()
	}
	return s.signer.Size() + s.stamper.Reserve() + attributeRoom
}

// Level is the level the seal reaches.
func (s *Sealer) Level() Level { return s.level }

// Certificate is the seal's own.
func (s *Sealer) Certificate() *x509.Certificate { return s.signer.Chain()[0] }

// Roots are the certificates a verifier of these seals and timestamps has to trust: for Keys.TrustBundle.
func (s *Sealer) Roots() []*x509.Certificate {
	out := []*x509.Certificate{s.chain[len(s.chain)-1]}
	for _, c := range s.stampChains() {
		if last := c[len(c)-1]; !slices.ContainsFunc(out, last.Equal) {
			out = append(out, last)
		}
	}
	return out
}

// CMS signs the SHA-256 of a document's byte range and, from B-T on, has the signature timestamped.
func (s *Sealer) CMS(ctx context.Context, digest []byte) ([]byte, error) {
	signed, err := s.signer.Sign(cms.Content{Type: cms.OIDData, Digest: digest})
	if err != nil {
		return nil, err
	}
	if !s.level.Stamped() {
		return signed.Encode()
	}
	sum := sha256Of(signed.Value)
	token, err := s.stamper.Stamp(ctx, sum)
	if err != nil {
		return nil, fmt.Errorf("signature timestamp: %w", err)
	}
	return signed.Encode(token)
}

// Timestamp returns a token for the SHA-256 of a document with its seal and validation data: a document timestamp.
func (s *Sealer) Timestamp(ctx context.Context, digest []byte) ([]byte, error) {
	if s.stamper == nil {
		return nil, errors.New("no timestamp authority is configured")
	}
	token, err := s.stamper.Stamp(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("document timestamp: %w", err)
	}
	return token, nil
}

// TimestampReserve is the number of bytes a document timestamp needs at most; 0 without a timestamp authority.
func (s *Sealer) TimestampReserve() int {
	if s.stamper == nil {
		return 0
	}
	return s.stamper.Reserve()
}

// Validation returns what proves this seal and its timestamps: the certificates of both chains with their roots, and for
// each but the roots an OCSP answer or a revocation list that is in force. It asks other authorities when theirs is not at
// hand or about to end. Whatever is missing, or revoked, is an error: the document must not be issued. The slices are shared:
// do not change them.
func (s *Sealer) Validation(ctx context.Context, now time.Time) (Validation, error) {
	var mark *byte
	if s.keys != nil {
		r, err := s.keys.revocations()
		if err != nil {
			return Validation{}, err
		}
		mark = r.mark
	}
	stamps := s.stampChains()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) && !now.Before(s.from) && s.mark == mark && sameChains(s.stamps, stamps) {
		return s.proof, nil
	}
	proof, until, err := evidence(ctx, s.keys, s.web, s.chain, now)
	if err != nil {
		return Validation{}, err
	}
	for _, c := range stamps {
		more, next, err := evidence(ctx, s.keys, s.web, c, now)
		if err != nil {
			return Validation{}, err
		}
		proof.add(more)
		if next.Before(until) {
			until = next
		}
	}
	s.proof, s.from, s.until, s.mark, s.stamps = proof, now, until, mark, stamps
	return proof, nil
}

func sameChains(a, b [][]*x509.Certificate) bool {
	return len(a) == len(b) && !slices.ContainsFunc(b, func(c []*x509.Certificate) bool {
		return !slices.ContainsFunc(a, func(have []*x509.Certificate) bool { return have[0] == c[0] })
	})
}

// Renewal returns what a stored document needs before it gets its next document timestamp: the evidence for the chain of
// the timestamp it has (token, a CMS in DER), and that of the timestamps of today. roots are looked through for a chain
// whose root neither the folder nor the stamper knows, e.g. those of the trust bundle. Errors are as in Validation.
func (s *Sealer) Renewal(ctx context.Context, now time.Time, token []byte, roots ...*x509.Certificate) (Validation, error) {
	var out Validation
	chains := s.stampChains()
	for _, c := range chains {
		roots = append(roots, c...)
	}
	if s.keys != nil {
		roots = append(roots, s.keys.root.cert, s.keys.issuing.cert)
	}
	old, err := tokenChain(token, roots)
	if err != nil {
		return out, fmt.Errorf("the timestamp to be renewed: %w", err)
	}
	for _, c := range append([][]*x509.Certificate{old}, chains...) {
		more, _, err := evidence(ctx, s.keys, s.web, c, now)
		if err != nil {
			return Validation{}, err
		}
		out.add(more)
	}
	return out, nil
}

func (s *Sealer) stampChains() [][]*x509.Certificate {
	if s.stamper == nil {
		return nil
	}
	return s.stamper.Chains()
}
