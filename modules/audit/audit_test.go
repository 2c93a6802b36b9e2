package audit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// bench is one log on a database of its own.
type bench struct {
	db    *pg.DB
	clock *kerneltest.FakeClock
	log   *Log
}

func newBench(t *testing.T) bench {
	c := &kerneltest.FakeClock{}
	return bench{db: kerneltest.DB(t), clock: c, log: NewLog(c)}
}

func resident(id kernel.PersonID) kernel.Principal {
	return kernel.Principal{Kind: kernel.Citizen, Tenant: kerneltest.Northwick, Person: id, Client: "northwick.residence-certificate"}
}

func registrar(id kernel.PersonID) kernel.Principal {
	return kernel.Principal{Kind: kernel.Staff, Tenant: kerneltest.Northwick, Person: id, Name: "Priya Shah", Client: "northwick.staff",
		Grants: []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}}
}

func (b bench) record(t *testing.T, who kernel.Principal, e kernel.AuditEntry) {
	t.Helper()
	ctx := kernel.WithPrincipal(context.Background(), who)
	if err := b.db.InTx(ctx, who.Tenant, func(tx *pg.Tx) error { return b.log.Record(ctx, tx, e) }); err != nil {
		t.Fatal(err)
	}
}

func (b bench) ofCase(t *testing.T, tenant kernel.TenantID, c kernel.CaseID) []kernel.AuditEntry {
	t.Helper()
	var list []kernel.AuditEntry
	if err := b.db.Read(context.Background(), tenant, func(tx *pg.Tx) (err error) {
		list, err = b.log.OfCase(context.Background(), tx, c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func person() kernel.PersonID { return kernel.PersonID(kernel.NewID()) }
func caseID() kernel.CaseID   { return kernel.CaseID(kernel.NewID()) }

func TestAnEntrySaysWhoAndWhenWhateverTheCallerClaims(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	official, applicant, c := person(), person(), caseID()
	b.record(t, registrar(official), kernel.AuditEntry{
		Action: "case.read", Case: c, Subject: applicant, Details: map[string]string{"version": "3"},
		Actor: person(), ActorKind: kernel.System, Client: "forged", At: time.Unix(0, 0),
	})
	list := b.ofCase(t, kerneltest.Northwick, c)
	if len(list) != 1 {
		t.Fatalf("want 1 entry, got %d", len(list))
	}
	e := list[0]
	if e.Actor != official || e.ActorKind != kernel.Staff || e.Client != "northwick.staff" || !e.At.Equal(b.clock.Now()) {
		t.Errorf("actor, kind, client or time is not the principal's and the clock's: %+v", e)
	}
	if e.Subject != applicant || e.Details["version"] != "3" || e.Action != "case.read" {
		t.Errorf("what was done is not kept: %+v", e)
	}
}

func TestAnEntryIsGoneWithItsTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := caseID()
	ctx := kernel.WithPrincipal(context.Background(), registrar(person()))
	_ = b.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		if err := b.log.Record(ctx, tx, kernel.AuditEntry{Action: "case.decide", Case: c}); err != nil {
			t.Error(err)
		}
		return fmt.Errorf("the step failed")
	})
	if list := b.ofCase(t, kerneltest.Northwick, c); len(list) != 0 {
		t.Errorf("want no entry of a step that did not happen, got %d", len(list))
	}
}

func TestHistoryCannotBeChangedOrRemovedByTheApplication(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := caseID()
	b.record(t, registrar(person()), kernel.AuditEntry{Action: "case.decide", Case: c})
	for _, statement := range []string{
		`UPDATE audit.entry SET action = 'case.read' WHERE tenant_id = 'northwick'`,
		`DELETE FROM audit.entry WHERE tenant_id = 'northwick'`,
		`TRUNCATE audit.entry`,
		`ALTER TABLE audit.entry DISABLE ROW LEVEL SECURITY`,
	} {
		err := b.db.InTx(context.Background(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := tx.Exec(statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
			t.Errorf("%s: want a refusal for lack of rights, got %v", statement, err)
		}
	}
	if list := b.ofCase(t, kerneltest.Northwick, c); len(list) != 1 || list[0].Action != "case.decide" {
		t.Errorf("the entry did not stay as it was: %+v", list)
	}
}

func TestAnotherMunicipalitySeesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := caseID()
	b.record(t, registrar(person()), kernel.AuditEntry{Action: "case.read", Case: c, Subject: person()})
	if list := b.ofCase(t, kerneltest.Eastmere, c); len(list) != 0 {
		t.Errorf("eastmere sees %d entries of northwick", len(list))
	}
	// Row-level security alone, without the tenant in the query.
	var n int
	if err := b.db.Read(context.Background(), kerneltest.Eastmere, func(tx *pg.Tx) error {
		return tx.Get(&n, `SELECT count(*) FROM audit.entry`)
	}); err != nil || n != 0 {
		t.Errorf("eastmere counts %d rows, %v", n, err)
	}
}

// shell renders a page's content without a layout.
type shell struct{}

func (shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	page, err := v.Render(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), name, view.Data)
	if err == nil {
		_, err = io.WriteString(w, view.Title+"\n"+view.Lead+"\n"+string(page))
	}
	return err
}

// registry is the kernel.Cases of one agency: it has one case.
type registry struct{ only kernel.Case }

func (g registry) Start(context.Context, kernel.Tx, kernel.NewCase) (kernel.Case, error) {
	return kernel.Case{}, kernel.NotThere("service")
}
func (g registry) Act(context.Context, kernel.Tx, kernel.Act) (kernel.Case, error) {
	return kernel.Case{}, kernel.NotThere("case")
}
func (g registry) Read(ctx context.Context, _ kernel.Tx, q kernel.CaseQuery) ([]kernel.Case, error) {
	if q.ID != g.only.ID || !kernel.PrincipalOf(ctx).Has(g.only.Agency, "registrar") {
		return nil, kernel.NotThere("case")
	}
	return []kernel.Case{g.only}, nil
}

func (b bench) service(t *testing.T, only kernel.Case) *Service {
	t.Helper()
	words, err := ui.LoadTexts(Texts())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{DB: b.db, Log: b.log, Cases: registry{only}, Directory: kerneltest.Directory(), Texts: words, Citizen: shell{}, Staff: shell{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(who kernel.Principal, locale, target string) *http.Request {
	ctx := kernel.WithTenant(context.Background(), kerneltest.Tenant(kerneltest.Northwick))
	return httptest.NewRequest("GET", target, nil).WithContext(kernel.WithLocale(kernel.WithPrincipal(ctx, who), locale))
}

func TestACitizenSeesWhichOfficeLookedAndNotTheOfficialsName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	anna, other, official, c := person(), person(), person(), caseID()
	b.record(t, registrar(official), kernel.AuditEntry{Action: "case.read", Case: c, Subject: anna})
	b.record(t, resident(anna), kernel.AuditEntry{Action: "case.submit", Case: c, Subject: anna})
	b.record(t, registrar(official), kernel.AuditEntry{Action: "case.unheard-of", Case: c, Subject: anna})
	b.record(t, registrar(official), kernel.AuditEntry{Action: "case.decide", Case: caseID(), Subject: other})
	s := b.service(t, kernel.Case{})
	for locale, want := range map[string][]string{
		"en": {"Civil Registry", "Registrar", "Opened the case", "Worked with your data"},
		"ru": {"Отдел ЗАГС", "Регистратор", "Просмотр дела"},
		"zh": {"民政登记处", "登记员", "查看了该事项"},
	} {
		w := httptest.NewRecorder()
		if err := s.accessPage(w, get(resident(anna), locale, "/access")); err != nil {
			t.Fatal(err)
		}
		page := w.Body.String()
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("%s: %q is missing in\n%s", locale, text, page)
			}
		}
		for _, hidden := range []string{"Priya", string(official), string(official[24:]), "Decided", "Submitted", "⟦"} {
			if strings.Contains(page, hidden) {
				t.Errorf("%s: %q must not be on the page", locale, hidden)
			}
		}
	}
}

func TestALongAccessListIsPagedWithoutLosingAnEntry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	anna := person()
	total := 2*pageSize + 7
	for range total {
		b.record(t, registrar(person()), kernel.AuditEntry{Action: "case.read", Subject: anna}) // all at one instant
	}
	s := b.service(t, kernel.Case{})
	ctx := kernel.WithPrincipal(context.Background(), resident(anna))
	seen := map[string]bool{}
	before, pages := "", 0
	for {
		list, next, err := s.seen(ctx, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			seen[e.ID] = true
		}
		pages++
		if before = next; next == "" {
			break
		}
	}
	if len(seen) != total || pages != 3 {
		t.Errorf("want %d entries on 3 pages, got %d on %d", total, len(seen), pages)
	}
	// A position of somebody else's list leads nowhere.
	list, _, err := s.seen(kernel.WithPrincipal(ctx, resident(person())), before)
	if err != nil || len(list) != 0 {
		t.Errorf("a stranger sees %d entries, %v", len(list), err)
	}
}

func TestOnlyTheAgencyOfACaseSeesItsAuditHistory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := kernel.Case{ID: caseID(), Number: "RC-2026-7K4M-93Q2", Agency: "civil-registry"}
	official := person()
	b.record(t, registrar(official), kernel.AuditEntry{Action: "case.decide", Case: c.ID, Subject: person(), Details: map[string]string{"to": "issued"}})
	s := b.service(t, c)
	ask := func(who kernel.Principal, id kernel.CaseID) (string, error) {
		r := get(who, "en", "/staff/cases/"+string(id)+"/audit")
		r.SetPathValue("id", string(id))
		w := httptest.NewRecorder()
		err := s.casePage(w, r)
		return w.Body.String(), err
	}
	page, err := ask(registrar(person()), c.ID)
	if err != nil || !strings.Contains(page, "Decided the case") || !strings.Contains(page, c.Number) || !strings.Contains(page, string(official[24:])) {
		t.Errorf("the registrar does not see the history: %v\n%s", err, page)
	}
	stranger := registrar(person())
	stranger.Grants = []kernel.Grant{{Agency: "parks", Role: "registrar"}}
	for name, try := range map[string]struct {
		who kernel.Principal
		id  kernel.CaseID
	}{"another agency": {stranger, c.ID}, "no such case": {registrar(person()), caseID()}, "no id": {registrar(person()), "x'--"}} {
		if page, err := ask(try.who, try.id); kernel.KindOf(err) != kernel.NotFound || err == nil || page != "" {
			t.Errorf("%s: want not found and an empty page, got %v, %q", name, err, page)
		}
	}
}

func TestEveryEntryIsWellFormed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, try := range map[string]struct {
		who    kernel.Principal
		action string
	}{
		"a person without an id": {kernel.Principal{Kind: kernel.Staff, Tenant: kerneltest.Northwick}, "case.read"},
		"no action":              {registrar(person()), ""},
		"a sentence":             {registrar(person()), "Opened the case of Anna"},
	} {
		ctx := kernel.WithPrincipal(context.Background(), try.who)
		err := b.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			return b.log.Record(ctx, tx, kernel.AuditEntry{Action: try.action})
		})
		if err == nil || kernel.KindOf(err) != kernel.Internal {
			t.Errorf("%s: want an internal error, got %v", name, err)
		}
	}
}
