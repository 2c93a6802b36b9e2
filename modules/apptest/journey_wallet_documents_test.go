package apptest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
)

// walletDocument is the document in the wallet: in its list, opened, shown for checking and shared, all by the town's public
// contract and the person's own token.
func (j *journey) walletDocument() {
	c := j.citizen
	c.Go(j.world.wallet + "/")
	c.follow("/documents")
	c.expect(j.documentNumber)
	c.see("wallet-documents")
	c.follow("/documents/")
	c.expect(j.documentNumber)
	if !c.has(".chip.state-valid") || !c.has("svg.qr") {
		j.t.Fatalf("not shown as valid: %.600s", c.Text())
	}
	c.see("wallet-document")
	picture := filepath.Join(j.t.TempDir(), "code.png")
	browser.Get(c.Page, chromedp.Evaluate[bool](`document.querySelector("svg.qr").scrollIntoView({block: "center"}) === undefined`))
	c.Screenshot(picture)
	read, err := exec.CommandContext(j.t.Context(), "zbarimg", "--quiet", "--raw", picture).Output()
	if err != nil || strings.TrimSpace(string(read)) != j.world.town+"/verify/"+j.documentNumber {
		j.t.Errorf("the code in the wallet reads %q, %v", read, err)
	}
	file := browser.Get(c.Page, chromedp.Evaluate[string](`document.querySelector('a[href$="/file?save=1"]').href`))
	if got := c.download(file); !bytes.Equal(got, j.certificate) {
		j.t.Errorf("the wallet saves %d other bytes than the %d that were issued", len(got), len(j.certificate))
	}
	c.Fill("#label", documentWords[j.locale].label+" 2")
	c.press("/links")
	link := browser.Get(c.Page, chromedp.Evaluate[string](`document.getElementById("address").value`))
	if !strings.HasPrefix(link, j.world.town+"/shared/") {
		j.t.Fatalf("no link: %q", link)
	}
	c.see("wallet-document-link")
	p := j.somebody()
	p.Go(link)
	p.expect(j.documentNumber)
	c.press("/end")
	if !c.has(".notice.good") || c.has(".links form") {
		j.t.Errorf("the link is not ended: %.600s", c.Text())
	}
	c.see("wallet-document-link-ended")
	p.Go(link)
	if strings.Contains(p.Text(), j.documentNumber) {
		j.t.Error("the ended link still opens")
	}
	for _, want := range []string{"GET /documents/v1/documents", "GET /documents/v1/documents/{id}", "GET /documents/v1/documents/{id}/file", "POST /documents/v1/documents/{id}/shares", "DELETE /documents/v1/documents/{id}/shares/{share}"} {
		if j.world.between.asked(want) == 0 {
			j.t.Errorf("the wallet never asked %s", want)
		}
	}
}

// walletRevoked is the same after the agency took it back: at once, in the list and on its page.
func (j *journey) walletRevoked() {
	c := j.citizen
	c.Go(j.world.wallet + "/documents")
	c.expect(j.documentNumber)
	if !c.has(".chip.state-revoked") || !c.has(".chip.state-superseded") {
		j.t.Errorf("the wallet still shows it as valid: %.600s", c.Text())
	}
	c.see("wallet-documents-revoked")
	c.Click(`li:has(.state-revoked) a`)
	c.expect(j.documentNumber)
	if !c.has(".notice.bad") || c.has("#label") {
		j.t.Errorf("not shown as revoked: %.600s", c.Text())
	}
	c.see("wallet-document-revoked")
}

// A holder's own wallet reads what it needs to show a document; the same person's token for another contract, another person
// and another wallet read nothing of it.
func TestAHolderReadsWhereADocumentIsCheckedAndNobodyElseReadsIt(t *testing.T) {
	t.Parallel()
	a := Start(t)
	a.Know("northwick", Anna, Boris, Oliver, Priya)
	d := Issue(a, Anna)
	type held struct {
		ID, Number, Issuer, Language, State string
		CheckURI                            string `json:"check_uri"`
	}
	var list struct{ Documents []held }
	r := a.Do(Call{Who: &Anna, Method: http.MethodGet, Path: "/documents/v1/documents"})
	if err := json.Unmarshal(r.Body, &list); err != nil || len(list.Documents) != 1 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	var one held
	r = a.Do(Call{Who: &Anna, Method: http.MethodGet, Path: "/documents/v1/documents/" + d.Document})
	r.JSON(t, &one)
	if want := (held{d.Document, d.Number, "Civil Registry", "en", "valid", a.Origin("northwick") + "/verify/" + d.Number}); one != want || list.Documents[0] != want {
		t.Errorf("a holder reads\n%+v\n%+v\nwant %+v", one, list.Documents[0], want)
	}
	if a.Do(Call{Who: &Boris, Method: http.MethodGet, Path: "/documents/v1/documents/" + d.Document}).Status != http.StatusNotFound {
		t.Error("another person reads it")
	}
	r = a.Do(Call{Who: &Boris, Method: http.MethodGet, Path: "/documents/v1/documents"})
	if strings.Contains(string(r.Body), d.Number) {
		t.Error("another person has it in the list")
	}
}
