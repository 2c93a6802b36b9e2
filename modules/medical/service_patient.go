package medical

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"townhall/modules/kernel"
)

// relations are the rights in which somebody acts for another person.
var relations = []string{"parent", "guardian", "family", "carer"}

// checkPatient checks what the citizen says of the person they book for.
func (s *Service) checkPatient(p Patient) error {
	var wrong []kernel.FieldError
	say := func(path, slug, message string) {
		wrong = append(wrong, kernel.FieldError{Path: path, Slug: slug, Message: message})
	}
	name := strings.TrimSpace(p.Name)
	switch {
	case name == "":
		say("patient_name", "field.required", "Answer this question.")
	case utf8.RuneCountInString(name) > 200 || strings.ContainsFunc(name, unicode.IsControl):
		say("patient_name", "field.bad-characters", "Remove characters that cannot be printed.")
	case s.Printable != nil && strings.ContainsFunc(name, func(r rune) bool { return !s.Printable(r) }):
		say("patient_name", "field.bad-characters", "Remove characters that cannot be printed.")
	}
	born, err := time.Parse(time.DateOnly, p.Birthdate)
	switch {
	case p.Birthdate == "":
		say("patient_birthdate", "field.required", "Answer this question.")
	case err != nil || born.After(s.Clock.Now()) || born.Year() < 1900:
		say("patient_birthdate", "field.not-a-date", "Enter a real date: year, month and day.")
	}
	switch {
	case p.Relation == "":
		say("relation", "field.required", "Answer this question.")
	case !slices.Contains(relations, p.Relation):
		say("relation", "field.not-an-option", "Choose one of the options.")
	}
	if !p.Declared {
		say("declaration", "field.declaration", "Confirm the declaration to go on.")
	}
	if len(wrong) > 0 {
		return kernel.InvalidFields(wrong...)
	}
	return nil
}
