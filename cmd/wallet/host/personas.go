package host

import (
	"strings"

	"townhall/modules/kernel"
)

// The assurance levels as the wallet names them in acr, after the eIDAS levels of Regulation 910/2014 art. 8.
const (
	ACRLow         = "https://eidas.europa.eu/LoA/low"
	ACRSubstantial = "https://eidas.europa.eu/LoA/substantial"
	ACRHigh        = "https://eidas.europa.eu/LoA/high"
)

var acrLevels = []struct {
	value string
	level kernel.Level
}{{ACRLow, kernel.Low}, {ACRSubstantial, kernel.Substantial}, {ACRHigh, kernel.High}}

func levelOf(acr string) kernel.Level {
	for _, a := range acrLevels {
		if a.value == acr {
			return a.level
		}
	}
	return kernel.NoLevel
}

func acrOf(l kernel.Level) string {
	for _, a := range acrLevels {
		if a.level == l {
			return a.value
		}
	}
	return ""
}

// Persona is one person of the demonstration.
type Persona struct {
	ID     string
	Staff  bool         // signs in at the staff issuer, and only there
	Level  kernel.Level // what an ordinary sign-in gives
	Max    kernel.Level // what a step-up with the identity card can reach
	PIN    string       // of the identity card, for the step-up
	Locale string
	Title  kernel.Text    // shown on the sign-in page below the name
	Claims map[string]any // OIDC Core §5.1, "address" as an object of strings
	Groups []string       // staff: the groups claim
}

// Name returns the person's own name, in their own script.
func (p Persona) Name() string {
	s, _ := p.Claims["name"].(string)
	return s
}

// Initials are shown instead of a picture.
func (p Persona) Initials() string {
	words := strings.Fields(p.Name())
	var out []rune
	for _, w := range words {
		out = append(out, []rune(w)[0])
	}
	if len(out) > 2 {
		out = []rune{out[0], out[len(out)-1]}
	}
	return string(out)
}

// release returns the named claims; "address.locality" selects one member of an object.
func (p Persona) release(names []string) map[string]any {
	out := map[string]any{}
	for _, n := range names {
		base, member, nested := strings.Cut(n, ".")
		v, ok := p.Claims[base]
		if !ok {
			continue
		}
		if !nested {
			out[base] = v
			if base == "email" || base == "phone_number" {
				if verified, ok := p.Claims[base+"_verified"]; ok {
					out[base+"_verified"] = verified
				}
			}
			continue
		}
		all, _ := v.(map[string]string)
		if all[member] == "" {
			continue
		}
		part, _ := out[base].(map[string]string)
		if part == nil {
			part = map[string]string{}
		}
		part[member] = all[member]
		out[base] = part
	}
	return out
}

// DemoPersonas are three citizens, whose names are in Latin, Cyrillic and Chinese letters, and the officials of
// two municipalities, their clinics and operators. The PIN of every identity card is 123456.
func DemoPersonas() []Persona {
	citizen := func(id, locale string, level, max kernel.Level, title kernel.Text, claims map[string]any) Persona {
		claims["locale"], claims["email_verified"] = locale, true
		return Persona{ID: id, Level: level, Max: max, PIN: "123456", Locale: locale, Title: title, Claims: claims}
	}
	official := func(id, given, family, email string, title kernel.Text, groups ...string) Persona {
		return Persona{ID: id, Staff: true, Level: kernel.High, Max: kernel.High, PIN: "123456", Locale: "en", Title: title, Groups: groups,
			Claims: map[string]any{"name": given + " " + family, "given_name": given, "family_name": family, "email": email, "email_verified": true, "locale": "en"}}
	}
	registrar := func(en, ru, zh string) kernel.Text {
		return kernel.Text{"en": "Registrar, " + en, "ru": "Регистратор, " + ru, "zh": zh + "登记员"}
	}
	return []Persona{
		citizen("anna", "en", kernel.Substantial, kernel.High,
			kernel.Text{"en": "Lives in Northwick", "ru": "Живёт в Нортуике", "zh": "住在诺斯威克"},
			map[string]any{"name": "Anna Whitfield", "given_name": "Anna", "family_name": "Whitfield", "birthdate": "1988-04-17", "gender": "female",
				"email": "anna.whitfield@example.org", "zoneinfo": "Europe/London", "phone_number": "+44 20 7946 0123", "phone_number_verified": true,
				"address": map[string]string{"street_address": "14 Mill Lane", "locality": "Northwick", "postal_code": "NW3 8QP", "country": "GB",
					"formatted": "14 Mill Lane\nNorthwick\nNW3 8QP"}}),
		citizen("maria", "ru", kernel.Substantial, kernel.Substantial,
			kernel.Text{"en": "Lives in Northwick", "ru": "Живёт в Нортуике", "zh": "住在诺斯威克"},
			map[string]any{"name": "Мария Соколова", "given_name": "Мария", "family_name": "Соколова", "birthdate": "1979-11-02", "gender": "female",
				"email": "maria.sokolova@example.org", "zoneinfo": "Europe/London", "phone_number": "+44 20 7946 0456", "phone_number_verified": true,
				"address": map[string]string{"street_address": "27 Harbour Street, Flat 5", "locality": "Northwick", "postal_code": "NW1 4TD", "country": "GB",
					"formatted": "27 Harbour Street, Flat 5\nNorthwick\nNW1 4TD"}}),
		citizen("xiaoming", "zh", kernel.Low, kernel.Substantial,
			kernel.Text{"en": "Lives in Northwick, signs in without a card", "ru": "Живёт в Нортуике, входит без карты", "zh": "住在诺斯威克，平时不用身份证登录"},
			map[string]any{"name": "王小明", "given_name": "小明", "family_name": "王", "birthdate": "1995-07-30", "gender": "male",
				"email": "wang.xiaoming@example.org", "zoneinfo": "Europe/London", "phone_number": "+44 20 7946 0789", "phone_number_verified": true,
				"address": map[string]string{"street_address": "8 Station Road", "locality": "Northwick", "postal_code": "NW2 6BH", "country": "GB",
					"formatted": "8 Station Road\nNorthwick\nNW2 6BH"}}),
		official("oliver", "Oliver", "Grant", "oliver.grant@northwick.example", registrar("Northwick", "Нортуик", "诺斯威克"), "northwick-registrars"),
		official("priya", "Priya", "Shah", "priya.shah@northwick.example", registrar("Northwick", "Нортуик", "诺斯威克"), "northwick-registrars"),
		official("tomasz", "Tomasz", "Nowak", "tomasz.nowak@eastmere.example", registrar("Eastmere", "Истмир", "伊斯特米尔"), "eastmere-registrars"),
		official("nadia", "Nadia", "Farouk", "nadia.farouk@northwick.example",
			kernel.Text{"en": "Treasurer, Northwick and Eastmere", "ru": "Казначей, Нортуик и Истмир", "zh": "诺斯威克和伊斯特米尔司库"}, "northwick-treasurers", "eastmere-treasurers"),
		official("helen", "Helen", "Marsh", "helen.marsh@northwick.example",
			kernel.Text{"en": "Auditor, Northwick", "ru": "Аудитор, Нортуик", "zh": "诺斯威克审计员"}, "northwick-auditors"),
		official("sofia", "Sofia", "Lindqvist", "sofia.lindqvist@northwick.example",
			kernel.Text{"en": "Publishes mini-apps, Northwick and Eastmere", "ru": "Публикует мини-приложения, Нортуик и Истмир", "zh": "诺斯威克和伊斯特米尔小程序发布员"}, "northwick-publishers", "eastmere-publishers"),
		official("marcus", "Marcus", "Adeyemi", "marcus.adeyemi@northwick.example",
			kernel.Text{"en": "Reviews mini-apps, Northwick and Eastmere", "ru": "Проверяет мини-приложения, Нортуик и Истмир", "zh": "诺斯威克和伊斯特米尔小程序审核员"}, "northwick-reviewers", "eastmere-reviewers"),
		official("ines", "Ines", "Duarte", "ines.duarte@northwick.example",
			kernel.Text{"en": "Partner officer, Northwick", "ru": "Работа с партнёрами, Нортуик", "zh": "诺斯威克合作伙伴专员"}, "northwick-partner-officers"),
		official("paul", "Paul", "Abbott", "paul.abbott@northwick.example",
			kernel.Text{"en": "Partner officer, Northwick", "ru": "Работа с партнёрами, Нортуик", "zh": "诺斯威克合作伙伴专员"}, "northwick-partner-officers"),
		official("grace", "Grace", "Okoye", "grace.okoye@greenfield.example",
			kernel.Text{"en": "Runs Greenfield Clinic, once it is a partner", "ru": "Руководит клиникой «Гринфилд», когда та станет партнёром", "zh": "格林菲尔德诊所负责人（诊所成为合作伙伴后）"},
			"greenfield-clinic-publishers", "greenfield-clinic-planners", "greenfield-clinic-officers"),
		official("felix", "Felix", "Brandt", "felix.brandt@greenfield.example",
			kernel.Text{"en": "Doctor, Greenfield Clinic, once it is a partner", "ru": "Врач клиники «Гринфилд», когда та станет партнёром", "zh": "格林菲尔德诊所医生（诊所成为合作伙伴后）"},
			"greenfield-clinic-practitioners", "greenfield-clinic-reception"),
		official("rosa", "Rosa", "Delgado", "rosa.delgado@riverside.example",
			kernel.Text{"en": "Reception, Riverside Clinic", "ru": "Регистратура, клиника «Риверсайд»", "zh": "河畔诊所前台"}, "riverside-clinic-reception"),
		official("amara", "Amara", "Osei", "amara.osei@riverside.example",
			kernel.Text{"en": "Doctor, Riverside Clinic", "ru": "Врач, клиника «Риверсайд»", "zh": "河畔诊所医生"}, "riverside-clinic-practitioners"),
		official("petra", "Petra", "Novak", "petra.novak@riverside.example",
			kernel.Text{"en": "Plans the calendars, Riverside Clinic", "ru": "Составляет расписание, клиника «Риверсайд»", "zh": "河畔诊所排班员"}, "riverside-clinic-planners"),
		official("hannah", "Hannah", "Weiss", "hannah.weiss@harbour.example",
			kernel.Text{"en": "Doctor, Harbour Health Centre", "ru": "Врач, медицинский центр «Харбор»", "zh": "港湾健康中心医生"}, "harbour-health-practitioners", "harbour-health-planners"),
		official("carl", "Carl", "Winter", "carl.winter@coast-coaches.example",
			kernel.Text{"en": "Conductor, Coast Coaches", "ru": "Кондуктор, «Береговые автобусы»", "zh": "海岸客运检票员"}, "coast-coaches-conductors"),
		official("dina", "Dina", "Castell", "dina.castell@coast-coaches.example",
			kernel.Text{"en": "Dispatcher, Coast Coaches", "ru": "Диспетчер, «Береговые автобусы»", "zh": "海岸客运调度员"}, "coast-coaches-dispatchers"),
		official("pavel", "Pavel", "Horak", "pavel.horak@coast-coaches.example",
			kernel.Text{"en": "Plans timetables and fares, Coast Coaches", "ru": "Составляет расписание и тарифы, «Береговые автобусы»", "zh": "海岸客运时刻表与票价规划员"}, "coast-coaches-planners"),
		official("judith", "Judith", "Crane", "judith.crane@harbour-mutual.example",
			kernel.Text{"en": "Adjuster, Harbour Mutual Insurance", "ru": "Оценщик, страховое общество «Гавань»", "zh": "港湾互助保险理赔员"}, "travel-insurance-adjusters"),
		official("liam", "Liam", "Byrne", "liam.byrne@oak.example",
			kernel.Text{"en": "Doctor, Oak Surgery", "ru": "Врач, клиника «Дубовая роща»", "zh": "橡树诊所医生"}, "oak-surgery-practitioners", "oak-surgery-reception", "oak-surgery-planners"),
	}
}

func (w *Wallet) persona(id string, staff bool) (Persona, bool) {
	for _, p := range w.cfg.Personas {
		if p.ID == id && p.Staff == staff {
			return p, true
		}
	}
	return Persona{}, false
}
