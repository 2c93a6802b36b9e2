package documents

import (
	"net/http"
	"time"

	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{}

func (galleryClock) Now() time.Time { return ui.GalleryTime }

// Fixtures are the pages of this module in the states people meet, for the gallery. They need no database and no keys.
func (s *Service) Fixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	g.Clock = galleryClock{}
	all := g.publicFixtures()
	all = append(all, g.holderFixtures()...)
	if g.Staff != nil {
		all = append(all, g.agencyFixtures()...)
	}
	return all
}

type render = func(w http.ResponseWriter, r *http.Request) error

func (s *Service) publicFixtures() []ui.Fixture {
	page := func(name string, fn render) ui.Fixture { return ui.Fixture{Name: "documents-" + name, Render: fn} }
	result := func(name, state string, file bool, reasons ...string) ui.Fixture {
		return page("verified-"+name, func(w http.ResponseWriter, r *http.Request) error {
			v := fixtureRecord(r, state).verification(ui.GalleryTime)
			v.Reasons = reasons
			if state == stateUnknown || state == stateAltered {
				v = verification{State: state, Reasons: reasons}
				return s.showResult(w, r, v, sealing{}, file)
			}
			return s.showResult(w, r, v, fixtureSealing, file)
		})
	}
	return []ui.Fixture{
		page("verify", func(w http.ResponseWriter, r *http.Request) error { return s.showForm(w, r, "", nil) }),
		page("verify-wrong", func(w http.ResponseWriter, r *http.Request) error {
			return s.showForm(w, r, s.t(r, "verify.number.needed"), errNoFile)
		}),
		result("valid", stateValid, false), result("valid-file", stateValid, true), result("expired", stateExpired, false), result("superseded", stateSuperseded, true),
		result("revoked", stateRevoked, false), result("unknown", stateUnknown, false), result("altered", stateAltered, true, "content", "appended"),
		page("verified-notes", func(w http.ResponseWriter, r *http.Request) error {
			v := fixtureRecord(r, stateValid).verification(ui.GalleryTime)
			v.Notes = []string{verify.ReasonOldCRL, verify.NoteTimestampExpired}
			return s.showResult(w, r, v, fixtureSealing, true)
		}),
		page("verified-elsewhere", func(w http.ResponseWriter, r *http.Request) error {
			v := verification{State: stateUnknown, Reasons: []string{"other-municipality"}, CheckAt: "http://eastmere.localhost:8080/verify/DL-7K4M-93Q2-TX8D-6HRW",
				CheckName: kernel.Text{"en": "Eastmere", "ru": "Истмир", "zh": "伊斯特米尔"}.In(kernel.LocaleOf(r.Context()))}
			return s.showResult(w, r, v, sealing{}, true)
		}),
		page("shared", func(w http.ResponseWriter, r *http.Request) error {
			return s.showShared(w, r, fixtureRecord(r, stateValid).verification(ui.GalleryTime), fixtureSealing, fixtureShares(r)[0], "none")
		}),
		page("shared-revoked", func(w http.ResponseWriter, r *http.Request) error {
			return s.showShared(w, r, fixtureRecord(r, stateRevoked).verification(ui.GalleryTime), fixtureSealing, fixtureShares(r)[0], "none")
		}),
		page("shared-ended", s.showEnded),
	}
}

func (s *Service) holderFixtures() []ui.Fixture {
	page := func(name string, fn render) ui.Fixture {
		return ui.Fixture{Name: "documents-" + name, As: kernel.Citizen, Render: fn}
	}
	mineAs := func(name, state string, used bool) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			m := mine{record: fixtureRecord(r, state)}
			if used {
				m.shares, m.checks, m.used = fixtureShares(r), fixtureChecks(r), map[string]int{"1": 3}
			}
			return s.showDocument(w, r, m)
		})
	}
	return []ui.Fixture{
		page("mine", func(w http.ResponseWriter, r *http.Request) error {
			var all []kernel.Document
			for _, state := range []string{statePending, stateValid, stateSuperseded, stateRevoked, stateExpired} {
				all = append(all, fixtureRecord(r, state).Document)
			}
			return s.showMine(w, r, all)
		}),
		page("mine-none", func(w http.ResponseWriter, r *http.Request) error { return s.showMine(w, r, nil) }),
		mineAs("one", stateValid, true), mineAs("one-new", stateValid, false), mineAs("one-pending", statePending, false),
		mineAs("one-revoked", stateRevoked, true), mineAs("one-superseded", stateSuperseded, false), mineAs("one-expired", stateExpired, false),
		page("share", func(w http.ResponseWriter, r *http.Request) error {
			return s.showShareForm(w, r, fixtureRecord(r, stateValid), "", "7", nil)
		}),
		page("share-wrong", func(w http.ResponseWriter, r *http.Request) error {
			_, problem := checkLabel("")
			return s.showShareForm(w, r, fixtureRecord(r, stateValid), "", "", kernel.InvalidFields(*problem, *checkDays(0)))
		}),
		page("share-too-many", func(w http.ResponseWriter, r *http.Request) error {
			return s.showShareForm(w, r, fixtureRecord(r, stateValid), fixtureShares(r)[0].Label, "7", errShares)
		}),
		page("share-link", func(w http.ResponseWriter, r *http.Request) error {
			return s.showLink(w, r, fixtureShares(r)[0], "kG3Jq0b6VxT1n9uYd2LwR8sEhF5aZcQm")
		}),
	}
}

func (s *Service) agencyFixtures() []ui.Fixture {
	page := func(name string, fn render) ui.Fixture {
		return ui.Fixture{Name: "documents-staff-" + name, As: kernel.Staff, Render: fn}
	}
	list := func(name string, q IssuedQuery, h halt, states ...string) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			var all []record
			for _, state := range states {
				all = append(all, fixtureRecord(r, state))
			}
			return s.showIssuedList(w, r, q, all, h)
		})
	}
	one := func(name, state string, h halt) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			return s.showIssued(w, r, fixtureDetail(r, state), h, fixtureSealing)
		})
	}
	form := func(name string, st step, reason string, problem error) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			return s.showStep(w, r, st, fixtureRecord(r, stateValid), reason, problem)
		})
	}
	halted := halt{Halted: true, Since: ui.GalleryTime.Add(-40 * time.Minute), Reason: "RC-2041", Waiting: 12}
	issuing := func(name string, h halt, problem error) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			if h.Halted {
				h.Reason = fixtureWords["halt"].In(kernel.LocaleOf(r.Context()))
			}
			return s.showIssuing(w, r, h, "", problem)
		})
	}
	return []ui.Fixture{
		list("list", IssuedQuery{Limit: 7}, halt{}, statePending, stateValid, stateValid, stateSuperseded, stateRevoked, stateExpired),
		list("list-halted", IssuedQuery{Limit: 3, State: statePending, Before: "x"}, halted, statePending, statePending),
		list("list-none", IssuedQuery{Limit: 3, Text: "RC-0000"}, halt{}),
		one("one", stateValid, halt{}), one("one-pending", statePending, halt{}), one("one-halted", statePending, halted),
		one("one-revoked", stateRevoked, halt{}), one("one-superseded", stateSuperseded, halt{}),
		form("revoke", s.revocation(), "", nil), form("revoke-wrong", s.revocation(), "", reasonField("")), form("reissue", s.reissue(), "", nil),
		form("reissue-late", s.reissue(), "RC", errNotValid),
		issuing("issuing", halt{}, nil), issuing("issuing-halted", halted, nil), issuing("issuing-wrong", halted, reasonField("")),
	}
}

var fixtureSealing = sealing{Level: "B-LTA", Proven: ui.GalleryTime}

var fixtureWords = map[string]kernel.Text{
	"title":   {"en": "Certificate of residence", "ru": "Справка о месте жительства", "zh": "居住证明"},
	"town":    {"en": "Northwick", "ru": "Нортуик", "zh": "诺斯威克"},
	"agency":  {"en": "Civil registry", "ru": "Отдел записи актов", "zh": "户籍登记处"},
	"bank":    {"en": "My bank", "ru": "Мой банк", "zh": "我的银行"},
	"school":  {"en": "School of the children", "ru": "Школа, где учатся дети", "zh": "孩子的学校"},
	"revoked": {"en": "The register entry was wrong.", "ru": "Запись в реестре была ошибочной.", "zh": "登记信息有误。"},
	"again":   {"en": "The street was renamed.", "ru": "Улица переименована.", "zh": "街道已更名。"},
	"halt":    {"en": "The seal is printed over the text on page two.", "ru": "Печать накладывается на текст второй страницы.", "zh": "第二页的印章遮挡文字。"},
}

func fixtureRecord(r *http.Request, state string) record {
	locale := kernel.LocaleOf(r.Context())
	word := func(key string) string { return fixtureWords[key].In(locale) }
	out := record{
		Document: kernel.Document{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", Case: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22", Number: "RC-7K4M-93Q2-TX8D-6HRW", Type: "residence-certificate",
			Title: word("title"), State: state, IssuedAt: ui.GalleryTime.AddDate(0, 0, -3), ValidTo: ui.GalleryTime.AddDate(0, 3, -3)},
		Agency: "civil-registry", Municipality: word("town"), Issuer: word("agency"), Locale: locale, PublishedAt: ui.GalleryTime.AddDate(0, 0, -3),
	}
	switch state {
	case statePending:
		out.PublishedAt = time.Time{}
	case stateRevoked:
		out.RevokedAt, out.RevokeReason = ui.GalleryTime.Add(-2*time.Hour), word("revoked")
	case stateSuperseded:
		out.SupersededAt = ui.GalleryTime.Add(-time.Hour)
	case stateExpired:
		out.State, out.IssuedAt, out.ValidTo = stateValid, ui.GalleryTime.AddDate(-1, 0, 0), ui.GalleryTime.AddDate(0, -9, 0)
	}
	return out
}

func fixtureShares(r *http.Request) []share {
	locale := kernel.LocaleOf(r.Context())
	return []share{
		{ID: "1", Document: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", Label: fixtureWords["bank"].In(locale), CreatedAt: ui.GalleryTime, ExpiresAt: ui.GalleryTime.AddDate(0, 0, 7)},
		{ID: "2", Document: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", Label: fixtureWords["school"].In(locale), CreatedAt: ui.GalleryTime, ExpiresAt: ui.GalleryTime.AddDate(0, 0, 1)},
	}
}

func fixtureChecks(r *http.Request) []check {
	at := ui.GalleryTime.Truncate(time.Hour)
	return []check{
		{At: at, How: checkShare, Label: fixtureWords["bank"].In(kernel.LocaleOf(r.Context())), Count: 2},
		{At: at.Add(-26 * time.Hour), How: checkNumber, Count: 1}, {At: at.Add(-49 * time.Hour), How: checkFile, Count: 12},
	}
}

func fixtureDetail(r *http.Request, state string) issuedDetail {
	d := issuedDetail{record: fixtureRecord(r, state)}
	var next record
	if state != statePending {
		d.Checks = fixtureChecks(r)
		for i := range d.Checks {
			d.Checks[i].Label = ""
		}
	}
	switch state {
	case stateValid:
		d.MayReissue, d.Predecessor, d.ReissueReason = true, "RC-9TQX-11MD-4ZP8-K2W7", fixtureWords["again"].In(kernel.LocaleOf(r.Context()))
	case stateSuperseded:
		next.IssuedAt, next.ReissueReason = d.SupersededAt.Add(-time.Minute), fixtureWords["again"].In(kernel.LocaleOf(r.Context()))
		d.Successor = "RC-9TQX-11MD-4ZP8-K2W7"
	}
	d.History = history(d.record, next, nil)
	return d
}
