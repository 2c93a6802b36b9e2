//go:build pkcs11

package sign

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// softToken makes a SoftHSM2 token with an ECDSA and an RSA key that were born in it, and returns the address of a key.
// The module reads its environment once, so all tests of this file share one token directory.
func softToken(t *testing.T) func(key string) string {
	t.Helper()
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	if _, err := os.Stat(module); err != nil {
		t.Fatal("SoftHSM is missing: apt-get install softhsm2 opensc")
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	conf := filepath.Join(dir, "softhsm2.conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	tool(t, "softhsm2-util", "--init-token", "--free", "--label", "Town Hall", "--pin", "4711", "--so-pin", "0815")
	for i, key := range []string{"EC:prime256v1", "rsa:2048"} {
		name := strings.ToLower(key[:strings.IndexByte(key, ':')])
		tool(t, "pkcs11-tool", "--module", module, "--token-label", "Town Hall", "--login", "--pin", "4711", "--keypairgen", "--key-type", key, "--id", fmt.Sprintf("0%d", i+1), "--label", name)
	}
	pin := filepath.Join(dir, "pin")
	must(t, os.WriteFile(pin, []byte("4711\n"), 0o600))
	return func(key string) string {
		return "pkcs11:token=Town%20Hall;object=" + key + "?module-path=" + module + "&pin-source=file:" + pin
	}
}

func TestPKCS11ASealIsMadeWithAKeyThatNeverLeavesItsToken(t *testing.T) {
	uri := softToken(t)
	for _, key := range []string{"ec", "rsa"} {
		t.Run(key, func(t *testing.T) {
			k, here, now := newKeys(t, ECDSA), town("northwick", origin), time.Now()
			defer k.Close()
			o := SealOptions{Level: BLTA, Stamper: newTSA(t, k)}
			before, err := k.Seal(here, o, now)
			must(t, err)
			info, err := k.RotateToToken(here, uri(key), now)
			must(t, err)
			s, err := k.Seal(here, o, now)
			must(t, err)
			if serialOf(s.Certificate()) != info.Serial || s.Certificate().Equal(before.Certificate()) {
				t.Error("the key of the token is not in force")
			}
			raw := sealOf(t, s, []byte("a page"))
			if out, ok := cmsSaysYes(t, bundleOf(t, k), raw, []byte("a page")); !ok {
				t.Error(out)
			}
			_, err = s.Validation(t.Context(), now)
			must(t, err)
			data, err := os.ReadFile(k.sealPath("northwick"))
			must(t, err)
			if bytes.Contains(data, []byte("PRIVATE KEY")) || !bytes.Contains(data, []byte("BEGIN "+blockURI)) || bytes.Contains(data, []byte("4711")) {
				t.Errorf("%s", data)
			}
			list, err := k.List()
			must(t, err)
			if !list[3].Token || list[3].Name != "northwick" || list[0].Token {
				t.Errorf("%+v", list)
			}
			// Another process finds the key by its address.
			other := again(t, k)
			defer other.Close()
			twin, err := other.Seal(here, SealOptions{Level: BB}, now)
			must(t, err)
			if out, ok := cmsSaysYes(t, bundleOf(t, k), sealOf(t, twin, []byte("x")), []byte("x")); !ok {
				t.Error(out)
			}
		})
	}
	t.Run("from outside", func(t *testing.T) {
		for _, key := range []string{"ec", "rsa"} {
			p := newProvider(t, ECDSA)
			k := newKeys(t, ECDSA)
			defer k.Close()
			signer, err := k.tokens.signer(uri(key))
			must(t, err)
			tmpl, err := sealTemplate(town("northwick", origin), time.Now())
			must(t, err)
			tmpl.CRLDistributionPoints = []string{p.url + "/seals.crl"}
			seal, err := issue(p.middle, tmpl, ECDSA, signer)
			must(t, err)
			o := Outside{CertificateFile: save(t, "chain.pem", pemOf(seal.cert, p.middle.cert, p.root.cert)), Key: uri(key)}
			s, err := k.Seal(town("northwick", origin), SealOptions{Level: BB, Outside: o}, time.Now())
			must(t, err)
			bundle := bytes.Join([][]byte{pemOf(p.root.cert), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.list()}), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.parent()})}, nil)
			if out, ok := cmsSaysYes(t, bundle, sealOf(t, s, []byte("x")), []byte("x")); !ok {
				t.Error(out)
			}
		}
	})
	t.Run("what is not there", func(t *testing.T) {
		k := newKeys(t, ECDSA)
		defer k.Close()
		for _, bad := range []string{uri("nobody"), strings.Replace(uri("ec"), "Town%20Hall", "Elsewhere", 1), strings.Replace(uri("ec"), "/usr/lib", "/none", 1), "file.pem"} {
			if _, err := k.RotateToToken(town("northwick", origin), bad, time.Now()); err == nil {
				t.Errorf("%s: a key was found", bad)
			}
		}
		if files, err := fs.Glob(os.DirFS(k.dir), "seals/*"); err != nil || len(files) > 0 {
			t.Errorf("%v %v", files, err)
		}
	})
}
