package ui

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
)

// BlockFixtures shows every block of this package, with made-up words in each language.
func BlockFixtures(texts *Texts) ([]Fixture, error) {
	v, layout, err := galleryViews(texts)
	if err != nil {
		return nil, err
	}
	page := func(name string, build func(say sayer) View) Fixture {
		return Fixture{Name: "blocks-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error {
			return layout.Render(w, r, v, "g-"+name, build(sayer(kernel.LocaleOf(r.Context()))))
		}}
	}
	return []Fixture{
		page("forms", formSample), page("question", questionSample), page("answers", answersSample), page("done", doneSample),
		page("case", caseSample), page("lists", listsSample), page("icons", iconsSample),
	}, nil
}

// sayer picks the words of one language.
type sayer string

func (s sayer) say(en, ru, zh string) string {
	return kernel.Text{"en": en, "ru": ru, "zh": zh}.In(string(s))
}

// sample is the data of all block pages; each uses a part.
type sample struct {
	Problems  []Problem
	Steps     Steps
	Fields    []Field
	Buttons   []Button
	Answers   []SummaryRow
	Notice    Notice
	Notices   []Notice
	Panel     Panel
	Copy      Copy
	QR        QR
	Next      string
	Text      string
	Trail     []Link
	Tags      []Tag
	Documents []DocumentRow
	History   []Moment
	Facts     []Fact
	Details   Details
	Filters   Filters
	Table     Table
	Pages     Pagination
	Cards     []Card
	Empty     Empty
	Icons     []string
}

func (s sayer) steps(current int) Steps {
	return Steps{Labels: []string{s.say("About you", "О вас", "个人信息"), s.say("Purpose", "Цель", "用途"), s.say("Copies", "Экземпляры", "份数"), s.say("Check", "Проверка", "核对")}, Current: current}
}

func formSample(s sayer) View {
	fields := []Field{
		{Name: "name", Label: s.say("Name", "Имя", "姓名"), Value: s.say("Anna Whitfield", "Мария Соколова", "王小明"), Verified: true},
		{Name: "born", Label: s.say("Date of birth", "Дата рождения", "出生日期"), Kind: "date", Value: "1991-04-12", Verified: true},
		{Name: "email", Label: s.say("E-mail address", "Адрес электронной почты", "电子邮箱"), Kind: "email", Hint: s.say("We write to you when your certificate is ready.", "Мы напишем вам, когда справка будет готова.", "证明办好后我们会通知您。"), Autocomplete: "email", Value: "anna@"},
		{Name: "copies", Label: s.say("Number of copies", "Количество экземпляров", "份数"), Kind: "number", Required: true, Value: "12"},
		{Name: "from", Label: s.say("Living there since", "Проживаете там с", "居住起始日期"), Kind: "date", Required: true, Max: "2026-11-22"},
		{Name: "language", Label: s.say("Language of the certificate", "Язык справки", "证明语言"), Kind: "select", Required: true, Value: "ru", Options: []Option{{Value: "en", Label: "English"}, {Value: "ru", Label: "Русский"}, {Value: "zh", Label: "中文"}}},
		{Name: "purpose", Label: s.say("What do you need it for?", "Для чего она вам нужна?", "您需要该证明的用途是什么？"), Kind: "radio", Required: true, Options: []Option{
			{Value: "bank", Label: s.say("Opening a bank account", "Открытие счёта в банке", "开立银行账户")},
			{Value: "school", Label: s.say("School or university", "Школа или университет", "入学"), Hint: s.say("Also for a grant or a place in a hall of residence", "В том числе для стипендии или места в общежитии", "包括申请助学金或宿舍")},
			{Value: "other", Label: s.say("Something else", "Другое", "其他")}}},
		{Name: "by", Label: s.say("How should we tell you?", "Как вам сообщить?", "您希望如何接收通知？"), Kind: "checkbox", Options: []Option{
			{Value: "wallet", Label: s.say("In the wallet", "В приложении", "在应用内"), Selected: true}, {Value: "mail", Label: s.say("By e-mail", "По почте", "通过邮件")}}},
		{Name: "fee", Label: s.say("Voluntary contribution", "Добровольный взнос", "自愿捐款"), Kind: "number", Prefix: "£", Value: "5"},
		{Name: "note", Label: s.say("Anything we should know?", "Что ещё нам следует знать?", "还有什么需要说明的吗？"), Kind: "textarea", Rows: 3, MaxLength: 500},
		{Name: "proof", Label: s.say("Proof of address", "Подтверждение адреса", "住址证明"), Kind: "file", Accept: ".pdf"},
		{Name: "declare", Label: s.say("I declare that what I have said is true.", "Подтверждаю, что сообщённые сведения верны.", "本人声明以上所述属实。"), Kind: "checkbox", Required: true},
	}
	fields, problems := WithErrors(fields, map[string]string{
		"email":   s.say("Enter an address like name@example.org.", "Введите адрес вида name@example.org.", "请输入类似 name@example.org 的地址。"),
		"purpose": s.say("Choose what you need the certificate for.", "Выберите, для чего нужна справка.", "请选择证明的用途。"),
		"copies":  s.say("Enter a number from 1 to 5.", "Введите число от 1 до 5.", "请输入 1 至 5 之间的数字。"),
		"declare": s.say("Confirm that your answers are true.", "Подтвердите, что ответы верны.", "请确认您的回答属实。"),
	})
	return View{Title: s.say("Residence certificate", "Справка о месте жительства", "居住证明"), Back: "/", Data: sample{
		Problems: problems, Fields: fields, Steps: s.steps(2),
		Buttons: []Button{{Label: s.say("Save and continue", "Сохранить и продолжить", "保存并继续")}, {Label: s.say("Save for later", "Сохранить на потом", "稍后继续"), Tone: "secondary"}, {Label: s.say("Withdraw", "Отозвать", "撤回"), Tone: "danger"}, {Label: s.say("Cancel", "Отмена", "取消"), Tone: "quiet", Href: "/"}},
	}}
}

func questionSample(s sayer) View {
	return View{Title: s.say("How many copies do you need?", "Сколько экземпляров вам нужно?", "您需要几份？"), Back: "/", Data: sample{
		Steps: s.steps(3),
		Fields: []Field{{Name: "copies", Kind: "radio", Required: true, Question: true, Label: s.say("How many copies do you need?", "Сколько экземпляров вам нужно?", "您需要几份？"),
			Hint:    s.say("Each copy has its own number and can be checked by anybody.", "У каждого экземпляра свой номер, и его может проверить любой.", "每份证明都有独立编号，任何人都可以核验。"),
			Options: []Option{{Value: "1", Label: "1", Selected: true}, {Value: "2", Label: "2"}, {Value: "3", Label: "3"}}}},
		Buttons: []Button{{Label: s.say("Continue", "Продолжить", "继续")}},
	}}
}

func answersSample(s sayer) View {
	return View{Title: s.say("Check your answers", "Проверьте ответы", "核对您的回答"), Back: "/", Data: sample{
		Answers: []SummaryRow{
			{Key: s.say("Name", "Имя", "姓名"), Value: s.say("Anna Whitfield", "Мария Соколова", "王小明"), Verified: true},
			{Key: s.say("Address", "Адрес", "住址"), Value: "14 Mill Lane\nNorthwick NW4 2QB", Verified: true},
			{Key: s.say("Purpose", "Цель", "用途"), Value: s.say("Opening a bank account", "Открытие счёта в банке", "开立银行账户"), Change: "/change/purpose"},
			{Key: s.say("Copies", "Экземпляры", "份数"), Value: "2", Change: "/change/copies"},
		},
		Notice:  Notice{Tone: Info, Title: s.say("Free of charge", "Бесплатно", "免费办理"), Body: s.say("This certificate costs nothing.", "За эту справку не нужно платить.", "办理此证明不收取任何费用。")},
		Buttons: []Button{{Label: s.say("Send the application", "Отправить заявление", "提交申请")}},
	}}
}

func doneSample(s sayer) View {
	return View{Title: s.say("Application sent", "Заявление отправлено", "申请已提交"), Data: sample{
		Copy:    Copy{Name: "link", Label: s.say("Link to the document", "Ссылка на документ", "文件链接"), Hint: s.say("It is shown only once.", "Показывается только один раз.", "仅显示一次。"), Value: "https://northwick.example/shared/kG3Jq0b6VxT1n9uY"},
		QR:      QR{Label: s.say("QR code with the link", "QR-код со ссылкой", "含链接的二维码"), Size: 15, Path: "M4 4h3v1h-3zM8 4h1v3h-1zM10 4h1v2h-1zM4 6h2v1h-2zM5 8h4v1h-4zM10 8h1v3h-1zM4 10h1v1h-1zM6 10h3v1h-3z"},
		Panel:   Panel{Title: s.say("Application sent", "Заявление отправлено", "申请已提交"), Reference: "RC-2026-7K4M-93Q2"},
		Next:    s.say("What happens next", "Что будет дальше", "接下来"),
		Text:    s.say("A registrar reads your application within five working days.", "Регистратор рассмотрит заявление в течение пяти рабочих дней.", "登记员将在五个工作日内审核您的申请。"),
		Buttons: []Button{{Label: s.say("See my case", "Открыть заявление", "查看我的申请"), Href: "/cases/1"}, {Label: s.say("To the services", "К услугам", "返回服务"), Href: "/", Tone: "secondary"}},
	}}
}

func caseSample(s sayer) View {
	at := func(days int) time.Time { return GalleryTime.AddDate(0, 0, -days) }
	agency := s.say("Civil registry", "Отдел записи актов", "户籍登记处")
	return View{Title: s.say("Residence certificate", "Справка о месте жительства", "居住证明"), Data: sample{
		Trail: []Link{{Label: s.say("My cases", "Мои заявления", "我的申请"), Href: "/cases"}, {Label: "RC-2026-7K4M-93Q2"}},
		Tags:  []Tag{{Text: s.say("Draft", "Черновик", "草稿"), Tone: Neutral}, {Text: s.say("Being read", "На рассмотрении", "审核中"), Tone: Info}, {Text: s.say("Your answer is needed", "Нужен ваш ответ", "需要您回复"), Tone: Warning}, {Text: s.say("Issued", "Выдана", "已签发"), Tone: Success}, {Text: s.say("Refused", "Отказ", "不予受理"), Tone: Danger}},
		Notices: []Notice{
			{Tone: Warning, Title: s.say("We have a question", "У нас есть вопрос", "我们需要您补充说明"), Body: s.say("Please answer by 6 December.", "Пожалуйста, ответьте до 6 декабря.", "请在 12 月 6 日前回复。"), Link: Link{Label: s.say("Answer now", "Ответить", "立即回复"), Href: "/answer"}},
			{Tone: Success, Body: s.say("Your answer was saved.", "Ваш ответ сохранён.", "您的回复已保存。")},
			{Tone: Danger, Title: s.say("The file could not be read", "Не удалось прочитать файл", "无法读取文件")},
			{Tone: Neutral, Body: s.say("Offices are closed on 25 December.", "25 декабря приёма нет.", "12 月 25 日不对外办公。")}},
		Next: s.say("Your documents", "Ваши документы", "您的文书"), Text: s.say("What has happened so far", "Что уже сделано", "办理经过"),
		Documents: []DocumentRow{
			{Title: s.say("Residence certificate", "Справка о месте жительства", "居住证明"), Number: "NW-2026-000481", IssuedAt: at(0), Href: "/documents/1.pdf", Tag: Tag{Text: s.say("Valid", "Действителен", "有效"), Tone: Success}},
			{Title: s.say("Residence certificate, copy 2", "Справка о месте жительства, экз. 2", "居住证明（第二份）"), Number: "NW-2026-000482", Pending: true},
			{Title: s.say("Residence certificate, copy 3", "Справка о месте жительства, экз. 3", "居住证明（第三份）"), Number: "NW-2026-000483", IssuedAt: at(0), Href: "/documents/3", Page: true, Tag: Tag{Text: s.say("Revoked", "Отозван", "已撤销"), Tone: Danger}}},
		History: []Moment{
			{At: at(0), Title: s.say("Certificate issued", "Справка выдана", "证明已签发"), Actor: agency, Now: true},
			{At: at(1), Title: s.say("You answered", "Вы ответили", "您已回复"), Body: s.say("Since May, with my sister.\nShe has lived there for years.", "С мая, вместе с сестрой.\nОна живёт там много лет.", "自五月起，与姐姐同住。\n她在那里住了多年。")},
			{At: at(2), Title: s.say("Question from the registrar", "Вопрос регистратора", "登记员提问"), Actor: agency, Tone: Warning, Facts: []Fact{{Key: s.say("Answer by", "Ответить до", "回复期限"), Value: s.say("6 December 2026", "6 декабря 2026 г.", "2026年12月6日")}}},
			{At: at(3), Title: s.say("Application sent", "Заявление отправлено", "申请已提交")}},
		Facts:   []Fact{{Key: s.say("Reference", "Номер", "受理编号"), Value: "RC-2026-7K4M-93Q2", Code: true}, {Key: s.say("Decided by", "Рассматривает", "受理机关"), Value: agency}},
		Details: Details{Summary: s.say("How we use your data", "Как мы используем ваши данные", "我们如何使用您的数据"), Body: s.say("Your name and address are printed on the certificate.", "Имя и адрес указываются в справке.", "您的姓名和住址将印在证明上。")},
	}}
}

func listsSample(s sayer) View {
	row := func(number, who string, days int, tag Tag) TableRow {
		return TableRow{Cells: []Cell{{Text: number, Href: "/staff/cases/1"}, {Text: s.say("Residence certificate", "Справка о месте жительства", "居住证明"), Note: who}, {Tag: tag}, {At: GalleryTime.AddDate(0, 0, -days)}}}
	}
	return View{Title: s.say("Work queue", "Очередь дел", "待办队列"), Wide: true, Data: sample{
		Filters: Filters{Label: s.say("Queue", "Очередь", "队列"), Search: "q", Action: "/staff/cases", Tabs: []Filter{
			{Label: s.say("Unassigned", "Свободные", "未分配"), Href: "?queue=unassigned", Count: 7, Current: true}, {Label: s.say("Mine", "Мои", "我的"), Href: "?queue=mine", Count: 2}, {Label: s.say("All", "Все", "全部"), Href: "?queue=all", Count: -1}}},
		Table: Table{Caption: s.say("Cases", "Дела", "案件"), Head: []string{s.say("Reference", "Номер", "受理编号"), s.say("Service", "Услуга", "服务"), s.say("State", "Состояние", "状态"), s.say("Sent", "Отправлено", "提交时间")}, Rows: []TableRow{
			row("RC-2026-7K4M-93Q2", "Anna Whitfield", 1, Tag{Text: s.say("New", "Новое", "新"), Tone: Info}),
			row("RC-2026-9TQX-11MD", "Мария Соколова", 2, Tag{Text: s.say("Overdue", "Просрочено", "超期"), Tone: Danger}),
			row("RC-2026-K2W8-70ZR", "王小明", 3, Tag{Text: s.say("Answered", "Получен ответ", "已回复"), Tone: Success})}},
		Pages: Pagination{Newer: "?page=1", Older: "?page=3"},
		Next:  s.say("Services", "Услуги", "服务"),
		Cards: []Card{
			{Href: "/apps/residence-certificate", Icon: "certificate", Title: s.say("Residence certificate", "Справка о месте жительства", "居住证明"), Text: s.say("Proof of where you live, signed and checkable by anybody.", "Подтверждение места жительства с подписью, которую может проверить любой.", "经签名的居住地证明，任何人均可核验。")},
			{Href: "/apps/appointment", Icon: "health", Title: s.say("Doctor's appointment", "Запись к врачу", "预约就诊"), Meta: s.say("Next free: tomorrow", "Ближайшее время: завтра", "最近可约：明天"), Tag: Tag{Text: s.say("New", "Новое", "新"), Tone: Info}}},
		Empty: Empty{Title: s.say("Nothing to do", "Всё сделано", "暂无待办"), Body: s.say("New cases appear here by themselves.", "Новые дела появятся здесь сами.", "新案件会自动出现在这里。"), Action: Button{Label: s.say("All cases", "Все дела", "全部案件"), Href: "/staff/cases?queue=all", Tone: "secondary"}},
	}}
}

func iconsSample(s sayer) View {
	return View{Title: s.say("Icons", "Значки", "图标"), Data: sample{Icons: []string{
		"certificate", "document", "health", "travel", "bike", "wheelchair", "family", "home", "services", "cases", "tray", "person", "shield", "clock", "question",
		"download", "next", "back", "down", "search", "code", "out", "done", "success", "warning", "danger", "info"}}}
}
