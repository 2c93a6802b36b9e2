package travel

import (
	"net/http"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/seats"
	"townhall/workflows"
)

// errPlacesCount is the answer when not as many places are ticked as there are people for them.
var errPlacesCount = kernel.NewError(kernel.Invalid, "places-count", "Choose as many places as there are people.")

// seatsView is the plan of a vehicle in which places are chosen.
type seatsView struct {
	Problems []ui.Problem
	Held     *ui.Notice
	Ask      string
	Vehicle  string
	Rows     []planRow
	Bicycles []planCell // nothing to choose: who brings one has a place for it
	Form     formView
}

// planRow is one row of the vehicle, for those who hear the page: "Row 3".
type planRow struct {
	Label string
	Cells []planCell
}

// planCell is what stands at one spot of the plan. Number empty: the aisle, or nothing.
type planCell struct {
	Number string
	Icon   string
	Kind   string // name of the field; empty: it cannot be chosen
	Input  string // radio, checkbox
	Chosen bool
	Taken  bool
	Says   string // what its look says, in words
}

func (s *Service) seatsPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, ok, err := s.draft(w, r, d)
	if !ok {
		return err
	}
	return s.showSeatsFor(w, r, t, placesOf(given(t.Booking)), nil)
}

// given are the places of a booking.
func given(b Booking) (out []seats.Given) {
	for _, p := range b.Passengers {
		out = append(out, seats.Given{Number: p.Place, Bicycle: p.BikePlace})
	}
	return out
}

func (s *Service) showSeatsFor(w http.ResponseWriter, r *http.Request, t MyTrip, chosen []string, problem error) error {
	q, err := s.Quote(r.Context(), Asked{t.Departure, t.FromSeq, t.ToSeq}, make([]Wish, 1), nil, nil)
	if err != nil {
		return err
	}
	return s.showSeats(w, r, t, q.Vehicle, q.Free, chosen, problem)
}

// showSeats draws the vehicle: what is free all the way or theirs can be ticked, what others have cannot.
func (s *Service) showSeats(w http.ResponseWriter, r *http.Request, t MyTrip, vehicle seats.Layout, free, chosen []string, problem error) error {
	locale, path := kernel.LocaleOf(r.Context()), bookPath(t.Service, t.Case)
	v := seatsView{Held: s.held(r, t), Ask: s.t(r, "seats.ask", "n", len(t.Passengers)), Vehicle: vehicle.Name.In(locale),
		Form: formView{Action: path + "/seats", Button: s.t(r, "seats.take")}}
	view := ui.View{Title: s.t(r, "seats.title"), Active: "services", Task: true, Back: path}
	v.Problems = s.problems(r, &view, problem)
	mine := placesOf(given(t.Booking))
	people := map[seats.Kind]int{}
	for _, p := range t.Passengers {
		people[seats.Kind(p.Kind)]++
	}
	v.Rows = make([]planRow, len(vehicle.Rows))
	for i := range v.Rows {
		v.Rows[i] = planRow{Label: s.t(r, "seats.row", "n", i+1), Cells: make([]planCell, vehicle.Columns)}
	}
	for _, p := range vehicle.Places {
		c := planCell{Number: p.Number, Input: "checkbox", Taken: !slices.Contains(free, p.Number) && !slices.Contains(mine, p.Number), Chosen: slices.Contains(chosen, p.Number)}
		if people[p.Kind] == 1 {
			c.Input = "radio"
		}
		if people[p.Kind] > 0 {
			c.Kind = string(p.Kind)
		}
		var says []string
		switch p.Kind {
		case seats.Wheelchair:
			c.Icon, says = "wheelchair", append(says, s.t(r, "seats.wheelchair"))
		case seats.Bicycle:
			c.Icon, says = "bike", append(says, s.t(r, "seats.bicycle"))
		}
		switch {
		case c.Taken:
			says = append(says, s.t(r, "seats.taken"))
		case slices.Contains(mine, p.Number):
			says = append(says, s.t(r, "seats.yours"))
		case c.Kind == "":
			says = append(says, s.t(r, "seats.free"))
		}
		c.Says = strings.Join(says, ", ")
		if p.Kind == seats.Bicycle {
			v.Bicycles = append(v.Bicycles, c)
			continue
		}
		v.Rows[p.Row].Cells[p.Column] = c
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-seats", view)
}

// postSeats holds the chosen places in the place of those that are held.
func (s *Service) postSeats(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, ok, err := s.draft(w, r, d)
	if !ok {
		return err
	}
	chosen := append(many(r, string(seats.Seat)), many(r, string(seats.Wheelchair))...)
	q := HoldRequest{Asked: Asked{t.Departure, t.FromSeq, t.ToSeq}, Insure: t.products(), Locale: t.Locale}
	if q.Wishes, err = ticked(r, t.Booking); err == nil {
		_, err = s.Hold(r.Context(), q)
	}
	if tolerable(err) {
		return s.showSeatsFor(w, r, t, chosen, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, bookPath(d.Slug, t.Case))
}

// many are all values of one field of a form.
func many(r *http.Request, name string) []string {
	_ = r.PostFormValue(name) // parses the form
	return r.PostForm[name]
}

// ticked gives the ticked places to the passengers: who has one of them keeps it, the others follow in their order.
func ticked(r *http.Request, b Booking) ([]Wish, error) {
	wishes := make([]Wish, len(b.Passengers))
	for i, p := range b.Passengers {
		wishes[i] = Wish{Wheelchair: p.Kind == string(seats.Wheelchair), Bicycle: p.Bicycle}
	}
	for _, kind := range []seats.Kind{seats.Seat, seats.Wheelchair} {
		places := many(r, string(kind))
		var without []int
		for i, p := range b.Passengers {
			if p.Kind != string(kind) {
				continue
			}
			if at := slices.Index(places, p.Place); at >= 0 {
				wishes[i].Place, places = p.Place, slices.Delete(slices.Clone(places), at, at+1)
			} else {
				without = append(without, i)
			}
		}
		if len(places) != len(without) {
			return nil, errPlacesCount
		}
		for n, i := range without {
			wishes[i].Place = places[n]
		}
	}
	return wishes, nil
}
