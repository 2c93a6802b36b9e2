package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tool runs somebody else's program; lenient reports whether it said yes.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, ok := lenient(t, name, args...)
	if !ok {
		t.Fatalf("%s %s says no:\n%s", name, strings.Join(args, " "), out)
	}
	return out
}

func lenient(t testing.TB, name string, args ...string) (string, bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install openssl softhsm2", name)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err == nil
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func pemOf(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

const origin = "http://northwick.localhost:8080"

func town(id, origin string) kernel.Tenant {
	return kernel.Tenant{ID: kernel.TenantID(id), Origin: origin, Name: kernel.Text{"en": strings.ToUpper(id[:1]) + id[1:]}, Country: "GB"}
}

func newKeys(t testing.TB, a Algorithm) *Keys {
	t.Helper()
	k, err := Init(t.TempDir(), InitOptions{Name: "Northwick", Country: "GB", CRLBase: origin, Algorithm: a})
	must(t, err)
	return k
}

// again opens the same folder as another process would.
func again(t testing.TB, k *Keys) *Keys {
	t.Helper()
	o, err := Load(k.dir)
	must(t, err)
	return o
}

func newTSA(t testing.TB, k *Keys) *TSA {
	t.Helper()
	tsa, err := k.TSA(nil)
	must(t, err)
	return tsa
}

// cmsSaysYes lets openssl verify a container with lists of revoked certificates.
func cmsSaysYes(t testing.TB, bundle, container, content []byte) (string, bool) {
	t.Helper()
	return lenient(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", save(t, "sig.der", container), "-content", save(t, "content", content),
		"-CAfile", save(t, "trust.pem", bundle), "-crl_check_all", "-purpose", "any", "-out", os.DevNull)
}

func sealOf(t testing.TB, s *Sealer, content []byte) []byte {
	t.Helper()
	out, err := s.CMS(t.Context(), sha256Of(content))
	must(t, err)
	if len(out) > s.Reserve() {
		t.Errorf("a seal of %d bytes does not fit into %d", len(out), s.Reserve())
	}
	return out
}

func bundleOf(t testing.TB, k *Keys, others ...*x509.Certificate) []byte {
	t.Helper()
	b, err := k.TrustBundle(time.Now(), others...)
	must(t, err)
	return b
}

func has(list [][]byte, one []byte) bool {
	for _, b := range list {
		if bytes.Equal(b, one) {
			return true
		}
	}
	return false
}
