package travel

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// startPage asks where somebody goes, and shows what they have booked.
func (s *Service) startPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	var mine []Booking
	var on map[DepartureID]Departure
	var err error
	if kernel.PrincipalOf(r.Context()).Kind == kernel.Citizen {
		if mine, on, err = s.Trips(r.Context(), d.Slug, "", 20); err != nil {
			return err
		}
	}
	begins := ""
	if ref := r.URL.Query().Get("ref"); kernel.ValidID(ref) { // a stop somebody stands at, or whose code they scanned
		if begins, err = s.StopNamed(r.Context(), StopID(ref)); err != nil {
			return err
		}
	}
	return s.showStart(w, r, d, begins, mine, on)
}

func (s *Service) showStart(w http.ResponseWriter, r *http.Request, d *workflows.Definition, begins string, mine []Booking, on map[DepartureID]Departure) error {
	locale := kernel.LocaleOf(r.Context())
	v := startView{Form: s.searchForm(r, d.Slug, search{From: begins}), About: strings.Split(d.Text(locale, "start"), "\n"), Retention: d.Text(locale, "retention")}
	if a, ok := s.Directory.Agency(kernel.TenantOf(r.Context()).ID, kernel.AgencyID(d.Agency)); ok {
		v.Facts = []ui.Fact{{Key: s.t(r, "start.run-by"), Value: a.Name.In(locale)}}
	}
	for _, c := range d.Claims {
		v.Claims = append(v.Claims, ui.Fact{Key: d.Text(locale, "claim."+c.Name), Value: d.Text(locale, "claim."+c.Name+".purpose")})
	}
	for _, b := range mine {
		if b.State == StateLapsed || b.State == StateDraft && !b.HoldUntil.After(s.Clock.Now()) {
			continue
		}
		ride, ok := on[b.Departure].Ride(b.FromSeq, b.ToSeq)
		if !ok {
			continue
		}
		v.Mine = append(v.Mine, ui.Card{Href: myPath(b.Service, b.Case), Title: fromTo(locale, ride), Icon: "travel",
			Text: ui.DateTime(locale, ride.Location(), b.DepartsAt), Meta: b.Number, Tag: s.stateTag(locale, d, b.State)})
	}
	return s.Citizen.Render(w, r, s.views, "travel-start", ui.View{Title: d.Text(locale, "title"), Lead: d.Text(locale, "summary"), Data: v, Active: "services", Back: "/"})
}

// searchForm asks where from, where to and when.
func (s *Service) searchForm(r *http.Request, slug string, q search) formView {
	place := func(name, label, value string) ui.Field {
		return ui.Field{Name: name, Label: s.t(r, label), Required: true, Value: value, MaxLength: 100, Autocomplete: "off", Plain: true}
	}
	return formView{Action: appPath(slug) + "/departures", Button: s.t(r, "start.search"), Fields: []ui.Field{
		place("from", "from", q.From), place("to", "to", q.To), {Name: "day", Kind: "date", Label: s.t(r, "day"), Value: q.Day},
	}}
}

// departuresPage lists what leaves between two places.
func (s *Service) departuresPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	q := search{From: strings.TrimSpace(r.FormValue("from")), To: strings.TrimSpace(r.FormValue("to")), Day: r.FormValue("day"), After: r.FormValue("after")}
	if q.From == "" || q.To == "" {
		http.Redirect(w, r, appPath(d.Slug), http.StatusSeeOther)
		return nil
	}
	found, err := s.Departures(r.Context(), d.Slug, q)
	if kernel.KindOf(err) == kernel.Invalid { // a day or a time that is none: as if it had not been said
		q.Day, q.After = "", ""
		found, err = s.Departures(r.Context(), d.Slug, q)
	}
	if err != nil {
		return err
	}
	return s.showDepartures(w, r, d, q, found)
}

func (s *Service) showDepartures(w http.ResponseWriter, r *http.Request, d *workflows.Definition, q search, found Offered) error {
	locale := kernel.LocaleOf(r.Context())
	if len(found.From) > 0 {
		q.From = found.From[0].Name.In(locale)
	}
	if len(found.To) > 0 {
		q.To = found.To[0].Name.In(locale)
	}
	q.Day = found.Day
	v := departuresView{Form: s.searchForm(r, d.Slug, q)}
	switch {
	case len(found.From) == 0:
		v.Empty = s.noPlace(r, q.From)
	case len(found.To) == 0:
		v.Empty = s.noPlace(r, q.To)
	case len(found.List) == 0:
		v.Empty = &ui.Empty{Title: s.t(r, "departures.none"), Body: s.t(r, "departures.none-hint"), Icon: "travel"}
		if found.Next != "" {
			v.Empty.Action = ui.Button{Label: s.t(r, "departures.next", "day", s.dayWords(locale, found.Next)), Href: appPath(d.Slug) + "/departures?" + url.Values{"from": {q.From}, "to": {q.To}, "day": {found.Next}}.Encode()}
		}
	default:
		v.Heading, v.Day = q.From+" – "+q.To, s.dayWords(locale, found.Day)
	}
	if found.Later != "" {
		v.Later = appPath(d.Slug) + "/departures?" + url.Values{"from": {q.From}, "to": {q.To}, "day": {found.Day}, "after": {found.Later}}.Encode()
	}
	for _, f := range found.List {
		v.Cards = append(v.Cards, s.departingCard(r, d.Slug, f))
	}
	for _, way := range found.Changes {
		v.Changes = append(v.Changes, s.changeCards(r, d.Slug, way))
	}
	return s.Citizen.Render(w, r, s.views, "travel-departures", ui.View{Title: s.t(r, "departures.title"), Data: v, Active: "services", Back: appPath(d.Slug)})
}

// noPlace says that no stop is called as somebody typed.
func (s *Service) noPlace(r *http.Request, typed string) *ui.Empty {
	return &ui.Empty{Title: s.t(r, "departures.no-place", "typed", typed), Body: s.t(r, "departures.no-place-hint"), Icon: "travel"}
}

func (s *Service) dayWords(locale, day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return ui.Date(locale, time.UTC, t)
}

// changeCards are the two rides of a way with a change: each is booked for itself.
func (s *Service) changeCards(r *http.Request, slug string, way Journey) viaView {
	locale := kernel.LocaleOf(r.Context())
	v := viaView{Title: ui.Clock(way.Departs.Location(), way.Departs) + "–" + ui.Clock(way.Arrives.Location(), way.Arrives),
		Text: s.t(r, "departures.change-at", "place", stopIn(locale, way.Legs[0].To))}
	for _, l := range way.Legs {
		v.Cards = append(v.Cards, ui.Card{Icon: "travel", Title: stopIn(locale, l.From) + " – " + stopIn(locale, l.To), Text: lineIn(locale, l.Departure),
			Meta: ui.Clock(l.From.Departs.Location(), l.From.Departs) + "–" + ui.Clock(l.To.Arrives.Location(), l.To.Arrives),
			Href: appPath(slug) + "/ride?" + url.Values{"departure": {string(l.Departure.ID)}, "from": {strconv.Itoa(l.From.Seq)}, "to": {strconv.Itoa(l.To.Seq)}}.Encode()})
	}
	return v
}

// departingCard is one departure. The page of a full one names others to whoever asks for places.
func (s *Service) departingCard(r *http.Request, slug string, d Departing) ui.Card {
	locale := kernel.LocaleOf(r.Context())
	c := ui.Card{Href: ridePath(slug, d.Ride), Title: hours(d.Ride), Text: lineIn(locale, d.Departure), Icon: "travel",
		Meta: s.t(r, "departures.from-price", "price", ui.Money(locale, d.Adult, d.Currency)), Tag: ui.Tag{Text: s.t(r, "departures.room", "n", d.Room), Tone: ui.Success}}
	if d.Room == 0 {
		c.Tag = ui.Tag{Text: s.t(r, "departures.full"), Tone: ui.Neutral}
	}
	return c
}

func ridePath(slug string, r Ride) string {
	return appPath(slug) + "/ride?" + url.Values{"departure": {string(r.ID)}, "from": {strconv.Itoa(r.Begins().Seq)}, "to": {strconv.Itoa(r.Ends().Seq)}}.Encode()
}
