// Package workflows is the language in which public services are declared, and the pure function that takes their
// steps. It knows no database, no HTTP and no clock: casework reads a Snapshot, asks Definition.Step what a
// Command does, and writes the Outcome in one transaction. The same arguments always give the same outcome.
//
// A service is a folder, <sector>/<slug>, and no Go:
//
//	service.yaml    who may do what, in which state, and what comes of it
//	form.yaml       the questions, page by page
//	document.yaml   what is issued
//	i18n/en.yaml    every text, by key; the same keys in ru.yaml and zh.yaml
//	cases/*.txtar   stories that must go as written
//
// A small one:
//
//	slug: bench-sponsorship
//	sector: civic
//	category: parks
//	agency: parks-office
//	prefix: BS
//	start: {level: low}
//	roles: [gardener]
//	claims:
//	  - {name: name, required: true, retention_days: 365}
//	retention: {draft_days: 30, closed_days: 365}
//	states:
//	  - {name: draft, initial: true, waits: applicant}
//	  - {name: submitted, waits: agency, due: {working_days: 10}}
//	  - {name: agreed, final: true, outcome: favourable, waits: nobody}
//	  - {name: refused, final: true, outcome: adverse, waits: nobody}
//	actions:
//	  - {name: submit, from: [draft], to: submitted, by: [applicant], level: substantial, form: application, declare: true}
//	  - {name: agree, from: [submitted], to: agreed, by: [gardener], decision: favourable}
//	  - {name: refuse, from: [submitted], to: refused, by: [gardener], form: refusal, decision: adverse, reason: why}
//
// Reading is strict: an unknown key is a Problem with its file and line. Check then finds what cannot work: a state
// that cannot be reached or left, a condition that names an unknown question, a text that one language lacks, an
// adverse decision without a person of the agency and a required reason, a countersignature that can be gone round,
// a timer that lets a program decide. So a definition that loads cannot leave a citizen stuck.
//
// Conditions (guards, show_if) are CEL expressions over form.<field>, person.<claim>, case.state, case.language,
// case.assigned, case.days_open, now, today, years(from, to) and days(from, to). Dates are texts YYYY-MM-DD, so they
// compare as they read; a question not answered has the empty value of its type.
//
// A case is pinned to Definition.Hash. When a definition changes, the old files move to versions/<hash12>/ and
// versions.lock names both (CheckLock, a test); Library.ByHash finds either.
//
// A Template is a definition with blanks (templates/<name>). Template.Fill makes the files of a definition from what an agency
// typed, ParseFiles reads them, and Library.Add lets a running installation offer them.
//
// Promise 12, "a person decides, not a program", is kept three times: by Check on the declaration, by Step at run
// time, and by tests that walk every path of every definition.
package workflows
