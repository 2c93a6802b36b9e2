package travel

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	_ "embed"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// The conductors' pages in the console. They work as plain forms; where the browser allows it, the page of a departure keeps the
// list of tickets and goes on without network (kernel/ui/static/scan.js).

//go:embed ui/travel-conductor-worker.js
var conductorWorker []byte

// conductorPages are for conductors; at which operator is checked by the service.
func (s *Service) conductorPages() []web.Page {
	conductor := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: RoleConductor, Relation: "agency"}
	const at = staffTravel + "/{operator}/departures/{departure}/scan"
	return []web.Page{
		{Pattern: "GET " + staffTravel + "/board", Policy: conductor, Handle: s.boardsPage},
		{Pattern: "GET " + staffTravel + "/{operator}/board", Policy: conductor, Handle: s.boardPage},
		{Pattern: "GET " + at, Policy: conductor, Handle: s.scanPage},
		{Pattern: "POST " + at, Policy: conductor, Handle: s.postScanPage},
		{Pattern: "GET " + at + "/tickets", Policy: conductor, Handle: s.scanTickets},
		{Pattern: "POST " + at + "/looks", Policy: conductor, Handle: s.postScanLooks},
		{Pattern: "GET " + at + "-worker.js", Policy: conductor, Handle: scanWorker},
	}
}

// c is a text of the conductors' pages: "check" is travel.conductor.check.
func (s *Service) c(r *http.Request, key string, args ...any) string {
	return s.say(kernel.LocaleOf(r.Context()), "conductor."+key, args...)
}

// conductorView is the data of ui/travel-conductor-board.html.
type conductorView struct {
	Days  []conductorDay
	Empty *ui.Empty
}

type conductorDay struct {
	Title string
	Cards []ui.Card
}

// boardsPage leads to the operators one is a conductor of; to the one there is, at once.
func (s *Service) boardsPage(w http.ResponseWriter, r *http.Request) error {
	who := kernel.PrincipalOf(r.Context())
	day := conductorDay{Title: s.c(r, "choose")}
	var last kernel.AgencyID
	for _, id := range who.Agencies() {
		if who.Has(id, RoleConductor) {
			last = id
			day.Cards = append(day.Cards, ui.Card{Href: boardPath(id), Title: s.operatorName(r, id), Text: s.c(r, "choose-card"), Icon: "travel"})
		}
	}
	if len(day.Cards) == 1 {
		return seeOther(w, r, boardPath(last))
	}
	return s.Staff.Render(w, r, s.views, "travel-conductor-board", ui.View{Title: s.c(r, "board"), Data: conductorView{Days: []conductorDay{day}}, Active: "tickets"})
}

func (s *Service) boardPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Board(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	return s.showBoard(w, r, operatorIn(r), all)
}

func (s *Service) showBoard(w http.ResponseWriter, r *http.Request, operator kernel.AgencyID, all []Boarding) error {
	locale, now := kernel.LocaleOf(r.Context()), s.Clock.Now()
	v := conductorView{}
	for _, b := range all {
		whole := Ride{b.Departure, 0, len(b.Calls) - 1}
		c := ui.Card{Href: scanPath(b.Departure.Operator, b.Departure.ID), Title: hours(whole) + " · " + lineIn(locale, b.Departure), Text: fromTo(locale, whole), Icon: "travel",
			Meta: s.c(r, "counts", "n", b.Onboard, "of", b.Expected)}
		switch {
		case b.State == DepartureCalledOff:
			c.Tag = ui.Tag{Text: s.c(r, "called-off"), Tone: ui.Danger}
		case !now.Before(b.StartsAt) && now.Before(b.EndsAt):
			c.Tag = ui.Tag{Text: s.c(r, "under-way"), Tone: ui.Info}
		}
		title := ui.Date(locale, b.Location(), b.StartsAt)
		if n := len(v.Days); n == 0 || v.Days[n-1].Title != title {
			v.Days = append(v.Days, conductorDay{Title: title})
		}
		day := &v.Days[len(v.Days)-1]
		day.Cards = append(day.Cards, c)
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.c(r, "none"), Body: s.c(r, "none-body"), Icon: "travel"}
	}
	return s.Staff.Render(w, r, s.views, "travel-conductor-board", ui.View{Title: s.c(r, "board"), Lead: s.operatorName(r, operator), Data: v, Active: "tickets"})
}

// scanView is the data of ui/travel-conductor-scan.html.
type scanView struct {
	CalledOff *ui.Notice
	Path      string
	Zone      string
	Words     string // JSON, for the script
	Result    *verdictView
	Counts    string
	Rows      []scanRow
	Blank     scanRow
	Verdicts  []verdictView
	Empty     *ui.Empty
}

// verdictView is an answer as nobody overlooks it: by its colour, its words and the shape of its sign.
type verdictView struct {
	Key, Tone, Title  string
	Place, Line, Note string
	Proof             bool
}

// scanRow is one place.
type scanRow struct {
	Place, Fare, Ride string
	Tag               ui.Tag
}

func (s *Service) scanPage(w http.ResponseWriter, r *http.Request) error {
	return s.showTickets(w, r, nil, 0)
}

// postScanPage looks at a ticket. The answer is a page of its own, so that the next code can be typed at once.
func (s *Service) postScanPage(w http.ResponseWriter, r *http.Request) error {
	checked, err := s.Scan(r.Context(), operatorIn(r), departureIn(r), r.PostFormValue("code"))
	if err == nil {
		return s.showTickets(w, r, s.acceptedView(r, checked), 0)
	}
	e := kernel.AsError(err)
	key, ok := map[string]string{ErrTicketUsed.Slug: LookSecond, ErrTicketVoid.Slug: LookVoid, ErrOtherDeparture.Slug: LookOther}[e.Slug]
	if e.Kind == kernel.NotFound {
		key, ok = LookUnknown, true
	}
	if !ok {
		return err
	}
	v := s.verdictView(r, key)
	if key == LookSecond {
		v.Note = s.c(r, "second-body", "time", e.Args["at"])
	}
	return s.showTickets(w, r, &v, web.Status(e.Kind)) // whose operator or departure it is not, gets no page: NotFound once more
}

func (s *Service) acceptedView(r *http.Request, c Checked) *verdictView {
	locale := kernel.LocaleOf(r.Context())
	v := s.verdictView(r, LookAccepted)
	p := c.Passenger
	v.Place, v.Proof = p.Place, p.Proof
	v.Line = strings.Join([]string{s.fareOf(locale, p.Class, p.BikePlace), c.From + " – " + c.To}, " · ")
	return &v
}

func (s *Service) showTickets(w http.ResponseWriter, r *http.Request, result *verdictView, status int) error {
	l, err := s.Tickets(r.Context(), operatorIn(r), departureIn(r))
	if err != nil {
		return err
	}
	return s.showScan(w, r, l, result, status)
}

// verdictTones give each answer its colour and its sign: a tick in a circle, a triangle, an octagon.
var verdictTones = []struct{ key, tone string }{
	{LookAccepted, ui.Success}, {LookSecond, ui.Warning}, {LookVoid, ui.Danger}, {LookOther, ui.Danger}, {LookUnknown, ui.Danger}, {LookNotThen, ui.Danger}, {"unchecked", ui.Danger},
}

func (s *Service) verdictView(r *http.Request, key string) verdictView {
	v := verdictView{Key: key, Title: s.c(r, key)}
	for _, t := range verdictTones {
		if t.key == key {
			v.Tone = t.tone
		}
	}
	if key != LookAccepted && key != LookSecond {
		v.Note = s.c(r, key+"-body")
	}
	return v
}

// fareOf is the class of a ticket with the bicycle that goes along.
func (s *Service) fareOf(locale, class, bicycle string) string {
	out := s.say(locale, "class."+class)
	if bicycle != "" {
		out += ", " + s.say(locale, "place.bicycle", "number", bicycle)
	}
	return out
}

func (s *Service) showScan(w http.ResponseWriter, r *http.Request, l BoardList, result *verdictView, status int) error {
	locale, d := kernel.LocaleOf(r.Context()), l.Departure
	words, err := s.scanWords(locale)
	if err != nil {
		return err
	}
	whole := Ride{d, 0, len(d.Calls) - 1}
	v := scanView{Path: scanPath(d.Operator, d.ID), Zone: d.Location().String(), Words: words, Result: result, Counts: s.c(r, "counts", "n", l.Boarded(), "of", l.Expected()),
		Blank: scanRow{Tag: ui.Tag{Text: s.c(r, "expected")}}}
	if d.State == DepartureCalledOff {
		v.CalledOff = &ui.Notice{Tone: ui.Danger, Title: s.c(r, "called-off"), Body: s.c(r, "called-off-body")}
	}
	for _, t := range l.Tickets {
		if t.State == TicketVoid {
			continue
		}
		row := scanRow{Place: t.Place, Fare: s.fareOf(locale, t.Class, t.BikePlace), Ride: t.From.In(locale) + " – " + t.To.In(locale), Tag: ui.Tag{Text: s.c(r, "expected")}}
		if t.State == TicketUsed {
			row.Tag = ui.Tag{Text: s.c(r, "on-board"), Tone: ui.Success}
		}
		v.Rows = append(v.Rows, row)
	}
	if len(v.Rows) == 0 {
		v.Empty = &ui.Empty{Title: s.c(r, "nobody"), Body: s.c(r, "nobody-body"), Icon: "travel"}
	}
	for _, t := range verdictTones {
		v.Verdicts = append(v.Verdicts, s.verdictView(r, t.key))
	}
	view := ui.View{Status: status, Title: hours(whole) + " · " + lineIn(locale, d), Lead: fromTo(locale, whole) + ", " + ui.Date(locale, d.Location(), d.StartsAt), Back: boardPath(d.Operator), Data: v, Active: "tickets", Task: true}
	// The page's button may ask for the camera, once somebody presses it.
	w.Header().Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=()")
	return s.Staff.Render(w, r, s.views, "travel-conductor-scan", view)
}

// scanWords are the words of the script, with the names of what it fills in.
func (s *Service) scanWords(locale string) (string, error) {
	words := map[string]string{"bicycle": s.say(locale, "place.bicycle")}
	for _, class := range []string{"adult", "child", "senior", "concession"} {
		words[class] = s.say(locale, "class."+class)
	}
	for _, key := range []string{"counts", "on-board", "expected", "second-body", "by-list", "by-list-unknown", "online", "offline", "offline-none", "old", "waiting", "signed-out", "sign-in",
		"conflict-second", "conflict-void", "conflict-none", "conflict-others", "conflict-turned", "conflict-time"} {
		words[key] = s.say(locale, "conductor."+key)
	}
	raw, err := json.Marshal(words)
	return string(raw), err
}

// scanTickets is the list of the contract, for the page's own script.
func (s *Service) scanTickets(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Tickets(r.Context(), operatorIn(r), departureIn(r))
	if err != nil {
		return err
	}
	body, tag, err := boardList(r.Context(), l)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeJSON(w, body)
}

// postScanLooks takes what the page's script hands in, as the contract does.
func (s *Service) postScanLooks(w http.ResponseWriter, r *http.Request) error {
	var body ScansBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	all, err := s.HandIn(r.Context(), operatorIn(r), departureIn(r), body.looks())
	if err != nil {
		return err
	}
	return writeJSON(w, scansAnswer(kernel.LocaleOf(r.Context()), all))
}

func writeJSON(w http.ResponseWriter, v any) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	return json.NewEncoder(w).Encode(v)
}

// scanWorker is the page's service worker; from this address it may look after the page and nothing else.
func scanWorker(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(conductorWorker)))
	return nil
}
