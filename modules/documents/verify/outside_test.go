package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/cms"
	"townhall/modules/documents/pdffile"
)

// run calls somebody else's program and returns all it says. A missing one fails the test: a judge that is not there has
// not judged.
func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing", name)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

func mustRun(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := run(t, name, args...)
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// pdfcpu is where `make tools` puts it.
func pdfcpu(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("pdfcpu"); err == nil {
		return path
	}
	path := got(filepath.Abs("../../../.cache/bin/pdfcpu"))(t)
	if _, err := os.Stat(path); err != nil {
		t.Fatal("pdfcpu is missing: make tools")
	}
	return path
}

// judges are the programs, set up to trust a world's root.
type judges struct {
	t            *testing.T
	nss, conf    string
	root, bundle string
	issuing      string
}

func newJudges(t *testing.T, w *world) *judges {
	t.Helper()
	one := func(c []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c}) }
	j := &judges{t: t, nss: "sql:" + t.TempDir(), conf: t.TempDir(), root: save(t, "root.pem", one(w.root.cert.Raw)),
		bundle: save(t, "bundle.pem", w.bundle(w.now)), issuing: save(t, "issuing.pem", one(w.issuing.cert.Raw))}
	mustRun(t, "certutil", "-N", "--empty-password", "-d", j.nss)
	mustRun(t, "certutil", "-A", "-n", "root", "-t", "CT,C,C", "-i", j.root, "-d", j.nss)
	mustRun(t, pdfcpu(t), "-c", j.conf, "certificates", "import", j.root)
	// It asks private addresses only when they are named.
	settings := filepath.Join(j.conf, "pdfcpu", "config.yml")
	old := got(os.ReadFile(settings))(t)
	must(t, os.WriteFile(settings, bytes.Replace(old, []byte("allowedRevocationHosts: []"), []byte("allowedRevocationHosts: [127.0.0.1]"), 1), 0o600))
	return j
}

func (j *judges) pdfsig(file []byte) string {
	j.t.Helper()
	out, _ := run(j.t, "pdfsig", "-no-ocsp", "-nssdir", j.nss, save(j.t, "x.pdf", file))
	return out
}

func (j *judges) signatures(file []byte) string {
	j.t.Helper()
	out, _ := run(j.t, pdfcpu(j.t), "-c", j.conf, "signatures", "validate", "--all", "--full", save(j.t, "x.pdf", file))
	return out
}

// dss reads the security store of the newest revision.
func dss(t testing.TB, file []byte) map[string][][]byte {
	t.Helper()
	f := got(pdffile.Open(file))(t)
	out := map[string][][]byte{}
	for key, list := range f.Dict(f.Dict(f.Trailer["Root"])["DSS"]) {
		refs, _ := list.([]any)
		for _, r := range refs {
			o, _ := f.Object(int(r.(pdffile.Ref)))
			out[key] = append(out[key], o.Stream)
		}
	}
	return out
}

// gaps are the places of all containers, in the order of the file.
func gaps(t testing.TB, file []byte) (all [][2]int) {
	t.Helper()
	for at := 0; ; {
		i := bytes.Index(file[at:], []byte("/Contents<"))
		if i < 0 {
			return all
		}
		from := at + i + len("/Contents")
		to := from + bytes.IndexByte(file[from:], '>') + 1
		all = append(all, [2]int{from, to})
		at = to
	}
}

func containerOf(t testing.TB, file []byte, gap [2]int) []byte {
	t.Helper()
	raw := got(hex.DecodeString(string(file[gap[0]+1 : gap[1]-1])))(t)
	return raw[:4+int(raw[2])<<8+int(raw[3])]
}

// parts are what openssl is shown: a file of a revision without the gap, and the container.
func parts(t testing.TB, file []byte, n int) (content, container []byte) {
	t.Helper()
	gap := gaps(t, file)[n]
	end := gap[1] + bytes.Index(file[gap[1]:], []byte("%%EOF\n")) + len("%%EOF\n")
	return append(bytes.Clone(file[:gap[0]]), file[gap[1]:end]...), containerOf(t, file, gap)
}

func TestOtherProgramsAcceptEveryLevelAndARenewal(t *testing.T) {
	t.Parallel()
	w := servedWorld(t)
	j := newJudges(t, w)
	files := map[string][]byte{}
	for _, level := range []string{"B-B", "B-T", "B-LT", "B-LTA"} {
		files[level] = w.document(level)
	}
	files["renewed"] = w.renew(files["B-LTA"], w.tsa, w.now.Add(time.Second))
	for name, file := range files {
		path := save(t, "doc.pdf", file)
		mustRun(t, "qpdf", "--check", path)
		mustRun(t, pdfcpu(t), "-o", "-c", j.conf, "validate", "-m", "strict", path)
		out := j.pdfsig(file)
		for _, s := range []string{"Signature Validation: Signature is Valid.", "Certificate Validation: Certificate is Trusted.", "- Total document signed"} {
			if !strings.Contains(out, s) && !(name == "B-LT" && strings.HasPrefix(s, "- Total")) {
				t.Errorf("%s: pdfsig does not say %q:\n%s", name, s, out)
			}
		}
		if strings.Contains(out, "Syntax") {
			t.Errorf("%s: pdfsig: %s", name, out)
		}
		out = j.signatures(file)
		// Of several document timestamps it judges the newest alone.
		if n, all := strings.Count(out, "Status: signature is valid"), min(2, len(gaps(t, file))); n != all {
			t.Errorf("%s: pdfcpu accepts %d of %d signatures:\n%s", name, n, all, out)
		}
	}
	file := files["renewed"]
	var lists []byte
	for _, l := range dss(t, file)["CRLs"] {
		lists = append(lists, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l})...)
	}
	trusted := save(t, "trusted.pem", append(lists, got(os.ReadFile(j.root))(t)...))
	content, container := parts(t, file, 0)
	mustRun(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", save(t, "seal.der", container), "-content", save(t, "content", content),
		"-CAfile", trusted, "-crl_check_all", "-purpose", "any", "-out", os.DevNull)
	seal, _, err := cms.Parse(container)
	must(t, err)
	mustRun(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", seal.Timestamp), "-data", save(t, "value", seal.Value()), "-CAfile", trusted, "-crl_check_all")
	for i := range gaps(t, file)[1:] {
		content, token := parts(t, file, i+1)
		sum := sha256.Sum256(content)
		mustRun(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", token), "-digest", hex.EncodeToString(sum[:]), "-CAfile", trusted, "-crl_check_all")
	}
}
