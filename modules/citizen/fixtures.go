package citizen

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

const fixtureService = "residence-certificate"

// Fixtures are the pages of this module in the states people meet, for the gallery. They need no database.
func (s *Service) Fixtures() []ui.Fixture {
	citizen := func(name string, render func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "citizen-" + name, As: kernel.Citizen, Render: render}
	}
	inState := func(name, state string, documents ...kernel.Document) ui.Fixture {
		return citizen(name, func(w http.ResponseWriter, r *http.Request) error {
			return s.showCase(w, r, s.fixtureCase(r, state, documents...), nil)
		})
	}
	issued := kernel.Document{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", Number: "NW-2026-000481", State: "valid", IssuedAt: ui.GalleryTime}
	return []ui.Fixture{
		{Name: "citizen-home", Render: func(w http.ResponseWriter, r *http.Request) error { return s.showHome(w, r, nil) }},
		citizen("home-waiting", func(w http.ResponseWriter, r *http.Request) error {
			return s.showHome(w, r, []kernel.Case{s.fixtureCase(r, "waiting").Case, s.fixtureCase(r, "submitted").Case})
		}),
		citizen("cases", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCases(w, r, []kernel.Case{s.fixtureCase(r, "draft").Case, s.fixtureCase(r, "waiting").Case, s.fixtureCase(r, "issued").Case, s.fixtureCase(r, "refused").Case})
		}),
		citizen("cases-none", func(w http.ResponseWriter, r *http.Request) error { return s.showCases(w, r, nil) }),
		inState("case-draft", "draft"), inState("case-submitted", "submitted"), inState("case-question", "waiting"),
		inState("case-issued", "issued", issued), inState("case-refused", "refused"),
		citizen("case-unpaid", func(w http.ResponseWriter, r *http.Request) error { return s.showCase(w, r, s.unpaidCase(r), nil) }),
		citizen("case-answer-missing", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCase(w, r, s.fixtureCase(r, "waiting"), kernel.InvalidFields(kernel.FieldError{Path: "answer", Slug: "field.required", Message: s.t(r, "citizen.answer-missing")}))
		}),
		citizen("withdraw", func(w http.ResponseWriter, r *http.Request) error {
			r.SetPathValue("action", "withdraw")
			return s.showAction(w, r, s.fixtureCase(r, "submitted"), nil)
		}),
		citizen("withdraw-changed", func(w http.ResponseWriter, r *http.Request) error {
			r.SetPathValue("action", "withdraw")
			return s.showAction(w, r, s.fixtureCase(r, "submitted"), kernel.ErrChanged)
		}),
		citizen("error-not-found", func(w http.ResponseWriter, r *http.Request) error {
			return s.fixtureError(w, r, http.StatusNotFound, kernel.NotThere("fixture"))
		}),
		citizen("error-internal", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("X-Request-Id", "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c55")
			return s.fixtureError(w, r, http.StatusInternalServerError, kernel.AsError(errNoDefinition))
		}),
	}
}

func (s *Service) fixtureError(w http.ResponseWriter, r *http.Request, status int, e *kernel.Error) error {
	c := *e
	c.Message = s.Texts.Error(kernel.LocaleOf(r.Context()), e)
	s.Shell.ErrorPage(w, r, "citizen", status, &c)
	return nil
}

// fixtureCase is a case of the certificate in a state, with the history that leads there.
func (s *Service) fixtureCase(r *http.Request, state string, documents ...kernel.Document) opened {
	locale := kernel.LocaleOf(r.Context())
	def, ok := s.Library.Get(fixtureService)
	if !ok {
		def = s.Library.All()[0]
	}
	o := opened{def: def, documents: documents}
	for i := range o.documents {
		o.documents[i].Title = def.Text(locale, "title")
	}
	words := map[string]kernel.Text{
		"question": {"en": "Since when have you lived at this address?", "ru": "С какого времени вы проживаете по этому адресу?", "zh": "您从何时起居住在该地址？"},
		"answer":   {"en": "Since May, with my sister.", "ru": "С мая, вместе с сестрой.", "zh": "自五月起，与姐姐同住。"},
		"reason":   {"en": "The register shows another address for you.", "ru": "В реестре указан другой ваш адрес.", "zh": "登记簿中您的地址与申请不符。"},
	}
	agency := kernel.Text{"en": "Civil registry", "ru": "Отдел записи актов", "zh": "户籍登记处"}.In(locale)
	steps := []kernel.CaseEvent{
		{Action: "start", To: "draft", ActorKind: kernel.Citizen},
		{Action: "submit", From: "draft", To: "submitted", ActorKind: kernel.Citizen},
	}
	ask := kernel.CaseEvent{Action: "ask", From: "submitted", To: "waiting", ActorKind: kernel.Staff, ActorName: agency, Input: map[string]any{"question": words["question"].In(locale)}}
	answer := kernel.CaseEvent{Action: "answer", From: "waiting", To: "submitted", ActorKind: kernel.Citizen, Input: map[string]any{"answer": words["answer"].In(locale)}}
	switch state {
	case "draft":
		steps = steps[:1]
	case "waiting":
		steps = append(steps, ask)
	case "issued":
		steps = append(steps, ask, answer, kernel.CaseEvent{Action: "propose", From: "submitted", To: "proposed", ActorKind: kernel.Staff, ActorName: agency},
			kernel.CaseEvent{Action: "countersign", From: "proposed", To: "issued", ActorKind: kernel.Staff, ActorName: agency})
	case "refused":
		steps = append(steps, kernel.CaseEvent{Action: "propose-refusal", From: "submitted", To: "refusal-proposed", ActorKind: kernel.Staff, ActorName: agency,
			Input: map[string]any{"refusal_reason": words["reason"].In(locale)}},
			kernel.CaseEvent{Action: "confirm-refusal", From: "refusal-proposed", To: "refused", ActorKind: kernel.Staff, ActorName: agency})
	}
	for i := range steps {
		steps[i].Seq = i + 1
		steps[i].At = ui.GalleryTime.Add(time.Duration(i-len(steps)) * 20 * time.Hour)
	}
	o.Case = kernel.Case{
		ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22", Number: "RC-2026-7K4M-93Q2", Service: def.Slug, Sector: def.Sector, Agency: kernel.AgencyID(def.Agency), WorkflowHash: def.Hash,
		State: state, Final: stateOf(def, state).Final, Version: len(steps), Locale: locale,
		Answers: map[string]any{
			"name": kernel.PrincipalOf(r.Context()).Name, "birthdate": "1991-04-12", "address": "14 Mill Lane, Northwick NW4 2QB", "purpose": "bank", "certificate_language": locale, "copies": 2,
		},
		CreatedAt: steps[0].At, UpdatedAt: steps[len(steps)-1].At, History: steps,
	}
	if len(steps) > 1 {
		o.SubmittedAt = steps[1].At
	}
	if st := stateOf(def, state); !st.Final && !st.Initial {
		o.DueAt = ui.GalleryTime.AddDate(0, 0, 7)
	}
	switch state {
	case "draft":
		o.Actions = []string{"save", "submit", "withdraw"}
	case "submitted":
		o.Actions = []string{"withdraw"}
	case "waiting":
		o.Actions = []string{"answer", "withdraw"}
	}
	return o
}

// unpaidCase is a case whose fee is to be paid before anybody looks at it.
func (s *Service) unpaidCase(r *http.Request) opened {
	o := s.fixtureCase(r, "draft")
	def, ok := s.Library.Get("parking-permit")
	if !ok {
		return o
	}
	o.def = def
	o.Case.Number, o.Case.Service, o.Case.WorkflowHash, o.Case.State, o.Case.Actions = "PP-2026-7K4M-93Q2", def.Slug, def.Hash, "unpaid", []string{"withdraw"}
	o.Case.Answers = map[string]any{"plate": "NW26 ABC", "vehicle": "car", "from_day": "2026-12-01"}
	o.Case.History = append(o.Case.History, kernel.CaseEvent{Seq: 2, At: ui.GalleryTime, Action: "submit", From: "draft", To: "unpaid", ActorKind: kernel.Citizen})
	o.Case.SubmittedAt, o.Case.DueAt = ui.GalleryTime, ui.GalleryTime.AddDate(0, 0, 7)
	o.payments = []kernel.Payment{{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c66", Case: o.ID, State: kernel.PaymentOpen, Title: def.TextAll("title"), Reference: "PA-2026-4F7H-81TZ",
		Amount: kernel.Money{Amount: def.Fee, Currency: "GBP"}, Until: time.Now().AddDate(0, 0, 7)}}
	return o
}
