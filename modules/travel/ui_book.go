package travel

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/fares"
	"townhall/workflows"
)

// askedIn reads the ride a page is about; one that cannot be read is not there.
func askedIn(r *http.Request) (Asked, error) {
	from, err1 := strconv.Atoi(r.FormValue("from"))
	to, err2 := strconv.Atoi(r.FormValue("to"))
	if err := errors.Join(err1, err2); err != nil {
		return Asked{}, kernel.NotThere("ride")
	}
	return Asked{DepartureID(r.FormValue("departure")), from, to}, nil
}

// crowdIn reads how many people ride and what they need.
func crowdIn(r *http.Request) []Wish {
	number := func(name string) int { n, _ := strconv.Atoi(r.FormValue(name)); return max(n, 0) }
	wishes := make([]Wish, min(max(number("people"), 1), MaxPassengers))
	for i := range wishes {
		wishes[i].Wheelchair, wishes[i].Bicycle = i < number("wheelchairs"), i < number("bicycles")
	}
	return wishes
}

// ridePage says what the ride costs and asks for how many. Following a link holds nothing.
func (s *Service) ridePage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	if err := s.People.Asked(r.Context(), nil, d.Slug); err != nil {
		return err
	}
	return s.showRideFor(w, r, d, nil)
}

func (s *Service) showRideFor(w http.ResponseWriter, r *http.Request, d *workflows.Definition, problem error) error {
	asked, err := askedIn(r)
	if err != nil {
		return err
	}
	q, err := s.Quote(r.Context(), asked, make([]Wish, 1), nil, nil)
	if err != nil {
		return err
	}
	return s.showRide(w, r, d, q, crowdIn(r), problem)
}

func (s *Service) showRide(w http.ResponseWriter, r *http.Request, d *workflows.Definition, q Quoted, crowd []Wish, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	wheelchairs, bicycles := 0, 0
	for _, c := range crowd {
		if c.Wheelchair {
			wheelchairs++
		}
		if c.Bicycle {
			bicycles++
		}
	}
	v := rideView{Facts: append(s.rideFacts(locale, q.Ride),
		ui.Fact{Key: s.t(r, "price-adult"), Value: ui.Money(locale, q.Price.Fare, q.Price.Currency)}, ui.Fact{Key: s.t(r, "free-seats"), Value: itoa(q.Room)}),
		Terms: s.termLines(locale, q.Ride, q.Terms)}
	v.Form = formView{Action: appPath(d.Slug) + "/ride", Button: s.t(r, "ride.hold"), Fields: []ui.Field{
		countField("people", s.t(r, "ride.people"), 1, len(crowd)), countField("wheelchairs", s.t(r, "ride.wheelchairs"), 0, wheelchairs), countField("bicycles", s.t(r, "ride.bicycles"), 0, bicycles),
	}, Hidden: []hidden{{"departure", string(q.Ride.ID)}, {"from", itoa(q.Ride.Begins().Seq)}, {"to", itoa(q.Ride.Ends().Seq)}}}
	view := ui.View{Title: fromTo(locale, q.Ride), Active: "services", Task: true, Back: appPath(d.Slug)}
	v.Problems = s.problems(r, &view, problem)
	if problem != nil {
		for _, a := range kernel.AsError(problem).Instead {
			v.Instead = append(v.Instead, ui.Card{Href: appPath(d.Slug) + "/departures?from=" + string(q.Ride.Begins().Stop) + "&to=" + string(q.Ride.Ends().Stop) + "&day=" + a.StartsAt.In(q.Ride.Location()).Format("2006-01-02"),
				Title: ui.DateTime(locale, q.Ride.Location(), a.StartsAt), Text: a.Place, Icon: "travel"})
		}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-ride", view)
}

// countField asks for a number of people or things.
func countField(name, label string, from, value int) ui.Field {
	f := ui.Field{Name: name, Kind: "select", Label: label, Required: true, Value: itoa(value)}
	for n := from; n <= MaxPassengers; n++ {
		f.Options = append(f.Options, ui.Option{Value: itoa(n), Label: itoa(n)})
	}
	return f
}

// termLines say what goes back until when.
func (s *Service) termLines(locale string, r Ride, terms []fares.Term) (out []string) {
	for _, t := range terms {
		out = append(out, s.say(locale, "term", "percent", itoa(t.Percent), "until", ui.DateTime(locale, r.Location(), t.Until)))
	}
	if len(out) == 0 {
		out = []string{s.say(locale, "no-refund")}
	}
	return out
}

// postRide holds the places. Whoever comes too late is shown the next departures.
func (s *Service) postRide(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	asked, err := askedIn(r)
	if err != nil {
		return err
	}
	q := HoldRequest{Asked: asked, Wishes: crowdIn(r)}
	if s.Channel != nil {
		q.Channel = s.Channel(r.Context())
	}
	b, err := s.Hold(r.Context(), q)
	if tolerable(err) {
		return s.showRideFor(w, r, d, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, bookPath(d.Slug, b.Case))
}

// draft reads what is being booked; what is none any more lives on the booking's page.
func (s *Service) draft(w http.ResponseWriter, r *http.Request, d *workflows.Definition) (MyTrip, bool, error) {
	t, err := s.Trip(r.Context(), caseIn(r))
	switch {
	case err != nil:
		return MyTrip{}, false, err
	case t.Service != d.Slug:
		return MyTrip{}, false, kernel.NotThere("booking")
	case t.State != StateDraft:
		return t, false, seeOther(w, r, myPath(d.Slug, t.Case))
	}
	return t, true, nil
}

// held says until when the places are kept, or that they no longer are.
func (s *Service) held(r *http.Request, t MyTrip) *ui.Notice {
	if t.HoldUntil.After(s.Clock.Now()) {
		return &ui.Notice{Tone: ui.Info, Body: s.t(r, "held", "until", ui.Clock(t.Ride.Location(), t.HoldUntil))}
	}
	return &ui.Notice{Tone: ui.Warning, Body: s.t(r, "held-over")}
}

func (s *Service) namesPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, ok, err := s.draft(w, r, d)
	if !ok {
		return err
	}
	named := make([]Named, len(t.Passengers))
	for i, p := range t.Passengers {
		named[i] = Named{Self: p.Self || i == 0 && p.Name == "", Name: p.Name, Birthdate: p.Birthdate}
		if named[i].Self {
			named[i].Name, named[i].Birthdate = "", ""
		}
	}
	return s.showNamesFor(w, r, t, named, t.products(), nil)
}

// namesIn reads who rides.
func namesIn(r *http.Request, n int) []Named {
	out := make([]Named, n)
	for i := range out {
		at := itoa(i)
		out[i] = Named{Self: i == 0 && r.PostFormValue("self") == "true"}
		if !out[i].Self {
			out[i].Name, out[i].Birthdate = r.PostFormValue("name-"+at), r.PostFormValue("birthdate-"+at)
		}
	}
	return out
}

func (s *Service) showNamesFor(w http.ResponseWriter, r *http.Request, t MyTrip, named []Named, products []string, problem error) error {
	offered, err := s.insurable(r.Context(), t.Booking)
	if err != nil {
		return err
	}
	return s.showNames(w, r, t, named, offered, products, problem)
}

func (s *Service) showNames(w http.ResponseWriter, r *http.Request, t MyTrip, named []Named, offered []Premium, products []string, problem error) error {
	path := bookPath(t.Service, t.Case)
	v := bookView{Held: s.held(r, t), Form: formView{Action: path, Button: s.t(r, "continue")}, Other: ui.Button{Label: s.t(r, "seats.choose"), Href: path + "/seats", Tone: "quiet"}}
	wrong := map[string]string{}
	if problem != nil {
		for field, text := range s.Texts.FieldErrors(kernel.LocaleOf(r.Context()), problem) {
			var i int
			var name string
			if n, _ := fmt.Sscanf(field, "passengers[%d].%s", &i, &name); n == 2 {
				wrong[name+"-"+itoa(i)] = text
			}
		}
	}
	view := ui.View{Title: s.t(r, "names.title"), Active: "services", Task: true, Back: appPath(t.Service)}
	top := s.problems(r, &view, problem)
	for i, p := range t.Passengers {
		at := itoa(i)
		g := groupView{Legend: s.t(r, "names.passenger", "n", i+1, "place", p.Place)}
		if i == 0 {
			self := ui.Field{Name: "self", Kind: "checkbox", Label: s.t(r, "names.self"), Plain: true}
			if named[i].Self {
				self.Value = "true"
			}
			g.Self = []ui.Field{self}
		}
		label := "names.name"
		if i == 0 {
			label = "names.name-else"
		}
		g.Fields = append(g.Fields, ui.Field{Name: "name-" + at, Label: s.t(r, label), Required: i > 0, Plain: true, MaxLength: 200, Value: named[i].Name, Autocomplete: "off"},
			ui.Field{Name: "birthdate-" + at, Kind: "date", Label: s.t(r, "names.birthdate"), Hint: s.t(r, "names.birthdate-hint"), Value: named[i].Birthdate})
		v.Groups = append(v.Groups, g)
	}
	if v.withErrors(wrong); len(v.Problems) == 0 {
		v.Problems = top
	}
	if len(offered) > 0 {
		v.Rest = []ui.Field{s.insuranceField(r, t.Currency, offered, products)}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-book", view)
}

// insuranceField offers what can be insured. How much it costs is known once the names are: here stands what it would cost for adults.
func (s *Service) insuranceField(r *http.Request, currency string, offered []Premium, products []string) ui.Field {
	locale := kernel.LocaleOf(r.Context())
	f := ui.Field{Name: "insurance", Kind: "checkbox", Label: s.t(r, "names.insurance"), Plain: true}
	for _, p := range offered {
		key := "names.product"
		if p.Percent > 0 {
			key = "names.product-most"
		}
		f.Options = append(f.Options, ui.Option{Value: p.Code, Selected: slices.Contains(products, p.Code), Hint: s.coverText(locale, currency, p.Product),
			Label: s.t(r, key, "name", p.Name.In(locale), "amount", ui.Money(locale, p.Amount, currency))})
	}
	return f
}

// withErrors puts each error to its field and lists them for the summary.
func (v *bookView) withErrors(wrong map[string]string) {
	var all []ui.Field
	for _, g := range v.Groups {
		all = append(all, g.Fields...)
	}
	all, v.Problems = ui.WithErrors(all, wrong)
	for i := range v.Groups {
		n := len(v.Groups[i].Fields)
		v.Groups[i].Fields, all = all[:n], all[n:]
	}
}

func (s *Service) postNames(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, ok, err := s.draft(w, r, d)
	if !ok {
		return err
	}
	named, products := namesIn(r, len(t.Passengers)), many(r, "insurance")
	_, err = s.SayWho(r.Context(), t.Case, named, products)
	if tolerable(err) {
		return s.showNamesFor(w, r, t, named, products, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, bookPath(d.Slug, t.Case)+"/check")
}

func (s *Service) checkPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, ok, err := s.draft(w, r, d)
	if !ok {
		return err
	}
	if slices.ContainsFunc(t.Passengers, func(p Passenger) bool { return p.Name == "" }) {
		return seeOther(w, r, bookPath(d.Slug, t.Case))
	}
	return s.showCheck(w, r, t, nil)
}

func (s *Service) showCheck(w http.ResponseWriter, r *http.Request, t MyTrip, problem error) error {
	locale, path := kernel.LocaleOf(r.Context()), bookPath(t.Service, t.Case)
	v := checkView{Held: s.held(r, t), Total: ui.Money(locale, t.Fare+t.Insurance, t.Currency), Terms: s.termLines(locale, t.Ride, t.Terms),
		Form: formView{Action: path + "/pay", Version: t.Version, Button: s.t(r, "check.pay")}}
	for _, f := range s.rideFacts(locale, t.Ride) {
		v.Rows = append(v.Rows, ui.SummaryRow{Key: f.Key, Value: f.Value})
	}
	for i, p := range t.Passengers {
		v.Rows = append(v.Rows, ui.SummaryRow{Key: s.t(r, "check.passenger", "n", i+1), Value: s.passengerLine(locale, p) + "\n" + ui.Money(locale, p.Fare, t.Currency), Change: path})
	}
	if t.Insurance > 0 {
		v.Rows = append(v.Rows, ui.SummaryRow{Key: s.say(locale, "line.insurance"), Value: s.insuredText(locale, t.Booking) + "\n" + ui.Money(locale, t.Insurance, t.Currency), Change: path})
	}
	view := ui.View{Title: s.t(r, "check.title"), Active: "services", Task: true, Back: path}
	v.Problems = s.problems(r, &view, problem)
	if t.Fare+t.Insurance == 0 {
		v.Form.Button = s.t(r, "check.book")
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-check", view)
}

// passengerLine is name, class and place.
func (s *Service) passengerLine(locale string, p Passenger) string {
	return p.Name + ", " + s.placeLine(locale, p)
}

// placeLine is class and place.
func (s *Service) placeLine(locale string, p Passenger) string {
	parts := []string{s.say(locale, "class."+p.Class), s.say(locale, "place."+p.Kind, "number", p.Place)}
	if p.BikePlace != "" {
		parts = append(parts, s.say(locale, "place.bicycle", "number", p.BikePlace))
	}
	return strings.Join(parts, ", ")
}

// postPayPage begins to pay and goes on at the booking's page, which says where.
func (s *Service) postPayPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	_, err = s.Pay(r.Context(), caseIn(r), version)
	if tolerable(err) {
		t, ok, err2 := s.draft(w, r, d)
		if !ok {
			return err2
		}
		return s.showCheck(w, r, t, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, myPath(d.Slug, caseIn(r)))
}
