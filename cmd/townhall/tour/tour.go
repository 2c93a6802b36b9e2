// Package tour walks the whole journey by HTTP, as the people in it would: the wallet, the citizen, two registrars
// and a stranger. It uses pages and public APIs only, so that it shows what a city can expect, and fails when a step does.
package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Config says where the parts of the demo are.
type Config struct {
	Wallet string    // origin of the reference wallet
	Town   string    // origin of Northwick
	Out    string    // folder for the document, the trust bundle and the transcript
	Print  io.Writer // one line per step
	// Verify judges a document on disk by a trust bundle and, when there is one, a status list; it returns one word.
	Verify func(file, bundle, list string) (string, error)
}

type tour struct {
	Config
	transcript bytes.Buffer
	began      time.Time

	citizen  *Browser
	oliver   *Browser
	priya    *Browser
	stranger *Browser

	caseURL, number string
	staffCase       string
	documentNumber  string
	certificate     string // path of the file
	reissued        string // path of the one that took its place
	bundle          string

	rosa, hannah, amara *Browser // reception and doctors
	visit, visitNumber  string   // the citizen's page of the appointment, and its reference
	clinic              string   // where it is
	clinicStaff         *Browser
	walkInVisit         string // the staff's page of it

	trip string // the citizen's page of the booking
}

// Run walks the journey and writes what it saw into Out. The first step that fails ends it.
func Run(ctx context.Context, c Config) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	t := &tour{Config: c, began: time.Now(), citizen: NewBrowser("en"), oliver: NewBrowser("en"), priya: NewBrowser("en"), stranger: NewBrowser("en"),
		rosa: NewBrowser("en"), hannah: NewBrowser("en"), amara: NewBrowser("en")}
	err := t.walk(ctx)
	fmt.Fprintf(&t.transcript, "%s in %.2f s\n", map[bool]string{true: "passed", false: "FAILED"}[err == nil], time.Since(t.began).Seconds())
	fmt.Fprintf(c.Print, "%s in %.2f s; see %s\n", map[bool]string{true: "passed", false: "FAILED"}[err == nil], time.Since(t.began).Seconds(), c.Out)
	return errors.Join(err, os.WriteFile(filepath.Join(c.Out, "transcript.txt"), t.transcript.Bytes(), 0o644))
}

type stage struct {
	who, what string
	do        func(context.Context) error
}

func (t *tour) walk(ctx context.Context) error {
	for i, s := range []stage{
		{"wallet", "the list shows the residence certificate", t.openList},
		{"wallet", "launch: signed in, consent given, back at the service", t.launch},
		{"citizen", "fills the form, prefilled from verified claims", t.fill},
		{"citizen", "checks the answers, declares, submits, gets a reference", t.submit},
		{"registrar", "signs in at the staff's issuer and finds the case in the queue", t.findCase},
		{"registrar", "asks one question", t.ask},
		{"citizen", "finds the question in the wallet's inbox and answers", t.answer},
		{"registrar", "looks at the preview and proposes with a reason", t.propose},
		{"registrar", "cannot countersign their own proposal", t.cannotCountersign},
		{"second", "another registrar countersigns", t.countersign},
		{"citizen", "is told in the wallet's inbox and downloads the certificate", t.download},
		{"stranger", "follows the QR code's address: valid", t.checkNumber},
		{"stranger", "uploads the file: valid", t.checkUpload},
		{"stranger", "checks it offline with townhall verify: valid", t.checkOffline},
		{"stranger", "a flipped byte, appended bytes and a shadow increment: altered", t.checkTampered},
		{"citizen", "shares it by a link; a stranger downloads it; the citizen ends the link", t.share},
		{"registrar", "issues it again: the first number says that it was replaced", t.reissue},
		{"registrar", "revokes the new one: the check and the signed status list say so", t.revoke},
		{"citizen", "withdraws another application", t.withdraw},
		{"registrar", "refuses a third one with a reason; a second confirms", t.refuse},
		{"citizen", "a sign-in that is too weak is asked to step up", t.stepUp},
		{"wallet", "the search finds the doctor in three languages", t.findDoctor},
		{"citizen", "books a free time with a doctor", t.bookDoctor},
		{"clinic", "has the visit on the day sheet", t.daySheet},
		{"citizen", "moves the visit to another time", t.moveVisit},
		{"citizen", "cancels it and is told so in the wallet's inbox", t.cancelVisit},
		{"reception", "admits somebody who has no appointment", t.walkIn},
		{"doctor", "certifies unfitness for work; the note is sealed", t.sickNote},
		{"citizen", "finds a coach in spite of two typing mistakes", t.findCoach},
		{"citizen", "holds two seats and says who rides, insured", t.holdSeats},
		{"wallet", "pays in the wallet's sheet and comes back", t.payTrip},
		{"citizen", "has two codes and the sealed ticket: valid", t.getTicket},
		{"citizen", "cancels; the fare is back in the wallet", t.cancelTrip},
		{"citizen", "applies for a parking permit and pays its fee in the sheet", t.payPermit},
		{"citizen", "sees who looked at the data", t.whoLooked},
	} {
		began := time.Now()
		err := s.do(ctx)
		line := fmt.Sprintf("%2d  %-9s  %-66s  %6.0f ms", i+1, s.who, s.what, float64(time.Since(began).Microseconds())/1000)
		if err != nil {
			line += "  FAILED: " + err.Error()
		}
		fmt.Fprintln(&t.transcript, line)
		fmt.Fprintln(t.Print, line)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.what, err)
		}
	}
	return nil
}

const pin = "123456" // of every identity card of the demo

// passProvider answers the provider's pages until they lead back: who it is, the card's PIN, the consent.
func passProvider(ctx context.Context, b *Browser, persona string) error {
	for range 8 {
		if !strings.Contains(b.Page.URL.Path, "/interaction/") {
			return nil
		}
		var err error
		switch {
		case b.CanPress("persona", persona):
			err = b.Press(ctx, "persona", persona, nil)
		case b.CanPress("do", "allow"):
			err = b.Press(ctx, "do", "allow", nil)
		case b.CanPress("do", "confirm"):
			values := url.Values{}
			if b.Page.HasField("pin") {
				values.Set("pin", pin)
			}
			err = b.Press(ctx, "do", "confirm", values)
		case b.CanPress("do", "continue"):
			err = b.Press(ctx, "do", "continue", nil)
		default:
			err = fmt.Errorf("the provider's page %q asks for something unknown", b.Page.Heading())
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the provider never came back")
}

func (b *Browser) expect(words ...string) error {
	text := b.Page.Text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			return fmt.Errorf("%s does not say %q; it says: %.300s", b.Page.URL.Path, w, text)
		}
	}
	return nil
}

func (t *tour) openList(ctx context.Context) error {
	return enterWallet(ctx, t.citizen, t.Wallet, "anna")
}

// enterWallet signs a persona in at the wallet itself and shows its list.
func enterWallet(ctx context.Context, b *Browser, wallet, persona string) error {
	if err := b.Open(ctx, wallet+"/"); err != nil {
		return err
	}
	if err := b.Press(ctx, "persona", persona, nil); err != nil {
		return err
	}
	if err := b.Open(ctx, wallet+"/"); err != nil {
		return err
	}
	if b.Page.Link("/apps/northwick.residence-certificate") == "" {
		return fmt.Errorf("the list does not show the service: %.300s", b.Page.Text())
	}
	return nil
}

func (t *tour) launch(ctx context.Context) error {
	return launch(ctx, t.citizen, t.Wallet, "northwick.residence-certificate", "anna")
}

func launch(ctx context.Context, b *Browser, wallet, client, persona string) error {
	if err := b.Open(ctx, wallet+"/"); err != nil {
		return err
	}
	if err := b.Follow(ctx, "/apps/"+client); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/launch", nil); err != nil {
		return err
	}
	if err := passProvider(ctx, b, persona); err != nil {
		return err
	}
	if _, app, _ := strings.Cut(client, "."); !strings.HasPrefix(b.Page.URL.Path, "/apps/"+app) {
		return fmt.Errorf("the launch ended at %s", b.Page.URL)
	}
	return nil
}

// certificateAnswers are what a residence certificate asks for.
var certificateAnswers = url.Values{"purpose": {"bank"}, "certificate_language": {"en"}, "copies": {"2"}, "note": {"Thank you."}}

// begin starts a draft and goes through the questions, up to the page that lists the answers.
func begin(ctx context.Context, b *Browser, persona string, known url.Values) error {
	if err := b.Submit(ctx, "/start", nil); err != nil {
		return err
	}
	if err := passProvider(ctx, b, persona); err != nil {
		return err
	}
	if b.Page.HasForm("/start") { // came back from a step-up: start once more
		if err := b.Submit(ctx, "/start", nil); err != nil {
			return err
		}
	}
	for range 10 {
		if strings.HasSuffix(b.Page.URL.Path, "/check") {
			return nil
		}
		values := url.Values{}
		for name, v := range known {
			if b.Page.HasField(name) {
				values[name] = v
			}
		}
		if err := b.Submit(ctx, "/apply/", values); err != nil {
			return err
		}
	}
	return fmt.Errorf("the questions never ended: %s", b.Page.URL.Path)
}

func (t *tour) fill(ctx context.Context) error {
	if err := begin(ctx, t.citizen, "anna", certificateAnswers); err != nil {
		return err
	}
	return t.citizen.expect("Anna Whitfield", "14 Mill Lane")
}

var reference = regexp.MustCompile(`RC-\d{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// send declares and submits; it returns the reference and the address of the case.
func send(ctx context.Context, b *Browser) (number, caseURL string, err error) {
	if err := b.Submit(ctx, "/submit", url.Values{"declaration": {"true"}}); err != nil {
		return "", "", err
	}
	number = reference.FindString(b.Page.Text())
	link := b.Page.Link("/cases/")
	if number == "" || link == "" {
		return "", "", fmt.Errorf("no reference on %s: %.200s", b.Page.URL.Path, b.Page.Text())
	}
	u, err := b.resolve(link)
	if err != nil {
		return "", "", err
	}
	return number, u.String(), nil
}

func (t *tour) submit(ctx context.Context) (err error) {
	t.number, t.caseURL, err = send(ctx, t.citizen)
	return err
}

// signInStaff opens the console as one official.
func (t *tour) signInStaff(ctx context.Context, b *Browser, persona string) error {
	if err := b.Open(ctx, t.Town+"/staff/cases"); err != nil {
		return err
	}
	return passProvider(ctx, b, persona)
}

func (t *tour) findCase(ctx context.Context) error {
	if err := t.signInStaff(ctx, t.oliver, "oliver"); err != nil {
		return err
	}
	if err := t.oliver.expect(t.number); err != nil {
		return err
	}
	id := t.caseURL[strings.LastIndex(t.caseURL, "/")+1:]
	t.staffCase = t.Town + "/staff/cases/" + id
	return t.oliver.Follow(ctx, "/staff/cases/"+id)
}

// decide takes one staff action on the case page.
func decide(ctx context.Context, b *Browser, caseURL, action string, values url.Values) error {
	if err := b.Open(ctx, caseURL); err != nil {
		return err
	}
	return b.Submit(ctx, "/actions/"+action, values)
}

func (t *tour) ask(ctx context.Context) error {
	return decide(ctx, t.oliver, t.staffCase, "ask", url.Values{"question": {"Since when do you live at this address?"}})
}

// inbox waits until the wallet shows a message with these words: the webhook is sent after the step, not in it.
func inbox(ctx context.Context, b *Browser, wallet, words string) error {
	for range 100 {
		if err := b.Open(ctx, wallet+"/inbox"); err != nil {
			return err
		}
		if strings.Contains(b.Page.Text(), words) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the wallet's inbox never said %q: %.300s", words, b.Page.Text())
}

func (t *tour) answer(ctx context.Context) error {
	if err := inbox(ctx, t.citizen, t.Wallet, "question"); err != nil {
		return err
	}
	if err := t.citizen.Open(ctx, t.caseURL); err != nil {
		return err
	}
	if err := t.citizen.expect("Since when do you live at this address?"); err != nil {
		return err
	}
	return t.citizen.Submit(ctx, "/actions/answer", url.Values{"answer": {"Since 1 May 2019, with my family."}})
}

func (t *tour) propose(ctx context.Context) error {
	b := t.oliver
	if err := b.Open(ctx, t.staffCase); err != nil {
		return err
	}
	if err := b.expect("Since 1 May 2019"); err != nil {
		return err
	}
	assessment := url.Values{"assessment": {"Entered in the population register at this address since 2019."}}
	if err := b.PressFor(ctx, "preview.pdf?action=propose", assessment); err != nil {
		return err
	}
	if !bytes.HasPrefix(b.Page.Body, []byte("%PDF-")) {
		return errors.New("the preview is no PDF")
	}
	return decide(ctx, b, t.staffCase, "propose", assessment)
}

func (t *tour) cannotCountersign(ctx context.Context) error {
	if err := t.oliver.Open(ctx, t.staffCase); err != nil {
		return err
	}
	if t.oliver.Page.HasForm("/actions/countersign") {
		return errors.New("the proposer is offered to countersign")
	}
	return nil
}

func (t *tour) countersign(ctx context.Context) error {
	if err := t.signInStaff(ctx, t.priya, "priya"); err != nil {
		return err
	}
	return decide(ctx, t.priya, t.staffCase, "countersign", nil)
}

func (t *tour) download(ctx context.Context) error {
	if err := inbox(ctx, t.citizen, t.Wallet, "certificate"); err != nil {
		return err
	}
	b := t.citizen
	for range 100 { // issuing follows the decision
		if err := b.Open(ctx, t.caseURL); err != nil {
			return err
		}
		if b.Page.Link(".pdf") != "" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := b.Follow(ctx, ".pdf"); err != nil {
		return err
	}
	if !bytes.HasPrefix(b.Page.Body, []byte("%PDF-")) {
		return errors.New("the certificate is no PDF")
	}
	t.certificate = filepath.Join(t.Out, "certificate.pdf")
	if err := os.WriteFile(t.certificate, b.Page.Body, 0o644); err != nil {
		return err
	}
	if err := b.Open(ctx, t.Town+"/documents"); err != nil {
		return err
	}
	t.documentNumber = documentNumber.FindString(b.Page.Text())
	if t.documentNumber == "" {
		return fmt.Errorf("no document number on /documents: %.300s", b.Page.Text())
	}
	return nil
}

var documentNumber = regexp.MustCompile(`\b[A-Z]{2}-[0-9A-Z]{4}(-[0-9A-Z]{4})+\b`)

func (t *tour) checkNumber(ctx context.Context) error {
	if err := t.stranger.Open(ctx, t.Town+"/verify/"+t.documentNumber); err != nil {
		return err
	}
	if strings.Contains(t.stranger.Page.Text(), "Anna") {
		return errors.New("the public check shows the holder's name")
	}
	return t.stranger.expect(t.documentNumber, "valid")
}

// upload sends a file to the public check and returns what the page says.
func (t *tour) upload(ctx context.Context, file []byte) (string, error) {
	if err := t.stranger.Open(ctx, t.Town+"/verify"); err != nil {
		return "", err
	}
	name := t.stranger.Page.FileField()
	if name == "" {
		return "", errors.New("the page has no file field")
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile(name, "certificate.pdf")
	if err != nil {
		return "", err
	}
	if _, err := part.Write(file); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	if err := t.stranger.Upload(ctx, "/verify", w.FormDataContentType(), &body); err != nil {
		return "", err
	}
	return t.stranger.Page.Text(), nil
}

func (t *tour) checkUpload(ctx context.Context) error {
	file, err := os.ReadFile(t.certificate)
	if err != nil {
		return err
	}
	if _, err := t.upload(ctx, file); err != nil {
		return err
	}
	return t.stranger.expect(t.documentNumber, "valid")
}

func (t *tour) checkOffline(ctx context.Context) error {
	if err := t.stranger.Open(ctx, t.Town+"/verify/trust.pem"); err != nil {
		return err
	}
	t.bundle = filepath.Join(t.Out, "trust.pem")
	if err := os.WriteFile(t.bundle, t.stranger.Page.Body, 0o644); err != nil {
		return err
	}
	state, err := t.Verify(t.certificate, t.bundle, "")
	if err == nil && state != "valid" {
		err = fmt.Errorf("townhall verify says %s", state)
	}
	return err
}

// checkTampered changes the document in three ways; the page and the offline check must both notice.
func (t *tour) checkTampered(ctx context.Context) error {
	good, err := os.ReadFile(t.certificate)
	if err != nil {
		return err
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/3] ^= 1
	for name, file := range map[string][]byte{
		"flipped":  flipped,
		"appended": append(bytes.Clone(good), "\n% one more line\n"...),
		"shadow":   shadowIncrement(good),
	} {
		path := filepath.Join(t.Out, "tampered-"+name+".pdf")
		if err := os.WriteFile(path, file, 0o644); err != nil {
			return err
		}
		state, err := t.Verify(path, t.bundle, "")
		if err != nil {
			return err
		}
		if state != "altered" {
			return fmt.Errorf("townhall verify says %s of the %s file", state, name)
		}
		text, err := t.upload(ctx, file)
		if err != nil {
			return err
		}
		if !strings.Contains(strings.ToLower(text), "altered") && !strings.Contains(strings.ToLower(text), "changed") {
			return fmt.Errorf("the page does not say that the %s file is altered: %.300s", name, text)
		}
	}
	return nil
}

var (
	startXref = regexp.MustCompile(`startxref\s+(\d+)`)
	rootRef   = regexp.MustCompile(`/Root (\d+) 0 R`)
	sizeEntry = regexp.MustCompile(`/Size (\d+)`)
)

// shadowIncrement appends a PDF revision that redefines the catalog: the attack that leaves the signed bytes alone.
func shadowIncrement(file []byte) []byte {
	last := func(re *regexp.Regexp, otherwise string) string {
		all := re.FindAllSubmatch(file, -1)
		if len(all) == 0 {
			return otherwise
		}
		return string(all[len(all)-1][1])
	}
	root, size, previous := last(rootRef, "1"), last(sizeEntry, "2"), last(startXref, "0")
	out := bytes.Clone(file)
	object := len(out)
	out = fmt.Appendf(out, "\n%s 0 obj\n<</Type /Catalog /Pages <</Type /Pages /Kids [] /Count 0>> >>\nendobj\n", root)
	table := len(out)
	return fmt.Appendf(out, "xref\n%s 1\n%010d 00000 n \ntrailer\n<</Size %s /Root %s 0 R /Prev %s>>\nstartxref\n%d\n%%%%EOF\n", root, object+1, size, root, previous, table)
}

// apply walks a fresh application of Anna's to its reference.
func (t *tour) apply(ctx context.Context) (number, caseURL string, err error) {
	if err := t.citizen.Open(ctx, t.Town+"/apps/residence-certificate"); err != nil {
		return "", "", err
	}
	if err := begin(ctx, t.citizen, "anna", certificateAnswers); err != nil {
		return "", "", err
	}
	return send(ctx, t.citizen)
}

func (t *tour) withdraw(ctx context.Context) error {
	_, caseURL, err := t.apply(ctx)
	if err != nil {
		return err
	}
	if err := t.citizen.Open(ctx, caseURL); err != nil {
		return err
	}
	if err := t.citizen.Follow(ctx, "/actions/withdraw"); err != nil {
		return err
	}
	if err := t.citizen.Submit(ctx, "/actions/withdraw", nil); err != nil {
		return err
	}
	if err := t.citizen.Open(ctx, caseURL); err != nil {
		return err
	}
	return t.citizen.expect("Withdrawn")
}

func (t *tour) refuse(ctx context.Context) error {
	_, caseURL, err := t.apply(ctx)
	if err != nil {
		return err
	}
	staffCase := t.Town + "/staff/cases/" + caseURL[strings.LastIndex(caseURL, "/")+1:]
	reason := url.Values{"refusal_ground": {"not-registered"}, "refusal_reason": {"The population register has no entry for you at this address."}}
	if err := decide(ctx, t.oliver, staffCase, "propose-refusal", reason); err != nil {
		return err
	}
	if err := decide(ctx, t.priya, staffCase, "confirm-refusal", nil); err != nil {
		return err
	}
	if err := t.citizen.Open(ctx, caseURL); err != nil {
		return err
	}
	return t.citizen.expect("Refused")
}

// stepUp lets the persona whose everyday sign-in is weak open the same service.
func (t *tour) stepUp(ctx context.Context) error {
	b := NewBrowser("en")
	if err := enterWallet(ctx, b, t.Wallet, "xiaoming"); err != nil {
		return err
	}
	if err := b.Follow(ctx, "/apps/northwick.residence-certificate"); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/launch", nil); err != nil {
		return err
	}
	if !b.Page.HasField("pin") {
		return fmt.Errorf("no card is asked for at %s: %s", b.Page.URL.Path, b.Page.Heading())
	}
	if err := passProvider(ctx, b, "xiaoming"); err != nil {
		return err
	}
	if !strings.HasPrefix(b.Page.URL.String(), t.Town+"/apps/residence-certificate") {
		return fmt.Errorf("the step-up ended at %s", b.Page.URL)
	}
	return nil
}

func (t *tour) whoLooked(ctx context.Context) error {
	if err := t.citizen.Open(ctx, t.Town+"/access"); err != nil {
		return err
	}
	return t.citizen.expect("Civil Registry")
}
