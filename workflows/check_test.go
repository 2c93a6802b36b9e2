package workflows

import (
	"strings"
	"testing"
)

// Each row plants one fault in a good definition; the check must find it and say where.
func TestEveryRuleFindsItsPlantedFault(t *testing.T) {
	t.Parallel()
	const (
		service  = "service.yaml"
		form     = "form.yaml"
		document = "document.yaml"
		en       = "i18n/en.yaml"
		ru       = "i18n/ru.yaml"
		zh       = "i18n/zh.yaml"
	)
	for _, f := range []struct{ file, old, new, where, says string }{
		// reading
		{service, "fee: 0", "fees: 0", "service.yaml:9", "unknown key fees"},
		{service, "level: substantial\n    max_age: 30m", "level: enormous\n    max_age: 30m", "service.yaml:", `"enormous"`},
		{service, "max_age: 30m", "max_age: soon", "service.yaml:", "soon"},
		{service, "prefix: RC", "prefix: RC\nprefix: RC", "service.yaml:", "already defined"},
		{service, "roles: [registrar]", "roles: [registrar", "service.yaml:", ""},
		{form, "min: 1,", "minimum: 1,", "form.yaml:8", "unknown key minimum"},
		{document, "valid_days: 90", "valid: 90", "document.yaml:", "unknown key valid"},
		{ru, "title:", "title :\n  - x\ntitle2:", "i18n/ru.yaml:", ""},
		// service
		{service, "slug: residence-certificate", "slug: Residence", "slug", "small letters"},
		{service, "sector: civic", "sector: medical", "slug", "must be the same"},
		{service, "prefix: RC", "prefix: certificate", "prefix", "capital letters"},
		{service, "fee: 0", "fee: -1", "fee", "below 0"},
		{service, "fee: 0", "fee: 100", "fee", "want an action that charges it"},
		{service, "form: question", "form: question\n    refund: fee", "actions.ask.refund", "no action charges"},
		{service, "form: question", "form: question\n    charge: fee", "actions.ask.charge", "the applicant pays"},
		{service, "form: question", "form: question\n    charge: fee", "actions.ask.charge", "when: paid"},
		{service, "form: question", "form: question\n    charge: fee\n    refund: all", "actions.ask.refund", "want fee"},
		{service, "form: question", "form: question\n    charge: fee\n    when: paid", "actions.ask.when", "the system takes it"},
		{service, "start: {level: substantial}", "start: {max_age: 1h}", "start.level", "want low"},
		{service, "draft_days: 30", "draft_days: 0", "retention", "above 0"},
		{service, "roles: [registrar]", "roles: [registrar, system]", "roles.system", "not a staff role"},
		{service, "roles: [registrar]", "roles: [registrar, mayor]", "roles.mayor", "used by no action"},
		{service, "name: birthdate,", "name: shoe_size,", "claims.shoe_size", "not a claim"},
		{service, "name: birthdate,", "name: name,", "claims.name", "twice"},
		{service, "{name: name, required: true, retention_days: 3650}", "{name: name, required: true}", "claims.name.retention_days", "above 0"},
		// states
		{service, "{name: draft, initial: true,", "{name: draft,", "states", "exactly one initial"},
		{service, "{name: submitted, waits: agency,", "{name: submitted, waits: weather,", "states.submitted.waits", "want applicant"},
		{service, "outcome: closed, waits: nobody", "outcome: closed, waits: agency", "states.withdrawn.waits", "want nobody"},
		{service, "outcome: closed, ", "", "states.withdrawn.outcome", "want favourable"},
		{service, "{name: waiting, waits: applicant,", "{name: waiting, outcome: closed, waits: applicant,", "states.waiting.outcome", "only a final"},
		{service, "{name: issued, final: true,", "{name: issued, final: true, due: {days: 1},", "states.issued.due", "nothing is due"},
		{service, "due: {days: 30}", "due: {days: 30, hours: 1}", "states.waiting.due", "one of minutes"},
		{service, "due: {days: 30}", "due: {days: -3}", "states.waiting.due", "out of range"},
		{service, "name: waiting, waits", "name: submitted, waits", "states.submitted", "twice"},
		{service, "states:\n", "states:\n  - {name: limbo, waits: nobody}\n", "states.limbo", "cannot be reached"},
		{service, "from: [proposed, refusal-proposed]\n    to: submitted", "from: [proposed, refusal-proposed]\n    to: limbo", "actions.return.to", "unknown state"},
		{service, "to: issued", "to: withdrawn", "states.issued", "cannot be reached"},
		// actions
		{service, "from: [waiting]\n    to: submitted\n    by: [applicant]", "from: [wating]\n    to: submitted\n    by: [applicant]", "actions.answer.from", "unknown state"},
		{service, "from: [submitted]\n    to: waiting", "from: [issued]\n    to: waiting", "actions.ask.from", "is final"},
		{service, "from: [submitted]\n    to: waiting", "to: waiting", "actions.ask.from", "names no state"},
		{service, "  - name: ask\n", "  - name: save\n", "actions.save", "twice"},
		{service, "by: [registrar]\n    form: question", "by: [clerk]\n    form: question", "actions.ask.by", "unknown role"},
		{service, "by: [registrar]\n    form: question", "by: []\n    form: question", "actions.ask.by", "nobody"},
		{service, "by: [system]\n    notices: [reminder]", "by: [system, applicant]\n    notices: [reminder]", "actions.remind.by", "cannot be the system's too"},
		{service, "by: [registrar]\n    level: substantial\n    max_age: 8h\n    form: assessment", "by: [registrar, system]\n    level: substantial\n    max_age: 8h\n    form: assessment", "actions.propose.by", "cannot be the system's too"},
		{service, "by: [system]\n    notices: [reminder]", "by: [system]\n    declare: true\n    notices: [reminder]", "actions.remind", "fills in no form"},
		{service, "form: question", "form: questions", "actions.ask.form", "unknown form"},
		{service, "partial: true", "partial: true\n    to: submitted", "actions.save.partial", "leaves the case"},
		{service, "clear: [answer]", "clear: [anser]", "actions.ask.clear", "unknown field"},
		{service, "max_age: 30m", "max_age: -30m", "actions.submit.max_age", "below 0"},
		{service, "assign: self", "assign: priya", "actions.assign.assign", "want self or none"},
		{service, "declare: true", "declare: true\n    assign: self", "actions.submit.assign", "only staff"},
		{service, "preview: certificate", "preview: cert", "actions.propose.preview", "unknown document"},
		{service, "documents: [certificate]", "documents: [cert]", "actions.countersign.documents", "unknown document"},
		{service, "notices: [received]", "notices: [recieved]", "actions.submit.notices", "unknown notice"},
		{service, "notices: [received]", "effects: [pay]", "actions.submit.effects", "unknown effect"},
		{service, "notices: [received, ", "notices: [received, bored, ", "notices.bored", "used by no action"},
		{service, "notices: [received, ", "effects: [pay]\nnotices: [received, ", "effects.pay", "used by no action"},
		// guards
		{service, "years(person.birthdate, today) >= 16", "years(person.birthday, today) >= 16", "actions.submit.guards.0.if", "undeclared reference"},
		{service, "years(person.birthdate, today) >= 16", "form.copys > 1", "actions.submit.guards.0.if", "undeclared reference"},
		{service, "years(person.birthdate, today) >= 16", "form.copies > \\\"1\\\"", "actions.submit.guards.0.if", "no matching overload"},
		{service, "years(person.birthdate, today) >= 16", "form.copies + 1", "actions.submit.guards.0.if", "not a condition"},
		{service, "years(person.birthdate, today) >= 16", "years(", "actions.submit.guards.0.if", "Syntax error"},
		{service, "error: too-young", "error: Too Young", "actions.submit.guards.0.error", "want a name"},
		// promise 12
		{service, "by: [registrar]\n    level: substantial\n    max_age: 8h\n    decision: adverse", "by: [applicant]\n    level: substantial\n    max_age: 8h\n    decision: adverse", "actions.confirm-refusal.by", "cannot decide"},
		{service, "by: [registrar]\n    level: substantial\n    max_age: 8h\n    decision: adverse", "by: [system]\n    decision: adverse", "actions.confirm-refusal.by", "taken by staff"},
		{service, "by: [registrar]\n    level: substantial\n    max_age: 8h\n    decision: favourable", "by: [applicant, registrar]\n    level: substantial\n    max_age: 8h\n    decision: favourable", "actions.countersign.by", "cannot decide"},
		{service, "decision: adverse\n    reason: refusal_reason\n    preview: refusal-letter\n    four_eyes", "decision: adverse\n    preview: refusal-letter\n    four_eyes", "actions.confirm-refusal.reason", "needs a reason"},
		{service, "decision: adverse\n    reason: refusal_reason\n    preview: refusal-letter\n    assign", "decision: adverse\n    reason: remarks\n    preview: refusal-letter\n    assign", "actions.propose-refusal.reason", "needs a reason"},
		{form, "{name: refusal_reason, type: textarea, required: true,", "{name: refusal_reason, type: textarea,", "actions.propose-refusal.reason", "needs a reason"},
		{service, "decision: adverse\n    reason: refusal_reason\n    preview: refusal-letter\n    four_eyes: [propose-refusal]\n    documents: [refusal-letter]", "documents: [refusal-letter]", "states.refused", "not declared an adverse decision"},
		{service, "from: [waiting]\n    to: submitted\n    by: [system]", "from: [waiting]\n    to: refused\n    by: [system]", "states.refused", "not declared an adverse decision"},
		{service, "decision: favourable\n    reason: assessment\n    preview: certificate\n    four_eyes: [propose]\n    documents", "documents", "states.issued", "not declared a favourable decision"},
		{service, "outcome: adverse", "outcome: closed", "states.refused", "is an adverse decision but"},
		{service, "decision: adverse", "decision: maybe", "actions.propose-refusal.decision", "want favourable"},
		{service, "form: remarks", "form: remarks\n    reason: remarks", "actions.return.reason", "only a decision"},
		{service, "reason: assessment", "reason: assessmnt", "actions.propose.reason", "unknown field"},
		{service, "reason: assessment", "reason: copies", "actions.propose.reason", "want a text field"},
		{service, "four_eyes: [propose-refusal]", "four_eyes: [propose-refusal]\n    clear: [refusal_reason]", "actions.confirm-refusal.clear", "takes back the reason"},
		// four eyes
		{service, "four_eyes: [propose]", "four_eyes: [suggest]", "actions.countersign.four_eyes", "unknown action"},
		{service, "four_eyes: [propose]", "four_eyes: [countersign]", "actions.countersign.four_eyes", "refers to itself"},
		{service, "four_eyes: [propose]", "four_eyes: [propose, submit]", "actions.countersign.four_eyes", "nobody to check"},
		{service, "from: [waiting]\n    to: submitted\n    by: [system]", "from: [waiting]\n    to: proposed\n    by: [system]", "actions.countersign.four_eyes", "lapse leads to proposed"},
		{service, "declare: true", "declare: true\n    four_eyes: [propose]", "actions.submit.four_eyes", "must be staff"},
		// timers
		{service, "state: waiting, after: {days: 14}", "state: waiting, before: {days: 14}", "timers.reminder.before", "the field they come before"},
		{service, "state: waiting, after: {days: 14}", "state: waiting, before: {days: 1, field: question}", "timers.reminder.before.field", "type instant"},
		{service, "state: waiting, after: {days: 14}", "state: waiting, after: {days: 14, field: question}", "timers.reminder.after", "no field"},
		{service, "due: {days: 30}", "due: {days: 30, field: question}", "states.waiting.due", "not both"},
		{service, "state: waiting, after: {days: 14}", "state: wating, after: {days: 14}", "timers.reminder.state", "unknown state"},
		{service, "state: waiting, after: {days: 14}", "state: issued, after: {days: 14}", "timers.reminder.state", "is final"},
		{service, "state: waiting, after: {days: 14}", "state: submitted, after: {days: 14}", "timers.reminder.action", "not possible in"},
		{service, "after: {days: 14}", "after: {}", "timers.reminder", "want after"},
		{service, "action: remind}", "action: nag}", "timers.reminder.action", "unknown action"},
		{service, "action: remind}", "action: answer}", "timers.reminder.action", "not the system's"},
		{service, "action: remind}", "action: lapse}", "actions.remind", "no timer names it"},
		{service, "{name: no-answer, state", "{name: reminder, state", "timers.reminder", "twice"},
		// form
		{form, "name: note, type: textarea", "name: note, type: essay", "fields.note.type", "unknown type"},
		{form, "name: note, type: textarea", "name: Note, type: textarea", "fields.Note", "small letters"},
		{form, "name: note, type: textarea", "name: declaration, type: textarea", "fields.declaration", "the declaration's"},
		{form, "options: [bank, ", "options: [bank, bank, ", "fields.purpose.options", "each option once"},
		{form, "type: choice, required: true, options: [en, ru, zh]", "type: choice, required: true", "fields.certificate_language.options", "needs options"},
		{form, "type: textarea, max_length: 500", "type: textarea, options: [a]", "fields.note.options", "only a choice"},
		{form, "visible: staff}", "visible: nobody}", "fields.assessment.visible", "want all"},
		{form, "min: 1, max: 5", "min: 5, max: 1", "fields.copies", "above max"},
		{form, "type: textarea, max_length: 500", "type: textarea, min: 1", "fields.note", "for integers"},
		{form, "min: 1, max: 5", "min_length: 1", "fields.copies", "for text"},
		{form, "type: textarea, max_length: 500", "type: textarea, max_length: 50000", "fields.note", "lengths"},
		{form, "max_length: 100,", "pattern: '(',", "fields.purpose_other.pattern", "not a regular expression"},
		{form, "type: textarea, max_length: 500", "type: textarea, pattern: a", "fields.note.pattern", "is for text"},
		{form, "type: textarea, max_length: 500", "type: textarea, until: today", "fields.note", "for dates"},
		{form, "type: textarea, max_length: 500", "type: date, until: tomorrow", "fields.note", "want YYYY-MM-DD"},
		{form, "prefill: address", "prefill: email", "fields.address.prefill", "not among the claims"},
		{form, "{name: note, type: textarea", "{name: note, verified: true, type: textarea", "fields.note.verified", "want prefill"},
		{form, "prefill: locale", "prefill: locale, default: en", "fields.certificate_language.default", "no default"},
		{form, "prefill: locale", "default: fr", "fields.certificate_language.default", "not an option"},
		{form, `'form.purpose == "other"'`, `'form.copies > 3'`, "fields.purpose_other.show_if", "not asked before"},
		{form, `'form.purpose == "other"'`, `'form.purpos == "other"'`, "fields.purpose_other.show_if", "undeclared reference"},
		{form, "fields: [note]}", "fields: [note, nota]}", "forms.application.note", "unknown field"},
		{form, "fields: [note]}", "fields: [note, copies]}", "forms.application.note", "asked twice"},
		{form, "fields: [note]}", "fields: []}", "forms.application.note", "asks nothing"},
		{form, "fields: [purpose, purpose_other]", "fields: [purpose]", "fields.purpose_other", "on no page"},
		{form, "  - name: remarks\n    pages:", "  - name: remarks\n    pages: []\n  - name: spare\n    pages:", "forms.spare", "by no action"},
		// document
		{document, "items: [field.name,", "items: [field.nme,", "documents.certificate.holder", "unknown field"},
		{document, "items: [field.name,", "items: [claim.email,", "documents.certificate.holder", "not among the claims"},
		{document, "items: [field.name,", "items: [weather,", "documents.certificate.holder", "nothing a document can quote"},
		{document, "kind: notice", "kind: footnote", "documents.certificate.validity.kind", "unknown kind"},
		{document, "{name: closing, kind: paragraph}", "{name: closing, kind: table, header: [a, b], rows: [[case.number]]}", "documents.certificate.closing", "1 cells under 2"},
		{document, "{name: closing, kind: paragraph}", "{name: closing, kind: table}", "documents.certificate.closing", "a header and rows"},
		{document, "{name: closing, kind: paragraph}", "{name: closing, kind: paragraph, items: [case.number]}", "documents.certificate.closing", "a text only"},
		{document, "{name: closing, kind: paragraph}", "{name: closing, kind: fields}", "documents.certificate.closing", "names no item"},
		{document, "{name: closing, kind: paragraph}", "{name: closing, kind: paragraph, show_if: form.x}", "documents.certificate.closing.show_if", "undeclared"},
		{document, "{name: closing, kind", "{name: opening, kind", "documents.certificate.opening", "twice"},
		{document, "language: certificate_language", "language: purpose", "documents.certificate.language", "is not a language"},
		{document, "language: certificate_language", "language: note", "documents.certificate.language", "want a choice"},
		{document, "valid_days: 90", "valid_days: -1", "documents.certificate.valid_days", "below 0"},
		{document, "type: residence-certificate\n", "type: Residence Certificate\n", "documents.certificate.type", "want a name"},
		{document, "documents:\n", "documents:\n  - {name: spare, type: spare}\n", "documents.spare", "issued by no action"},
		// texts
		{ru, "state.waiting.next: ", "# ", "i18n/ru.yaml: state.waiting.next", "is missing"},
		{zh, "field.copies.hint: ", "# ", "i18n/zh.yaml: field.copies.hint", "another language has it"},
		{en, "title: Residence", "subtitle: none\ntitle: Residence", "i18n/en.yaml: subtitle", "used nowhere"},
		{zh, "编号为 {number}", "编号为", "i18n/zh.yaml: notice.received.body", "other {placeholders}"},
		{en, "Your reference is {number}", "Your reference is {name}", "i18n/en.yaml: notice.received.body", "nothing is known"},
		{en, "{agency} of {municipality} hereby", "{field.nme} of {municipality} hereby", "document.certificate.opening", "unknown field"},
		{en, "page.purpose: What", "page.purpose: \"{number}\" #", "page.purpose", "nothing is known"},
		{ru, "action.save.past: Черновик сохранён", "action.save.past: \"Сохране\\u0438\\u0306\"", "action.save.past", "composed form"},
	} {
		files := residenceFiles(t)
		name := residenceDir + "/" + f.file
		changed := strings.Replace(string(files[name].Data), f.old, f.new, 1)
		if changed == string(files[name].Data) {
			t.Errorf("%s: %q is not there to be changed", f.file, f.old)
			continue
		}
		files[name] = file(changed)
		_, problems := Parse(files, residenceDir)
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.String(), f.where) && strings.Contains(p.Text, f.says)
		}
		if !found {
			t.Errorf("%s: %q → %q: want a problem at %q saying %q, got:\n%s", f.file, f.old, f.new, f.where, f.says, Problems(problems).Error())
		}
	}
}

func TestADeadEndAndAnEndlessCircleAreFound(t *testing.T) {
	t.Parallel()
	files := dogFiles(t)
	service := string(files[dogDir+"/service.yaml"].Data)
	dead := strings.Replace(service, "states:\n", "states:\n  - {name: limbo, waits: nobody}\n", 1)
	dead = strings.Replace(dead, "actions:\n", "actions:\n  - {name: lose, from: [submitted], to: limbo, by: [registrar]}\n", 1)
	expect(t, dead, "states.limbo: is a dead end")
	circle := strings.Replace(dead, "states:\n", "states:\n  - {name: loop, waits: nobody}\n", 1)
	circle = strings.Replace(circle, "actions:\n", "actions:\n  - {name: there, from: [limbo], to: loop, by: [registrar]}\n  - {name: back, from: [loop], to: limbo, by: [registrar]}\n", 1)
	expect(t, circle, "states.limbo: never comes to an end")
	// A system action which no timer takes leads nowhere.
	idle := strings.Replace(dead, "actions:\n", "actions:\n  - {name: free, from: [limbo], to: submitted, by: [system]}\n", 1)
	expect(t, idle, "states.limbo: is a dead end")
}

func expect(t *testing.T, service, want string) {
	t.Helper()
	files := dogFiles(t)
	files[dogDir+"/service.yaml"] = file(service)
	if _, ps := Parse(files, dogDir); !strings.Contains(Problems(ps).Error(), want) {
		t.Errorf("want %q, got:\n%s", want, Problems(ps).Error())
	}
}

func TestMissingAndStrangeFilesAreProblems(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"service.yaml", "i18n/zh.yaml"} {
		files := dogFiles(t)
		delete(files, dogDir+"/"+name)
		if _, ps := Parse(files, dogDir); !strings.Contains(Problems(ps).Error(), name+": cannot be read") {
			t.Errorf("%s gone, got %v", name, ps)
		}
	}
	files := dogFiles(t)
	files[dogDir+"/services.yaml"] = file("x: y\n")
	files[dogDir+"/i18n/fr.yaml"] = file("title: x\n")
	files[dogDir+"/form.yaml"] = file(strings.Repeat("#", maxFile+1))
	_, ps := Parse(files, dogDir)
	for _, want := range []string{"services.yaml: is not part", "fr.yaml: is not part", "larger than 1 MiB"} {
		if !strings.Contains(Problems(ps).Error(), want) {
			t.Errorf("want %q, got %v", want, ps)
		}
	}
}

// FuzzParse: whatever stands in the files, reading them ends in a definition or in problems, never in a panic.
func FuzzParse(f *testing.F) {
	files := copyOf(f, dogDir)
	f.Add(string(files[dogDir+"/service.yaml"].Data), string(files[dogDir+"/form.yaml"].Data), string(files[dogDir+"/document.yaml"].Data), string(files[dogDir+"/i18n/en.yaml"].Data))
	f.Add("states: [~]\nactions: [~]\ntimers: [~]\n", "fields: [~]\nforms: [{pages: [~]}]\n", "documents: [{blocks: [~]}]\n", "title: ~\n")
	f.Add("a: &a [*a]", "fields: [{name: x, type: text, show_if: '1/0 == 1'}]", "", "")
	f.Fuzz(func(t *testing.T, service, form, document, en string) {
		files := dogFiles(t)
		files[dogDir+"/service.yaml"], files[dogDir+"/form.yaml"] = file(service), file(form)
		files[dogDir+"/document.yaml"], files[dogDir+"/i18n/en.yaml"] = file(document), file(en)
		d, ps := decode(files, dogDir)
		_ = Problems(append(ps, Check(d)...)).Error()
	})
}
