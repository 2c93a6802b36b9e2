package apptest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// claim opens a claim; send sends one and returns the answer.
func (c *coastline) claim(who apptest.Who) apptest.Case {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "insurance-claim"}})
	var k apptest.Case
	if a.JSON(c.t, &k); a.Status != http.StatusCreated {
		c.t.Fatalf("start: %d %s", a.Status, a.Body)
	}
	return k
}

func (c *coastline) send(who apptest.Who, k apptest.Case, number, day, language string) apptest.Answer {
	c.t.Helper()
	return c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications/" + k.ID + "/actions/submit", Key: apptest.Key(), Headers: map[string]string{"Accept-Language": language},
		Body: map[string]any{"version": k.Version, "input": map[string]any{"policy_number": number, "event": "accident", "happened_on": day,
			"what_happened": "I slipped on the wet steps of the coach.", "claimed": 80, "declaration": true}}})
}

// refused expects a claim to be refused for its policy's number.
func refused(t *testing.T, what string, a apptest.Answer, says string) {
	t.Helper()
	var problem struct {
		Errors []struct{ Field, Detail string }
	}
	a.JSON(t, &problem)
	if a.Status != http.StatusUnprocessableEntity || len(problem.Errors) != 1 || problem.Errors[0].Field != "body.input.policy_number" || problem.Errors[0].Detail != says {
		t.Errorf("%s: %d %s", what, a.Status, a.Body)
	}
}

func TestAClaimOnOnesOwnPolicyIsSettled(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	number := c.insured(apptest.Anna, c.Coach(soon(72), 5), 1, 5).Policy.Number
	today := time.Now().In(london(t)).Format(time.DateOnly)
	k := c.claim(apptest.Anna)
	// Before the policy began nothing is covered.
	refused(t, "too early", c.send(apptest.Anna, k, number, "2024-05-01", "en"), "This policy was not in force on that day.")
	sent := c.send(apptest.Anna, k, number, today, "en")
	if sent.Status != http.StatusOK {
		t.Fatalf("sent: %d %s", sent.Status, sent.Body)
	}
	sent.JSON(t, &k)
	if k.State != "submitted" || !strings.HasPrefix(k.Number, "IC-") {
		t.Errorf("sent: %+v", k)
	}
	// It is nobody's business but the insurer's.
	for _, who := range []apptest.Who{apptest.Dina, apptest.Oliver} {
		if a := c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/workflow/v1/cases/" + k.ID}); a.Status == http.StatusOK {
			t.Errorf("%s reads it", who.Name)
		}
	}
	k = c.Act(apptest.Lena, k, "assign", map[string]any{})
	k = c.Act(apptest.Lena, k, "settle", map[string]any{"awarded": 75})
	c.settle()
	if k.State != "settled" {
		t.Errorf("settled: %+v", k)
	}
	if got := c.papers(k.ID); got != "insurance-settlement valid" {
		t.Errorf("documents: %s", got)
	}
	// The citizen reads about it in the general pages; the module that sells rides leaves it alone.
	v := c.visitor(apptest.Anna)
	if page := v.read("/cases/"+k.ID, http.StatusOK); !strings.Contains(page, k.Number) {
		t.Error("the case's page does not show it")
	}
	if page := v.read("/apps/insurance-claim", http.StatusOK); !strings.Contains(page, "Travel insurance claim") {
		t.Error("the claim has no start page")
	}
	v.read("/apps/insurance-claim/departures", http.StatusNotFound)
}

func TestAClaimOnSomebodyElsesOrAVoidPolicyIsRefused(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	b := c.insured(apptest.Anna, c.Coach(soon(72), 5), 1, 5)
	today := time.Now().In(london(t)).Format(time.DateOnly)
	other := c.claim(apptest.Boris)
	for language, says := range map[string]string{"en": "None of your policies has this number.", "ru": "У вас нет полиса с таким номером.", "zh": "您没有此号码的保单。"} {
		refused(t, "somebody else's, "+language, c.send(apptest.Boris, other, b.Policy.Number, today, language), says)
	}
	own := c.claim(apptest.Anna)
	refused(t, "nobody's", c.send(apptest.Anna, own, kernel.NewNumber("TI", time.Now()), today, "en"), "None of your policies has this number.")
	refused(t, "mistyped", c.send(apptest.Anna, own, "TI-2026-7K4M-93Q3", today, "en"), "None of your policies has this number.")
	c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, nil)
	c.settle()
	refused(t, "void", c.send(apptest.Anna, own, b.Policy.Number, today, "en"), "This policy was not in force on that day.")
	if a := c.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/civic/v1/applications/" + own.ID}); !strings.Contains(string(a.Body), `"draft"`) {
		t.Errorf("the claim is not a draft any more: %s", a.Body)
	}
	// A booking is not reached by the general contract.
	if a := c.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/civic/v1/applications/" + b.ID}); a.Status != http.StatusNotFound {
		t.Errorf("the booking by the contract civic: %d", a.Status)
	}
}

// The table of fares names who insures; a claim goes to that insurer's people, and nobody else's see it.
func TestAClaimGoesToTheInsurerOfItsPolicy(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	number := c.insured(apptest.Anna, c.Coach(soon(72), 5), 1, 5).Policy.Number
	fares := strings.Replace(apptest.CoastFares, "insurance: {", "insurance: {insurer: second-mutual, ", 1)
	c.post(apptest.Pavel, "/operators/coast-coaches/fares", map[string]any{"form": fares, "version": 1, "service": "coach-ticket"}, http.StatusOK, nil)
	other := c.insured(apptest.Boris, c.Coach(soon(72), 5), 1, 5).Policy
	if other.Insurer != "second-mutual" {
		t.Fatalf("the policy is %+v", other)
	}
	today := time.Now().In(london(t)).Format(time.DateOnly)
	ours, theirs := c.claim(apptest.Anna), c.claim(apptest.Boris)
	for k, a := range map[*apptest.Case]apptest.Answer{&ours: c.send(apptest.Anna, ours, number, today, "en"), &theirs: c.send(apptest.Boris, theirs, other.Number, today, "en")} {
		if a.JSON(t, k); a.Status != http.StatusOK || k.State != "submitted" {
			t.Fatalf("sent: %d %s", a.Status, a.Body)
		}
	}
	for name, who := range map[string]struct {
		who         apptest.Who
		sees, never string
	}{"the first insurer's": {apptest.Lena, ours.ID, theirs.ID}, "the second's": {apptest.Sven, theirs.ID, ours.ID}} {
		list := c.Do(apptest.Call{Who: &who.who, Method: http.MethodGet, Path: "/workflow/v1/cases"})
		if list.Status != http.StatusOK || !strings.Contains(string(list.Body), who.sees) || strings.Contains(string(list.Body), who.never) {
			t.Errorf("%s list: %d %s", name, list.Status, list.Body)
		}
		if a := c.Do(apptest.Call{Who: &who.who, Method: http.MethodGet, Path: "/workflow/v1/cases/" + who.never}); a.Status != http.StatusNotFound {
			t.Errorf("%s people read another insurer's claim: %d", name, a.Status)
		}
	}
	theirs = c.Act(apptest.Sven, theirs, "assign", map[string]any{})
	theirs = c.Act(apptest.Sven, theirs, "settle", map[string]any{"awarded": 40})
	c.settle()
	if theirs.State != "settled" || !strings.Contains(c.contentOf(theirs.ID, "insurance-settlement"), "Second Mutual") {
		t.Errorf("settled by somebody else: %+v", theirs)
	}
	if issuer := c.count(`SELECT count(*) FROM documents.document WHERE tenant_id = 'northwick' AND case_id = $1 AND agency = 'second-mutual'`, theirs.ID); issuer != 1 {
		t.Errorf("%d documents of the second insurer", issuer)
	}
}
