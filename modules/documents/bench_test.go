package documents

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-pdf/fpdf"
	"rsc.io/qr"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// side is one of the things that are compared. It is done so many times in a row, in every round.
type side struct {
	name  string
	times int
	run   func() error

	cpu, wall []float64 // µs per run, by round
}

const rounds = 11

// BenchmarkDocuments compares what a signed document costs with what it cannot cost less than: the layout of its page by
// fpdf with fonts parsed once, and one raw signature. All sides take turns within a round, so that what else the machine
// does hits all alike. Figures are medians of the rounds, in µs of processor time of the whole process: what the garbage
// collector does is in them.
func BenchmarkDocuments(b *testing.B) {
	var sides []*side
	add := func(name string, times int, run func() error) {
		sides = append(sides, &side{name: name, times: times, run: run})
	}
	x, levels := newBench(b), sealers(b)
	for _, locale := range kernel.Locales {
		c := sample(locale)
		l := newLayout(b, locale)
		add("layout "+locale, 300, func() error { l.page(x.input(c)); return nil })
		for _, s := range levels {
			if locale == kernel.Locales[0] || s.name == "ecdsa B-B" || s.name == "ecdsa B-LTA" {
				in := x.input(c)
				in.Level = string(s.Level())
				times := 300
				if strings.HasPrefix(s.name, "rsa") {
					times = 40
				}
				add(s.name+" "+locale, times, func() error { _, err := sealedFor(x.engine, s.Sealer, in); return err })
			}
		}
	}
	addRaw(b, add)
	addPlain(b, x, add)
	file := x.seal(b, sample("en"))
	add("verify en", 100, func() error {
		if r := verify.Verify(file, x.trust, verify.Options{}); r.State != verify.Valid {
			return fmt.Errorf("the verifier says %v", r)
		}
		return nil
	})
	for range b.N {
		measure(b, sides)
	}
	report(sides)
	for _, locale := range kernel.Locales {
		fmt.Printf("allocs documents_bb_%s %.0f\n", locale, allocations(b, x, locale))
	}
}

// measure runs all sides in turn, once to warm up and then round by round.
func measure(b *testing.B, sides []*side) {
	for round := range rounds + 1 {
		for _, s := range sides {
			wall, used := time.Now(), cpu()
			for range s.times {
				must(b, s.run())
			}
			if round > 0 {
				s.cpu = append(s.cpu, float64((cpu()-used).Nanoseconds())/1e3/float64(s.times))
				s.wall = append(s.wall, float64(time.Since(wall).Nanoseconds())/1e3/float64(s.times))
			}
		}
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// report prints the medians, and the ratios as medians of the ratios of each round: within one, the sides stand close
// together.
func report(sides []*side) {
	of := map[string]*side{}
	fmt.Printf("%-22s %10s %10s\n", "side", "cpu µs", "wall µs")
	for _, s := range sides {
		of[s.name] = s
		fmt.Printf("%-22s %10.0f %10.0f\n", s.name, median(s.cpu), median(s.wall))
	}
	ratio := func(name string, under string, over ...string) {
		var all []float64
		for i, v := range of[under].cpu {
			sum := 0.0
			for _, o := range over {
				sum += of[o].cpu[i]
			}
			all = append(all, sum/v)
		}
		fmt.Printf("ratio %s %.2f\n", name, median(all))
	}
	for _, l := range kernel.Locales {
		ratio("documents_ecdsa_bb_of_L_"+l, "ecdsa B-B "+l, "layout "+l, "raw ecdsa")
	}
	ratio("documents_ecdsa_bb_of_L", "ecdsa B-B en", "layout en", "raw ecdsa")
	ratio("documents_rsa_bb_of_L", "rsa B-B en", "layout en", "raw rsa")
	ratio("documents_plain_over_ours", "ecdsa B-B en", "plain ecdsa en")
	ratio("documents_bt_over_bb", "ecdsa B-B en", "ecdsa B-T en")
	ratio("documents_blt_over_bb", "ecdsa B-B en", "ecdsa B-LT en")
	ratio("documents_blta_over_bb", "ecdsa B-B en", "ecdsa B-LTA en")
}

// levelled is a seal at one level, with the timestamp authority in this process.
type levelled struct {
	name string
	*sign.Sealer
}

func sealers(b *testing.B) (out []levelled) {
	for _, a := range []sign.Algorithm{sign.ECDSA, sign.RSA} {
		keys, err := sign.Init(b.TempDir(), sign.InitOptions{Name: "Northwick", Country: "GB", CRLBase: northwick.Origin, Algorithm: a})
		must(b, err)
		tsa, err := keys.TSA(nil)
		must(b, err)
		for _, l := range []sign.Level{sign.BB, sign.BT, sign.BLT, sign.BLTA} {
			o := sign.SealOptions{Level: l}
			if l.Stamped() {
				o.Stamper = tsa
			}
			s, err := keys.Seal(northwick, o, time.Now())
			must(b, err)
			out = append(out, levelled{string(a) + " " + string(l), s})
		}
	}
	return out
}

// sealedFor is what issuing does to a document before our verifier judges it: render, lint, digest, CMS, and the increment
// where the level has one.
func sealedFor(e *pdf.Engine, s *sign.Sealer, in pdf.Input) ([]byte, error) {
	return sealFile(context.Background(), e, s, in, sealText{"Issue", "Northwick", time.Now(), noStep})
}

func addRaw(b *testing.B, add func(string, int, func() error)) {
	digest := sha256.Sum256(nil)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	for _, raw := range []struct {
		name  string
		times int
		key   crypto.Signer
	}{{"raw ecdsa", 1000, ec}, {"raw rsa", 40, rs}} {
		key := raw.key
		add(raw.name, raw.times, func() error { _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); return err })
	}
}

// addPlain is the way of fpdf's manual: a new document that reads its fonts, is laid out, written out and signed.
func addPlain(b *testing.B, x *bench, add func(string, int, func() error)) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	fonts := fontFiles(b, "en")
	in := x.input(sample("en"))
	add("plain ecdsa en", 3, func() error {
		f := fpdf.New("P", "mm", "A4", "")
		for name, raw := range fonts {
			f.AddUTF8FontFromBytes(name, "", raw)
		}
		f.AddPage()
		lay(f, in)
		var out bytes.Buffer
		if err := f.Output(&out); err != nil {
			return err
		}
		sum := sha256.Sum256(out.Bytes())
		_, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
		return err
	})
}

func fontFiles(t testing.TB, locale string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files := map[string]string{"sans": "NotoSans-Regular", "bold": "NotoSans-Bold", "serif": "NotoSerif-Bold"}
	if locale == "zh" {
		files = map[string]string{"sans": "DroidSansFallbackFull", "bold": "DroidSansFallbackFull", "serif": "DroidSansFallbackFull"}
	}
	for name, file := range files {
		raw, err := os.ReadFile("pdf/fonts/" + file + ".ttf")
		must(t, err)
		out[name] = raw
	}
	return out
}

// layout is the limit's half: the page of a document as fpdf lays it out, in a template of a parent that has its fonts.
type layout struct{ parent *fpdf.Fpdf }

func newLayout(t testing.TB, locale string) layout {
	f := fpdf.New("P", "mm", "A4", "")
	for name, raw := range fontFiles(t, locale) {
		f.AddUTF8FontFromBytes(name, "", raw)
	}
	f.SetFont("sans", "", 10)
	must(t, f.Error())
	return layout{f}
}

func (l layout) page(in pdf.Input) []byte {
	t := l.parent.CreateTemplateCustom(fpdf.PointType{}, fpdf.SizeType{Wd: 210, Ht: 297}, func(t *fpdf.Tpl) { lay(&t.Fpdf, in) })
	return t.Bytes()
}

// lay sets the text of a document of ours: the same sizes and lines, no tags.
func lay(f *fpdf.Fpdf, in pdf.Input) {
	c := in.Content
	text := func(font string, size, x, y, w, lead float64, s string) {
		f.SetFont(font, "", size)
		f.SetXY(x, y)
		f.MultiCell(w, lead, s, "", "L", false)
	}
	short := func(font string, size, x, y float64, s string) { // what is known to fit on its line
		f.SetFont(font, "", size)
		f.Text(x, y+4, s)
	}
	short("serif", 17, 46, 18, c.Municipality)
	short("sans", 10.5, 46, 27, c.Issuer)
	f.SetFillColor(29, 79, 145)
	f.Rect(22, 40, 166, 1, "F")
	short("serif", 23, 22, 55, c.Title)
	short("sans", 12, 22, 65, c.Subject)
	for i, s := range [3]string{in.Number, in.IssuedAt.Format("2 January 2006"), in.ValidTo.Format("2 January 2006")} {
		short("sans", 8.5, 22+50*float64(i), 75, "Document number")
		short("bold", 10.5, 22+50*float64(i), 80, s)
	}
	f.SetY(95)
	for _, b := range c.Blocks {
		y := f.GetY() + 4
		switch b.Kind {
		case "heading":
			short("bold", 12, 22, y, b.Text)
			f.SetY(y + 6.2)
		case "paragraph", "notice":
			text("sans", 10.5, 22, y, 166, 5.6, b.Text)
		case "fields":
			for _, p := range b.Fields {
				short("sans", 9.5, 22, y, p[0])
				short("bold", 10.5, 78, y, p[1])
				y += 7.8
				f.Line(22, y, 188, y)
			}
			f.SetY(y)
		}
	}
	short("bold", 9.5, 63, 225, "How to check this document")
	text("sans", 8.5, 63, 230, 62, 4.3, "Scan the code, or open "+in.VerifyAt+" and enter the document number. No sign-in is needed. The PDF file is the original: you can upload it on the same page. A print-out is a copy; check its number.")
	short("bold", 11, 63, 255, in.Number)
	short("bold", 9.5, 131, 225, "Electronic seal")
	text("sans", 8.5, 131, 230, 54, 4.1, "Sealed by: "+in.Sealer+". On behalf of: "+c.Issuer+". Sealed at: 22 November 2026, 14:32 +00:00. PAdES B-B, EN 319 142-1. The time is the issuer’s own: no timestamp authority confirms it.")
	f.Rect(22, 222, 166, 44, "D")
	drawCode(f, in.VerifyURL)
	short("sans", 8, 22, 280, c.Municipality+" · "+c.Title)
	short("sans", 8, 120, 280, in.Number+"   Page 1 of 1")
}

// drawCode draws the QR code as one path.
func drawCode(f *fpdf.Fpdf, address string) {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		panic(err)
	}
	var b []byte
	for row := range code.Size {
		for col := 0; col < code.Size; col++ {
			n := 0
			for col+n < code.Size && code.Black(col+n, row) {
				n++
			}
			if n > 0 {
				b = append(strconv.AppendInt(b, int64(70+2*col), 10), ' ')
				b = append(strconv.AppendInt(b, int64(170-2*row), 10), ' ')
				b = append(append(strconv.AppendInt(b, int64(2*n), 10), ' '), "2 re\n"...)
				col += n
			}
		}
	}
	f.RawWriteStr(string(append(b, 'f')))
}

func allocations(t testing.TB, x *bench, locale string) float64 {
	in := x.input(sample(locale))
	return testing.AllocsPerRun(20, func() {
		if _, err := sealedFor(x.engine, x.sealer, in); err != nil {
			t.Fatal(err)
		}
	})
}

// cpu is the processor time this process has used: on a shared machine the clock on the wall says little.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rsaSeal is a seal with an RSA key, issued by nobody: a town that brings its own.
func rsaSeal(t testing.TB) *sign.Sealer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "RSA Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(raw)
	must(t, err)
	s, err := sign.NewSealer(crypto.Signer(key), []*x509.Certificate{cert}, sign.SealOptions{Level: sign.BB})
	must(t, err)
	return s
}
