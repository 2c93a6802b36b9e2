package sign

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"time"

	"townhall/modules/documents/cms"
	"townhall/modules/kernel"
)

// How long certificates live. A timestamp's certificate is replaced long before its end, so that what it stamps need
// not be stamped again soon.
const (
	rootYears    = 20
	issuingYears = 10
	sealYears    = 3
	tsaYears     = 8
	tsaSpare     = 5
)

// Where an installation serves what its certificates point to, below its origin.
const (
	pathOCSP       = "/verify/ocsp"
	pathIssuing    = "/verify/issuing.cer"
	pathRoot       = "/verify/root.cer"
	pathIssuingCRL = "/verify/issuing.crl"
	pathRootCRL    = "/verify/root.crl"
)

func authority(o InitOptions, cn string, years, pathLen int) *x509.Certificate {
	c := &x509.Certificate{
		Subject:   pkix.Name{CommonName: cn, Organization: []string{o.Name}},
		NotBefore: o.Now.Add(-time.Hour).UTC(), NotAfter: o.Now.AddDate(years, 0, 0).UTC(),
		// digitalSignature because the authority signs its OCSP answers itself (RFC 5280, 4.2.1.3).
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true,
	}
	if o.Country != "" {
		c.Subject.Country = []string{o.Country}
	}
	if pathLen >= 0 {
		c.MaxPathLen, c.MaxPathLenZero = pathLen, pathLen == 0
		if o.CRLBase != "" {
			c.CRLDistributionPoints = []string{o.CRLBase + pathRootCRL}
			c.OCSPServer = []string{o.CRLBase + pathOCSP}
			c.IssuingCertificateURL = []string{o.CRLBase + pathRoot}
		}
	}
	return c
}

// sealTemplate carries what other programs ask of a seal: where to ask whether it was revoked, the two purposes (RFC 9336
// and, for older programs, emailProtection), and the origin at which its documents can be checked.
func sealTemplate(t kernel.Tenant, now time.Time) (*x509.Certificate, error) {
	origin, err := url.Parse(t.Origin)
	if err != nil {
		return nil, err
	}
	name := t.Name.In("en")
	c := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name + " Seal", Organization: []string{name}},
		NotBefore: now.Add(-time.Hour).UTC(), NotAfter: now.AddDate(sealYears, 0, 0).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{cms.OIDDocumentSigning},
		BasicConstraintsValid: true,
		CRLDistributionPoints: []string{t.Origin + pathIssuingCRL},
		OCSPServer:            []string{t.Origin + pathOCSP},
		IssuingCertificateURL: []string{t.Origin + pathIssuing},
		URIs:                  []*url.URL{origin},
	}
	if t.Country != "" {
		c.Subject.Country = []string{t.Country}
	}
	return c, nil
}

// tsaTemplate is for timestamps and nothing else, and says so with a critical extension (RFC 3161, 2.3).
func tsaTemplate(root *x509.Certificate, base string, now time.Time) (*x509.Certificate, error) {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{cms.OIDTimeStamping})
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		Subject:   root.Subject,
		NotBefore: now.Add(-time.Hour).UTC(), NotAfter: now.AddDate(tsaYears, 0, 0).UTC(),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: cms.OIDExtKeyUsage, Critical: true, Value: usage}},
	}
	c.Subject.CommonName = "Time Stamping Authority"
	if len(root.Subject.Organization) > 0 {
		c.Subject.CommonName = root.Subject.Organization[0] + " " + c.Subject.CommonName
	}
	if base != "" {
		c.CRLDistributionPoints = []string{base + pathRootCRL}
		c.OCSPServer = []string{base + pathOCSP}
		c.IssuingCertificateURL = []string{base + pathRoot}
	}
	return c, nil
}

// issue certifies key, or a new one of the algorithm when there is none.
func issue(by *entry, tmpl *x509.Certificate, a Algorithm, key crypto.Signer) (*entry, error) {
	var err error
	if key == nil {
		if key, err = a.generate(); err != nil {
			return nil, err
		}
	}
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always of the same length
	tmpl.SerialNumber = new(big.Int).SetBytes(serial)
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
		if tmpl.NotAfter.After(parent.NotAfter) {
			tmpl.NotAfter = parent.NotAfter
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	return &entry{cert: cert, key: key}, err
}
