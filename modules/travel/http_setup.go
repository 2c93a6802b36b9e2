package travel

import (
	"context"
	"net/http"

	"townhall/modules/kernel/web"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// registerSetup adds an operator's vehicles and fares.
func (s *Service) registerSetup(api *web.API) {
	const at = "/operators/{operator}"
	tags := []string{"Operations"}
	web.Register(api, web.Op{ID: "list-layouts", Method: http.MethodGet, Path: at + "/layouts", Tags: tags, Policy: operatorStaff, Errors: []int{http.StatusNotFound},
		Summary: "List the vehicles of an operator", Returns: "The layouts.", Description: "For its staff."}, s.getLayouts)
	web.Register(api, web.Op{ID: "set-layout", Method: http.MethodPost, Path: at + "/layouts", Tags: tags, Policy: operatorStaff, Idempotent: true, Errors: steps,
		Summary: "Write the layout of a vehicle", Returns: "The layout.", Description: "For planners. `form` is YAML or JSON: code, name in three languages, rows (numbers of seats, `|` for the aisle, `.` for nothing), wheelchairs, bicycles. 422 names every field that is wrong, 409 `places-booked` a place that somebody has on a coming departure."}, s.postLayout)
	web.Register(api, web.Op{ID: "list-fares", Method: http.MethodGet, Path: at + "/fares", Tags: tags, Policy: operatorStaff, Errors: []int{http.StatusNotFound},
		Summary: "List the fares of an operator", Returns: "The tables.", Description: "For its staff."}, s.getFares)
	web.Register(api, web.Op{ID: "set-fares", Method: http.MethodPost, Path: at + "/fares", Tags: tags, Policy: operatorStaff, Idempotent: true, Errors: steps,
		Summary: "Write a table of fares", Returns: "The table.", Description: "For planners. `form` is YAML or JSON: code, currency, pairs, zones, by_zones, classes, rounding, bicycle, refunds, insurance, change_hours, moved_tolerance; amounts are whole minor units. What was booked before keeps its price and its terms."}, s.postFares)
}

// FormBody is a form as people write it.
type FormBody struct {
	Form    string `json:"form" minLength:"1" maxLength:"1000000" example:"code: coach-49" doc:"YAML or JSON."`
	Version int    `json:"version" minimum:"0" example:"1" doc:"The version that was looked at; 0: a new one."`
}

// LayoutItem is one vehicle.
type LayoutItem struct {
	Code        string `json:"code" example:"coach-49" doc:"Its name in timetables."`
	Version     int    `json:"version" minimum:"1" example:"1" doc:"Counts changes; send it with the next one."`
	Seats       int    `json:"seats" minimum:"1" example:"49" doc:"How many seats it has."`
	Wheelchairs int    `json:"wheelchairs" minimum:"0" example:"1" doc:"How many places for wheelchairs."`
	Bicycles    int    `json:"bicycles" minimum:"0" example:"4" doc:"How many places for bicycles."`
	Form        string `json:"form" example:"{\"code\":\"coach-49\"}" doc:"As JSON."`
}

func layoutItem(v Vehicle) LayoutItem {
	return LayoutItem{v.Code, v.Version, v.Seats, len(v.Wheelchairs), v.Bicycles, string(v.JSON())}
}

// LayoutsOutput lists vehicles.
type LayoutsOutput struct {
	Body struct {
		Layouts []LayoutItem `json:"layouts" maxItems:"1000" doc:"By code."`
	}
}

func (s *Service) getLayouts(ctx context.Context, in *OperatorInput) (*LayoutsOutput, error) {
	all, err := s.Vehicles(ctx, in.id())
	if err != nil {
		return nil, err
	}
	out := &LayoutsOutput{}
	out.Body.Layouts = []LayoutItem{}
	for _, v := range all {
		out.Body.Layouts = append(out.Body.Layouts, layoutItem(v))
	}
	return out, nil
}

// LayoutInput writes a vehicle.
type LayoutInput struct {
	OperatorInput
	web.IdempotencyInput
	Body FormBody
}

// LayoutOutput is one vehicle.
type LayoutOutput struct{ Body LayoutItem }

func (s *Service) postLayout(ctx context.Context, in *LayoutInput) (*LayoutOutput, error) {
	form, err := seats.Read([]byte(in.Body.Form))
	if err != nil {
		return nil, inBody(err)
	}
	v, err := s.SetVehicle(ctx, in.id(), form, in.Body.Version)
	if err != nil {
		return nil, inBody(err)
	}
	return &LayoutOutput{layoutItem(v)}, nil
}

// FareTableItem is one table.
type FareTableItem struct {
	Code    string   `json:"code" example:"coast-line" doc:"Its name."`
	Service string   `json:"service" example:"coach-ticket" doc:"The service by which it is sold."`
	Routes  []string `json:"routes" maxItems:"500" example:"[\"X9\"]" doc:"Names of the routes it is for; none: every route that no other table names."`
	Version int      `json:"version" minimum:"1" example:"1" doc:"Counts changes; send it with the next one."`
	Form    string   `json:"form" example:"{\"code\":\"coast-line\"}" doc:"As JSON."`
}

func fareTableItem(f fareSet) FareTableItem {
	return FareTableItem{f.Code, f.Service, append([]string{}, f.Routes...), f.Version, string(f.JSON())}
}

// FareTablesOutput lists tables.
type FareTablesOutput struct {
	Body struct {
		Fares []FareTableItem `json:"fares" maxItems:"1000" doc:"By code."`
	}
}

func (s *Service) getFares(ctx context.Context, in *OperatorInput) (*FareTablesOutput, error) {
	all, err := s.FareTables(ctx, in.id())
	if err != nil {
		return nil, err
	}
	out := &FareTablesOutput{}
	out.Body.Fares = []FareTableItem{}
	for _, f := range all {
		out.Body.Fares = append(out.Body.Fares, fareTableItem(f))
	}
	return out, nil
}

// FaresInput writes a table.
type FaresInput struct {
	OperatorInput
	web.IdempotencyInput
	Body struct {
		FormBody
		Service string   `json:"service" minLength:"1" maxLength:"60" example:"coach-ticket" doc:"The service by which it is sold."`
		Routes  []string `json:"routes,omitempty" maxItems:"500" example:"[\"X9\"]" doc:"Names of the routes it is for; none: every route that no other table names."`
	}
}

// FareTableOutput is one table.
type FareTableOutput struct{ Body FareTableItem }

func (s *Service) postFares(ctx context.Context, in *FaresInput) (*FareTableOutput, error) {
	t, err := fares.Read([]byte(in.Body.Form))
	if err != nil {
		return nil, inBody(err)
	}
	f, err := s.SetFares(ctx, in.id(), fareSet{Table: t, Service: in.Body.Service, Routes: in.Body.Routes, Version: in.Body.Version})
	if err != nil {
		return nil, inBody(err)
	}
	return &FareTableOutput{fareTableItem(f)}, nil
}
