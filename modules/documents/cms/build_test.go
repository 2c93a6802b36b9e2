package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func newTestSigner(t *testing.T, key crypto.Signer) *Signer {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(key, []*x509.Certificate{cert})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fixed is a key that gives a signature the test chose.
type fixed struct {
	*ecdsa.PrivateKey
	value []byte
}

func (f fixed) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return f.value, nil }

func TestOfTheTwoSignaturesThatVerifyTheOneWithTheSmallerSIsTaken(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	n := elliptic.P256().Params().N
	half := new(big.Int).Rsh(n, 1)
	high := 0
	for range 64 {
		sum := sha256.Sum256([]byte(time.Now().String()))
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		var in, out struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(sig, &in); err != nil {
			t.Fatal(err)
		}
		other, err := asn1.Marshal(struct{ R, S *big.Int }{in.R, new(big.Int).Sub(n, in.S)})
		if err != nil {
			t.Fatal(err)
		}
		if in.S.Cmp(half) > 0 {
			high++
		}
		for _, one := range [][]byte{sig, other} {
			low, err := lowS(one)
			if err != nil {
				t.Fatal(err)
			}
			if rest, err := asn1.Unmarshal(low, &out); err != nil || len(rest) > 0 || out.S.Cmp(half) > 0 || out.R.Cmp(in.R) != 0 || !ecdsa.VerifyASN1(&key.PublicKey, sum[:], low) {
				t.Fatalf("lowS(%x) = %x, %v", one, low, err)
			}
			if again, err := asn1.Marshal(out); err != nil || !bytes.Equal(again, low) {
				t.Fatalf("%x is not DER", low)
			}
		}
	}
	if high == 0 || high == 64 {
		t.Errorf("%d of 64 signatures were high: nothing was tested", high)
	}
}

func TestAKeyThatMakesNoSignatureIsAnError(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	zero, _ := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), big.NewInt(0)})
	order, _ := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), elliptic.P256().Params().N})
	above, _ := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), new(big.Int).Add(elliptic.P256().Params().N, big.NewInt(1))})
	for _, bad := range [][]byte{nil, {0x30, 0}, zero, order, above, append(zero, 0), bytes.Repeat([]byte{0xff}, 70)} {
		s := newTestSigner(t, key)
		s.key = fixed{key, bad}
		if _, err := s.Sign(Content{Type: OIDData, Digest: make([]byte, 32)}); err == nil {
			t.Errorf("the value %x was taken", bad)
		}
	}
}

// What the key itself needs (59 in Go 1.26) is not the container's business.
func TestAContainerTakesFewAllocationsBesidesTheKeys(t *testing.T) {
	key := ecKey(t)
	s := newTestSigner(t, key)
	digest, token := make([]byte, 32), make([]byte, 1500)
	raw := testing.AllocsPerRun(200, func() {
		if _, err := key.Sign(rand.Reader, digest, crypto.SHA256); err != nil {
			t.Fatal(err)
		}
	})
	got := testing.AllocsPerRun(200, func() {
		d, err := s.Sign(Content{Type: OIDData, Digest: digest})
		if err == nil {
			_, err = d.Encode(token)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if got > raw+8 {
		t.Errorf("one container takes %.0f allocations, %.0f of them the key's", got, raw)
	}
}

// sorted: members of a SET OF stand in the order of their bytes (X.690, 11.6).
func sorted(t *testing.T, content []byte) int {
	t.Helper()
	var last []byte
	n := 0
	for len(content) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(content, &v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Compare(last, v.FullBytes) > 0 {
			t.Errorf("member %d of a set stands before the one it follows", n)
		}
		last, content = v.FullBytes, rest
		n++
	}
	return n
}

func TestAContainerIsInTheOneFormOfDER(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ecdsa": ecKey(t), "rsa": rsaKey} {
		s := newTestSigner(t, key)
		for _, c := range []Content{
			{Type: OIDData, Digest: sum("page")},
			{Type: OIDTSTInfo, Digest: sum("info"), Inside: []byte("info")},
			{Type: OIDTSTInfo, Digest: sum("long"), Inside: bytes.Repeat([]byte("long"), 50000), Bare: true},
		} {
			d, err := s.Sign(c)
			if err != nil {
				t.Fatal(err)
			}
			if n := sorted(t, unwrap(t, d.attrs)); n != 4 {
				t.Errorf("%s: %d signed attributes", name, n)
			}
			for _, tokens := range [][][]byte{nil, {{0x30, 1, 5}}, {{0x30, 3, 9, 9, 9}, {0x30, 1, 5}, {0x30, 1, 4}}} {
				out, err := d.Encode(tokens...)
				if err != nil {
					t.Fatal(err)
				}
				var info struct {
					Type asn1.ObjectIdentifier
					Data struct {
						Version int
						Algs    []pkix.AlgorithmIdentifier `asn1:"set"`
						Encap   struct {
							Type    asn1.ObjectIdentifier
							Content []byte `asn1:"explicit,optional,tag:0"`
						}
						Certs   asn1.RawValue `asn1:"optional,tag:0"`
						Signers []struct {
							Version   int
							SID       asn1.RawValue
							Digest    pkix.AlgorithmIdentifier
							Attrs     asn1.RawValue `asn1:"tag:0"`
							Algorithm pkix.AlgorithmIdentifier
							Value     []byte
							Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
						} `asn1:"set"`
					} `asn1:"explicit,tag:0"`
				}
				if rest, err := asn1.Unmarshal(out, &info); err != nil || len(rest) > 0 {
					t.Fatalf("%s: %v, %d bytes after it", name, err, len(rest))
				}
				if got := info.Data.Encap; !got.Type.Equal(c.Type) || !bytes.Equal(got.Content, c.Inside) {
					t.Errorf("%s: content is %v", name, got.Type)
				}
				if c.Bare != (len(info.Data.Certs.FullBytes) == 0) {
					t.Errorf("%s: certificates: %d bytes", name, len(info.Data.Certs.FullBytes))
				}
				if n := sorted(t, info.Data.Signers[0].Unsigned.Bytes); n != len(tokens) {
					t.Errorf("%s: %d unsigned attributes of %d", name, n, len(tokens))
				}
				if want := len(out) - len(c.Inside); len(tokens) == 0 && want > s.Size() {
					t.Errorf("%s: %d bytes, and room for %d", name, want, s.Size())
				}
			}
		}
	}
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func unwrap(t *testing.T, element []byte) []byte {
	t.Helper()
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(element, &v); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	return v.Bytes
}

func TestOpenSSLVerifiesWhatWasSigned(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is missing: apt-get install openssl")
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ecdsa": ecKey(t), "rsa": rsaKey} {
		signer := newTestSigner(t, key)
		d, err := signer.Sign(Content{Type: OIDData, Digest: sum("a page")})
		if err != nil {
			t.Fatal(err)
		}
		out, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for file, data := range map[string][]byte{"root": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signer.chain[0].Raw}), "sig": out, "good": []byte("a page"), "bad": []byte("b page")} {
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run := func(content string) ([]byte, error) {
			return exec.Command(path, "cms", "-verify", "-cades", "-binary", "-purpose", "any", "-CAfile", filepath.Join(dir, "root"), "-inform", "DER", "-in", filepath.Join(dir, "sig"), "-content", filepath.Join(dir, content), "-out", os.DevNull).CombinedOutput()
		}
		if msg, err := run("good"); err != nil {
			t.Errorf("%s: %v\n%s", name, err, msg)
		}
		if _, err := run("bad"); err == nil {
			t.Errorf("%s: openssl accepts another content", name)
		}
	}
}
