package documents

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// tool runs somebody else's program. A missing one fails the test: a judge that is not there has not judged.
func tool(t testing.TB, pkg, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", name, pkg)
	}
	cmd := exec.Command(path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// lenient runs a program whose refusal is an answer.
func lenient(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput()
	return string(out)
}

var northwick = kernel.Tenant{ID: "northwick", Host: "northwick.localhost:8080", Origin: "http://northwick.localhost:8080",
	Name: kernel.Text{"en": "Northwick", "ru": "Нортвик", "zh": "诺斯威克"}, Zone: "Europe/London", Country: "GB", Colour: "#1d4f91"}

type bench struct {
	engine *pdf.Engine
	keys   *sign.Keys
	sealer *sign.Sealer
	trust  *verify.Trust
	bundle []byte
}

func newBench(t testing.TB) *bench {
	t.Helper()
	e, err := pdf.NewEngine()
	must(t, err)
	keys, err := sign.Init(t.TempDir(), sign.InitOptions{Name: "Northwick", Country: "GB", CRLBase: northwick.Origin})
	must(t, err)
	sealer, err := keys.Seal(northwick, sign.SealOptions{Level: sign.BB}, time.Now())
	must(t, err)
	bundle, err := keys.TrustBundle(time.Now())
	must(t, err)
	trust, err := verify.ParseTrust(bundle)
	must(t, err)
	return &bench{e, keys, sealer, trust, bundle}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const testNumber = "NW-7K4M-93Q2-TX8D-6HRW"

func (b *bench) input(c kernel.DocumentContent) pdf.Input {
	at := time.Date(2026, 11, 22, 14, 32, 5, 0, time.UTC)
	return pdf.Input{Content: c, Number: testNumber, IssuedAt: at, ValidTo: at.AddDate(0, 0, c.ValidDays), Zone: northwick.Location(),
		VerifyURL: northwick.Origin + "/verify/" + testNumber, VerifyAt: northwick.Host + "/verify", Sealer: "Northwick Seal", Level: "B-B", Colour: northwick.Colour}
}

func (b *bench) seal(t testing.TB, c kernel.DocumentContent) []byte {
	t.Helper()
	out, err := sealFile(t.Context(), b.engine, b.sealer, b.input(c), sealText{"Issue of an official document", northwick.Name.In("en"), time.Now(), noStep})
	must(t, err)
	return out
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestOtherProgramsAcceptTheSealedDocumentInEveryLanguage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nss := t.TempDir()
	root := save(t, "root.pem", firstPEM(b.bundle))
	tool(t, "libnss3-tools", "certutil", "-N", "--empty-password", "-d", "sql:"+nss)
	tool(t, "libnss3-tools", "certutil", "-A", "-n", "root", "-t", "CT,C,C", "-i", root, "-d", "sql:"+nss)
	want := map[string][]string{"en": {"Certificate of residence", "Anna Whitfield", "Page 1 of 1"},
		"ru": {"Мария Соколова", "Справка о регистрации", "Страница 1 из 1"}, "zh": {"居住证明", "王小明", "第 1 页，共 1 页"}}
	for _, locale := range kernel.Locales {
		t.Run(locale, func(t *testing.T) {
			file := b.seal(t, sample(locale))
			path := save(t, "doc.pdf", file)
			if r := verify.Verify(file, b.trust, verify.Options{}); r.State != verify.Valid || r.Number != testNumber || r.Signer != "Northwick Seal" || len(r.Notes) != 0 {
				t.Fatalf("our verifier: %+v", r)
			}
			tool(t, "qpdf", "qpdf", "--check", path)
			out := tool(t, "poppler-utils", "pdfsig", "-no-ocsp", "-nssdir", nss, path)
			for _, s := range []string{"Signature Validation: Signature is Valid.", "Certificate Validation: Certificate is Trusted.", "ETSI.CAdES.detached", "Total document signed"} {
				if !strings.Contains(out, s) {
					t.Errorf("pdfsig does not say %q:\n%s", s, out)
				}
			}
			text := tool(t, "poppler-utils", "pdftotext", "-layout", path, "-")
			for _, s := range append(want[locale], testNumber) {
				if !strings.Contains(text, s) {
					t.Errorf("pdftotext does not find %q:\n%s", s, text)
				}
			}
			checkFonts(t, path)
			tool(t, "poppler-utils", "pdftoppm", "-r", "150", "-png", "-singlefile", path, path)
			if got := tool(t, "zbar-tools", "zbarimg", "--quiet", "--raw", path+".png"); strings.TrimSpace(got) != northwick.Origin+"/verify/"+testNumber {
				t.Errorf("QR code says %q", got)
			}
		})
	}
}

func firstPEM(bundle []byte) []byte {
	i := bytes.Index(bundle, []byte("-----END CERTIFICATE-----\n"))
	return bundle[:i+len("-----END CERTIFICATE-----\n")]
}

func checkFonts(t *testing.T, path string) {
	t.Helper()
	rows := regexp.MustCompile(`(?m)^\S+\+\S+.*$`).FindAllString(tool(t, "poppler-utils", "pdffonts", path), -1)
	if len(rows) < 3 {
		t.Errorf("pdffonts lists %d fonts", len(rows))
	}
	for _, r := range rows {
		if !regexp.MustCompile(`yes yes yes`).MatchString(r) {
			t.Errorf("font is not embedded, cut and Unicode: %s", r)
		}
	}
}

func TestTheContainerHoldsExactlyTheSignedAttributesOfPAdES(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	cms, content := split(t, file)
	cmsPath, contentPath := save(t, "sig.der", cms), save(t, "content", content)
	bundle := save(t, "trust.pem", b.bundle) // root and revocation lists
	tool(t, "openssl", "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", cmsPath, "-content", contentPath,
		"-CAfile", bundle, "-crl_check_all", "-purpose", "any", "-out", os.DevNull)
	dump := tool(t, "openssl", "openssl", "asn1parse", "-inform", "DER", "-in", cmsPath)
	for _, s := range []string{"contentType", "messageDigest", "id-smime-aa-signingCertificateV2"} {
		if !strings.Contains(dump, s) {
			t.Errorf("asn1parse does not show %s", s)
		}
	}
	if !strings.Contains(dump, "1.2.840.113549.1.9.52") && !strings.Contains(dump, "lgorithmProtect") {
		t.Error("asn1parse does not show cmsAlgorithmProtection")
	}
	if strings.Contains(dump, "signingTime") {
		t.Error("there is a signing-time")
	}
}

// split takes a sealed file apart by its own byte range, without our verifier.
func split(t *testing.T, file []byte) (cms, content []byte) {
	t.Helper()
	m := regexp.MustCompile(`/ByteRange\[0 (\d+) (\d+) (\d+)`).FindSubmatch(file)
	if m == nil {
		t.Fatal("no byte range")
	}
	a, c := atoi(t, m[1]), atoi(t, m[2])
	raw := make([]byte, (c-a-2)/2)
	for i := range raw {
		raw[i] = unhex(file[a+1+2*i])<<4 | unhex(file[a+2+2*i])
	}
	length := int(raw[2])<<8 | int(raw[3])
	return raw[:length+4], append(bytes.Clone(file[:a]), file[c:]...)
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func atoi(t *testing.T, b []byte) int {
	t.Helper()
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

// TestPDFBoxFindsNoFaultInTheArchiveForm asks Apache Preflight. It knows PDF/A-1b, whose rules are a subset but for the
// version, so it judges a twin that differs in the header and in the part number, and has no widget.
func TestPDFBoxFindsNoFaultInTheArchiveForm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, locale := range kernel.Locales {
		in := b.input(sample(locale))
		u, err := b.engine.Render(in, nil)
		must(t, err)
		twin := bytes.Replace(u.Bytes, []byte("<pdfaid:part>2<"), []byte("<pdfaid:part>1<"), 1)
		twin = bytes.Replace(twin, []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1)
		path := save(t, "twin.pdf", twin)
		classpath := "/usr/share/java/preflight.jar:/usr/share/java/pdfbox2.jar:/usr/share/java/fontbox2.jar:/usr/share/java/xmpbox.jar:/usr/share/java/commons-logging.jar:/usr/share/java/javax.activation.jar:/usr/share/java/jaxb-api.jar"
		if _, err := os.Stat("/usr/share/java/preflight.jar"); err != nil {
			t.Fatal("preflight is missing: apt-get install libpdfbox2-java libactivation-java libjaxb-api-java default-jre-headless")
		}
		out := tool(t, "default-jre-headless", "java", "-cp", classpath, "org.apache.pdfbox.preflight.Validator_A1b", path)
		if !strings.Contains(out, "is a valid PDF/A-1b file") {
			t.Errorf("%s: %s", locale, out)
		}
	}
}
