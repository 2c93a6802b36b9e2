package apptest

import (
	"bytes"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
)

// What people type about a document, in the language of the journey.
var documentWords = map[string]struct{ label, reissue, revoke, halt, resume string }{
	"en": {"My bank", "The street was renamed.", "The register entry was wrong.", "The seal is printed over the text.", "The layout is mended."},
	"zh": {"我的银行", "街道已更名。", "登记信息有误。", "印章遮挡了文字。", "版式已修正。"},
}

// A document's life after it was issued, seen by its holder on a phone, by a stranger, and by the agency at a desk. What
// leads there is judged by the journey of the certificate.
// Each state of each page is judged in every language by TestEveryPageOfDocuments….
func TestADocumentIsSharedCheckedReissuedAndRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("pages", func(t *testing.T) {
		// One municipality, one switch: who halts it halts it for the others, too. So the languages take turns.
		for _, j := range []*journey{{locale: "en", who: "anna"}, {locale: "zh", who: "xiaoming", byCard: true}} {
			t.Run(j.locale, func(t *testing.T) {
				j.begin(t, w, browser.Options{})
				j.documentIsIssued()
				j.unjudged = j.locale != "en"
				j.documentsLife()
			})
		}
		t.Run("without JavaScript", func(t *testing.T) {
			j := &journey{locale: "en", who: "without-scripts"}
			j.begin(t, w, browser.Options{NoJavaScript: true})
			j.documentIsIssued()
			j.unjudged = true
			j.documentsLife()
		})
	})
	t.Logf("%d pages judged", w.judged.Load())
}

// documentIsIssued walks to an issued certificate without judging the pages on the way.
func (j *journey) documentIsIssued() {
	j.unjudged = true
	j.enterWallet()
	j.apply()
	j.oliver.signIn("oliver")
	j.oliver.Go(j.staffCase)
	j.oliver.press("/actions/assign")
	j.oliver.unfold("#action-propose")
	j.oliver.Fill("#action-propose [name=assessment]", words[j.locale].assessment)
	j.oliver.press("/actions/propose")
	j.oliver.passProvider("oliver")
	j.countersign()
	j.receive()
	j.unjudged = false
}

func (j *journey) documentsLife() {
	link := j.share()
	j.openLink(link)
	j.endLink(link)
	j.walletDocument()
	j.findDocument()
	j.halt()
	j.reissueDocument()
	j.revokeDocument()
	j.walletRevoked()
}

// text is a text of the application in the journey's language.
func (j *journey) text(key string, args ...any) string {
	return j.world.texts.T(j.locale, key, args...)
}

// share makes a link to the document and returns it.
func (j *journey) share() string {
	c := j.citizen
	c.Go(j.world.town + "/documents")
	c.see("documents-issued")
	c.follow("/documents/")
	c.expect(j.documentNumber, j.text("documents.state.valid"), j.text("documents.links.none"))
	c.see("document")
	c.follow("/share")
	c.see("document-share")
	c.press("/share") // no label
	c.expectProblem("label")
	c.see("document-share-wrong")
	c.Fill("[name=label]", documentWords[j.locale].label)
	c.Choose("label[for=f-days]")
	c.press("/share")
	link := browser.Get(c.Page, chromedp.Evaluate[string](`document.querySelector(".copy input").value`))
	if !strings.HasPrefix(link, j.world.town+"/shared/") || !c.has("svg.qr") {
		j.t.Fatalf("no link: %q", link)
	}
	c.see("document-link")
	picture := filepath.Join(j.t.TempDir(), "link.png")
	c.FullScreenshot(picture)
	read, err := exec.CommandContext(j.t.Context(), "zbarimg", "--quiet", "--raw", picture).Output()
	if err != nil || strings.TrimSpace(string(read)) != link {
		j.t.Errorf("the QR code on the page reads %q, %v; want %q", read, err, link)
	}
	return link
}

// openLink is what the bank sees: the state, the facts, and the file, which is the one that was issued.
func (j *journey) openLink(link string) {
	p := j.somebody()
	p.Go(link)
	p.expect(j.documentNumber, j.text("shared.title"))
	if !p.has(".notice.success") {
		j.t.Fatalf("not valid by its link: %.600s", p.Text())
	}
	if strings.Contains(p.Text(), documentWords[j.locale].label) {
		j.t.Error("a stranger reads the holder's label")
	}
	p.see("shared")
	if file := p.download(link + "/document.pdf"); !bytes.Equal(file, j.certificate) {
		j.t.Errorf("the link gives another file of %d bytes", len(file))
	}
}

// somebody is somebody who has never been here.
func (j *journey) somebody() *person {
	return &person{Page: j.world.browser.Open(j.t, browser.Options{Locale: j.locale}), t: j.t, j: j, role: "stranger", size: browser.Phone}
}

// endLink: the holder sees that the link was used, and ends it; then it leads where one that never was leads.
func (j *journey) endLink(link string) {
	c := j.citizen
	c.follow("/documents/")
	c.expect(documentWords[j.locale].label, j.text("documents.checks.share"), j.text("documents.links.used", "n", 2))
	c.see("document-checked")
	c.press("/end")
	c.expect(j.text("documents.links.ended"), j.text("documents.links.none"))
	c.see("document-link-ended")
	p := j.somebody()
	p.Go(link)
	p.see("shared-ended")
	ended := p.HTML()
	if strings.Contains(ended, j.documentNumber) {
		j.t.Error("an ended link still tells the number")
	}
	p.Go(j.world.town + "/shared/never-was-a-link")
	if p.HTML() != ended {
		j.t.Error("an ended link and one that never was can be told apart")
	}
}

// expectState checks a number as a stranger would.
func (j *journey) expectState(number, state string) {
	j.t.Helper()
	p := j.somebody()
	p.Go(j.world.town + "/verify/" + number)
	p.expect(j.text("verify.state." + state))
	p.see("verified-" + state)
}

// findDocument looks for the document among those of the agency.
func (j *journey) findDocument() {
	o := j.oliver
	o.Go(j.world.town + "/staff/documents")
	o.expect(j.documentNumber)
	o.see("documents")
	o.Go(j.world.town + "/staff/documents?q=" + url.QueryEscape("RC-0000-0000-0000-0000"))
	o.see("documents-not-found")
	o.Fill("[name=q]", strings.ToLower(j.documentNumber))
	o.Click("form[role=search] button")
	o.expect(j.documentNumber, j.text("issued.checks.share"))
	if strings.Contains(o.Text(), documentWords[j.locale].label) {
		j.t.Error("the agency reads the holder's label")
	}
	o.see("document")
	if file := o.download(o.URL() + "/document.pdf"); !bytes.Equal(file, j.certificate) {
		j.t.Errorf("the agency looks at another file of %d bytes", len(file))
	}
}

// halt turns the switch of the municipality off.
func (j *journey) halt() {
	o := j.oliver
	o.Go(j.world.town + "/staff/documents")
	o.follow("/issuing")
	o.expect(j.text("issuing.on"))
	o.see("issuing")
	o.press("/halt")
	o.expectProblem("reason")
	o.see("issuing-wrong")
	o.Fill("[name=reason]", documentWords[j.locale].halt)
	o.press("/halt")
	o.expect(j.text("issuing.off"), documentWords[j.locale].halt)
	o.Go(j.world.town + "/staff/documents")
	o.expect(j.text("issued.halted"))
	o.see("documents-halted")
}

// reissueDocument issues the document again while the switch is off: the new one waits, and the old one stays valid. Once
// the switch is on again, the old number says that it was replaced.
func (j *journey) reissueDocument() {
	o, old := j.oliver, j.documentNumber
	o.Go(j.world.town + "/staff/documents?q=" + old)
	o.follow("/reissue")
	o.see("document-reissuing")
	o.press("/reissue")
	o.expectProblem("reason")
	o.see("document-reissuing-wrong")
	o.Fill("[name=reason]", documentWords[j.locale].reissue)
	o.press("/reissue")
	o.expect(j.text("issued.pending.halted"))
	o.see("document-waiting")
	page := o.URL()
	j.documentNumber = documentNumber.FindString(o.Text())
	if j.documentNumber == "" || j.documentNumber == old {
		j.t.Fatalf("no new number: %.600s", o.Text())
	}
	j.expectState(old, "valid")
	j.expectState(j.documentNumber, "unknown")
	j.citizen.Go(j.world.town + "/documents")
	j.citizen.follow(page[strings.LastIndex(page, "/")+1:])
	j.citizen.expect(j.text("documents.pending.title"))
	j.citizen.see("document-pending")

	o.Go(j.world.town + "/staff/documents/issuing")
	o.see("issuing-halted")
	o.Fill("[name=reason]", documentWords[j.locale].resume)
	o.press("/resume")
	o.expect(j.text("issuing.on"))
	o.patiently(page, func() bool { return o.has(`a[href$="/revoke"]`) })
	o.expect(documentWords[j.locale].reissue, j.text("issued.predecessor", "number", old))
	o.see("document-reissued")
	j.expectState(old, "superseded")
	j.expectState(j.documentNumber, "valid")
	j.citizen.Go(j.world.town + "/documents")
	j.citizen.expect(old, j.documentNumber)
	j.citizen.see("documents-two")
	o.Go(j.world.town + "/staff/documents?q=" + old)
	o.expect(j.text("issued.successor", "number", j.documentNumber))
	o.see("document-superseded")
	o.Go(page)
}

// revokeDocument takes the new one back.
func (j *journey) revokeDocument() {
	o, c := j.oliver, j.citizen
	o.follow("/revoke")
	o.see("document-revoking")
	o.Fill("[name=reason]", documentWords[j.locale].revoke)
	o.press("/revoke")
	o.expect(j.text("issued.state.revoked"), documentWords[j.locale].revoke)
	o.see("document-revoked")
	if o.has(`a[href$="/revoke"]`) || o.has(`a[href$="/reissue"]`) {
		j.t.Error("a revoked document can be revoked or issued again")
	}
	j.expectState(j.documentNumber, "revoked")
	page := o.URL()
	c.Go(j.world.town + "/documents" + page[strings.LastIndex(page, "/"):])
	c.expect(j.documentNumber, j.text("documents.state.revoked"))
	if strings.Contains(c.Text(), documentWords[j.locale].revoke) {
		j.t.Error("the holder reads the agency's reason")
	}
	c.see("document-revoked")
	o.Go(j.world.town + "/staff/documents/00000000-0000-4000-8000-000000000000")
	o.see("document-not-there")
}
