package documents

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/judges"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/workflows"
)

// documentTypes are all the types the product issues, those of its templates too, each as some case script issues it. A type that no script issues
// fails the test: nobody would have judged it.
func documentTypes(t testing.TB) map[string]workflows.ScriptDocument {
	t.Helper()
	library, err := workflows.Load(workflows.Embedded())
	must(t, err)
	templates, err := workflows.Templates()
	must(t, err)
	definitions := library.All()
	for _, one := range templates {
		d, err := one.Example()
		must(t, err)
		definitions = append(definitions, d)
	}
	out := map[string]workflows.ScriptDocument{}
	for _, d := range definitions {
		for _, s := range d.Scripts {
			issued, err := workflows.ScriptDocuments(d, s.Data)
			must(t, err)
			for _, doc := range issued {
				out[doc.Type] = doc
			}
		}
		for _, doc := range d.Documents {
			if _, ok := out[doc.Type]; !ok {
				t.Errorf("no case script of %s issues a %s", d.Slug, doc.Type)
			}
		}
	}
	return out
}

// authority is a town's sealing keys behind an address where programs can ask for revocation data.
type authority struct {
	tenant kernel.Tenant
	keys   *sign.Keys
	tsa    *sign.TSA
	bundle []byte
}

func newAuthority(t testing.TB, algorithm sign.Algorithm) *authority {
	t.Helper()
	a := &authority{tenant: northwick}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.tenant.Origin = server.URL
	var err error
	a.keys, err = sign.Init(t.TempDir(), sign.InitOptions{Name: "Northwick", Country: "GB", CRLBase: server.URL, Algorithm: algorithm})
	must(t, err)
	a.tsa, err = a.keys.TSA(time.Now)
	must(t, err)
	a.bundle, err = a.keys.TrustBundle(time.Now())
	must(t, err)
	s := &Service{Deps: Deps{Clock: kernel.SystemClock{}, Directory: oneTown{a.tenant}}}
	s.seals = seals{Deps: s.Deps, keys: a.keys, stamper: a.tsa}
	for _, p := range append(s.rawPages(), s.pages()...) {
		mux.HandleFunc(p.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := p.Handle(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	return a
}

type oneTown struct{ kernel.Tenant }

func (o oneTown) Tenants() []kernel.Tenant { return []kernel.Tenant{o.Tenant} }

func (o oneTown) ByHost(string) (kernel.Tenant, bool) { return o.Tenant, true }

func (o oneTown) Agency(kernel.TenantID, kernel.AgencyID) (kernel.Agency, bool) {
	return kernel.Agency{}, false
}

// inputOf is a document of this authority's town.
func (a *authority) inputOf(t testing.TB, c kernel.DocumentContent, s *sign.Sealer) pdf.Input {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Second)
	check := a.tenant.Origin + "/verify/" + testNumber
	in := pdf.Input{Content: c, Number: testNumber, IssuedAt: at, ValidTo: validTo(at, c.ValidDays, a.tenant.Location()), Zone: a.tenant.Location(),
		VerifyURL: check, CheckURI: check, StatusURI: a.tenant.Origin + "/documents/v1/status-lists/1#815", VerifyAt: a.tenant.Host + "/verify",
		Sealer: s.Certificate().Subject.CommonName, Level: string(s.Level()), Colour: a.tenant.Colour}
	if c.Attach {
		in.Attachment = []byte(`{"number":"` + testNumber + `"}`)
	}
	return in
}

// Every document type that the product issues, sealed with ECDSA and with RSA at every level from B-B to B-LTA, is accepted
// by every program we know, and by our own verifier at exactly its level.
func TestOtherProgramsAcceptEveryDocumentTypeAtEveryLevelWithBothAlgorithms(t *testing.T) {
	t.Parallel()
	engine, err := pdf.NewEngine()
	must(t, err)
	types := documentTypes(t)
	for _, algorithm := range []sign.Algorithm{sign.ECDSA, sign.RSA} {
		a := newAuthority(t, algorithm)
		trust, err := verify.ParseTrust(a.bundle)
		must(t, err)
		turn := 0
		for kind, document := range types {
			for _, level := range []sign.Level{sign.BB, sign.BT, sign.BLT, sign.BLTA} {
				locale := kernel.Locales[turn%len(kernel.Locales)]
				turn++
				t.Run(fmt.Sprintf("%s/%s/%s/%s", algorithm, kind, level, locale), func(t *testing.T) {
					sealer, err := a.keys.Seal(a.tenant, sign.SealOptions{Level: level, Stamper: a.tsa}, time.Now())
					must(t, err)
					c, err := document.Content(locale)
					must(t, err)
					in := a.inputOf(t, c, sealer)
					file, err := sealFile(t.Context(), engine, sealer, in, sealText{c.Title, a.tenant.Name.In(locale), time.Now(), noStep})
					must(t, err)
					if r := verify.Verify(file, trust, verify.Options{}); r.State != verify.Valid || r.Level != level || r.Number != testNumber || len(r.Notes) != 0 {
						t.Errorf("our verifier: %+v", r)
					}
					judges.New(t, a.bundle).Accept(file, judges.Expect{Timestamped: level.Stamped(), Archived: level == sign.BLTA, Attached: c.Attach, QR: in.VerifyURL,
						Texts: append(wordsOf(c), testNumber, string(level))})
				})
			}
		}
	}
}

// wordsOf are texts that stand on one line of the page, whatever its language.
func wordsOf(c kernel.DocumentContent) []string {
	out := []string{strings.Fields(c.Title)[0], strings.Fields(c.Municipality)[0]}
	for _, b := range c.Blocks {
		for _, f := range b.Fields {
			out = append(out, strings.Fields(f[1])[0])
		}
	}
	return out
}

// Every type in every language is a sound archive file. Preflight sees it without its seal and attachment, which are not
// part of PDF/A-1.
func TestPreflightFindsNoFaultInAnyDocumentType(t *testing.T) {
	t.Parallel()
	engine, err := pdf.NewEngine()
	must(t, err)
	a := newAuthority(t, sign.ECDSA)
	sealer, err := a.keys.Seal(a.tenant, sign.SealOptions{Level: sign.BB}, time.Now())
	must(t, err)
	all := map[string][]byte{}
	for kind, document := range documentTypes(t) {
		for _, locale := range kernel.Locales {
			c, err := document.Content(locale)
			must(t, err)
			c.Attach = false
			u, err := engine.Render(a.inputOf(t, c, sealer), nil)
			must(t, err)
			all[kind+"-"+locale] = u.Bytes
		}
	}
	judges.Archive(t, all)
}
