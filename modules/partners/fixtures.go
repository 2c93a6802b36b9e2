package partners

import (
	"net/http"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// Fixtures are the pages of this module in the states people meet, for the gallery. They need no database.
func (s *Service) Fixtures() []ui.Fixture {
	return slices.Concat(s.organisationFixtures(), s.drawingFixtures(), s.officeFixtures(), s.noticeFixtures())
}

func three(en, ru, zh string) kernel.Text { return kernel.Text{"en": en, "ru": ru, "zh": zh} }

// fixtureClinic is a licensed company.
func fixtureClinic(state State, change ...func(*organisation)) organisation {
	o := organisation{Partner: Partner{
		ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c31", Agency: "greenfield-clinic", State: state, Kind: kernel.Company, Name: three("Greenfield Clinic", "Клиника «Гринфилд»", "格林菲尔德诊所"),
		Registration: "09871234", Licence: "CQC-1-4482", LicenceUntil: "2028-06-30", Categories: []string{"health", "appointments"}, Purposes: []string{"appointment"},
		Email: "office@greenfield.example", Address: "12 Mill Lane, Northwick NW1 4AB", Position: &kernel.Position{Latitude: 51.529, Longitude: -0.137}, Version: 4, UpdatedAt: ui.GalleryTime,
	}}
	if state == Suspended {
		o.Reason = "The licence is being examined."
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// fixtureMarket is a public body.
func fixtureMarket(change ...func(*organisation)) organisation {
	o := organisation{Partner: Partner{
		ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c32", Agency: "market-office", State: Active, Kind: kernel.PublicBody, Name: three("Market Office", "Управление рынков", "集市管理处"),
		Registration: "PB-0217", Categories: []string{"permits"}, Purposes: []string{"application", "notice"}, Email: "office@market.example", Address: "Market Square 1, Northwick NW1 2AA", Version: 3, UpdatedAt: ui.GalleryTime,
	}}
	for _, c := range change {
		c(&o)
	}
	return o
}

func fixtureSignIn(o *organisation) {
	o.SignIn = SignIn{Groups: map[string]string{kernel.RolePublisher: string(o.Agency) + "-publishers", "reception": string(o.Agency) + "-reception", "practitioner": string(o.Agency) + "-practitioners"}}
}

func fixtureOwnSignIn(o *organisation) {
	o.SignIn = SignIn{Issuer: "https://id.greenfield.example", ACR: map[string]string{"substantial": "urn:greenfield:two-factor"}, Groups: map[string]string{kernel.RolePublisher: "publishers", "reception": "front-desk"}}
}

// fixtureApp is a mini-app as its template begins it.
func (s *Service) fixtureApp(p Partner, template string, made bool) App {
	t, _ := s.template(template)
	a := App{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c41", Partner: p.ID, Template: template, Blanks: t.Blank(), Version: 1, UpdatedAt: ui.GalleryTime}
	a.Blanks.Agency, a.Blanks.Slug, a.Blanks.Category = p.Agency, string(p.Agency)+"-"+template, p.Categories[0]
	if made {
		a.Slug = a.Blanks.Slug
	}
	return a
}

// fixtureStall is an application with words, questions and a claim more than there has to be.
func (s *Service) fixtureStall(p Partner, made bool) App {
	a := s.fixtureApp(p, "application", made)
	t, _ := s.template("application")
	a.Blanks.Title = three("A stall at the weekly market", "Место на еженедельном рынке", "每周集市摊位")
	a.Blanks.Summary = three("Apply for a stall at the weekly market.", "Подайте заявление на место на еженедельном рынке.", "申请每周集市的摊位。")
	a.Blanks.Claims = append(a.Blanks.Claims, t.ClaimBlank("birthdate"))
	a.Blanks.Questions = []workflows.Question{
		{Label: three("What do you want to sell?", "Чем вы хотите торговать?", "您想出售什么？"), Hint: three("For example: honey, bread or flowers.", "Например: мёд, хлеб или цветы.", "例如：蜂蜜、面包或鲜花。"), Type: workflows.TypeText, Required: true},
		{Label: three("On which day?", "В какой день?", "哪一天？"), Type: workflows.TypeChoice, Required: true, Options: []kernel.Text{three("Wednesday", "Среда", "星期三"), three("Saturday", "Суббота", "星期六")}},
		{Label: three("Is there anything else?", "Хотите что-нибудь добавить?", "还有什么需要说明的吗？"), Type: workflows.TypeTextarea},
	}
	return a
}

func (s *Service) organisationFixtures() []ui.Fixture {
	list := func(name string, all ...Partner) ui.Fixture {
		return ui.Fixture{Name: "partners-organisations-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showOrganisations(w, r, all) }}
	}
	one := func(name string, o organisation) ui.Fixture {
		return ui.Fixture{Name: "partners-organisation-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showOrganisation(w, r, o) }}
	}
	signIn := func(name string, o organisation, in SignIn, try bool) ui.Fixture {
		return ui.Fixture{Name: "partners-sign-in-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error {
			var problem error
			if try {
				_, problem = o.withSignIn(in)
			}
			return s.showSignIn(w, r, o.Partner, in, problem)
		}}
	}
	clinic := fixtureClinic(Active)
	whole := fixtureClinic(Active, fixtureSignIn, func(o *organisation) {
		o.Apps = []App{s.fixtureApp(o.Partner, "appointments", true), s.fixtureApp(o.Partner, "notices", false)}
	})
	own := fixtureClinic(Active, fixtureOwnSignIn)
	named := func(state State, agency kernel.AgencyID, name kernel.Text) Partner {
		o := fixtureClinic(state)
		o.Agency, o.Name = agency, name
		return o.Partner
	}
	return []ui.Fixture{
		list("none"), list("some", clinic.Partner, fixtureMarket().Partner, named(Applied, "hill-dental", three("Hill Dental Practice", "Стоматология на холме", "山丘牙科诊所")),
			named(Approved, "river-buses", three("River Buses", "Речные автобусы", "河岸巴士公司")), named(Suspended, "old-mill", three("Old Mill Veterinary Surgery", "Ветеринарная клиника «Старая мельница»", "老磨坊兽医诊所"))),
		one("approved", fixtureClinic(Approved)), one("applied", fixtureClinic(Applied)), one("fresh", clinic), one("done", whole), one("suspended", fixtureClinic(Suspended, fixtureSignIn)),
		signIn("fresh", clinic, s.freshSignIn(clinic.Partner), false), signIn("wrong", clinic, SignIn{Groups: map[string]string{"reception": "front desk!", "planner": "planners"}}, true),
		signIn("own", own, own.SignIn, false), signIn("own-wrong", clinic, SignIn{Issuer: "https://id.greenfield.example", ACR: map[string]string{"low": "with a blank"}, Groups: map[string]string{}}, true),
		{Name: "partners-terms", Render: func(w http.ResponseWriter, r *http.Request) error {
			d, ok := s.Library.Get(applyApp)
			if !ok {
				return kernel.NotThere("terms")
			}
			return s.showTerms(w, r, d)
		}},
	}
}

// drawingFixtures are the pages on which a mini-app is made.
func (s *Service) drawingFixtures() []ui.Fixture {
	market := fixtureMarket(func(o *organisation) { o.Categories = append(o.Categories, "certificates") }).Partner
	t, _ := s.template("application")
	fresh, stall, made := s.fixtureApp(market, "application", false), s.fixtureStall(market, false), s.fixtureStall(market, true)
	broken := s.fixtureStall(market, false)
	broken.Blanks.Title = three("A stall at the weekly market", "", "")
	broken.Blanks.Category, broken.Blanks.ClosedDays = "permits", 9
	broken.Blanks.Claims[1].RetentionDays = 9999
	broken.Blanks.Claims[1].Purpose = three("To see that you are of age.", "", "用于确认您已成年。")
	broken.Blanks.Questions[0].Label = three("What do you want to sell?", "", "您想出售什么？")
	broken.Blanks.Questions[1].Options = broken.Blanks.Questions[1].Options[:1]
	broken.Blanks.Document.Text = three("", "Разрешено торговать.", "获准设摊。")

	page := func(name string, render func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "partners-app-" + name, As: kernel.Citizen, Render: render}
	}
	part := func(name, part string, a App) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error { return s.showPart(w, r, market, a, t, part, nil) })
	}
	wrongPart := func(name, part string, a App) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			_, _, err := s.filled(market, a)
			return s.showPart(w, r, market, a, t, part, ofPart(err, part))
		})
	}
	question := func(name string, a App, at int, wrong bool) ui.Fixture {
		return page(name, func(w http.ResponseWriter, r *http.Request) error {
			var problem error
			if wrong {
				_, _, err := s.filled(market, a)
				problem = ofQuestion(err, at)
			}
			return s.showQuestion(w, r, market, a, t, at, problem)
		})
	}
	check := func(name string, a App, problem error) ui.Fixture {
		return page("check-"+name, func(w http.ResponseWriter, r *http.Request) error { return s.showCheck(w, r, market, a, problem) })
	}
	none := kernel.InvalidFields(wrong("template", "field.required", "Answer this question."))
	return []ui.Fixture{
		page("template", func(w http.ResponseWriter, r *http.Request) error { return s.showTemplates(w, r, market, nil) }),
		page("template-none", func(w http.ResponseWriter, r *http.Request) error { return s.showTemplates(w, r, market, none) }),
		part("words", partWords, stall), part("words-made", partWords, made), wrongPart("words-wrong", partWords, broken),
		part("data", partData, fresh), part("data-more", partData, stall), wrongPart("data-wrong", partData, broken),
		page("data-notices", func(w http.ResponseWriter, r *http.Request) error {
			notices, _ := s.template("notices")
			return s.showPart(w, r, market, s.fixtureApp(market, "notices", false), notices, partData, nil)
		}),
		part("questions-none", partQuestions, fresh), part("questions", partQuestions, stall), wrongPart("questions-wrong", partQuestions, broken),
		question("question-new", fresh, 0, false), question("question-choice", stall, 1, false), question("question-wrong", broken, 0, true), question("question-choice-wrong", broken, 1, true),
		part("document", partDocument, stall), wrongPart("document-wrong", partDocument, broken),
		check("problems", broken, nil), check("ready", stall, nil), check("no-sign-in", stall, errNoSignIn), check("made", made, nil),
	}
}

func (s *Service) officeFixtures() []ui.Fixture {
	as := func(r *http.Request) *http.Request {
		who := kernel.PrincipalOf(r.Context())
		who.Name, who.Grants = "Marcus Adeyemi", []kernel.Grant{{Agency: s.Office, Role: RoleOfficer}}
		return r.WithContext(kernel.WithPrincipal(r.Context(), who))
	}
	list := func(name string, all ...Partner) ui.Fixture {
		return ui.Fixture{Name: "partners-office-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showPartners(w, as(r), all) }}
	}
	one := func(name string, o organisation, reason string, problem error) ui.Fixture {
		return ui.Fixture{Name: "partners-office-one-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showPartner(w, as(r), o, reason, problem) }}
	}
	active := fixtureClinic(Active, fixtureOwnSignIn, func(o *organisation) {
		o.Apps = []App{s.fixtureApp(o.Partner, "appointments", true), s.fixtureApp(o.Partner, "notices", false)}
	})
	_, short := active.suspend("No.")
	applied, stopped := fixtureClinic(Applied).Partner, fixtureClinic(Suspended).Partner
	applied.Agency, applied.Name = "hill-dental", three("Hill Dental Practice", "Стоматология на холме", "山丘牙科诊所")
	stopped.Agency, stopped.Name = "old-mill", three("Old Mill Veterinary Surgery", "Ветеринарная клиника «Старая мельница»", "老磨坊兽医诊所")
	return []ui.Fixture{
		list("none"), list("some", active.Partner, applied, fixtureMarket().Partner, stopped),
		one("active", active, "", nil), one("bare", fixtureMarket(), "", nil), one("applied", fixtureClinic(Applied), "", nil), one("suspended", fixtureClinic(Suspended, fixtureSignIn), "", nil),
		one("wrong", active, "No.", short), one("changed-meanwhile", active, "The licence is being examined.", kernel.ErrChanged),
	}
}

func (s *Service) noticeFixtures() []ui.Fixture {
	as := func(r *http.Request) *http.Request {
		who := kernel.PrincipalOf(r.Context())
		who.Grants = []kernel.Grant{{Agency: "waterworks", Role: RoleOfficer}}
		return r.WithContext(kernel.WithPrincipal(r.Context(), who))
	}
	t, _ := s.template("notices")
	d, err := t.Example()
	sent := []Announcement{{
		Heading: three("No water in Mill Lane on Tuesday", "Во вторник в Милл-лейн не будет воды", "磨坊巷周二停水"), At: ui.GalleryTime.Add(-26 * time.Hour), ByName: "Oliver Grant", Reached: 1482,
		Body: three("The water is turned off from 9:00 to 12:00.\nPlease keep some ready.", "Воду отключат с 9:00 до 12:00.\nПожалуйста, сделайте запас.", "9:00至12:00停水。\n请提前储水。"),
	}}
	list := func(name string, all ...*workflows.Definition) ui.Fixture {
		return ui.Fixture{Name: "partners-notices-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			if err != nil {
				return err
			}
			return s.showNotices(w, as(r), all)
		}}
	}
	write := func(name string, sent []Announcement, a Announcement, try bool) ui.Fixture {
		return ui.Fixture{Name: "partners-notice-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			if err != nil {
				return err
			}
			var problem error
			if try {
				problem = a.check(s.Printable)
			}
			return s.showNotice(w, as(r), d, sent, a, problem)
		}}
	}
	return []ui.Fixture{
		list("none"), list("some", d), write("fresh", nil, Announcement{}, false), write("sent", sent, Announcement{}, false),
		write("wrong", sent, Announcement{Heading: three("No water on Tuesday", "Во вторник\nне будет воды", ""), Body: three("From 9:00 to 12:00.", "", "9:00至12:00。")}, true),
	}
}
