package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestARotatedKeyIsGoneItsCertificateIsKeptAndOldSealsStayGood(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k, now := newKeys(t, a), time.Now()
		here := town("northwick", origin)
		before, err := k.Seal(here, SealOptions{Level: BB}, now)
		must(t, err)
		old := sealOf(t, before, []byte("old"))
		secret := keyBlock(t, k)
		info, err := k.Rotate(here, now)
		must(t, err)
		after, err := k.Seal(here, SealOptions{Level: BB}, now)
		must(t, err)
		if after.Certificate().Equal(before.Certificate()) || serialOf(after.Certificate()) != info.Serial || info.State != Current || info.Algorithm != a {
			t.Errorf("rotated to %+v", info)
		}
		must(t, filepath.WalkDir(k.dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(p)
			if bytes.Contains(data, secret) {
				t.Errorf("%s still holds the private key", p)
			}
			return err
		}))
		fresh := sealOf(t, after, []byte("new"))
		bundle := bundleOf(t, k)
		for content, seal := range map[string][]byte{"old": old, "new": fresh} {
			if out, ok := cmsSaysYes(t, bundle, seal, []byte(content)); !ok {
				t.Errorf("%s: %s", content, out)
			}
		}
		var retired []*pem.Block
		for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == blockRetired {
				retired = append(retired, block)
			}
		}
		if len(retired) != 1 || !bytes.Equal(retired[0].Bytes, before.Certificate().Raw) || retired[0].Headers[headerRetired] != now.Add(overlap).UTC().Format(time.RFC3339) {
			t.Errorf("retired in the bundle: %v", retired)
		}
		list, err := k.List()
		must(t, err)
		if len(list) != 4 || list[2].State != Current || list[3].State != Retired || list[3].RetiredAt.IsZero() || list[3].Name != "northwick" || !list[3].Ends.Equal(before.Certificate().NotAfter) {
			t.Errorf("%+v", list)
		}
	}
}

// keyBlock is a line of the seal's private key.
func keyBlock(t *testing.T, k *Keys) []byte {
	t.Helper()
	data, err := os.ReadFile(k.sealPath("northwick"))
	must(t, err)
	i := bytes.Index(data, []byte("BEGIN PRIVATE KEY-----\n"))
	return data[i+23 : i+23+60]
}

func TestARunningProcessPicksUpTheKeyAnotherOneRotated(t *testing.T) {
	t.Parallel()
	one, here := newKeys(t, ECDSA), town("northwick", origin)
	first, err := one.Seal(here, SealOptions{Level: BB}, time.Now())
	must(t, err)
	same, err := one.Seal(here, SealOptions{Level: BB}, time.Now())
	must(t, err)
	if same != first {
		t.Error("a sealer is made anew without a reason")
	}
	info, err := again(t, one).Rotate(here, time.Now())
	must(t, err)
	deadline := time.Now().Add(5 * time.Second)
	for {
		s, err := one.Seal(here, SealOptions{Level: BB}, time.Now())
		must(t, err)
		if serialOf(s.Certificate()) == info.Serial {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the old key is still in use")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Several processes rotate while others seal: no key is lost, so every seal is from a certificate the folder knows.
func TestRotatingUnderLoadLosesNoCertificate(t *testing.T) {
	t.Parallel()
	one, here := newKeys(t, ECDSA), town("northwick", origin)
	all := []*Keys{one, again(t, one), again(t, one)}
	var mu sync.Mutex
	seen := map[string]bool{}
	var group sync.WaitGroup
	for _, k := range all {
		group.Go(func() {
			for range 5 {
				if _, err := k.Rotate(here, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for range 200 {
				s, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[serialOf(s.Certificate())] = true
				mu.Unlock()
				if _, err := s.CMS(t.Context(), make([]byte, 32)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	list, err := again(t, one).List()
	must(t, err)
	known, current := map[string]bool{}, 0
	for _, i := range list[2:] {
		known[i.Serial] = true
		if i.State == Current {
			current++
		}
	}
	if len(list) < 2+15 || current != 1 {
		t.Errorf("%d certificates, %d in force", len(list)-2, current)
	}
	for s := range seen {
		if !known[s] {
			t.Errorf("somebody sealed with %s, which nobody knows any more", s)
		}
	}
}

func TestACrashBetweenRetiringAndReplacingLeavesTheKeyInForce(t *testing.T) {
	t.Parallel()
	k, here := newKeys(t, ECDSA), town("northwick", origin)
	s, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
	must(t, err)
	block := &pem.Block{Type: blockRetired, Headers: map[string]string{headerRetired: time.Now().UTC().Format(time.RFC3339)}, Bytes: s.Certificate().Raw}
	must(t, write(filepath.Join(k.dir, "retired", "northwick-"+serialOf(s.Certificate())+".pem"), pem.EncodeToMemory(block), true))
	list, err := again(t, k).List()
	must(t, err)
	if len(list) != 3 || list[2].State != Current || bytes.Contains(bundleOf(t, again(t, k)), []byte(blockRetired)) {
		t.Errorf("%+v", list)
	}
}

func TestASealNamesItsOriginAndWhereToAskAboutIt(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	text := tool(t, "openssl", "x509", "-noout", "-text", "-in", save(t, "c.pem", pemOf(s.Certificate())))
	for _, want := range []string{"URI:" + origin + "\n", "URI:" + origin + "/verify/issuing.crl", "OCSP - URI:" + origin + "/verify/ocsp", "CA Issuers - URI:" + origin + "/verify/issuing.cer", "E-mail Protection", "1.3.6.1.5.5.7.3.36", "Digital Signature, Non Repudiation"} {
		if !strings.Contains(text, want) {
			t.Errorf("the seal lacks %q:\n%s", want, text)
		}
	}
	moved, err := k.Seal(town("northwick", "https://northwick.example"), SealOptions{Level: BB}, time.Now())
	must(t, err)
	if moved.Certificate().URIs[0].String() != "https://northwick.example" {
		t.Error("after a move the seal is for the old origin")
	}
	if _, err := k.Seal(town("..", origin), SealOptions{Level: BB}, time.Now()); err == nil {
		t.Error("a tenant that is a path names a file")
	}
}

func TestTheSealOfOneMunicipalityIsNeverThatOfAnother(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	a, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	b, err := k.Seal(town("eastmere", "http://eastmere.localhost:8080"), SealOptions{Level: BB}, time.Now())
	must(t, err)
	if a.Certificate().Equal(b.Certificate()) || a.Certificate().Subject.CommonName != "Northwick Seal" || b.Certificate().Subject.CommonName != "Eastmere Seal" {
		t.Error("two municipalities, one seal")
	}
}

func TestASealThatEndedIsAnErrorAndOneThatEndsSoonIsNot(t *testing.T) {
	t.Parallel()
	k, here := newKeys(t, ECDSA), town("northwick", origin)
	s, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
	must(t, err)
	ends := s.Certificate().NotAfter
	if _, err := k.Seal(here, SealOptions{Level: BB}, ends.Add(-time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := k.Seal(here, SealOptions{Level: BB}, ends.Add(time.Second)); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Error(err)
	}
	_, err = k.Rotate(here, ends.Add(time.Second))
	must(t, err)
	if _, err := k.Seal(here, SealOptions{Level: BB}, ends.Add(time.Second)); err != nil {
		t.Error(err)
	}
}

func TestAFolderOfAnEarlierReleaseOpensAndItsMissingPartsAreMade(t *testing.T) {
	t.Parallel()
	// What the first release wrote: no AIA, no SAN, no tsa.pem, no retired/, bare times in revoked.json.
	dir, now := t.TempDir(), time.Now()
	must(t, os.MkdirAll(filepath.Join(dir, "seals"), 0o700))
	put := func(name string, by *entry, c *x509.Certificate) *entry {
		e, err := issue(by, c, ECDSA, nil)
		must(t, err)
		data, err := e.encode()
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		return e
	}
	o := InitOptions{Name: "Old Town", Now: now}
	plain := func(c *x509.Certificate) *x509.Certificate {
		c.OCSPServer, c.IssuingCertificateURL, c.URIs = nil, nil, nil
		if c.IsCA {
			c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		}
		return c
	}
	root := put("root.pem", nil, plain(authority(o, "Old Root", rootYears, -1)))
	o.CRLBase = origin
	issuing := put("issuing.pem", root, plain(authority(o, "Old Issuing", issuingYears, 0)))
	tmpl, err := sealTemplate(town("northwick", origin), now)
	must(t, err)
	seal := put("seals/northwick.pem", issuing, plain(tmpl))
	must(t, os.WriteFile(filepath.Join(dir, "revoked.json"), []byte(`{"4a0b": "2026-10-01T12:00:00Z"}`), 0o600))

	k, err := Init(dir, InitOptions{Name: "New Name", CRLBase: origin})
	must(t, err)
	tsa := newTSA(t, k)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BLTA, Stamper: tsa}, now)
	must(t, err)
	if s.Certificate().Equal(seal.cert) || !isFor(s.Certificate(), origin) {
		t.Error("the seal that names no origin is still in force")
	}
	_, err = s.Validation(t.Context(), now)
	must(t, err)
	list, err := k.List()
	must(t, err)
	if len(list) != 5 || list[2].Name != "tsa" || list[4].Serial != serialOf(seal.cert) || list[4].State != Retired {
		t.Errorf("%+v", list)
	}
	raw, err := k.CRL("issuing", now)
	must(t, err)
	if out := tool(t, "openssl", "crl", "-inform", "DER", "-noout", "-text", "-in", save(t, "crl", raw)); !strings.Contains(out, "Serial Number: 4A0B") {
		t.Error(out)
	}
	if out, ok := cmsSaysYes(t, bundleOf(t, k), sealOf(t, s, []byte("x")), []byte("x")); !ok {
		t.Error(out)
	}
}

func TestAKeyOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	_, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	must(t, os.Chmod(k.sealPath("northwick"), 0o640))
	if _, err := again(t, k).Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now()); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Error(err)
	}
	must(t, os.Chmod(filepath.Join(k.dir, "root.pem"), 0o604))
	if _, err := Load(k.dir); err == nil {
		t.Error("the root's key can be read by others")
	}
}

func TestCertificatesAreServedByName(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	if _, err := k.Certificate("tsa"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	newTSA(t, k)
	for _, name := range []string{"root", "issuing", "tsa"} {
		raw, err := k.Certificate(name)
		must(t, err)
		if _, err := x509.ParseCertificate(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Certificate("../root"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestRevokedJSONKeepsItsReason(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	must(t, k.RevokeSeal(serialOf(s.Certificate()), CessationOfOperation, time.Now()))
	data, err := os.ReadFile(filepath.Join(k.dir, "revoked.json"))
	must(t, err)
	var got map[string]map[string]string
	must(t, json.Unmarshal(data, &got))
	if got[serialOf(s.Certificate())]["reason"] != "cessation-of-operation" {
		t.Errorf("%s", data)
	}
}
