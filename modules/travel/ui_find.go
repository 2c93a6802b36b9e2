package travel

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// startPage asks where somebody goes, and shows what they have booked.
func (s *Service) startPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	_, stops, err := s.Departures(r.Context(), d.Slug, search{})
	if err != nil {
		return err
	}
	var mine []Booking
	var on map[DepartureID]Departure
	if kernel.PrincipalOf(r.Context()).Kind == kernel.Citizen {
		if mine, on, err = s.Trips(r.Context(), d.Slug, "", 20); err != nil {
			return err
		}
	}
	return s.showStart(w, r, d, stops, mine, on)
}

func (s *Service) showStart(w http.ResponseWriter, r *http.Request, d *workflows.Definition, stops []stopChoice, mine []Booking, on map[DepartureID]Departure) error {
	locale := kernel.LocaleOf(r.Context())
	v := startView{Form: s.searchForm(r, d.Slug, stops, search{}), About: strings.Split(d.Text(locale, "start"), "\n"), Retention: d.Text(locale, "retention")}
	if len(stops) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "start.none"), Body: s.t(r, "start.none-hint"), Icon: "travel"}
	}
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
		ride, _ := on[b.Departure].Ride(b.FromSeq, b.ToSeq)
		if ride.From < 0 || len(ride.Calls) == 0 {
			continue
		}
		v.Mine = append(v.Mine, ui.Card{Href: myPath(b.Service, b.Case), Title: fromTo(locale, ride), Icon: "travel",
			Text: ui.DateTime(locale, ride.Location(), b.DepartsAt), Meta: b.Number, Tag: s.stateTag(locale, d, b.State)})
	}
	return s.Citizen.Render(w, r, s.views, "travel-start", ui.View{Title: d.Text(locale, "title"), Lead: d.Text(locale, "summary"), Data: v, Active: "services", Back: "/"})
}

// searchForm asks where from, where to and when.
func (s *Service) searchForm(r *http.Request, slug string, stops []stopChoice, q search) formView {
	choice := func(name, label, value string) ui.Field {
		f := ui.Field{Name: name, Kind: "select", Label: s.t(r, label), Required: true, Value: value}
		for _, stop := range stops {
			f.Options = append(f.Options, ui.Option{Value: stop.ID, Label: stop.Name})
		}
		return f
	}
	return formView{Action: appPath(slug) + "/departures", Button: s.t(r, "start.search"), Fields: []ui.Field{
		choice("from", "from", q.From), choice("to", "to", q.To), {Name: "day", Kind: "date", Label: s.t(r, "day"), Value: q.Day},
	}}
}

// departuresPage lists what leaves between two stops.
func (s *Service) departuresPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	q := search{From: r.FormValue("from"), To: r.FormValue("to"), Day: r.FormValue("day")}
	found, stops, err := s.Departures(r.Context(), d.Slug, q)
	if err != nil {
		return err
	}
	return s.showDepartures(w, r, d, q, found, stops)
}

func (s *Service) showDepartures(w http.ResponseWriter, r *http.Request, d *workflows.Definition, q search, found []Departing, stops []stopChoice) error {
	v := departuresView{Form: s.searchForm(r, d.Slug, stops, q)}
	if len(found) > 0 {
		v.Heading = fromTo(kernel.LocaleOf(r.Context()), found[0].Ride)
	}
	for _, f := range found {
		v.Cards = append(v.Cards, s.departingCard(r, d.Slug, f))
	}
	if len(found) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "departures.none"), Body: s.t(r, "departures.none-hint"), Icon: "travel"}
	}
	return s.Citizen.Render(w, r, s.views, "travel-departures", ui.View{Title: s.t(r, "departures.title"), Data: v, Active: "services", Back: appPath(d.Slug)})
}

// departingCard is one departure. The page of a full one names others to whoever asks for places.
func (s *Service) departingCard(r *http.Request, slug string, d Departing) ui.Card {
	locale := kernel.LocaleOf(r.Context())
	c := ui.Card{Href: ridePath(slug, d.Ride), Title: hours(d.Ride) + ", " + ui.Date(locale, d.Location(), d.Begins().Departs), Text: lineIn(locale, d.Departure), Icon: "travel",
		Meta: s.t(r, "departures.from-price", "price", ui.Money(locale, d.Adult, d.Currency)), Tag: ui.Tag{Text: s.t(r, "departures.room", "n", d.Room), Tone: ui.Success}}
	if d.Room == 0 {
		c.Tag = ui.Tag{Text: s.t(r, "departures.full"), Tone: ui.Neutral}
	}
	return c
}

func ridePath(slug string, r Ride) string {
	return appPath(slug) + "/ride?" + url.Values{"departure": {string(r.ID)}, "from": {strconv.Itoa(r.Begins().Seq)}, "to": {strconv.Itoa(r.Ends().Seq)}}.Encode()
}
