package travel

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// setupView is the data of ui/travel-desk-setup.html: an operator's vehicles, or its tables of fares.
type setupView struct {
	Tabs  ui.Filters
	Add   ui.Button
	Items []setupItem
	Empty *ui.Empty
}

type setupItem struct {
	ID, Title string
	Facts     []ui.Fact
	Tables    []ui.Table
	Terms     []string
	TermsHead string
	Insurance []productView
	Plan      *planView
	Change    ui.Button
}

// productView is what an insurer sells with a ride: its price and what it pays for, each in a sentence.
type productView struct {
	Name  string
	Lines []string
}

// formPageView is the data of ui/travel-desk-form.html: a form as people write it, and a file of it.
type formPageView struct {
	Problems []ui.Problem
	Path     string
	Version  int
	Fields   []ui.Field
	Button   string
	Help     ui.Details
}

const newOne = "new"

func (s *Service) mayPlan(r *http.Request) bool {
	return kernel.PrincipalOf(r.Context()).Has(operatorIn(r), RolePlanner)
}

func (s *Service) vehiclesPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Vehicles(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	return s.showVehicles(w, r, all)
}

func (s *Service) showVehicles(w http.ResponseWriter, r *http.Request, all []Vehicle) error {
	locale, path := kernel.LocaleOf(r.Context()), operatorPath(operatorIn(r))+"/vehicles/"
	v := setupView{Tabs: s.deskTabs(r, "vehicles", -1)}
	if s.mayPlan(r) {
		v.Add = ui.Button{Label: s.k(r, "add-vehicle"), Href: path + newOne}
	}
	for _, one := range all {
		l, err := one.Layout()
		if err != nil {
			return err
		}
		item := setupItem{ID: "v-" + one.Code, Title: one.Name.In(locale), Plan: plan(s.k(r, "layout-label", "name", one.Name.In(locale)), l, func(seats.Place) bool { return false }), Facts: []ui.Fact{
			{Key: s.k(r, "code"), Value: one.Code, Code: true}, {Key: s.k(r, "seats"), Value: strconv.Itoa(one.Seats)},
			{Key: s.k(r, "wheelchairs"), Value: strconv.Itoa(len(one.Wheelchairs))}, {Key: s.k(r, "bicycles"), Value: strconv.Itoa(one.Bicycles)}}}
		if s.mayPlan(r) {
			item.Change = ui.Button{Label: s.k(r, "change", "name", one.Name.In(locale)), Href: path + one.Code, Tone: "secondary"}
		}
		v.Items = append(v.Items, item)
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.k(r, "no-vehicles"), Body: s.k(r, "no-vehicles-body"), Icon: "travel"}
	}
	return s.Staff.Render(w, r, s.views, "travel-desk-setup", ui.View{Title: s.k(r, "tab.vehicles"), Lead: s.operatorName(r, operatorIn(r)), Data: v, Active: "travel", Wide: true})
}

func (s *Service) vehiclePage(w http.ResponseWriter, r *http.Request) error {
	if err := works(r.Context(), operatorIn(r), RolePlanner); err != nil {
		return err
	}
	if r.PathValue("code") == newOne {
		return s.showVehicleForm(w, r, "", 0, nil)
	}
	all, err := s.Vehicles(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(v Vehicle) bool { return v.Code == r.PathValue("code") })
	if i < 0 {
		return kernel.NotThere("layout")
	}
	return s.showVehicleForm(w, r, all[i].YAML(), all[i].Version, nil)
}

func (s *Service) showVehicleForm(w http.ResponseWriter, r *http.Request, text string, version int, problem error) error {
	title := s.k(r, "add-vehicle")
	if code := r.PathValue("code"); code != newOne {
		title = s.k(r, "change", "name", code)
	}
	return s.showForm(w, r, "vehicles", title, text, version, nil, ui.Details{Summary: s.k(r, "help"), Body: s.k(r, "help-vehicle")}, problem)
}

// showForm asks for a form as people write it. What was typed stays when it is wrong, and each problem says where it is.
func (s *Service) showForm(w http.ResponseWriter, r *http.Request, folder, title, text string, version int, more []ui.Field, help ui.Details, problem error) error {
	path := operatorPath(operatorIn(r)) + "/" + folder
	v := formPageView{Path: path + "/" + r.PathValue("code"), Version: version, Help: help, Button: s.k(r, "save"), Fields: append(more,
		ui.Field{Name: "form", Kind: "textarea", Rows: 24, Label: s.k(r, "form"), Hint: s.k(r, "form-hint"), Value: text, Required: true},
		ui.Field{Name: "file", Kind: "file", Label: s.k(r, "form-file"), Hint: s.k(r, "form-file-hint"), Accept: ".yaml,.yml,.json"})}
	view := ui.View{Title: title, Lead: s.operatorName(r, operatorIn(r)), Active: "travel", Wide: true, Back: path}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.formProblems(r, problem)
		for i := range v.Fields {
			for _, p := range v.Problems {
				if p.Field == v.Fields[i].Name {
					v.Fields[i].Error = strings.TrimPrefix(v.Fields[i].Error+"\n"+p.Text, "\n")
				}
			}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "travel-desk-form", view)
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// formProblems say where a form is wrong: "classes.child.under: …", or the line at which it cannot be read.
func (s *Service) formProblems(r *http.Request, problem error) []ui.Problem {
	locale, e := kernel.LocaleOf(r.Context()), kernel.AsError(problem)
	var out []ui.Problem
	for _, f := range e.Fields {
		text := s.Texts.T(locale, f.Slug)
		switch {
		case strings.HasSuffix(f.Slug, ".unreadable"):
			if m := yamlLine.FindStringSubmatch(fmt.Sprint(errors.Unwrap(e))); m != nil {
				text = s.k(r, "at-line", "line", m[1], "problem", text)
			}
		case f.Path == "service":
			out = append(out, ui.Problem{Field: "service", Text: text})
			continue
		default:
			text = f.Path + ": " + text
		}
		out = append(out, ui.Problem{Field: "form", Text: text})
	}
	if len(out) == 0 {
		out = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	return out
}

// formIn is what was typed, or the file that was chosen instead, with the version it was made from.
func formIn(r *http.Request) (text string, version int, err error) {
	malformed := kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return "", 0, malformed.Wrap(err)
	}
	file, err := uploaded(r, "file")
	if err != nil {
		return "", 0, malformed.Wrap(err)
	}
	if version, err = versionOf(r); err != nil {
		return "", 0, err
	}
	return cmp.Or(string(file), r.PostFormValue("form")), version, nil
}

func (s *Service) postVehicle(w http.ResponseWriter, r *http.Request) error {
	id := operatorIn(r)
	if err := works(r.Context(), id, RolePlanner); err != nil {
		return err
	}
	text, version, err := formIn(r)
	if err != nil {
		return err
	}
	form, err := seats.Read([]byte(text))
	if err == nil && version > 0 && form.Code != r.PathValue("code") {
		err = errOtherCode("travel.layout.other-code")
	}
	if err == nil {
		_, err = s.SetVehicle(r.Context(), id, form, version)
	}
	if tolerable(err) {
		return s.showVehicleForm(w, r, text, version, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, operatorPath(id)+"/vehicles")
}

func errOtherCode(slug string) error {
	return kernel.InvalidFields(kernel.FieldError{Path: "code", Slug: slug, Message: "The code stays as it is. Add another one with another code."})
}

func (s *Service) faresPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.FareTables(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	return s.showFares(w, r, all)
}

func (s *Service) showFares(w http.ResponseWriter, r *http.Request, all []fareSet) error {
	path := operatorPath(operatorIn(r)) + "/fares/"
	v := setupView{Tabs: s.deskTabs(r, "fares", -1)}
	if s.mayPlan(r) {
		v.Add = ui.Button{Label: s.k(r, "add-fares"), Href: path + newOne}
	}
	for _, one := range all {
		item := s.fareItem(r, one)
		if s.mayPlan(r) {
			item.Change = ui.Button{Label: s.k(r, "change", "name", one.Code), Href: path + one.Code, Tone: "secondary"}
		}
		v.Items = append(v.Items, item)
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.k(r, "no-fares"), Body: s.k(r, "no-fares-body"), Icon: "document"}
	}
	return s.Staff.Render(w, r, s.views, "travel-desk-setup", ui.View{Title: s.k(r, "tab.fares"), Lead: s.operatorName(r, operatorIn(r)), Data: v, Active: "travel", Wide: true})
}

// fareItem is a table of fares in words and money.
func (s *Service) fareItem(r *http.Request, f fareSet) setupItem {
	locale := kernel.LocaleOf(r.Context())
	money := func(n int64) string { return ui.Money(locale, n, f.Currency) }
	item := setupItem{ID: "f-" + f.Code, Title: f.Code, TermsHead: s.k(r, "terms")}
	service := f.Service
	if d, ok := s.Library.Get(f.Service); ok {
		service = d.Text(locale, "title")
	}
	lines := s.k(r, "all-lines")
	if len(f.Routes) > 0 {
		lines = strings.Join(f.Routes, ", ")
	}
	item.Facts = []ui.Fact{{Key: s.k(r, "sold-as"), Value: service}, {Key: s.k(r, "lines"), Value: lines}, {Key: s.k(r, "currency"), Value: f.Currency}}
	if f.Bicycle > 0 {
		item.Facts = append(item.Facts, ui.Fact{Key: s.k(r, "bicycle"), Value: money(f.Bicycle)})
	}
	if len(f.Pairs) > 0 {
		t := ui.Table{Caption: s.k(r, "pairs"), Visible: true, Head: []string{s.k(r, "between"), s.k(r, "adult")}}
		for _, p := range f.Pairs[:min(len(f.Pairs), mostPairs)] {
			t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: p.From + " – " + p.To}, {Text: money(p.Amount), Number: true}}})
		}
		item.Tables = append(item.Tables, t)
		if more := len(f.Pairs) - mostPairs; more > 0 {
			item.Facts = append(item.Facts, ui.Fact{Key: s.k(r, "pairs"), Value: s.k(r, "more-pairs", "n", more)})
		}
	}
	if len(f.ByZones) > 0 {
		t := ui.Table{Caption: s.k(r, "by-zones"), Visible: true, Head: []string{s.k(r, "zones"), s.k(r, "adult")}}
		for i, n := range f.ByZones {
			t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: strconv.Itoa(i + 1)}, {Text: money(n), Number: true}}})
		}
		item.Tables = append(item.Tables, t, s.zoneTable(r, f.Table))
	}
	if len(f.Classes) > 0 {
		t := ui.Table{Caption: s.k(r, "classes"), Visible: true, Head: []string{s.k(r, "class"), s.k(r, "who"), s.k(r, "share")}}
		for _, class := range fares.Classes {
			rule, ok := f.Classes[class]
			if !ok {
				continue
			}
			who := s.k(r, "claim-is", "claim", rule.Claim, "value", rule.Value)
			switch class {
			case fares.Child:
				who = s.k(r, "under", "age", rule.Under)
			case fares.Senior:
				who = s.k(r, "from-age", "age", rule.From)
			}
			t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: s.say(locale, "class."+string(class))}, {Text: who}, {Text: s.k(r, "percent", "n", rule.Percent), Number: true}}})
		}
		item.Tables = append(item.Tables, t)
	}
	for _, step := range f.Refunds {
		key := "refund"
		if step.Hours == 0 {
			key = "refund-to-the-end"
		}
		item.Terms = append(item.Terms, s.k(r, key, "hours", step.Hours, "percent", step.Percent))
	}
	if len(f.Refunds) == 0 {
		item.Terms = append(item.Terms, s.say(locale, "no-refund"))
	}
	change := s.k(r, "change-until", "hours", f.ChangeHours)
	if f.ChangeHours == 0 {
		change = s.k(r, "change-to-the-end")
	}
	item.Terms = append(item.Terms, change, s.k(r, "tolerated", "minutes", int(f.Tolerated().Minutes())))
	for _, p := range f.Products() {
		item.Insurance = append(item.Insurance, productView{p.Name.In(locale), []string{s.premiumText(r, p, money), s.coverText(locale, f.Currency, p)}})
	}
	if f.Insurance != nil {
		item.Facts = append(item.Facts, ui.Fact{Key: s.k(r, "insurer"), Value: s.agencyName(kernel.TenantOf(r.Context()).ID, f.Insurance.By(), locale)})
	}
	return item
}

// premiumText says what a product costs, and no part of it that is nothing.
func (s *Service) premiumText(r *http.Request, p fares.Product, money func(int64) string) string {
	var parts []string
	if p.Fixed > 0 {
		parts = append(parts, s.k(r, "premium-fixed", "amount", money(p.Fixed)))
	}
	if p.PerPerson > 0 {
		parts = append(parts, s.k(r, "premium-person", "amount", money(p.PerPerson)))
	}
	if p.Percent > 0 {
		parts = append(parts, s.k(r, "premium-share", "percent", p.Percent))
	}
	sum := strings.Join(parts, " + ")
	switch {
	case sum == "":
		return s.k(r, "premium", "parts", s.k(r, "premium-fixed", "amount", money(p.Minimum)))
	case p.Minimum > p.Fixed+p.PerPerson: // else it is no bound
		return s.k(r, "premium-least", "parts", sum, "minimum", money(p.Minimum))
	}
	return s.k(r, "premium", "parts", sum)
}

// mostPairs is how many pairs of stops a page shows; the form has them all.
const mostPairs = 60

// zoneTable says which stops are in which zone.
func (s *Service) zoneTable(r *http.Request, f fares.Table) ui.Table {
	in := map[int][]string{}
	var zones []int
	for stop, zone := range f.Zones {
		if in[zone] == nil {
			zones = append(zones, zone)
		}
		in[zone] = append(in[zone], stop)
	}
	slices.Sort(zones)
	t := ui.Table{Caption: s.k(r, "stops-in-zones"), Visible: true, Head: []string{s.k(r, "zone"), s.k(r, "stops")}}
	for _, zone := range zones {
		slices.Sort(in[zone])
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: strconv.Itoa(zone)}, {Text: strings.Join(in[zone], ", ")}}})
	}
	return t
}

func (s *Service) fareTablePage(w http.ResponseWriter, r *http.Request) error {
	if err := works(r.Context(), operatorIn(r), RolePlanner); err != nil {
		return err
	}
	if r.PathValue("code") == newOne {
		return s.showFareForm(w, r, "", fareSet{}, nil)
	}
	all, err := s.FareTables(r.Context(), operatorIn(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(f fareSet) bool { return f.Code == r.PathValue("code") })
	if i < 0 {
		return kernel.NotThere("fares")
	}
	return s.showFareForm(w, r, all[i].YAML(), all[i], nil)
}

func (s *Service) showFareForm(w http.ResponseWriter, r *http.Request, text string, f fareSet, problem error) error {
	title := s.k(r, "add-fares")
	if code := r.PathValue("code"); code != newOne {
		title = s.k(r, "change", "name", code)
	}
	locale := kernel.LocaleOf(r.Context())
	service := ui.Field{Name: "service", Kind: "select", Label: s.k(r, "sold-as"), Value: f.Service, Required: true}
	for _, d := range s.definitions() {
		if slices.Contains(kernel.TenantOf(r.Context()).Services, d.Slug) {
			service.Options = append(service.Options, ui.Option{Value: d.Slug, Label: d.Text(locale, "title")})
		}
	}
	routes := ui.Field{Name: "routes", Label: s.k(r, "lines"), Hint: s.k(r, "lines-hint"), Value: strings.Join(f.Routes, ", "), MaxLength: 2000}
	return s.showForm(w, r, "fares", title, text, f.Version, []ui.Field{service, routes}, ui.Details{Summary: s.k(r, "help"), Body: s.k(r, "help-fares")}, problem)
}

func (s *Service) postFareTable(w http.ResponseWriter, r *http.Request) error {
	id := operatorIn(r)
	if err := works(r.Context(), id, RolePlanner); err != nil {
		return err
	}
	text, version, err := formIn(r)
	if err != nil {
		return err
	}
	f := fareSet{Service: r.PostFormValue("service"), Version: version}
	for _, route := range strings.Split(r.PostFormValue("routes"), ",") {
		if route = strings.TrimSpace(route); route != "" {
			f.Routes = append(f.Routes, route)
		}
	}
	f.Table, err = fares.Read([]byte(text))
	if err == nil && version > 0 && f.Code != r.PathValue("code") {
		err = errOtherCode("travel.fares.other-code")
	}
	if err == nil {
		_, err = s.SetFares(r.Context(), id, f)
	}
	if tolerable(err) {
		return s.showFareForm(w, r, text, f, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, operatorPath(id)+"/fares")
}
