package documents

import (
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/judges"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

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

func TestTheContainerHoldsExactlyTheSignedAttributesOfPAdES(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	if complaint := judges.OpenSSL(t, file, b.bundle, time.Now()); complaint != "" {
		t.Error(complaint)
	}
	dump := judges.Run(t, "openssl", "asn1parse", "-inform", "DER", "-in", judges.Save(t, "seal.der", judges.Containers(t, file)[0].DER))
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
