package medical

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/web"
	"townhall/modules/medical/sheet"
)

var planners = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Role: RolePlanner, Relation: "agency"}

func (s *Service) registerClinic(api *web.API) {
	const at = "/clinics/{facility}"
	tags := []string{"Calendar"}
	notFound := []int{http.StatusNotFound}
	steps := []int{http.StatusNotFound, http.StatusConflict}
	web.Register(api, web.Op{ID: "list-clinic-rows", Method: http.MethodGet, Path: at + "/tables/{table}", Tags: tags, Policy: planners, Errors: notFound,
		Summary: "List what a clinic has set up", Returns: "The rows of one table.", Description: "Places, practitioners, resources, types of visit, schedules or holidays, as the rows of a table: the same columns as in the tables that can be imported."}, s.listClinicRows)
	web.Register(api, web.Op{ID: "add-clinic-row", Method: http.MethodPost, Path: at + "/tables/{table}", Tags: tags, Policy: planners, Status: http.StatusCreated, Idempotent: true, Errors: notFound,
		Summary: "Add a row", Returns: "What became of it.", Description: "The slots of the clinic are made anew at once. 422 names the columns that are wrong."}, s.addClinicRow)
	web.Register(api, web.Op{ID: "change-clinic-row", Method: http.MethodPost, Path: at + "/tables/{table}/{id}", Tags: tags, Policy: planners, Idempotent: true, Errors: steps,
		Summary: "Change a row", Returns: "What became of it.", Description: "The slots of the clinic are made anew at once: free ones that are not wanted any more disappear, booked ones stay and become tasks for the staff. 409 `changed-meanwhile` when the row has moved on since the version sent."}, s.changeClinicRow)
	web.Register(api, web.Op{ID: "remove-clinic-holiday", Method: http.MethodDelete, Path: at + "/holidays/{id}", Tags: tags, Policy: planners, Errors: notFound,
		Summary: "Take back a holiday", Returns: "What became of the slots.", Description: "Of the clinic's own; the municipality's stay."}, s.removeClinicHoliday)
	web.Register(api, web.Op{ID: "preview-clinic-schedule", Method: http.MethodPost, Path: at + "/schedule-preview", Tags: tags, Policy: planners, Errors: notFound,
		Summary: "See the sessions a schedule would make", Returns: "The next sessions.", Description: "Before it is saved: with the holidays, blocks and extra sessions there are. Nothing is kept."}, s.previewClinicSchedule)
	web.Register(api, web.Op{ID: "list-clinic-exceptions", Method: http.MethodGet, Path: at + "/exceptions", Tags: tags, Policy: planners, Errors: notFound,
		Summary: "List blocks and extra sessions", Returns: "Those that have not ended.", Description: "By the time at which they begin."}, s.listClinicExceptions)
	web.Register(api, web.Op{ID: "add-clinic-exception", Method: http.MethodPost, Path: at + "/exceptions", Tags: tags, Policy: planners, Status: http.StatusCreated, Idempotent: true, Errors: notFound,
		Summary: "Block time, or add a session", Returns: "What became of it.", Description: "A block of a schedule, a practitioner, a place, or with none of them of the whole clinic; or a session outside a schedule's rule. Booked times under a block stay and become tasks for the staff."}, s.addClinicException)
	web.Register(api, web.Op{ID: "remove-clinic-exception", Method: http.MethodDelete, Path: at + "/exceptions/{id}", Tags: tags, Policy: planners, Errors: notFound,
		Summary: "Take back a block or an extra session", Returns: "What became of the slots.", Description: "Times come back as the schedules say."}, s.removeClinicException)
	web.Register(api, web.Op{ID: "import-clinic-files", Method: http.MethodPost, Path: at + "/imports", Tags: tags, Policy: planners, Idempotent: true, Errors: notFound, MaxBody: 16 << 20,
		Summary: "Import tables or a feed", Returns: "What was imported, or would be.", Description: "Tables (CSV, RFC 4180) or a feed of SMART Scheduling Links. Everything or nothing: 422 names every wrong line as `file:line:member`. With `preview` nothing is kept."}, s.importClinicFiles)
}

// ClinicTableInput names one table of a clinic.
type ClinicTableInput struct {
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic: an agency of the municipality."`
	Table    string `path:"table" enum:"places,practitioners,resources,visit-types,schedules,holidays" example:"places" doc:"Which table."`
}

// ClinicRow is one row of a table.
type ClinicRow struct {
	ID      string            `json:"id" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The row's name in addresses."`
	Version int               `json:"version" minimum:"0" example:"1" doc:"To be sent with a change; 0 where a table has none."`
	Active  bool              `json:"active" example:"false" doc:"In use."`
	Cells   map[string]string `json:"cells" example:"{\"code\":\"harbour\",\"name\":\"Harbour Health Centre\"}" doc:"Cells by the names of their columns; empty ones are left out."`
}

// ClinicRowBody is a row as it is sent.
type ClinicRowBody struct {
	Version int               `json:"version,omitempty" minimum:"0" example:"1" doc:"Of a row that is changed: the version that was looked at."`
	Active  bool              `json:"active" example:"true" doc:"In use."`
	Cells   map[string]string `json:"cells" example:"{\"code\":\"harbour\",\"name\":\"Harbour Health Centre\"}" doc:"Cells by the names of their columns, as in the table that can be imported."`
}

// ClinicRowsOutput lists rows.
type ClinicRowsOutput struct {
	Body struct {
		Rows []ClinicRow `json:"rows" maxItems:"20000" doc:"Those in use first."`
	}
}

// SavedOutput says what became of a change.
type SavedOutput struct {
	Body SavedBody
}

// SavedBody says what became of a change.
type SavedBody struct {
	ID   string   `json:"id" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The row's name in addresses."`
	Made MadeBody `json:"made" doc:"What it did to the slots."`
}

// MadeBody is what a change did to the slots.
type MadeBody struct {
	Made     int `json:"made" minimum:"0" example:"42" doc:"New slots."`
	Gone     int `json:"gone" minimum:"0" example:"12" doc:"Free slots that disappeared."`
	Kept     int `json:"kept" minimum:"0" example:"2" doc:"Slots that are not offered any more and stay for who has them."`
	Tasks    int `json:"tasks" minimum:"0" example:"2" doc:"New tasks for the staff about appointments in them."`
	Overlaps int `json:"overlaps" minimum:"0" example:"0" doc:"Slots that were not made because the practitioner is elsewhere at that time."`
}

func savedOutput(v Saved, err error) (*SavedOutput, error) {
	if err != nil {
		return nil, err
	}
	return &SavedOutput{SavedBody{ID: v.ID, Made: MadeBody(v.Made)}}, nil
}

func (s *Service) listClinicRows(ctx context.Context, in *ClinicTableInput) (*ClinicRowsOutput, error) {
	c, err := s.Setup(ctx, kernel.AgencyID(in.Facility))
	if err != nil {
		return nil, err
	}
	out := &ClinicRowsOutput{}
	out.Body.Rows = []ClinicRow{}
	for _, r := range c.rows(in.Table) {
		out.Body.Rows = append(out.Body.Rows, ClinicRow{ID: r.ID, Version: r.Version, Active: r.Active, Cells: r.Cells})
	}
	return out, nil
}

// AddClinicRowInput adds a row.
type AddClinicRowInput struct {
	web.IdempotencyInput
	ClinicTableInput
	Body ClinicRowBody
}

func (s *Service) addClinicRow(ctx context.Context, in *AddClinicRowInput) (*SavedOutput, error) {
	v, err := s.SaveRow(ctx, kernel.AgencyID(in.Facility), Row{Table: in.Table, Cells: in.Body.Cells, Active: in.Body.Active})
	return savedOutput(v, inBody("cells", err))
}

// ChangeClinicRowInput changes a row.
type ChangeClinicRowInput struct {
	web.IdempotencyInput
	ClinicTableInput
	ID   string `path:"id" maxLength:"60" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The row."`
	Body ClinicRowBody
}

func (s *Service) changeClinicRow(ctx context.Context, in *ChangeClinicRowInput) (*SavedOutput, error) {
	v, err := s.SaveRow(ctx, kernel.AgencyID(in.Facility), Row{Table: in.Table, ID: in.ID, Version: in.Body.Version, Cells: in.Body.Cells, Active: in.Body.Active})
	return savedOutput(v, inBody("cells", err))
}

// ClinicThingInput names a holiday, a block or an extra session.
type ClinicThingInput struct {
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic."`
	ID       string `path:"id" maxLength:"60" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Which one."`
}

func (s *Service) removeClinicHoliday(ctx context.Context, in *ClinicThingInput) (*SavedOutput, error) {
	return savedOutput(s.RemoveHoliday(ctx, kernel.AgencyID(in.Facility), in.ID))
}

func (s *Service) removeClinicException(ctx context.Context, in *ClinicThingInput) (*SavedOutput, error) {
	return savedOutput(s.RemoveException(ctx, kernel.AgencyID(in.Facility), in.ID))
}

// PreviewScheduleInput asks for the sessions of a schedule.
type PreviewScheduleInput struct {
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic."`
	Body     struct {
		ID    string            `json:"id,omitempty" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"A schedule that is there: its extra sessions are shown too."`
		Cells map[string]string `json:"cells" example:"{\"code\":\"harbour\",\"name\":\"Harbour Health Centre\"}" doc:"Cells by the names of the columns of the table schedules."`
	}
}

// SessionsOutput lists sessions.
type SessionsOutput struct {
	Body struct {
		Sessions []SessionBody `json:"sessions" maxItems:"20" doc:"In the order of their beginning."`
	}
}

// SessionBody is one session.
type SessionBody struct {
	StartsAt time.Time `json:"starts_at" example:"2026-12-01T09:00:00Z" doc:"Its beginning, in UTC."`
	EndsAt   time.Time `json:"ends_at" example:"2026-12-01T12:00:00Z" doc:"Its end, in UTC."`
	Slots    int       `json:"slots" minimum:"0" example:"9" doc:"How many slots it has."`
	Extra    bool      `json:"extra" example:"false" doc:"Outside the rule."`
	Holiday  bool      `json:"holiday" example:"false" doc:"It does not take place: the day is a holiday."`
}

func (s *Service) previewClinicSchedule(ctx context.Context, in *PreviewScheduleInput) (*SessionsOutput, error) {
	all, _, err := s.Sessions(ctx, kernel.AgencyID(in.Facility), Row{Table: sheet.Schedules, ID: in.Body.ID, Cells: in.Body.Cells}, 20)
	if err != nil {
		return nil, inBody("cells", err)
	}
	out := &SessionsOutput{}
	out.Body.Sessions = []SessionBody{}
	for _, x := range all {
		out.Body.Sessions = append(out.Body.Sessions, SessionBody{x.Start.UTC(), x.End.UTC(), len(x.Slots), x.Extra, x.Holiday})
	}
	return out, nil
}

// ClinicInput names a clinic.
type ClinicInput struct {
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic."`
}

// ExceptionsOutput lists blocks and extra sessions.
type ExceptionsOutput struct {
	Body struct {
		Exceptions []ExceptionBody `json:"exceptions" maxItems:"10000" doc:"By their beginning."`
	}
}

// ExceptionBody is a block or an extra session.
type ExceptionBody struct {
	ID           string `json:"id" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Its name in addresses."`
	Kind         string `json:"kind" enum:"closed,extra" example:"closed" doc:"Time taken away, or a session added."`
	Schedule     string `json:"schedule,omitempty" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The schedule it is about."`
	Practitioner string `json:"practitioner,omitempty" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The practitioner it is about."`
	Place        string `json:"place,omitempty" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The place it is about."`
	From         string `json:"from" example:"2026-12-01T09:00:00+00:00" doc:"Its beginning."`
	Until        string `json:"until" example:"2026-12-01T12:00:00+00:00" doc:"Its end."`
	Reason       string `json:"reason" maxLength:"300" example:"Training" doc:"For the staff."`
}

func (s *Service) listClinicExceptions(ctx context.Context, in *ClinicInput) (*ExceptionsOutput, error) {
	c, err := s.Setup(ctx, kernel.AgencyID(in.Facility))
	if err != nil {
		return nil, err
	}
	out := &ExceptionsOutput{}
	out.Body.Exceptions = []ExceptionBody{}
	for _, e := range c.exceptions {
		out.Body.Exceptions = append(out.Body.Exceptions, ExceptionBody{e.ID, e.Kind, textAt(e.Schedule), textAt(e.Practitioner), textAt(e.Place), e.From, e.Until, e.Reason})
	}
	return out, nil
}

// AddExceptionInput adds a block or an extra session.
type AddExceptionInput struct {
	web.IdempotencyInput
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic."`
	Body     struct {
		Kind         string `json:"kind" enum:"closed,extra" example:"closed" doc:"Time taken away, or a session added."`
		Schedule     string `json:"schedule,omitempty" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Id of a schedule; needed for an extra session."`
		Practitioner string `json:"practitioner,omitempty" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Id of a practitioner."`
		Place        string `json:"place,omitempty" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"Id of a place."`
		FromDay      string `json:"from_day" format:"date" maxLength:"10" example:"2026-12-01" doc:"The first day."`
		From         string `json:"from" maxLength:"5" example:"09:00" doc:"By the clock on the place's wall."`
		UntilDay     string `json:"until_day,omitempty" format:"date" maxLength:"10" example:"2026-12-02" doc:"The last day of a block; left out: the first."`
		Until        string `json:"until" maxLength:"5" example:"12:00" doc:"By the clock on the place's wall."`
		Reason       string `json:"reason,omitempty" maxLength:"300" example:"Training" doc:"For the staff."`
	}
}

func (s *Service) addClinicException(ctx context.Context, in *AddExceptionInput) (*SavedOutput, error) {
	b := in.Body
	v, err := s.SaveException(ctx, kernel.AgencyID(in.Facility), Exception{Extra: b.Kind == "extra", Schedule: b.Schedule, Practitioner: b.Practitioner, Place: b.Place,
		FromDay: b.FromDay, From: b.From, UntilDay: b.UntilDay, Until: b.Until, Reason: b.Reason})
	return savedOutput(v, inBody("", err))
}

// ImportInput brings files.
type ImportInput struct {
	web.IdempotencyInput
	Facility string `path:"facility" maxLength:"60" example:"health-centre" doc:"The clinic."`
	Body     struct {
		Preview bool         `json:"preview,omitempty" example:"false" doc:"Only tell what would be imported."`
		Files   []ImportFile `json:"files" minItems:"1" maxItems:"60" doc:"Tables, or the files of one feed."`
	}
}

// ImportFile is one file.
type ImportFile struct {
	Name    string `json:"name" minLength:"1" maxLength:"200" example:"places.csv" doc:"Tables say by their name which they are: places.csv, practitioners.csv, resources.csv, visit-types.csv, schedules.csv, holidays.csv. Others are files of a feed."`
	Content string `json:"content" maxLength:"16000000" example:"day,name\n2026-12-25,Christmas Day\n" doc:"The file's text."`
}

// ImportedOutput says what an import did.
type ImportedOutput struct {
	Body struct {
		Kind   string      `json:"kind" enum:"sheets,feed" example:"sheets" doc:"What it was."`
		Counts []CountBody `json:"counts" maxItems:"10" doc:"What it brought."`
		Made   MadeBody    `json:"made" doc:"What it did to the slots."`
	}
}

// CountBody is how much of one kind an import brought.
type CountBody struct {
	Kind    string `json:"kind" enum:"places,practitioners,resources,visit-types,schedules,holidays" example:"places" doc:"Which rows."`
	New     int    `json:"new" minimum:"0" example:"3" doc:"Rows that were not there."`
	Changed int    `json:"changed" minimum:"0" example:"1" doc:"Rows that were different."`
	Same    int    `json:"same" minimum:"0" example:"12" doc:"Rows that said the same already."`
}

func (s *Service) importClinicFiles(ctx context.Context, in *ImportInput) (*ImportedOutput, error) {
	var files []lines.File
	for _, f := range in.Body.Files {
		files = append(files, lines.File{Name: f.Name, Data: []byte(f.Content)})
	}
	v, err := s.ImportFiles(ctx, kernel.AgencyID(in.Facility), files, in.Body.Preview)
	if err != nil {
		return nil, byLine(err)
	}
	out := &ImportedOutput{}
	out.Body.Kind, out.Body.Made, out.Body.Counts = v.Kind, MadeBody(v.Made), []CountBody{}
	for _, c := range v.Counts {
		out.Body.Counts = append(out.Body.Counts, CountBody(c))
	}
	return out, nil
}
