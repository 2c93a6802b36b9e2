// Command journey drives a residence certificate from the list of services to a stranger's check of the document,
// through the generated clients alone. It is a test, and an example to copy from. The environment says where and as whom:
//
//	TOWNHALL_URL             address of the municipality: https://northwick.example
//	CITIZEN_CIVIC_TOKEN      the citizen's access token for <municipality>/civic/v1
//	CITIZEN_DOCUMENTS_TOKEN  the citizen's access token for <municipality>/documents/v1
//	REGISTRAR_TOKEN          an official's access token for <municipality>/workflow/v1
//	SECOND_REGISTRAR_TOKEN   a second official's, for the countersignature
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"townhall.example/clients/go/civic"
	"townhall.example/clients/go/documents"
	"townhall.example/clients/go/wallet"
	"townhall.example/clients/go/workflow"
)

const service = "residence-certificate"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "journey:", err)
		os.Exit(1)
	}
}

// town is the four clients, each with the token its contract wants.
type town struct {
	civic     *civic.ClientWithResponses
	documents *documents.ClientWithResponses // the citizen's
	public    *documents.ClientWithResponses // a stranger's: no token
	wallet    *wallet.ClientWithResponses
	registrar *workflow.ClientWithResponses
	second    *workflow.ClientWithResponses
}

func run(ctx context.Context) error {
	t, err := connect()
	if err != nil {
		return err
	}
	if err := t.lookAround(ctx); err != nil {
		return err
	}
	application, err := t.apply(ctx)
	if err != nil {
		return err
	}
	if err := t.decide(ctx, application); err != nil {
		return err
	}
	document, err := t.await(ctx, application)
	if err != nil {
		return err
	}
	return t.check(ctx, document)
}

// lookAround lists what there is, as a wallet and as a citizen's program would.
func (t *town) lookAround(ctx context.Context) error {
	apps, err := t.wallet.ListMiniappsWithResponse(ctx, &wallet.ListMiniappsParams{})
	if err != nil {
		return err
	}
	if apps.JSON200 == nil || len(apps.JSON200.Miniapps) == 0 {
		return unexpected("list-miniapps", apps.HTTPResponse, apps.Body)
	}
	say("mini-apps", "%s opens at %s", apps.JSON200.Miniapps[0].Name, apps.JSON200.Miniapps[0].Townhall.InitiateLoginUri)

	services, err := t.civic.ListServicesWithResponse(ctx, &civic.ListServicesParams{})
	if err != nil {
		return err
	}
	if services.JSON200 == nil {
		return unexpected("list-services", services.HTTPResponse, services.Body)
	}
	for _, s := range services.JSON200.Services {
		say("service", "%s, decided by %s, needs a sign-in of level %s", s.Title, s.Agency, s.Level)
	}
	return nil
}

// apply starts an application and sends it. On the way it forgets the declaration once, and looks at an old version
// once: two problems a program has to handle, told apart by their code.
func (t *town) apply(ctx context.Context) (civic.Application, error) {
	var none civic.Application
	key := rand.Text()
	start := func() (*civic.StartApplicationResponse, error) {
		return t.civic.StartApplicationWithResponse(ctx, &civic.StartApplicationParams{IdempotencyKey: key}, civic.StartRequest{Service: service})
	}
	draft, err := start()
	if err != nil {
		return none, err
	}
	if draft.JSON201 == nil {
		return none, unexpected("start-application", draft.HTTPResponse, draft.Body)
	}
	again, err := start() // as after a lost answer: the same key makes no second application
	if err != nil {
		return none, err
	}
	if again.JSON201 == nil || again.JSON201.Id != draft.JSON201.Id {
		return none, unexpected("start-application, repeated", again.HTTPResponse, again.Body)
	}
	say("start", "%s is %s; the repeated request started nothing new", draft.JSON201.Number, draft.JSON201.State)

	act := func(version int64, input map[string]any) (*civic.ActOnApplicationResponse, error) {
		return t.civic.ActOnApplicationWithResponse(ctx, draft.JSON201.Id, "submit",
			&civic.ActOnApplicationParams{IdempotencyKey: rand.Text()}, civic.ActionRequest{Version: version, Input: &input})
	}
	answers := map[string]any{"purpose": "bank", "certificate_language": "en", "copies": 1}
	refused, err := act(draft.JSON201.Version, answers)
	if err != nil {
		return none, err
	}
	p := refused.ApplicationproblemJSON422
	if p == nil || p.Code != "invalid-input" || p.Errors == nil || len(*p.Errors) != 1 {
		return none, unexpected("submit without declaration", refused.HTTPResponse, refused.Body)
	}
	say("problem", "%s: %s %s", p.Code, (*p.Errors)[0].Field, (*p.Errors)[0].Detail)

	answers["declaration"] = true
	stale, err := act(draft.JSON201.Version+5, answers)
	if err != nil {
		return none, err
	}
	if stale.ApplicationproblemJSON409 == nil || stale.ApplicationproblemJSON409.Code != "changed-meanwhile" {
		return none, unexpected("submit on another version", stale.HTTPResponse, stale.Body)
	}
	say("problem", "%s: %s", stale.ApplicationproblemJSON409.Code, stale.ApplicationproblemJSON409.Detail)

	sent, err := act(draft.JSON201.Version, answers)
	if err != nil {
		return none, err
	}
	if sent.JSON200 == nil || sent.JSON200.State != "submitted" {
		return none, unexpected("submit", sent.HTTPResponse, sent.Body)
	}
	say("submit", "%s: %s", sent.JSON200.StateText, sent.JSON200.NextText)
	return *sent.JSON200, nil
}

// decide proposes, fails to countersign its own proposal, and has a second official do it.
func (t *town) decide(ctx context.Context, a civic.Application) error {
	open, err := t.registrar.GetCaseWithResponse(ctx, a.Id, &workflow.GetCaseParams{})
	if err != nil {
		return err
	}
	if open.JSON200 == nil {
		return unexpected("get-case", open.HTTPResponse, open.Body)
	}
	say("case", "%s applies; possible now: %d actions", open.JSON200.Applicant.Name, len(open.JSON200.Actions))

	take := func(who *workflow.ClientWithResponses, version int64, action string, input map[string]any) (*workflow.TakeActionResponse, error) {
		return who.TakeActionWithResponse(ctx, a.Id, action, &workflow.TakeActionParams{IdempotencyKey: rand.Text()}, workflow.ActionRequest{Version: version, Input: &input})
	}
	proposed, err := take(t.registrar, open.JSON200.Version, "propose", map[string]any{"assessment": "Entered in the register at this address."})
	if err != nil {
		return err
	}
	if proposed.JSON200 == nil {
		return unexpected("propose", proposed.HTTPResponse, proposed.Body)
	}
	say("propose", "%s", proposed.JSON200.StateText)

	own, err := take(t.registrar, proposed.JSON200.Version, "countersign", nil)
	if err != nil {
		return err
	}
	if own.ApplicationproblemJSON403 == nil || own.ApplicationproblemJSON403.Code != "four-eyes" {
		return unexpected("countersign one's own proposal", own.HTTPResponse, own.Body)
	}
	say("problem", "%s: %s", own.ApplicationproblemJSON403.Code, own.ApplicationproblemJSON403.Detail)

	issued, err := take(t.second, proposed.JSON200.Version, "countersign", nil)
	if err != nil {
		return err
	}
	if issued.JSON200 == nil || !issued.JSON200.Final {
		return unexpected("countersign", issued.HTTPResponse, issued.Body)
	}
	say("countersign", "%s", issued.JSON200.StateText)
	return nil
}

// await asks until the document is signed and published.
func (t *town) await(ctx context.Context, a civic.Application) (civic.ApplicationDocument, error) {
	for {
		list, err := t.civic.ListApplicationDocumentsWithResponse(ctx, a.Id, &civic.ListApplicationDocumentsParams{})
		if err != nil {
			return civic.ApplicationDocument{}, err
		}
		if list.JSON200 == nil {
			return civic.ApplicationDocument{}, unexpected("list-application-documents", list.HTTPResponse, list.Body)
		}
		for _, d := range list.JSON200.Documents {
			if d.State == civic.ApplicationDocumentStateValid {
				say("document", "%s, number %s", d.Title, d.Number)
				return d, nil
			}
		}
		select {
		case <-ctx.Done():
			return civic.ApplicationDocument{}, errors.New("the document was not issued in time")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// check downloads the document as its holder and verifies it as a stranger: by number, by file, and with one byte changed.
func (t *town) check(ctx context.Context, d civic.ApplicationDocument) error {
	file, err := t.documents.GetDocumentFileWithResponse(ctx, d.Id, &documents.GetDocumentFileParams{})
	if err != nil {
		return err
	}
	if file.StatusCode() != http.StatusOK || !bytes.HasPrefix(file.Body, []byte("%PDF-")) {
		return unexpected("get-document-file", file.HTTPResponse, file.Body)
	}
	say("download", "%d bytes of PDF", len(file.Body))

	number, err := t.public.VerifyNumberWithResponse(ctx, d.Number, &documents.VerifyNumberParams{})
	if err != nil {
		return err
	}
	if number.JSON200 == nil || number.JSON200.State != documents.VerificationStateValid {
		return unexpected("verify-number", number.HTTPResponse, number.Body)
	}
	say("verify", "number: %s", number.JSON200.State)

	altered := bytes.Clone(file.Body)
	altered[len(altered)/2] ^= 1
	for _, upload := range []struct {
		what string
		file []byte
		want documents.VerificationState
	}{
		{"file", file.Body, documents.VerificationStateValid},
		{"altered file", altered, documents.VerificationStateAltered},
	} {
		v, err := t.public.VerifyFileWithBodyWithResponse(ctx, &documents.VerifyFileParams{}, "application/pdf", bytes.NewReader(upload.file))
		if err != nil {
			return err
		}
		if v.JSON200 == nil || v.JSON200.State != upload.want {
			return unexpected("verify-file: "+upload.what, v.HTTPResponse, v.Body)
		}
		say("verify", "%s: %s", upload.what, v.JSON200.State)
	}
	return nil
}

func connect() (*town, error) {
	var t town
	var errs [6]error
	t.civic, errs[0] = civic.NewClientWithResponses(base("civic"), civic.WithRequestEditorFn(token("CITIZEN_CIVIC_TOKEN")))
	t.documents, errs[1] = documents.NewClientWithResponses(base("documents"), documents.WithRequestEditorFn(token("CITIZEN_DOCUMENTS_TOKEN")))
	t.public, errs[2] = documents.NewClientWithResponses(base("documents"))
	t.wallet, errs[3] = wallet.NewClientWithResponses(base("wallet"))
	t.registrar, errs[4] = workflow.NewClientWithResponses(base("workflow"), workflow.WithRequestEditorFn(token("REGISTRAR_TOKEN")))
	t.second, errs[5] = workflow.NewClientWithResponses(base("workflow"), workflow.WithRequestEditorFn(token("SECOND_REGISTRAR_TOKEN")))
	return &t, errors.Join(errs[:]...)
}

// base is a contract's base address: its servers entry below the municipality's own address.
func base(contract string) string { return os.Getenv("TOWNHALL_URL") + "/" + contract + "/v1" }

// token sends the access token the variable holds.
func token(variable string) func(context.Context, *http.Request) error {
	value := os.Getenv(variable)
	return func(_ context.Context, r *http.Request) error {
		if value == "" {
			return fmt.Errorf("set %s", variable)
		}
		r.Header.Set("Authorization", "Bearer "+value)
		return nil
	}
}

func say(step, format string, args ...any) {
	fmt.Printf("%-12s %s\n", step, fmt.Sprintf(format, args...))
}

func unexpected(step string, r *http.Response, body []byte) error {
	return fmt.Errorf("%s: %s %s", step, r.Status, body)
}
