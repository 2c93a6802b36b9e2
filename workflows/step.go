package workflows

import (
	"time"

	"townhall/modules/kernel"
)

// Begin opens a draft: the first outcome of a case (version 1, event "start"). s needs Case, Number, Applicant, Person,
// Locale, Zone and CreatedAt; c needs Actor and Now. Errors: StepUp when the sign-in is weaker than Start,
// Forbidden when the actor is not a citizen.
func (d *Definition) Begin(s Snapshot, c Command) (Outcome, error) {
	return Outcome{}, nil
}

// Step computes one action. It is pure: the same arguments give the same outcome. Errors are *kernel.Error:
// Conflict "action-not-possible" (not in this state), "four-eyes" (the actor took the step to be checked),
// "guard-refused" (Args: guard, reason in the actor's language); Forbidden "action-not-yours"; NotFound when an
// applicant acts on somebody else's case; StepUp; Invalid with Fields.
func (d *Definition) Step(s Snapshot, c Command) (Outcome, error) {
	return Outcome{}, nil
}

// Allowed returns the actions a may take in s, in declared order. Level and guards do not narrow it: the step
// then says what is missing.
func (d *Definition) Allowed(s Snapshot, a Actor) []string { return nil }

// Due returns the date shown to people in the present state; zero when none is declared.
func (d *Definition) Due(s Snapshot) time.Time { return time.Time{} }

// TimerCommand returns the system command of a timer that has come due, and false when it no longer applies: the
// case left the state, the timer has fired in it already, or it is not due at now.
func (d *Definition) TimerCommand(s Snapshot, timer string, now time.Time) (Command, bool) {
	return Command{}, false
}

// VisibleAnswers returns the part of s.Answers that a reader of that kind may see, in canonical types.
func (d *Definition) VisibleAnswers(s Snapshot, kind kernel.PrincipalKind) map[string]any { return nil }

// VisibleInput returns the part of s.Events[i].Input that a reader of that kind may see.
func (d *Definition) VisibleInput(s Snapshot, i int, kind kernel.PrincipalKind) map[string]any {
	return nil
}

// CheckPage validates one page of a form as the applicant goes on to the next: input is that page's fields,
// over the saved answers of s. It returns Invalid with Fields, or nil. Nothing is saved: take the partial action.
func (d *Definition) CheckPage(s Snapshot, form, page string, input map[string]any, now time.Time) error {
	return nil
}

// Shown returns the names of the page's fields that are asked, given the answers so far.
func (d *Definition) Shown(s Snapshot, p *Page, now time.Time) []string { return nil }

// Answer returns the answer to a field as a person reads it in locale: an option's text, a long date, "yes".
func (d *Definition) Answer(locale, field string, answers map[string]any) string { return "" }

// Issuer is who issues a document and when.
type Issuer struct {
	Municipality kernel.Text
	Agency       kernel.Text
	Now          time.Time
}

// Content fills in a document's template. locale "" means the document's language field, else the case's language.
// NotFound when there is no such document.
func (d *Definition) Content(document, locale string, s Snapshot, by Issuer) (kernel.DocumentContent, error) {
	return kernel.DocumentContent{}, nil
}
