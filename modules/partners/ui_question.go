package partners

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// typedQuestion adds, changes or removes one question.
func typedQuestion(r *http.Request, b *workflows.Blanks, text func(string) kernel.Text) {
	at, err := strconv.Atoi(r.PostFormValue("at"))
	if err != nil || at < 0 || at > len(b.Questions) {
		at = len(b.Questions)
	}
	switch r.PostFormValue("do") {
	case "remove":
		if at < len(b.Questions) {
			b.Questions = slices.Delete(slices.Clone(b.Questions), at, at+1)
		}
	case "keep":
		q := workflows.Question{Label: text("label"), Hint: text("hint"), Type: r.PostFormValue("type"), Required: r.PostFormValue("required") == "true"}
		if q.Type == workflows.TypeChoice {
			q.Options = optionsOf(text("options"))
		}
		if q.Hint["en"]+q.Hint["ru"]+q.Hint["zh"] == "" {
			q.Hint = nil
		}
		if at == len(b.Questions) && at < workflows.MaxQuestions {
			b.Questions = append(slices.Clone(b.Questions), q)
		} else if at < len(b.Questions) {
			b.Questions = slices.Clone(b.Questions)
			b.Questions[at] = q
		}
	}
}

// optionsOf reads one answer a line: the first lines of all languages are the first answer.
func optionsOf(lines kernel.Text) []kernel.Text {
	var out []kernel.Text
	for _, l := range kernel.Locales {
		n := 0
		for line := range strings.SplitSeq(strings.ReplaceAll(lines[l], "\r", ""), "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if n == len(out) {
				out = append(out, kernel.Text{})
			}
			out[n][l] = line
			n++
		}
	}
	return out
}

func linesOf(options []kernel.Text) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		var lines []string
		for _, o := range options {
			lines = append(lines, o[l])
		}
		out[l] = strings.Join(lines, "\n")
	}
	return out
}

// afterQuestion shows what is wrong with the question that was just typed, or the list again.
func (s *Service) afterQuestion(w http.ResponseWriter, r *http.Request, p Partner, a App, t *workflows.Template, do string) error {
	at, err := strconv.Atoi(r.PostFormValue("at"))
	if err != nil || at < 0 || at >= len(a.Blanks.Questions) {
		at = len(a.Blanks.Questions) - 1
	}
	if _, _, err := s.filled(p, a); do == "keep" && kernel.KindOf(err) == kernel.Invalid {
		if mine := ofQuestion(err, at); mine != nil {
			return s.showQuestion(w, r, p, a, t, at, mine)
		}
	}
	http.Redirect(w, r, organisationPath(p.Agency, "mini-apps", a.ID, partQuestions), http.StatusSeeOther)
	return nil
}

// ofQuestion is what is wrong with one question, by the fields of its form; nil when nothing is.
func ofQuestion(err error, at int) error {
	var mine []kernel.FieldError
	for _, f := range kernel.AsError(err).Fields {
		if name, ok := strings.CutPrefix(f.Path, fmt.Sprintf("questions.%d.", at)); ok {
			f.Path = name
			mine = append(mine, f)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return kernel.InvalidFields(mine...)
}

// questionsView is the data of ui/questions.html.
type questionsView struct {
	Problems []ui.Problem
	Steps    *ui.Steps
	Path     string
	Rows     []questionRow
	Add      *ui.Button
}

type questionRow struct {
	Label, Note, Change string
	At                  int
}

func (s *Service) showQuestions(w http.ResponseWriter, r *http.Request, p Partner, a App, t *workflows.Template, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	parts := s.parts(t)
	v := questionsView{Path: organisationPath(p.Agency, "mini-apps", a.ID, partQuestions), Steps: &ui.Steps{Current: slices.Index(parts, partQuestions) + 1}}
	for _, name := range parts {
		v.Steps.Labels = append(v.Steps.Labels, s.say(r, "part."+name))
	}
	for i, q := range a.Blanks.Questions {
		row := questionRow{Label: q.Label.In(locale), Note: s.say(r, "question.type."+q.Type), At: i, Change: v.Path + "?at=" + strconv.Itoa(i)}
		if !q.Required {
			row.Note += ", " + s.say(r, "question.optional")
		}
		v.Rows = append(v.Rows, row)
	}
	if len(a.Blanks.Questions) < workflows.MaxQuestions {
		v.Add = &ui.Button{Label: s.say(r, "question.add"), Href: v.Path + "?at=" + strconv.Itoa(len(a.Blanks.Questions)), Tone: "secondary"}
	}
	view := ui.View{Title: s.say(r, "part.questions"), Lead: s.say(r, "questions-lead"), Back: organisationPath(p.Agency, "mini-apps", a.ID, partData), Active: "services", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.toParts(r, p, a, t, problem)
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "questions", view)
}

// showQuestion is the form of one question, a new one when there are at of them.
func (s *Service) showQuestion(w http.ResponseWriter, r *http.Request, p Partner, a App, t *workflows.Template, at int, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	q := workflows.Question{Type: workflows.TypeText, Required: true}
	if at < len(a.Blanks.Questions) {
		q = a.Blanks.Questions[at]
	}
	kind := ui.Field{Name: "type", Kind: "select", Label: s.say(r, "question.type"), Value: q.Type, Required: true}
	for _, name := range workflows.QuestionTypes {
		kind.Options = append(kind.Options, ui.Option{Value: name, Label: s.say(r, "question.type."+name)})
	}
	required := ui.Field{Name: "required", Kind: "checkbox", Label: s.say(r, "question.required"), Value: strconv.FormatBool(q.Required)}
	path := organisationPath(p.Agency, "mini-apps", a.ID, partQuestions)
	choices := s.inLanguages(r, "options", s.say(r, "question.options"), s.say(r, "question.options-hint"), linesOf(q.Options), ui.Field{Kind: "textarea", Rows: 5, Required: true, MaxLength: 2100})
	choices.When = workflows.TypeChoice
	v := formView{Path: path + "?at=" + strconv.Itoa(at), Version: at, Parts: []formPart{
		s.inLanguages(r, "label", s.say(r, "question.label"), s.say(r, "question.label-hint"), q.Label, ui.Field{Required: true, MaxLength: 150}),
		{Fields: []ui.Field{kind}}, choices, {Fields: []ui.Field{required}},
		s.inLanguages(r, "hint", s.say(r, "question.hint"), s.say(r, "question.hint-hint"), q.Hint, ui.Field{Plain: true, MaxLength: 300}),
	}, Buttons: []ui.Button{{Label: s.say(r, "question.keep"), Name: "do", Value: "keep"}}}
	view := ui.View{Title: s.say(r, "question.title", "n", at+1), Lead: t.Text(locale, "title"), Back: path, Active: "services", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		wrong := map[string]string{}
		for field, text := range s.Texts.FieldErrors(locale, problem) {
			field = questionField(field)
			wrong[field] = text
		}
		v.Problems = s.formErrors(r, v.Parts, wrong)
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "wizard", view)
}

// questionField is the field of a question's form in which something is typed: "options.1.ru" is a line of the box of that language.
func questionField(path string) string {
	rest, ok := strings.CutPrefix(path, "options")
	if !ok {
		return path
	}
	if l := rest[strings.LastIndex(rest, ".")+1:]; slices.Contains(kernel.Locales, l) {
		return "options." + l
	}
	return "options." + kernel.Locales[0]
}
