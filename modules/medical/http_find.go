package medical

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// registerFind adds the search. Anybody may search: what is free says nothing about who has the rest.
func (s *Service) registerFind(api *web.API) {
	notFound := []int{http.StatusNotFound}
	web.Register(api, web.Op{ID: "list-visit-types", Method: http.MethodGet, Path: "/visit-types", Tags: []string{"Visits"}, Policy: web.Public,
		Summary: "List the types of visits", Returns: "The types of visits.", Description: "Those that can be booked in the municipality, in the language asked for by Accept-Language."}, s.listVisitTypes)
	web.Register(api, web.Op{ID: "list-visit-places", Method: http.MethodGet, Path: "/visit-types/{visit_type}/places", Tags: []string{"Visits"}, Policy: web.Public, Errors: notFound,
		Summary: "List where a visit can be booked", Returns: "The places.", Description: "The places of all clinics that offer the visit, and the languages spoken there."}, s.listVisitPlaces)
	web.Register(api, web.Op{ID: "list-free-days", Method: http.MethodGet, Path: "/visit-types/{visit_type}/days", Tags: []string{"Visits"}, Policy: web.Public, Errors: notFound,
		Summary: "Count what is free on each day", Returns: "The days.", Description: "Seven days from the one asked for, or from the first on which something is free. Counting stops at 100."}, s.listDays)
	web.Register(api, web.Op{ID: "list-free-slots", Method: http.MethodGet, Path: "/visit-types/{visit_type}/slots", Tags: []string{"Visits"}, Policy: web.Public, Errors: notFound,
		Summary: "Search free times", Returns: "One page of free times.", Description: "Soonest first, over all places and practitioners that match. With `near` the places within 25 km of it, or of the nearest place when there is none. Hold or book one by its id."}, s.listSlots)
}

// SearchInput narrows the search.
type SearchInput struct {
	VisitType string `path:"visit_type" minLength:"1" maxLength:"60" pattern:"^[a-z0-9-]+$" example:"consultation" doc:"The code of the visit type."`
	Place     string `query:"place" maxLength:"36" pattern:"^([0-9a-f-]{36})?$" doc:"Only at this place."`
	Language  string `query:"language" maxLength:"8" pattern:"^[a-z]{0,8}$" example:"pl" doc:"Only with practitioners who speak it (ISO 639)."`
	Near      string `query:"near" maxLength:"80" example:"NW7 2QH" doc:"A postcode, a part of town, or a position as latitude,longitude."`
	Day       string `query:"day" maxLength:"10" pattern:"^(\\d{4}-\\d{2}-\\d{2})?$" example:"2026-12-01" doc:"From this local day on; absent: from now on."`
}

// SlotsInput narrows the search for times.
type SlotsInput struct {
	SearchInput
	Until  string `query:"until" maxLength:"10" pattern:"^(\\d{4}-\\d{2}-\\d{2})?$" example:"2026-12-07" doc:"Up to this local day; absent: as far ahead as can be booked."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"80" doc:"The next_cursor of the page before."`
}

// PlacesOutput lists places.
type PlacesOutput struct {
	Body struct {
		Places    []VisitPlace `json:"places" maxItems:"1000" doc:"Where the visit is offered."`
		Languages []string     `json:"languages" example:"[\"en\",\"pl\"]" doc:"Spoken by the practitioners (ISO 639)."`
	}
}

// VisitPlace is one place.
type VisitPlace struct {
	ID         string   `json:"id" format:"uuid" doc:"The place's id."`
	Facility   string   `json:"facility" example:"riverside-clinic" doc:"The clinic it belongs to."`
	Name       string   `json:"name" example:"Riverside Clinic" doc:"In the language asked for."`
	Street     string   `json:"street" example:"4 Quay Street" doc:"Street and number."`
	PostalCode string   `json:"postal_code" example:"NW1 4QQ" doc:"Postcode."`
	Locality   string   `json:"locality" example:"Northwick" doc:"Town."`
	Country    string   `json:"country" example:"GB" doc:"ISO 3166-1 alpha-2."`
	Zone       string   `json:"zone" example:"Europe/London" doc:"IANA time zone: the clock on its wall."`
	Latitude   *float64 `json:"latitude,omitempty" example:"51.51" doc:"In degrees; absent when not known."`
	Longitude  *float64 `json:"longitude,omitempty" example:"-0.12" doc:"In degrees; absent when not known."`
	Phone      string   `json:"phone,omitempty" example:"020 7946 0142" doc:"Telephone."`
}

// DaysOutput lists days.
type DaysOutput struct {
	Body struct {
		FirstFree string    `json:"first_free,omitempty" example:"2026-12-01" doc:"The first local day on which something is free; absent when none is."`
		Days      []FreeDay `json:"days" maxItems:"7" doc:"Seven days in order."`
	}
}

// FreeDay is one local day.
type FreeDay struct {
	Day  string `json:"day" example:"2026-12-01" doc:"YYYY-MM-DD by the municipality's clock."`
	Free int    `json:"free" minimum:"0" maximum:"100" example:"12" doc:"How many times are free; 100 stands for 100 or more."`
}

// SlotsOutput lists free times.
type SlotsOutput struct {
	Body struct {
		Slots      []FreeSlot `json:"slots" maxItems:"100" doc:"Free times, soonest first."`
		NextCursor string     `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// FreeSlot is one free time.
type FreeSlot struct {
	ID           string    `json:"id" format:"uuid" doc:"Hold or book it by this id."`
	StartsAt     time.Time `json:"starts_at" doc:"When it begins."`
	EndsAt       time.Time `json:"ends_at" doc:"When it ends."`
	Left         int       `json:"left" minimum:"1" example:"1" doc:"How many people can still book it."`
	Place        string    `json:"place" format:"uuid" doc:"Where; see the places of the visit type."`
	PlaceName    string    `json:"place_name" example:"Riverside Clinic" doc:"In the language asked for."`
	Facility     string    `json:"facility" example:"riverside-clinic" doc:"The clinic."`
	Practitioner string    `json:"practitioner,omitempty" example:"Dr Helen Marsh" doc:"With whom; absent: nobody in particular."`
	Metres       *int      `json:"metres,omitempty" minimum:"0" example:"1200" doc:"From where was asked by near."`
}

func (in SearchInput) search() search {
	return search{Visit: in.VisitType, Place: in.Place, Language: in.Language, Near: in.Near, Day: in.Day}
}

func (s *Service) listVisitPlaces(ctx context.Context, in *SearchInput) (*PlacesOutput, error) {
	f, err := s.offerings(ctx, in.search())
	if err != nil {
		return nil, err
	}
	out := &PlacesOutput{}
	out.Body.Places, out.Body.Languages = []VisitPlace{}, append([]string{}, f.languages...)
	for _, p := range f.choice {
		out.Body.Places = append(out.Body.Places, VisitPlace{ID: string(p.ID), Facility: string(p.Facility), Name: p.Name.In(kernel.LocaleOf(ctx)), Street: p.Street,
			PostalCode: p.PostalCode, Locality: p.Locality, Country: p.Country, Zone: p.Zone, Latitude: p.Latitude, Longitude: p.Longitude, Phone: p.Phone})
	}
	return out, nil
}

func (s *Service) listDays(ctx context.Context, in *SearchInput) (*DaysOutput, error) {
	first, days, err := s.freeDays(ctx, in.search())
	if err != nil {
		return nil, err
	}
	out := &DaysOutput{}
	out.Body.FirstFree, out.Body.Days = first, []FreeDay{}
	for _, d := range days {
		out.Body.Days = append(out.Body.Days, FreeDay(d))
	}
	return out, nil
}

func (s *Service) listSlots(ctx context.Context, in *SlotsInput) (*SlotsOutput, error) {
	l, err := s.freeSlots(ctx, in.search(), in.Until, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &SlotsOutput{}
	out.Body.NextCursor, out.Body.Slots = l.next, []FreeSlot{}
	for _, t := range l.times {
		out.Body.Slots = append(out.Body.Slots, l.describe(kernel.LocaleOf(ctx), t))
	}
	return out, nil
}
