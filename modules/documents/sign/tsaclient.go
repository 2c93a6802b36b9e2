package sign

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/notaryproject/tspclient-go"

	"townhall/modules/documents/cms"
)

// TSAClient gets timestamps from an authority outside, over HTTP (RFC 3161, 3.4).
type TSAClient struct {
	http  tspclient.Timestamper
	roots *x509.CertPool
	clock func() time.Time

	mu      sync.Mutex
	chains  []seenChain
	reserve int
}

// seenChain is the chain of a token, and when the last one came.
type seenChain struct {
	chain []*x509.Certificate
	at    time.Time
}

// TSAOptions are for tests and for networks that need them; zero is right for most.
type TSAOptions struct {
	HTTP  *http.Client     // nil: one that gives up after ten seconds
	Clock func() time.Time // nil: the system's
}

// How far an authority's clock may be from ours, and how long it has to answer.
const (
	clockSkew    = 5 * time.Minute
	stampTimeout = 10 * time.Second
)

// NewTSAClient talks to the authority at an http or https address. Only roots are trusted; the machine's own are not. It
// asks nobody yet.
func NewTSAClient(endpoint string, roots *x509.CertPool, o TSAOptions) (*TSAClient, error) {
	if roots == nil {
		return nil, errors.New("a timestamp authority needs roots to be trusted by")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: stampTimeout}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	t, err := tspclient.NewHTTPTimestamper(o.HTTP, endpoint)
	if err != nil {
		return nil, fmt.Errorf("timestamp authority: %w", err)
	}
	return &TSAClient{http: t, roots: roots, clock: o.Clock}, nil
}

// Stamp asks for a token and verifies all of the answer: imprint, nonce, time, signature, the certificate's one purpose
// and its chain to a configured root.
func (t *TSAClient) Stamp(ctx context.Context, digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, errors.New("the digest is not a SHA-256")
	}
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	imprint := tspclient.MessageImprint{HashAlgorithm: pkix.AlgorithmIdentifier{Algorithm: cms.OIDSHA256, Parameters: asn1.RawValue{Tag: asn1.TagNull, FullBytes: []byte{asn1.TagNull, 0}}}, HashedMessage: digest}
	// The client compares version, imprint, policy and nonce of the answer with the request.
	res, err := t.http.Timestamp(ctx, &tspclient.Request{Version: 1, MessageImprint: imprint, Nonce: nonce, CertReq: true})
	if err != nil {
		return nil, err
	}
	chain, err := t.verify(ctx, res)
	if err != nil {
		return nil, err
	}
	token := bytes.Clone(res.TimestampToken.FullBytes)
	t.remember(chain, len(token))
	return token, nil
}

func (t *TSAClient) verify(ctx context.Context, res *tspclient.Response) ([]*x509.Certificate, error) {
	token, err := res.SignedToken()
	if err != nil {
		return nil, err
	}
	if len(token.SignerInfos) != 1 {
		return nil, errors.New("a timestamp has exactly one signer")
	}
	info, err := token.Info()
	if err != nil {
		return nil, err
	}
	now := t.clock()
	if now.Sub(info.GenTime).Abs() > clockSkew {
		return nil, fmt.Errorf("the timestamp says %s, our clock %s", info.GenTime.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return token.Verify(ctx, x509.VerifyOptions{Roots: t.roots, CurrentTime: now})
}

// tokenChain is the chain of a token's signer, root last, from the certificates in the token and others.
func tokenChain(raw []byte, others []*x509.Certificate) ([]*x509.Certificate, error) {
	token, err := tspclient.ParseSignedToken(raw)
	if err != nil {
		return nil, err
	}
	if len(token.SignerInfos) != 1 {
		return nil, errors.New("a timestamp has exactly one signer")
	}
	signer, err := token.SigningCertificate(&token.SignerInfos[0])
	if err != nil {
		return nil, err
	}
	return linked([]*x509.Certificate{signer}, append(slices.Clone(token.Certificates), others...))
}

// seenFor is how long a chain is remembered after its last token: longer than any document is under way. An authority may
// have several machines, so there can be more than one; but a certificate it no longer uses must not hold anybody up.
const seenFor = 10 * time.Minute

func (t *TSAClient) remember(chain []*x509.Certificate, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserve = max(t.reserve, reserveFor(size))
	now := t.clock()
	t.chains = slices.DeleteFunc(t.chains, func(c seenChain) bool {
		if c.chain[0].Equal(chain[0]) {
			chain = c.chain
			return true
		}
		return now.Sub(c.at).Abs() > seenFor
	})
	t.chains = append(t.chains, seenChain{chain, now})
}

// Reserve is the number of bytes a token needs, from the largest seen; 0 before the first.
func (t *TSAClient) Reserve() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reserve
}

// Chains are those of the tokens of the last minutes, and always that of the last one.
func (t *TSAClient) Chains() [][]*x509.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([][]*x509.Certificate, len(t.chains))
	for i, c := range t.chains {
		out[i] = c.chain
	}
	return out
}

var _ Stamper = (*TSAClient)(nil)
