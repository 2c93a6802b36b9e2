// Package judges asks other people's programs about our documents: pdfsig, qpdf, pdfcpu, openssl, PDFBox Preflight,
// pdffonts, pdftotext and zbarimg. It is for tests. A program that is not there fails the test: a judge that is missing
// has not judged.
package judges

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/cms"
	"townhall/modules/documents/pdffile"
)

// Judges are the programs, set up to trust one root.
type Judges struct {
	t       testing.TB
	nss     string // pdfsig's folder of certificates
	conf    string // pdfcpu's folder of settings
	bundle  []byte // root and revocation lists
	trusted string // the same as a file, for openssl
}

// New sets the programs up. bundle is a trust bundle: the root first, then revocation lists. pdfcpu asks for revocation
// data at the addresses in the certificates; of private ones it asks 127.0.0.1 only.
func New(t testing.TB, bundle []byte) *Judges {
	t.Helper()
	root, _ := pem.Decode(bundle)
	if root == nil || root.Type != "CERTIFICATE" {
		t.Fatal("the bundle does not begin with the root")
	}
	rootFile := Save(t, "root.pem", pem.EncodeToMemory(root))
	j := &Judges{t: t, nss: "sql:" + t.TempDir(), conf: t.TempDir(), bundle: bundle, trusted: Save(t, "bundle.pem", bundle)}
	Run(t, "certutil", "-N", "--empty-password", "-d", j.nss)
	Run(t, "certutil", "-A", "-n", "root", "-t", "CT,C,C", "-i", rootFile, "-d", j.nss)
	Run(t, pdfcpu(t), "-c", j.conf, "certificates", "import", rootFile)
	settings := filepath.Join(j.conf, "pdfcpu", "config.yml")
	old, err := os.ReadFile(settings)
	must(t, err)
	must(t, os.WriteFile(settings, bytes.Replace(old, []byte("allowedRevocationHosts: []"), []byte("allowedRevocationHosts: [127.0.0.1]"), 1), 0o600))
	return j
}

// Expect is what a document must be.
type Expect struct {
	Timestamped bool     // the seal carries a signature timestamp
	Archived    bool     // there is a document timestamp
	Attached    bool     // the same as JSON is inside
	QR          string   // the address in the code
	Texts       []string // what a reader finds
}

// Accept asks every program about a sealed file; each must say yes.
func (j *Judges) Accept(file []byte, want Expect) {
	j.t.Helper()
	path := Save(j.t, "document.pdf", file)
	j.Structure(file, want.Attached)
	j.Seal(path)
	n := 1
	if want.Archived {
		n = 2
	}
	if good, says := j.Signatures(file); good != n {
		j.t.Errorf("pdfcpu accepts %d of %d signatures:\n%s", good, n, says)
	}
	j.containers(file, want)
	Fonts(j.t, path, 3)
	j.reads(path, want)
	if list := Run(j.t, pdfcpu(j.t), "-c", j.conf, "attachments", "list", path); strings.Contains(list, "document.json") != want.Attached {
		j.t.Errorf("pdfcpu finds attached: %s", list)
	}
}

var associated = regexp.MustCompile(`/AFRelationship/Data|/AF\[\d+ 0 R\]`)

// Structure asks qpdf and pdfcpu. The latter's strict mode follows ISO 32000-1 to the letter, so it refuses the two entries that PDF/A-3 adds to
// it (ISO 19005-3, 6.8) in any file: of a document with an attachment it judges a twin in which just they are blank.
func (j *Judges) Structure(file []byte, attached bool) {
	j.t.Helper()
	Run(j.t, "qpdf", "--check", Save(j.t, "document.pdf", file))
	if attached {
		Run(j.t, pdfcpu(j.t), "-o", "-c", j.conf, "validate", "-m", "relaxed", Save(j.t, "document.pdf", file))
		twin := associated.ReplaceAllFunc(file, func(b []byte) []byte { return bytes.Repeat([]byte(" "), len(b)) })
		if bytes.Equal(twin, file) {
			j.t.Error("nothing says how the attachment belongs to the document")
		}
		file = twin
	}
	Run(j.t, pdfcpu(j.t), "-o", "-c", j.conf, "validate", "-m", "strict", Save(j.t, "document.pdf", file))
}

// Seal asks pdfsig about the seal.
func (j *Judges) Seal(path string) {
	j.t.Helper()
	out := Run(j.t, "pdfsig", "-no-ocsp", "-nssdir", j.nss, path)
	for _, s := range []string{"Signature Validation: Signature is Valid.", "Certificate Validation: Certificate is Trusted.", "Signature Type: ETSI.CAdES.detached"} {
		if !strings.Contains(out, s) {
			j.t.Errorf("pdfsig does not say %q:\n%s", s, out)
		}
	}
}

// Whole reports whether pdfsig accepts the seal of a file, trusts the signer, and finds that all of the file is signed.
func (j *Judges) Whole(file []byte) bool {
	j.t.Helper()
	return whole(Ask(j.t, "pdfsig", "-no-ocsp", "-nssdir", j.nss, Save(j.t, "document.pdf", file)))
}

func whole(said string) bool {
	return strings.Contains(said, "Signature Validation: Signature is Valid.") && strings.Contains(said, "Certificate is Trusted") && strings.Count(said, "- Total document signed") == 1
}

// Refuses reports whether pdfsig or pdfcpu sees that something is wrong with a file: a signature that does not hold, a
// signer they do not trust, or something behind what is signed.
func (j *Judges) Refuses(file []byte) (refused bool, says string) {
	j.t.Helper()
	sig := Ask(j.t, "pdfsig", "-no-ocsp", "-nssdir", j.nss, Save(j.t, "document.pdf", file))
	good, cpu := j.Signatures(file)
	return !whole(sig) || good != strings.Count(sig, "Signature #"), sig + cpu
}

// Signatures is how many signatures of a file pdfcpu calls valid, and what it says. Of several document timestamps it judges
// the newest alone.
func (j *Judges) Signatures(file []byte) (good int, says string) {
	j.t.Helper()
	says = Ask(j.t, pdfcpu(j.t), "-c", j.conf, "signatures", "validate", "--all", "--full", Save(j.t, "document.pdf", file))
	return strings.Count(says, "Status: signature is valid"), says
}

// OpenSSL verifies the seal's container at a moment, with the revocation lists of a bundle, and returns its complaint; empty
// when it says yes.
func OpenSSL(t testing.TB, file, bundle []byte, at time.Time) string {
	t.Helper()
	c := Containers(t, file)[0]
	out, err := command(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", Save(t, "seal.der", c.DER), "-content", Save(t, "content", c.Covered),
		"-CAfile", Save(t, "bundle.pem", bundle), "-crl_check_all", "-purpose", "any", "-attime", fmt.Sprint(at.Unix()), "-out", os.DevNull)
	if err == nil {
		return ""
	}
	return out
}

// containers shows openssl the seal and every timestamp.
func (j *Judges) containers(file []byte, want Expect) {
	j.t.Helper()
	all := Containers(j.t, file)
	if complaint := OpenSSL(j.t, file, j.bundle, time.Now()); complaint != "" {
		j.t.Errorf("openssl: %s", complaint)
	}
	seal, _, err := cms.Parse(all[0].DER)
	must(j.t, err)
	if (seal.Timestamp != nil) != want.Timestamped || (len(all) > 1) != want.Archived {
		j.t.Errorf("a signature timestamp: %t, %d containers", seal.Timestamp != nil, len(all))
	}
	if seal.Timestamp != nil {
		sum := sha256.Sum256(seal.Value())
		j.Timestamp(seal.Timestamp, sum)
	}
	for _, c := range all[1:] {
		j.Timestamp(c.DER, sha256.Sum256(c.Covered))
	}
}

// Timestamp asks openssl about one token; it must say yes.
func (j *Judges) Timestamp(token []byte, digest [sha256.Size]byte) {
	j.t.Helper()
	if complaint := OpenSSLTimestamp(j.t, token, digest, j.trusted); complaint != "" {
		j.t.Errorf("openssl: %s", complaint)
	}
}

// OpenSSLTimestamp verifies a token with the root and the revocation lists in a file, and returns the complaint; empty when
// openssl says yes.
func OpenSSLTimestamp(t testing.TB, token []byte, digest [sha256.Size]byte, trusted string) string {
	t.Helper()
	out, err := command(t, "openssl", "ts", "-verify", "-token_in", "-in", Save(t, "token", token), "-digest", hex.EncodeToString(digest[:]), "-CAfile", trusted, "-crl_check_all")
	if err == nil {
		return ""
	}
	return out
}

func (j *Judges) reads(path string, want Expect) {
	j.t.Helper()
	text := strings.Join(strings.Fields(Run(j.t, "pdftotext", "-layout", path, "-")), " ")
	for _, s := range want.Texts {
		if !strings.Contains(text, s) {
			j.t.Errorf("pdftotext does not find %q:\n%s", s, text)
		}
	}
	if want.QR == "" {
		return
	}
	if got := Scan(j.t, path); got != want.QR {
		j.t.Errorf("the code says %q, want %q", got, want.QR)
	}
}

// Scan prints the last page and reads its code; of several the one that is an address.
func Scan(t testing.TB, path string) string {
	t.Helper()
	pages := regexp.MustCompile(`Pages:\s+(\d+)`).FindStringSubmatch(Run(t, "pdfinfo", path))
	if pages == nil {
		t.Fatal("pdfinfo counts no pages")
	}
	Run(t, "pdftoppm", "-r", "150", "-png", "-gray", "-f", pages[1], "-singlefile", path, path)
	all := strings.Fields(Run(t, "zbarimg", "--quiet", "--raw", path+".png"))
	if i := slices.IndexFunc(all, func(code string) bool { return strings.Contains(code, "://") }); i >= 0 {
		return all[i]
	}
	return strings.Join(all, " ")
}

// Fonts asks that there are so many fonts at least, and that every one is embedded, cut and mapped to Unicode.
func Fonts(t testing.TB, path string, atLeast int) {
	t.Helper()
	rows := regexp.MustCompile(`(?m)^\S+\+\S+.*$`).FindAllString(Run(t, "pdffonts", path), -1)
	if len(rows) < atLeast {
		t.Errorf("pdffonts lists %d fonts", len(rows))
	}
	for _, r := range rows {
		if !strings.Contains(r, "yes yes yes") {
			t.Errorf("a font is not embedded, cut and Unicode: %s", r)
		}
	}
}

// Archive asks Apache Preflight about files made without a seal. It knows PDF/A-1b, whose rules are a subset of A-2a and A-3a but
// for the version, so it judges twins that differ in the header and in the part number alone. Attachments are not part of A-1.
// It judges all of them in one run, by the names they are given: its start takes longer than its look.
func Archive(t testing.TB, unsealed map[string][]byte) {
	t.Helper()
	const lib = "/usr/share/java/"
	var classpath []string
	for _, jar := range []string{"preflight", "pdfbox2", "fontbox2", "xmpbox", "commons-logging", "javax.activation", "jaxb-api"} {
		if _, err := os.Stat(lib + jar + ".jar"); err != nil {
			t.Fatalf("%s.jar is missing: apt-get install libpdfbox2-java libactivation-java libjaxb-api-java default-jre-headless", jar)
		}
		classpath = append(classpath, lib+jar+".jar")
	}
	folder := t.TempDir()
	for name, file := range unsealed {
		twin := bytes.Replace(file, []byte("<pdfaid:part>2<"), []byte("<pdfaid:part>1<"), 1)
		twin = bytes.Replace(twin, []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1)
		if bytes.Equal(twin, file) {
			t.Errorf("%s does not say that it is PDF/A-2", name)
		}
		must(t, os.WriteFile(filepath.Join(folder, name+".pdf"), twin, 0o600))
	}
	out := Ask(t, "java", "-cp", strings.Join(classpath, ":"), "org.apache.pdfbox.preflight.Validator_A1b", "group", folder)
	for name := range unsealed {
		if !strings.Contains(out, name+".pdf is a valid PDF/A-1b file") {
			t.Errorf("Preflight does not say that %s is valid: %s", name, out)
		}
	}
}

// Container is one signature container of a file.
type Container struct {
	Covered []byte // what it signs: all of its revision but itself
	DER     []byte
}

// Containers takes a file apart by its own places, without our verifier, oldest first.
func Containers(t testing.TB, file []byte) (all []Container) {
	t.Helper()
	for at := 0; ; {
		i := bytes.Index(file[at:], []byte("/Contents<"))
		if i < 0 {
			break
		}
		from := at + i + len("/Contents")
		to := from + bytes.IndexByte(file[from:], '>') + 1
		end := to + bytes.Index(file[to:], []byte("%%EOF\n")) + len("%%EOF\n")
		raw, err := hex.DecodeString(string(file[from+1 : to-1]))
		must(t, err)
		all = append(all, Container{Covered: append(bytes.Clone(file[:from]), file[to:end]...), DER: raw[:4+int(raw[2])<<8+int(raw[3])]})
		at = to
	}
	if len(all) == 0 {
		t.Fatal("the file has no signature container")
	}
	return all
}

// Store reads the security store (DSS) of the newest revision: "Certs", "OCSPs", "CRLs".
func Store(t testing.TB, file []byte) map[string][][]byte {
	t.Helper()
	f, err := pdffile.Open(file)
	must(t, err)
	out := map[string][][]byte{}
	for key, list := range f.Dict(f.Dict(f.Trailer["Root"])["DSS"]) {
		refs, _ := list.([]any)
		for _, r := range refs {
			ref, _ := r.(pdffile.Ref)
			o, _ := f.Object(int(ref))
			out[key] = append(out[key], o.Stream)
		}
	}
	return out
}

// Run runs a program that must succeed, and returns what it prints.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// Ask runs a program whose refusal is an answer.
func Ask(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command(t, name, args...)
	if err != nil {
		out += fmt.Sprintf("\n%v", err)
	}
	return out
}

func command(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: make test installs it", name)
	}
	var out, complaint bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err = cmd.Run(); err != nil {
		return out.String() + complaint.String(), err
	}
	return out.String(), nil
}

// pdfcpu is on the PATH, or where make puts it: .cache/bin of the project.
func pdfcpu(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("pdfcpu"); err == nil {
		return path
	}
	for dir, err := os.Getwd(); err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, ".cache", "bin", "pdfcpu"); exists(path) {
			return path
		}
	}
	t.Fatal("pdfcpu is missing: make test installs it")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Save writes a file that lives as long as the test.
func Save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
