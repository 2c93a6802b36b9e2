package casework

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

const service = "residence-certificate"

// house is casework on a real database, with small neighbours.
type house struct {
	*Service
	t          testing.TB
	documents  *fakeDocuments
	audit      *fakeAudit
	clock      *kerneltest.FakeClock
	dispatcher *pg.Dispatcher
	notices    *notices
	anna, mei  kernel.Principal // citizens
	oliver     kernel.Principal // registrars of Northwick
	priya      kernel.Principal
	tomasz     kernel.Principal // registrar of Eastmere
}

// notices collects what would have been sent.
type notices struct {
	mu   sync.Mutex
	sent []kernel.Effect
}

func newHouse(t testing.TB) *house {
	t.Helper()
	lib, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	return newHouseWith(t, lib, kerneltest.Directory())
}

func newHouseWith(t testing.TB, lib *workflows.Library, directory kernel.Directory) *house {
	t.Helper()
	var err error
	h := &house{t: t, documents: &fakeDocuments{}, audit: &fakeAudit{}, clock: kerneltest.NewClock(time.Now()), notices: &notices{}}
	h.anna, h.mei = h.citizen("Anna Whitfield"), h.citizen("王小明")
	h.oliver, h.priya, h.tomasz = h.registrar(kerneltest.Northwick, "Oliver Grant"), h.registrar(kerneltest.Northwick, "Priya Shah"), h.registrar(kerneltest.Eastmere, "Tomasz Nowak")
	people := fakePeople{}
	for _, p := range []kernel.Principal{h.anna, h.mei} {
		people[p.Person] = kernel.Person{ID: p.Person, Claims: map[string]string{"name": p.Name, "birthdate": "1988-04-17",
			"address.street_address": "12 Mill Lane", "address.locality": "Northwick", "address.postal_code": "NW7 2QH", "address.country": "GB"}}
	}
	db := kerneltest.DB(t)
	if h.Service, err = New(Deps{DB: db, Library: lib, Directory: directory, Documents: h.documents, People: people, Audit: h.audit, Clock: h.clock}); err != nil {
		t.Fatal(err)
	}
	subs := map[string]pg.Effects{
		"casework": h.Module().Effects,
		"notify": {kernel.EventCaseNotice: func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
			return func(context.Context, *pg.Tx) error {
				h.notices.mu.Lock()
				defer h.notices.mu.Unlock()
				h.notices.sent = append(h.notices.sent, e)
				return nil
			}, nil
		}},
	}
	db.Subscribe(subs)
	h.dispatcher = pg.NewDispatcher(db, kerneltest.Directory(), subs, pg.DispatchOptions{Clock: h.clock})
	return h
}

func (h *house) citizen(name string) kernel.Principal {
	return kernel.Principal{Kind: kernel.Citizen, Tenant: kerneltest.Northwick, Person: kernel.PersonID(kernel.NewID()), Name: name, Level: kernel.Substantial, AuthTime: h.clock.Now()}
}

func (h *house) registrar(tenant kernel.TenantID, name string) kernel.Principal {
	return kernel.Principal{Kind: kernel.Staff, Tenant: tenant, Person: kernel.PersonID(kernel.NewID()), Name: name, Level: kernel.Substantial,
		AuthTime: h.clock.Now(), Grants: []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}}
}

// as is the context of a request of p.
func (h *house) as(p kernel.Principal) context.Context {
	ctx := kernel.WithTenant(h.t.Context(), kerneltest.Tenant(p.Tenant))
	return kernel.WithPrincipal(ctx, p)
}

func (h *house) start(p kernel.Principal) kernel.Case {
	h.t.Helper()
	var c kernel.Case
	err := h.DB.InTx(h.as(p), p.Tenant, func(tx *pg.Tx) (err error) {
		c, err = h.Start(h.as(p), tx, kernel.NewCase{Service: service, Locale: "en"})
		return err
	})
	if err != nil {
		h.t.Fatalf("start: %v", err)
	}
	return c
}

func (h *house) try(p kernel.Principal, c kernel.Case, action string, input map[string]any) (kernel.Case, error) {
	var out kernel.Case
	err := h.DB.InTx(h.as(p), p.Tenant, func(tx *pg.Tx) (err error) {
		out, err = h.Act(h.as(p), tx, kernel.Act{Case: c.ID, Version: c.Version, Action: action, Input: input})
		return err
	})
	return out, err
}

func (h *house) act(p kernel.Principal, c kernel.Case, action string, input map[string]any) kernel.Case {
	h.t.Helper()
	out, err := h.try(p, c, action, input)
	if err != nil {
		h.t.Fatalf("%s by %s: %v", action, p.Name, err)
	}
	return out
}

func (h *house) read(p kernel.Principal, id kernel.CaseID) (kernel.Case, error) {
	var found []kernel.Case
	err := h.DB.InTx(h.as(p), p.Tenant, func(tx *pg.Tx) (err error) {
		found, err = h.Read(h.as(p), tx, kernel.CaseQuery{ID: id})
		return err
	})
	if err != nil {
		return kernel.Case{}, err
	}
	return found[0], nil
}

func (h *house) list(p kernel.Principal, q kernel.CaseQuery) []kernel.Case {
	h.t.Helper()
	var found []kernel.Case
	err := h.DB.Read(h.as(p), p.Tenant, func(tx *pg.Tx) (err error) {
		found, err = h.Read(h.as(p), tx, q)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

func filled() map[string]any {
	return map[string]any{"purpose": "bank", "certificate_language": "en", "copies": "2", "note": "", "declaration": true}
}

func (h *house) submitted(p kernel.Principal) kernel.Case {
	h.t.Helper()
	return h.act(p, h.start(p), "submit", filled())
}

func (h *house) drain() {
	h.t.Helper()
	if err := h.dispatcher.Drain(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func wantSlug(t testing.TB, err error, slug string) {
	t.Helper()
	if err == nil || kernel.AsError(err).Slug != slug {
		t.Fatalf("error = %v; want %s", err, slug)
	}
}

func TestACertificateNeedsQuestionAnswerProposalAndASecondRegistrar(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.start(h.anna)
	if c.State != "draft" || c.Version != 1 || !strings.HasPrefix(c.Number, "RC-") {
		t.Fatalf("draft = %+v", c)
	}
	if _, ok := kernel.ParseNumber(c.Number); !ok {
		t.Fatalf("number %q does not check", c.Number)
	}
	c = h.act(h.anna, c, "save", map[string]any{"purpose": "bank"})
	c = h.act(h.anna, c, "submit", filled())
	if c.State != "submitted" || c.SubmittedAt.IsZero() || c.DueAt.IsZero() {
		t.Fatalf("submitted = %+v", c)
	}
	c = h.act(h.oliver, c, "assign", nil)
	c = h.act(h.oliver, c, "ask", map[string]any{"question": "Since when do you live there?"})
	c = h.act(h.anna, c, "answer", map[string]any{"answer": "Since May."})
	c = h.act(h.oliver, c, "propose", map[string]any{"assessment": "Entered in the register."})
	_, err := h.try(h.oliver, c, "countersign", nil)
	wantSlug(t, err, "four-eyes")
	if n := len(h.documents.of(c.ID)); n != 0 {
		t.Fatalf("%d documents before the countersignature", n)
	}
	c = h.act(h.priya, c, "countersign", nil)
	if c.State != "issued" || !c.Final {
		t.Fatalf("issued = %+v", c)
	}
	intents := h.documents.of(c.ID)
	if len(intents) != 1 || intents[0].Holder != h.anna.Person || intents[0].Type != "residence-certificate" || intents[0].Content.Title == "" {
		t.Fatalf("intents = %+v", intents)
	}
	h.drain()
	if n := len(h.notices.sent); n != 3 { // received, question-asked, issued
		t.Fatalf("%d notices", n)
	}
	for i, e := range c.History {
		if e.Seq != i+1 {
			t.Fatalf("history = %+v", c.History)
		}
	}
}

func TestARefusalNeedsAReasonAndASecondRegistrar(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	_, err := h.try(h.oliver, c, "propose-refusal", map[string]any{"refusal_ground": "identity", "refusal_reason": ""})
	wantSlug(t, err, "invalid-input")
	c = h.act(h.oliver, c, "propose-refusal", map[string]any{"refusal_ground": "identity", "refusal_reason": "The register does not know this identity."})
	seen, err := h.read(h.anna, c.ID)
	if err != nil || seen.Answers["refusal_reason"] != nil {
		t.Fatalf("the applicant reads a reason before the decision: %+v, %v", seen.Answers, err)
	}
	_, err = h.try(h.oliver, c, "confirm-refusal", nil)
	wantSlug(t, err, "four-eyes")
	if c = h.act(h.priya, c, "confirm-refusal", nil); c.State != "refused" || !c.Final {
		t.Fatalf("refused = %+v", c)
	}
	if h.audit.count("case.decide", c.ID) != 2 {
		t.Fatal("decisions are not in the audit log")
	}
}

func TestAnApplicantCanWithdrawUntilTheDecision(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.anna, h.submitted(h.anna), "withdraw", nil)
	if c.State != "withdrawn" || !c.Final {
		t.Fatalf("withdrawn = %+v", c)
	}
	_, err := h.try(h.oliver, c, "propose", map[string]any{"assessment": "Too late."})
	wantSlug(t, err, "action-not-possible")
}

func TestOfTwoStepsOnOneVersionExactlyOneWins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	results := make(chan error, 8)
	for i := range cap(results) {
		go func() {
			_, err := h.try(h.oliver, c, "ask", map[string]any{"question": fmt.Sprint("Question ", i)})
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, kernel.ErrChanged):
			t.Errorf("a loser was told %v", err)
		}
	}
	seen, err := h.read(h.anna, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if won != 1 || seen.Version != c.Version+1 || len(seen.History) != seen.Version {
		t.Fatalf("%d won; version %d, %d events", won, seen.Version, len(seen.History))
	}
	h.drain()
	if n := len(h.notices.sent); n != 2 {
		t.Fatalf("%d notices: the losers' were sent too", n)
	}
}

// The second step is decided while the first is written and not yet committed: it has read the old version, waits at
// the case's row, and must find there that it is too late.
func TestAStepDecidedDuringAnotherOneLoses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	late := make(chan error, 1)
	err := h.DB.InTx(h.as(h.oliver), kerneltest.Northwick, func(tx *pg.Tx) error {
		if _, err := h.Act(h.as(h.oliver), tx, kernel.Act{Case: c.ID, Version: c.Version, Action: "assign"}); err != nil {
			return err
		}
		go func() {
			_, err := h.try(h.priya, c, "ask", map[string]any{"question": "Since when?"})
			late <- err
		}()
		for waiting := false; !waiting; { // whoever waits for a row holds its tuple lock
			err := tx.Get(&waiting, `SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'tuple' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-late; !errors.Is(err, kernel.ErrChanged) {
		t.Fatalf("the later step: %v", err)
	}
}

func TestARepeatedRequestTakesOneStep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	ctx := kernel.WithIdempotency(h.as(h.oliver), kernel.Idempotency{Key: "k1", Operation: "take-action", Hash: "h"})
	act := kernel.Act{Case: c.ID, Version: c.Version, Action: "ask", Input: map[string]any{"question": "Since when?"}}
	first, err := h.actOnce(ctx, act)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.actOnce(ctx, act)
	if err != nil || again.Version != first.Version || fmt.Sprint(again) != fmt.Sprint(first) {
		t.Fatalf("again = %+v, %v; first %+v", again, err, first)
	}
	if seen, _ := h.read(h.anna, c.ID); seen.Version != c.Version+1 {
		t.Fatalf("version %d after one step sent twice", seen.Version)
	}
}

func TestATextWithNULIsRefusedAndNothingChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	_, err := h.try(h.oliver, c, "ask", map[string]any{"question": "a\x00b"})
	if kernel.KindOf(err) != kernel.Invalid {
		t.Fatalf("error = %v", err)
	}
	if seen, _ := h.read(h.anna, c.ID); seen.Version != c.Version {
		t.Fatal("the step was taken")
	}
}

// What is not yours reads exactly as what is not there (promise 11).
func TestForeignCasesReadAsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c, draft := h.submitted(h.anna), h.start(h.anna)
	_, want := h.read(h.mei, kernel.CaseID(kernel.NewID()))
	elsewhere := h.oliver
	elsewhere.Grants = []kernel.Grant{{Agency: "building-control", Role: "registrar"}}
	integrator := kernel.Principal{Kind: kernel.Integrator, Tenant: kerneltest.Northwick, Client: "program", Scopes: []string{"workflow.read", "agency:building-control"}}
	for name, who := range map[string]struct {
		kernel.Principal
		id kernel.CaseID
	}{
		"another citizen":                {h.mei, c.ID},
		"another municipality":           {h.tomasz, c.ID},
		"another agency":                 {elsewhere, c.ID},
		"a program of another agency":    {integrator, c.ID},
		"nobody":                         {kernel.Principal{Kind: kernel.Anonymous, Tenant: kerneltest.Northwick}, c.ID},
		"staff, while it is still draft": {h.oliver, draft.ID},
		"what is no id":                  {h.anna, "../x"},
	} {
		_, err := h.read(who.Principal, who.id)
		if err == nil || err.Error() != want.Error() || kernel.KindOf(err) != kernel.NotFound {
			t.Errorf("%s reads %v; want %v", name, err, want)
		}
		if _, err = h.try(who.Principal, kernel.Case{ID: who.id, Version: c.Version}, "withdraw", nil); err == nil || err.Error() != want.Error() {
			t.Errorf("%s acts: %v; want %v", name, err, want)
		}
		for _, found := range h.list(who.Principal, kernel.CaseQuery{}) {
			if found.ID == who.id && who.Person != h.anna.Person {
				t.Errorf("%s sees the case in a list", name)
			}
		}
	}
}

// With the application's own check off, row-level security alone keeps municipalities apart.
func TestRowLevelSecurityAloneKeepsMunicipalitiesApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	h.SkipChecksForTest = true
	if _, err := h.read(h.mei, c.ID); err != nil {
		t.Fatalf("the check is still on: %v", err)
	}
	if _, err := h.read(h.tomasz, c.ID); kernel.KindOf(err) != kernel.NotFound {
		t.Fatalf("Eastmere reads Northwick's case: %v", err)
	}
	if found := h.list(h.tomasz, kernel.CaseQuery{}); len(found) != 0 {
		t.Fatalf("Eastmere lists %d cases of Northwick", len(found))
	}
}

func TestEveryLookOfAnOfficialIsRecordedOrDoesNotHappen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.submitted(h.anna)
	if _, err := h.read(h.anna, c.ID); err != nil || h.audit.count("case.read", c.ID) != 0 {
		t.Fatal("the applicant's own look is recorded")
	}
	if _, err := h.read(h.oliver, c.ID); err != nil || h.audit.count("case.read", c.ID) != 1 {
		t.Fatalf("a registrar's look is not recorded: %v", err)
	}
	h.audit.broken = true
	if seen, err := h.read(h.oliver, c.ID); err == nil {
		t.Fatalf("read %s without a record", seen.Number)
	}
	if _, err := h.try(h.oliver, c, "assign", nil); err == nil {
		t.Fatal("stepped without a record")
	}
	h.audit.broken = false
	if seen, _ := h.read(h.anna, c.ID); seen.Version != c.Version {
		t.Fatal("the step without a record was kept")
	}
}

func TestListsForOfficialsCarryNothingPersonal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.submitted(h.anna)
	found := h.list(h.oliver, kernel.CaseQuery{})
	if len(found) != 1 || found[0].Name != "" || found[0].Answers != nil || found[0].Applicant != "" || found[0].History != nil {
		t.Fatalf("list = %+v", found)
	}
}

func TestAWeakSignInIsAskedToStepUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	weak := h.anna
	weak.Level = kernel.Low
	err := h.DB.InTx(h.as(weak), weak.Tenant, func(tx *pg.Tx) error {
		_, err := h.Start(h.as(weak), tx, kernel.NewCase{Service: service})
		return err
	})
	if e := kernel.AsError(err); e.Kind != kernel.StepUp || e.Level != kernel.Substantial {
		t.Fatalf("start with a weak sign-in: %v", err)
	}
	c := h.submitted(h.anna)
	old := h.oliver
	old.AuthTime = h.clock.Now().Add(-9 * time.Hour)
	_, err = h.try(old, c, "propose", map[string]any{"assessment": "Entered."})
	if e := kernel.AsError(err); e.Kind != kernel.StepUp || e.MaxAge != 8*time.Hour {
		t.Fatalf("propose with an old sign-in: %v", err)
	}
}

func TestTheApplicantReadsTheAgencyAndNotTheOfficial(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.oliver, h.submitted(h.anna), "ask", map[string]any{"question": "Since when?"})
	seen, err := h.read(h.anna, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	last := seen.History[len(seen.History)-1]
	if last.ActorName != "Registrar" || last.Input["question"] != "Since when?" {
		t.Fatalf("event = %+v", last)
	}
}

func TestAWaitingCaseIsRemindedOnceAndGoesOnWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.oliver, h.submitted(h.anna), "ask", map[string]any{"question": "Since when?"})
	c = h.act(h.oliver, c, "assign", nil) // a step inside the stay must neither stop nor double its timers
	h.drain()
	h.clock.Advance(15 * 24 * time.Hour)
	h.drain()
	c, err := h.read(h.anna, c.ID)
	if err != nil || c.State != "waiting" || c.History[len(c.History)-1].Action != "remind" {
		t.Fatalf("after 15 days: %+v, %v", c, err)
	}
	h.clock.Advance(16 * 24 * time.Hour)
	h.drain()
	if c, err = h.read(h.anna, c.ID); err != nil || c.State != "submitted" || c.History[len(c.History)-1].Action != "lapse" {
		t.Fatalf("after 31 days: %+v, %v", c, err)
	}
	reminded := 0
	for _, e := range c.History {
		if e.Action == "remind" {
			reminded++
		}
	}
	if reminded != 1 {
		t.Fatalf("reminded %d times", reminded)
	}
}

func TestATimerOfAFormerStayDoesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.oliver, h.submitted(h.anna), "ask", map[string]any{"question": "Since when?"})
	c = h.act(h.anna, c, "answer", map[string]any{"answer": "Since May."})
	h.clock.Advance(40 * 24 * time.Hour)
	h.drain()
	if seen, err := h.read(h.anna, c.ID); err != nil || seen.Version != c.Version {
		t.Fatalf("seen = %+v, %v", seen, err)
	}
}

func TestTheHistoryTellsThatTheDocumentIsThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.oliver, h.submitted(h.anna), "propose", map[string]any{"assessment": "Entered."})
	c = h.act(h.priya, c, "countersign", nil)
	err := h.DB.InTx(h.as(h.priya), kerneltest.Northwick, func(tx *pg.Tx) error {
		return pg.Emit(t.Context(), tx, kernel.Event{Name: kernel.EventDocumentIssued, Key: "d", Case: c.ID,
			Payload: kernel.DocumentIssued{Document: "d", Case: c.ID, Person: h.anna.Person, Number: "NW-1", Type: service}})
	})
	if err != nil {
		t.Fatal(err)
	}
	h.drain()
	seen, err := h.read(h.anna, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	last := seen.History[len(seen.History)-1]
	if last.Action != ActionDocumentIssued || last.Input["number"] != "NW-1" || seen.State != "issued" {
		t.Fatalf("last = %+v", last)
	}
}

func TestQueuesHoldWhatTheySay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.submitted(h.anna), h.submitted(h.mei)
	h.start(h.anna)
	second = h.act(h.oliver, second, "assign", nil)
	waiting := h.act(h.oliver, h.submitted(h.mei), "ask", map[string]any{"question": "Since when?"})
	want := map[string][]kernel.CaseID{
		QueueTodo: {first.ID, second.ID}, QueueUnassigned: {waiting.ID, first.ID}, QueueMine: {second.ID}, QueueAll: {waiting.ID, second.ID, first.ID},
	}
	for queue, ids := range want {
		p, err := h.queue(h.as(h.oliver), filter{Queue: queue})
		if err != nil {
			t.Fatal(err)
		}
		var got []kernel.CaseID
		for _, c := range p.cases {
			got = append(got, c.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("%s = %v; want %v", queue, got, ids)
		}
		if p.counts != (counts{Todo: 2, Unassigned: 2, Mine: 1}) {
			t.Errorf("counts = %+v", p.counts)
		}
	}
	p, err := h.queue(h.as(h.oliver), filter{Number: strings.ToLower(first.Number)})
	if err != nil || len(p.cases) != 1 || p.cases[0].ID != first.ID {
		t.Fatalf("search = %+v, %v", p.cases, err)
	}
	p, err = h.queue(h.as(h.oliver), filter{Queue: QueueTodo, Limit: 1})
	if err != nil || p.next != first.ID {
		t.Fatalf("page = %+v, %v", p, err)
	}
	p, err = h.queue(h.as(h.oliver), filter{Queue: QueueTodo, Limit: 1, After: p.next})
	if err != nil || len(p.cases) != 1 || p.cases[0].ID != second.ID {
		t.Fatalf("second page = %+v, %v", p, err)
	}
}

func TestTheHistoryCannotBeChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.submitted(h.anna)
	for _, statement := range []string{"UPDATE casework.event SET action = 'x'", "DELETE FROM casework.event"} {
		err := h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := tx.Exec(statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") { // insufficient_privilege
			t.Errorf("%s: %v", statement, err)
		}
	}
}
