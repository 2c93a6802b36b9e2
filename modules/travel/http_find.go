package travel

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/web"
)

// maxTimetable is the largest archive that is taken, in bytes.
const maxTimetable = 32 << 20

// registerFind adds the timetables: the search in them for everybody, and what planners do with those of their operator.
func (s *Service) registerFind(api *web.API) {
	const at = "/operators/{operator}"
	find, plan := []string{"Timetables"}, []string{"Operations"}
	web.Register(api, web.Op{ID: "search-journeys", Method: http.MethodGet, Path: "/journeys", Tags: find, Policy: web.Public,
		Summary: "Search journeys of one day", Returns: "One page of journeys.", Example: exampleJourneys(), Description: "Places are named by their ids or as people type them, in any language. Direct journeys are all shown; where they are fewer than three, so are those with one change of at least five minutes. What has left, is called off or is not in the timetable in force is not found. `departure`, `from.number` and `to.number` of a leg are what a quote asks for."}, s.getJourneys)
	web.Register(api, web.Op{ID: "list-places", Method: http.MethodGet, Path: "/places", Tags: find, Policy: web.Public,
		Summary: "Find places by their names", Returns: "The places.", Description: "By any part of a name in any language, with typing mistakes when nothing is called so; the best first."}, s.getPlaces)
	web.Register(api, web.Op{ID: "import-timetable", Method: http.MethodPost, Path: at + "/timetable", Tags: plan, Policy: operatorStaff, Idempotent: true, MaxBody: maxTimetable, Errors: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
		Summary: "Bring a timetable", Returns: "What the import did, or would do.", Description: "For planners. The body is one archive by the GTFS Schedule reference. Everything or nothing: 422 `import-refused` names every wrong line as `file:line:field`. The same timetable again changes nothing (`same`). With `preview` nothing is kept."}, s.postTimetable)
	web.Register(api, web.Op{ID: "list-conflicts", Method: http.MethodGet, Path: at + "/conflicts", Tags: plan, Policy: operatorStaff, Errors: []int{http.StatusNotFound},
		Summary: "List booked departures that the timetable in force does not have so", Returns: "The conflicts.", Description: "For planners and dispatchers, the oldest first. Each waits for a decision."}, s.getConflicts)
	web.Register(api, web.Op{ID: "settle-conflict", Method: http.MethodPost, Path: at + "/conflicts/{conflict}/settle", Tags: plan, Policy: operatorStaff, Idempotent: true, Errors: steps,
		Summary: "Decide about a booked departure", Returns: "How it was settled, and what became of each booking.", Description: "It runs as it was booked (`kept`) or as the timetable in force has it (`moved`), which planners decide, or not at all (`called-off`), which dispatchers do: 403 `needs-dispatcher` for a planner who is none. Moving gives everybody who has booked the new times, new tickets and one notice; whoever is moved further than the fares' `moved_tolerance` may cancel with everything back. Who cannot ride as they booked any more is rebooked (`rebook`) or paid back; who is about to pay keeps nothing. Calling off settles every booking as `call-off-departure` does. The same `Idempotency-Key` again goes on with what failed and tells of all; the same decision with another key about a conflict that was moved goes on with what is left."}, s.postConflict)
}

// JourneysInput is what somebody looks for.
type JourneysInput struct {
	From       string `query:"from" required:"true" minLength:"1" maxLength:"200" example:"Harbour" doc:"A place's id, or its name as typed."`
	To         string `query:"to" required:"true" minLength:"1" maxLength:"200" example:"Airport" doc:"A place's id, or its name as typed."`
	Day        string `query:"day" maxLength:"10" example:"2026-12-01" doc:"YYYY-MM-DD, where the journey begins; absent: today."`
	After      string `query:"after" maxLength:"5" example:"09:30" doc:"HH:MM by the clock of the place where it begins; absent: the whole day."`
	Wheelchair bool   `query:"wheelchair" doc:"Only with vehicles that say they take a wheelchair."`
	Bicycle    bool   `query:"bicycle" doc:"Only with vehicles that say they take bicycles."`
	Limit      int    `query:"limit" minimum:"1" maximum:"50" default:"10" doc:"How many at most."`
	Cursor     string `query:"cursor" maxLength:"500" doc:"The next_cursor of the page before."`
}

// JourneysOutput is one page of journeys.
type JourneysOutput struct {
	Body struct {
		From       []PlaceItem   `json:"from" maxItems:"50" doc:"The places that were meant; none: nothing is called so."`
		To         []PlaceItem   `json:"to" maxItems:"50" doc:"The places that were meant; none: nothing is called so."`
		Day        string        `json:"day" example:"2026-12-01" doc:"The day that was searched."`
		Journeys   []JourneyItem `json:"journeys" maxItems:"50" doc:"By time of departure."`
		NextCursor string        `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// PlaceItem is a stop or a station.
type PlaceItem struct {
	ID        string   `json:"id" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Its id."`
	Name      string   `json:"name" example:"Harbour" doc:"In the language asked for."`
	Operator  string   `json:"operator" example:"coast-coaches" doc:"The agency whose timetable has it."`
	Zone      string   `json:"zone" example:"Europe/London" doc:"IANA time zone."`
	Latitude  *float64 `json:"latitude,omitempty" example:"51.13" doc:"WGS 84; absent when not told."`
	Longitude *float64 `json:"longitude,omitempty" example:"1.31" doc:"WGS 84; absent when not told."`
}

// JourneyItem is a way to get there.
type JourneyItem struct {
	DepartsAt time.Time `json:"departs_at" example:"2026-12-01T09:40:00Z" doc:"When it begins, with the offset of the place."`
	ArrivesAt time.Time `json:"arrives_at" example:"2026-12-01T11:05:00Z" doc:"When it ends, with the offset of the place."`
	Legs      []LegItem `json:"legs" minItems:"1" maxItems:"2" doc:"One ride, or two with a change between them."`
}

// LegItem is a ride on one departure.
type LegItem struct {
	Departure    string   `json:"departure" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The departure's id."`
	Operator     string   `json:"operator" example:"coast-coaches" doc:"The agency that runs it."`
	OperatorName string   `json:"operator_name" example:"Coast Coaches" doc:"What people call it."`
	Line         string   `json:"line" example:"X9 Coast Express" doc:"The line's name."`
	Headsign     string   `json:"headsign" example:"Airport" doc:"What stands on the vehicle; may be empty."`
	From         CallItem `json:"from" doc:"Where somebody gets on."`
	To           CallItem `json:"to" doc:"Where they get off."`
}

// CallItem is a vehicle at a stop.
type CallItem struct {
	Number   int       `json:"number" minimum:"0" example:"1" doc:"The call's number on the departure."`
	Name     string    `json:"name" example:"Harbour" doc:"The stop."`
	Platform string    `json:"platform,omitempty" example:"3" doc:"Absent when not told."`
	At       time.Time `json:"at" example:"2026-12-01T09:40:00Z" doc:"When it leaves here, or arrives, with the offset of the place."`
	Zone     string    `json:"zone" example:"Europe/London" doc:"IANA time zone of the place."`
}

func placeItems(locale string, all []Place) []PlaceItem {
	out := make([]PlaceItem, len(all))
	for i, p := range all {
		out[i] = PlaceItem{string(p.ID), p.Name.In(locale), string(p.Operator), p.Zone, p.Latitude, p.Longitude}
	}
	return out
}

func callItem(locale string, c Call, at time.Time) CallItem {
	return CallItem{c.Seq, stopIn(locale, c), c.Platform, at, c.Zone}
}

func (s *Service) getJourneys(ctx context.Context, in *JourneysInput) (*JourneysOutput, error) {
	found, err := s.Timetable.Search(ctx, JourneyQuery{From: in.From, To: in.To, Day: in.Day, After: in.After, Wheelchair: in.Wheelchair, Bicycle: in.Bicycle, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	locale, tenant := kernel.LocaleOf(ctx), kernel.TenantOf(ctx).ID
	out := &JourneysOutput{}
	out.Body.From, out.Body.To, out.Body.Day, out.Body.NextCursor = placeItems(locale, found.From), placeItems(locale, found.To), found.Day, found.Next
	out.Body.Journeys = []JourneyItem{}
	for _, j := range found.List {
		item := JourneyItem{DepartsAt: j.Departs, ArrivesAt: j.Arrives}
		for _, l := range j.Legs {
			d := l.Departure
			item.Legs = append(item.Legs, LegItem{string(d.ID), string(d.Operator), s.agencyName(tenant, d.Operator, locale), lineIn(locale, d), headsignIn(locale, d),
				callItem(locale, l.From, l.From.Departs), callItem(locale, l.To, l.To.Arrives)})
		}
		out.Body.Journeys = append(out.Body.Journeys, item)
	}
	return out, nil
}

// PlacesInput is what somebody has typed so far.
type PlacesInput struct {
	Typed string `query:"q" required:"true" minLength:"1" maxLength:"200" example:"harb" doc:"Any part of a name."`
	Limit int    `query:"limit" minimum:"1" maximum:"50" default:"10" doc:"How many at most."`
}

// PlacesOutput lists places.
type PlacesOutput struct {
	Body struct {
		Places []PlaceItem `json:"places" maxItems:"50" doc:"The best first."`
	}
}

func (s *Service) getPlaces(ctx context.Context, in *PlacesInput) (*PlacesOutput, error) {
	all, err := s.Timetable.Places(ctx, in.Typed, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &PlacesOutput{}
	out.Body.Places = placeItems(kernel.LocaleOf(ctx), all)
	return out, nil
}

// TimetableInput is an archive.
type TimetableInput struct {
	OperatorInput
	web.IdempotencyInput
	Preview bool   `query:"preview" doc:"Only tell what would be."`
	RawBody []byte `contentType:"application/zip" doc:"The archive."`
}

// TimetableOutput is what an import did.
type TimetableOutput struct{ Body ImportedItem }

// ImportedItem is what an import did, or would do.
type ImportedItem struct {
	Feed      string      `json:"feed" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The timetable's id."`
	Same      bool        `json:"same" example:"false" doc:"This very timetable is in force already; nothing was changed."`
	Counts    []CountItem `json:"counts" maxItems:"10" doc:"What it holds."`
	Made      int         `json:"made" minimum:"0" example:"180" doc:"Departures that are new."`
	Moved     int         `json:"moved" minimum:"0" example:"0" doc:"Departures that go on in it."`
	Gone      int         `json:"gone" minimum:"0" example:"0" doc:"Departures that are no more; nobody had booked them."`
	Conflicts int         `json:"conflicts" minimum:"0" example:"0" doc:"Booked departures about which somebody has to decide."`
}

// CountItem is how many rows of a kind there are.
type CountItem struct {
	Kind string `json:"kind" enum:"stops,routes,trips,calls,days" example:"trips" doc:"Of what."`
	Rows int    `json:"rows" minimum:"0" example:"12" doc:"How many."`
}

func (s *Service) postTimetable(ctx context.Context, in *TimetableInput) (*TimetableOutput, error) {
	done, err := s.Timetable.ImportFiles(ctx, in.id(), []lines.File{{Name: "timetable.zip", Data: in.RawBody}}, in.Preview)
	if err != nil {
		return nil, kernel.AsError(err)
	}
	out := &TimetableOutput{ImportedItem{Feed: string(done.Feed), Same: done.Same, Counts: []CountItem{}, Made: done.Made, Moved: done.Moved, Gone: done.Gone, Conflicts: done.Conflicts}}
	for _, c := range done.Counts {
		out.Body.Counts = append(out.Body.Counts, CountItem(c))
	}
	return out, nil
}

// ConflictsOutput lists conflicts.
type ConflictsOutput struct {
	Body struct {
		Conflicts []ConflictItem `json:"conflicts" maxItems:"10000" doc:"The oldest first."`
	}
}

// ConflictItem is a booked departure about which somebody has to decide.
type ConflictItem struct {
	ID        string    `json:"id" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The conflict's id."`
	Departure string    `json:"departure" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12" doc:"The departure's id."`
	Kind      string    `json:"kind" enum:"gone,changed" example:"gone" doc:"The timetable in force does not have it, or has it at other times or stops."`
	CreatedAt time.Time `json:"created_at" example:"2026-11-30T09:41:00Z" doc:"When the timetable was brought."`
}

func (s *Service) getConflicts(ctx context.Context, in *OperatorInput) (*ConflictsOutput, error) {
	all, err := s.Timetable.Conflicts(ctx, in.id())
	if err != nil {
		return nil, err
	}
	out := &ConflictsOutput{}
	out.Body.Conflicts = []ConflictItem{}
	for _, c := range all {
		out.Body.Conflicts = append(out.Body.Conflicts, ConflictItem{string(c.ID), string(c.Departure), c.Kind, c.CreatedAt})
	}
	return out, nil
}

// SettleInput decides about a conflict.
type SettleInput struct {
	OperatorInput
	web.IdempotencyInput
	Conflict string `path:"conflict" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The conflict's id."`
	Body     struct {
		How    string `json:"how" enum:"kept,moved,called-off" example:"kept" doc:"What is to become of the departure."`
		Reason string `json:"reason,omitempty" maxLength:"500" example:"The line is not served any more." doc:"What the passengers read whose ride is called off: 5 to 500 characters. Needed for called-off; with moved, for those whom the new times do not serve."`
		Rebook bool   `json:"rebook,omitempty" doc:"Give people who cannot ride as they booked the next departure where there is room."`
	}
}

// SettleOutput says how a conflict was settled.
type SettleOutput struct {
	Body struct {
		Departure string        `json:"departure" format:"uuid" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12" doc:"The departure's id."`
		State     string        `json:"state" enum:"scheduled,called-off" example:"scheduled" doc:"Its state now."`
		Bookings  []SettledItem `json:"bookings" maxItems:"2000" doc:"What became of each when it was called off or moved; failed ones are as they were: ask again."`
	}
}

func (s *Service) postConflict(ctx context.Context, in *SettleInput) (*SettleOutput, error) {
	d, all, err := s.Settle(ctx, in.id(), ConflictID(in.Conflict), Settlement{in.Body.How, in.Body.Reason, in.Body.Rebook})
	if err != nil {
		return nil, inBody(err)
	}
	out := &SettleOutput{}
	out.Body.Departure, out.Body.State, out.Body.Bookings = string(d.ID), d.State, []SettledItem{}
	for _, b := range all {
		out.Body.Bookings = append(out.Body.Bookings, SettledItem{string(b.Case), b.Number, b.How, string(b.To)})
	}
	return out, nil
}
