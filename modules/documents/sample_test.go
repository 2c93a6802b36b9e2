package documents

import (
	"townhall/modules/kernel"
)

func sample(locale string) kernel.DocumentContent {
	switch locale {
	case "ru":
		return kernel.DocumentContent{Locale: "ru", Title: "Справка о регистрации по месту жительства", Municipality: "Город Нортвик", Issuer: "Отдел записи актов гражданского состояния",
			Subject: "Выдана для предъявления в банк", ValidDays: 180, Blocks: []kernel.DocumentBlock{
				{Kind: "paragraph", Text: "Настоящим удостоверяется, что по данным муниципального реестра жителей указанное ниже лицо зарегистрировано по приведённому адресу на дату выдачи настоящей справки."},
				{Kind: "heading", Text: "Сведения о заявителе"},
				{Kind: "fields", Fields: [][2]string{{"Фамилия, имя", "Мария Соколова"}, {"Дата рождения", "3 марта 1988 г."}, {"Адрес", "ул. Речная, д. 14, кв. 7, Нортвик, NW3 2BX"}, {"Зарегистрирована с", "12 июня 2015 г."}}},
				{Kind: "notice", Text: "Справка содержит сведения на дату выдачи. Об изменении адреса необходимо сообщить в течение десяти дней."}}}
	case "zh":
		return kernel.DocumentContent{Locale: "zh", Title: "居住证明", Municipality: "诺斯威克市", Issuer: "民政登记处", Subject: "用途：银行开户", ValidDays: 180, Blocks: []kernel.DocumentBlock{
			{Kind: "paragraph", Text: "兹证明：根据本市居民登记册的记载，下列人员于本证明签发之日登记居住于所示地址。本证明应申请人的请求出具，仅供上述用途使用，不作为国籍或居留权的证明。"},
			{Kind: "heading", Text: "申请人信息"},
			{Kind: "fields", Fields: [][2]string{{"姓名", "王小明"}, {"出生日期", "1990年7月1日"}, {"地址", "诺斯威克市河滨路14号7室 (NW3 2BX)"}, {"登记日期", "2019年9月2日"}}},
			{Kind: "notice", Text: "本证明仅反映签发之日的登记情况。地址如有变更，请在十日内申报。"}}}
	}
	return kernel.DocumentContent{Locale: "en", Title: "Certificate of residence", Municipality: "City of Northwick", Issuer: "Civil Registry Office", Subject: "Issued for: opening a bank account", ValidDays: 180,
		Blocks: []kernel.DocumentBlock{
			{Kind: "paragraph", Text: "It is hereby certified that, according to the municipal register of residents, the person named below is registered at the address shown on the date on which this certificate was issued."},
			{Kind: "heading", Text: "Details of the resident"},
			{Kind: "fields", Fields: [][2]string{{"Full name", "Anna Whitfield"}, {"Date of birth", "14 May 1991"}, {"Address", "7 Riverside Walk, Northwick NW3 2BX, United Kingdom"}, {"Registered since", "2 September 2017"}}},
			{Kind: "notice", Text: "This certificate states what the register held on the date of issue. A change of address must be reported within ten days."},
		}}
}

func noStep(string) {}
