package workflows

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
)

func slug(err error) string {
	var e *kernel.Error
	if errors.As(err, &e) {
		return e.Slug
	}
	return ""
}

func TestADraftBeginsPrefilledAndOnlyForItsApplicantAtTheStartsLevel(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	want := map[string]any{"name": "Anna Whitfield", "birthdate": "1988-04-12", "address": "7 Mill Lane, Northwick, NW1 4AB, GB", "certificate_language": "en", "copies": int64(1)}
	if s.State != "draft" || s.Version != 1 || !reflect.DeepEqual(s.Answers, want) || !s.Submitted.IsZero() {
		t.Errorf("begun as %+v", s)
	}
	weak := citizen(monday)
	weak.Level = kernel.Low
	_, err := d.Begin(blank(), Command{Actor: weak, Now: monday})
	var e *kernel.Error
	if !errors.As(err, &e) || e.Kind != kernel.StepUp || e.Level != kernel.Substantial {
		t.Errorf("low level: %v", err)
	}
	for _, a := range []Actor{{}, registrar("oliver", monday), {Kind: kernel.Citizen, Person: "eve", Level: kernel.High}} {
		if _, err := d.Begin(blank(), Command{Actor: a, Now: monday}); slug(err) != "action-not-yours" {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

func TestAStepNeverChangesItsArgumentsAndIsRepeatable(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	input := map[string]any{"purpose": "bank", "copies": "3"}
	before, _ := json.Marshal([]any{s, input})
	c := Command{Action: "save", Actor: citizen(monday), Input: input, Now: monday}
	a, err := d.Step(s, c)
	b, err2 := d.Step(s, c)
	if err != nil || err2 != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%v %v: two outcomes of one step", err, err2)
	}
	if after, _ := json.Marshal([]any{s, input}); string(after) != string(before) {
		t.Errorf("the step changed its arguments:\n%s\n%s", before, after)
	}
}

func TestASubmissionKeepsTheWholeDeclaredFormAndTheTime(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s, o := take(t, d, begun(t, d), "submit", citizen(monday), monday, application())
	if !s.Submitted.Equal(monday) || o.Version != 2 || o.Event.Seq != 2 || o.Event.Role != "applicant" {
		t.Errorf("outcome %+v", o)
	}
	for _, f := range []string{"name", "birthdate", "address", "purpose", "copies", "certificate_language", Declaration} {
		if o.Event.Input[f] == nil {
			t.Errorf("the event does not keep %s", f)
		}
	}
	// 09:00 on Monday plus five working days is Monday, shown in the notice as a date.
	if body := o.Notices[0].Body["ru"]; !strings.Contains(body, "RC-2026-7K4M-93Q2") || !strings.Contains(body, "30 ноября 2026 г.") {
		t.Errorf("notice %q", body)
	}
}

func TestAnswersThatCameFromJSONAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	raw, _ := json.Marshal(s.Answers)
	var stored map[string]any
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	fresh := s.Answers
	s.Answers = stored
	if got := d.VisibleAnswers(s, kernel.Citizen); !reflect.DeepEqual(got, fresh) {
		t.Errorf("%#v, want %#v", got, fresh)
	}
}

func TestNobodyWithoutARoleAStateOrASignInTakesAStep(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := submitted(t, d)
	own := registrar("anna", monday)
	foreign := registrar("tomasz", monday)
	foreign.Roles = nil
	stale := registrar("oliver", monday.Add(-9*time.Hour))
	for _, c := range []struct {
		action, want string
		actor        Actor
	}{
		{"propose", "own-case", own},
		{"propose", "action-not-yours", foreign},
		{"propose", "action-not-yours", Actor{}},
		{"propose", "action-not-yours", citizen(monday)},
		{"propose", "action-not-yours", Actor{Kind: kernel.System}},
		{"propose", "action-not-yours", Actor{Kind: kernel.Integrator, Person: "anna", Roles: []string{"registrar"}}},
		{"propose", "action-not-yours", Actor{Kind: kernel.Staff, Roles: []string{"registrar"}, Level: kernel.High}},
		{"propose", "step-up-required", stale},
		{"withdraw", "action-not-yours", registrar("anna", monday)},
		{"withdraw", "not-found", Actor{Kind: kernel.Citizen, Person: "eve", Level: kernel.High}},
		{"submit", "action-not-possible", citizen(monday)},
		{"countersign", "action-not-possible", registrar("priya", monday)},
		{"dance", "action-not-possible", registrar("priya", monday)},
		{"release", "action-not-possible", registrar("priya", monday)},
	} {
		_, err := d.Step(s, Command{Action: c.action, Actor: c.actor, Now: monday, Input: map[string]any{"assessment": "x"}})
		if slug(err) != c.want {
			t.Errorf("%s by %+v: %v, want %s", c.action, c.actor, err, c.want)
		}
	}
}

func TestFourEyesMeansTheProposalInForce(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := proposed(t, d)
	s, _ = take(t, d, s, "return", registrar("priya", monday), monday, map[string]any{"remarks": "Look again."})
	s, _ = take(t, d, s, "propose", registrar("priya", monday), monday, map[string]any{"assessment": "I looked."})
	if _, err := d.Step(s, Command{Action: "countersign", Actor: registrar("priya", monday), Now: monday}); slug(err) != "four-eyes" {
		t.Errorf("Priya countersigned her own proposal: %v", err)
	}
	if _, o := take(t, d, s, "countersign", registrar("oliver", monday), monday, nil); !o.Final {
		t.Error("Oliver could not countersign Priya's")
	}
	if a := d.Allowed(s, registrar("priya", monday)); len(a) == 0 || a[0] != "assign" || strings.Contains(strings.Join(a, " "), "countersign") {
		t.Errorf("allowed %v", a)
	}
	s.Events = nil // whatever a caller forgets to read must not open the gate
	if _, err := d.Step(s, Command{Action: "countersign", Actor: registrar("oliver", monday), Now: monday}); slug(err) != "action-not-possible" {
		t.Errorf("countersigned without a proposal: %v", err)
	}
}

func TestAnAdverseDecisionWithoutItsReasonIsRefusedAtRunTimeToo(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s, _ := take(t, d, submitted(t, d), "propose-refusal", registrar("oliver", monday), monday,
		map[string]any{"refusal_ground": "identity", "refusal_reason": "The passport belongs to somebody else."})
	delete(s.Answers, "refusal_reason")
	_, err := d.Step(s, Command{Action: "confirm-refusal", Actor: registrar("priya", monday), Now: monday})
	if e := kernel.AsError(err); e.Kind != kernel.Invalid || e.Fields[0].Path != "refusal_reason" {
		t.Errorf("got %v", err)
	}
	for _, a := range d.Actions {
		if a.Decision == Adverse && (decided(&a, BySystem, map[string]any{a.Reason: "x"}) == nil || decided(&a, ByApplicant, map[string]any{a.Reason: "x"}) == nil) {
			t.Errorf("%s by a program or the applicant", a.Name)
		}
	}
}

func TestStaffTextsStayWithStaffAndTheReasonOpensWithTheDecision(t *testing.T) {
	t.Parallel()
	d := residence(t)
	reason := map[string]any{"refusal_ground": "identity", "refusal_reason": "The first reason, later dropped."}
	s := proposed(t, d)
	if d.VisibleAnswers(s, kernel.Citizen)["assessment"] != nil || d.VisibleAnswers(s, kernel.Staff)["assessment"] == nil {
		t.Error("the assessment is for staff alone")
	}
	s, _ = take(t, d, s, "return", registrar("priya", monday), monday, map[string]any{"remarks": "No."})
	s, _ = take(t, d, s, "propose-refusal", registrar("oliver", monday), monday, reason)
	first := len(s.Events) - 1
	if d.VisibleInput(s, first, kernel.Citizen)["refusal_reason"] != nil {
		t.Error("the applicant reads a reason before it is decided")
	}
	s, _ = take(t, d, s, "return", registrar("priya", monday), monday, map[string]any{"remarks": "Say it better."})
	reason["refusal_reason"] = "The second reason, which stands."
	s, _ = take(t, d, s, "propose-refusal", registrar("oliver", monday), monday, reason)
	second := len(s.Events) - 1
	s, _ = take(t, d, s, "confirm-refusal", registrar("priya", monday), monday, nil)
	answers := d.VisibleAnswers(s, kernel.Citizen)
	if answers["refusal_reason"] != "The second reason, which stands." || answers["refusal_ground"] != "identity" {
		t.Errorf("the applicant sees %v", answers)
	}
	s.Events = append(s.Events, Event{Seq: s.Version + 1, Action: "document-issued", From: s.State, To: s.State, Kind: kernel.System})
	if d.VisibleAnswers(s, kernel.Citizen)["refusal_reason"] == nil {
		t.Error("the reason is gone once the letter is there")
	}
	if d.VisibleInput(s, first, kernel.Citizen)["refusal_reason"] != nil || d.VisibleInput(s, second, kernel.Citizen)["refusal_reason"] == nil {
		t.Error("only the reason that became the decision is shown in the history")
	}
	if d.VisibleInput(s, first, kernel.Staff)["refusal_reason"] == nil || d.VisibleInput(s, 99, kernel.Staff) != nil {
		t.Error("staff see every event")
	}
}

func TestTimersFollowTheCalendarOverClockChanges(t *testing.T) {
	t.Parallel()
	berlin, _ := time.LoadLocation("Europe/Berlin")
	saturday := time.Date(2026, 3, 28, 9, 30, 0, 0, berlin) // the clocks go forward on the 29th
	for _, c := range []struct {
		after After
		want  string
	}{
		{After{Hours: 24}, "2026-03-29 10:30"},
		{After{Days: 1}, "2026-03-29 09:30"},
		{After{Days: 210}, "2026-10-24 09:30"},
		{After{WorkingDays: 1}, "2026-03-30 09:30"},
		{After{WorkingDays: 6}, "2026-04-06 09:30"},
		{After{}, "2026-03-28 09:30"},
	} {
		if got := c.after.add(saturday, berlin).In(berlin).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("%+v: %s, want %s", c.after, got, c.want)
		}
	}
}

func TestATimerFiresOnceAndOnlyWhenDueInItsState(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s, o := take(t, d, submitted(t, d), "ask", registrar("oliver", monday), monday, map[string]any{"question": "When?"})
	if len(o.Timers) != 2 {
		t.Fatalf("timers %v", o.Timers)
	}
	due := o.Timers[0].Due
	if _, ok := d.TimerCommand(s, "reminder", due.Add(-time.Second)); ok {
		t.Error("fired early")
	}
	c, ok := d.TimerCommand(s, "reminder", due)
	if !ok {
		t.Fatal("did not fire")
	}
	o, err := d.Step(s, c)
	if err != nil {
		t.Fatal(err)
	}
	s = s.After(o)
	if _, ok := d.TimerCommand(s, "reminder", due.Add(time.Hour)); ok {
		t.Error("fired twice")
	}
	if _, ok := d.TimerCommand(s, "nothing", due); ok {
		t.Error("an unknown timer fired")
	}
	answered, _ := take(t, d, s, "answer", citizen(due), due, map[string]any{"answer": "In May."})
	if _, ok := d.TimerCommand(answered, "no-answer", due.AddDate(1, 0, 0)); ok {
		t.Error("fired in a state the case had left")
	}
	again, o := take(t, d, answered, "ask", registrar("oliver", due), due, map[string]any{"question": "Which May?"})
	if len(o.Timers) != 2 || again.Answers["answer"] != nil {
		t.Errorf("a second question starts afresh: %v, answer %v", o.Timers, again.Answers["answer"])
	}
}

func TestAVerifiedClaimIsTheIssuersOfToday(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	s.Person = anna()
	s.Person.Claims["name"] = "Anna Smith"
	moved, _ := take(t, d, s, "submit", citizen(monday), monday, application())
	if moved.Answers["name"] != "Anna Smith" {
		t.Errorf("name %v", moved.Answers["name"])
	}
	s.Person = kernel.Person{Claims: map[string]string{"name": "Anna", "birthdate": "1988-04-12"}}
	_, err := d.Step(s, Command{Action: "submit", Actor: citizen(monday), Now: monday, Input: application()})
	if e := kernel.AsError(err); len(e.Fields) != 1 || e.Fields[0].Slug != "field.not-verified" {
		t.Errorf("no address: %v", err)
	}
}

func TestAGuardSaysItsReasonInTheActorsLanguage(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	s.Person.Claims = map[string]string{"name": "Ben", "birthdate": "2015-01-01", "address.locality": "Northwick"}
	_, err := d.Step(s, Command{Action: "submit", Actor: citizen(monday), Now: monday, Input: application(), Locale: "ru"})
	e := kernel.AsError(err)
	if !errors.Is(err, ErrGuard) || e.Args["guard"] != "too-young" || e.Args["reason"] != d.Text("ru", "error.too-young") || e.Message != d.Text("en", "error.too-young") {
		t.Errorf("got %+v", e)
	}
}

func BenchmarkStepSubmit(b *testing.B) {
	d := residence(b)
	s := begun(b, d)
	c := Command{Action: "submit", Actor: citizen(monday), Now: monday, Input: application()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Step(s, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStepCountersign(b *testing.B) {
	d := residence(b)
	s := proposed(b, d)
	c := Command{Action: "countersign", Actor: registrar("priya", monday), Now: monday}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Step(s, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkContent(b *testing.B) {
	d := residence(b)
	s := proposed(b, d)
	by := Issuer{Municipality: kernel.Text{"en": "Northwick"}, Agency: kernel.Text{"en": "Civil Registry"}, Now: monday}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Content("certificate", "", s, by); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(Embedded()); err != nil {
			b.Fatal(err)
		}
	}
}
