package medical

import (
	"cmp"
	"time"

	"townhall/modules/kernel"
)

// Sector is the folder of workflows this module serves, and its name.
const Sector = "medical"

// Roles of a clinic's staff, granted in the facility's agency.
const (
	RoleReception    = "reception"
	RolePractitioner = "practitioner"
	RolePlanner      = "planner"
)

// Ids of the clinic's things: UUIDs made by kernel.NewID.
type (
	PlaceID        string
	PractitionerID string
	ResourceID     string
	ScheduleID     string
	SlotID         string
)

// Facility is a clinic: an agency of the municipality, whose name stands in the settings.
type Facility struct {
	ID        kernel.AgencyID
	Phone     string
	Website   string
	Published bool // in the search and in feeds
}

// Place is an address at which a facility receives people. Its zone rules its calendar.
type Place struct {
	ID         PlaceID
	Facility   kernel.AgencyID
	Code       string
	Name       kernel.Text
	Street     string
	PostalCode string
	Locality   string
	Country    string // ISO 3166-1 alpha-2
	Latitude   *float64
	Longitude  *float64
	Zone       string // IANA
	Phone      string
	Directions kernel.Text
	Opening    []Opening
	DoorCode   string
	Active     bool
	Version    int

	location *time.Location // of Zone, when it has been read; nil: not yet
}

// Opening is when a place is open; days count from Monday = 1, times are local, HH:MM.
type Opening struct {
	Days  []int  `json:"days"`
	From  string `json:"from"`
	Until string `json:"until"`
}

// Location returns the place's time zone; UTC when this machine does not know it.
func (p Place) Location() *time.Location {
	if p.location != nil {
		return p.location
	}
	return locationOf(p.Zone)
}

// Address is the place's address in one line.
func (p Place) Address() string {
	out := p.Street
	for _, part := range []string{p.PostalCode, p.Locality} {
		if part != "" {
			out += ", " + part
		}
	}
	return out
}

// Practitioner is somebody who sees patients.
type Practitioner struct {
	ID        PractitionerID
	Facility  kernel.AgencyID
	Code      string
	Name      string
	Specialty kernel.Text
	Languages []string        // BCP 47
	Person    kernel.PersonID // their own sign-in; empty when not known
	Active    bool
	Version   int
}

// VisitType is a kind of visit that can be booked.
type VisitType struct {
	Code        string
	Service     string // slug of the workflow
	Name        kernel.Text
	Minutes     int
	Level       kernel.Level // of the sign-in that confirms it
	MinAge      int          // full years on the day of the visit; 0: none
	MaxAge      int          // 0: none
	Preparation kernel.Text
	Bring       kernel.Text
	Needs       []string // kinds of resources taken together with the practitioner
	CancelHours int      // the citizen may change it until so long before
	Coding      *Coding
	Active      bool
	Version     int
}

// Coding is a code of a published system (FHIR R4 §2.24.0.7).
type Coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

// Resource is a room or a piece of equipment.
type Resource struct {
	ID    ResourceID
	Place PlaceID
	Kind  string
	Name  string
}

// Origins of schedules.
const (
	OriginPlan = "plan" // a weekly plan
	OriginFeed = "feed" // imported
	OriginDesk = "desk" // made at the desk, for walk-ins
)

// Slot is a time that can be booked, by as many people as its capacity says.
type Slot struct {
	ID           SlotID
	Facility     kernel.AgencyID
	Place        PlaceID
	Schedule     ScheduleID
	Practitioner PractitionerID // empty: nobody in particular
	StartsAt     time.Time      // UTC
	EndsAt       time.Time
	Capacity     int
	Booked       int
	Open         bool
}

// States of an appointment: those of its workflow.
const (
	StateDraft     = "draft"
	StateWaiting   = "waiting"
	StateOffered   = "offered"
	StateBooked    = "booked"
	StateArrived   = "arrived"
	StateAttended  = "attended"
	StateClosed    = "closed"
	StateCancelled = "cancelled"
	StateMissed    = "missed"
	StateLapsed    = "lapsed"
)

// Whom an appointment is for.
const (
	ForSelf    = "self"
	ForChild   = "child"
	ForMandate = "mandate" // an adult who asked the citizen to
	ForDesk    = "desk"    // somebody who stood at the desk
)

// Appointment is where and when; its case says who did what.
type Appointment struct {
	Case         kernel.CaseID
	Version      int // the case's after the step that returned this; 0 when it was only read
	Number       string
	Service      string
	Facility     kernel.AgencyID
	VisitType    string
	State        string
	Slot         SlotID // the booked one; empty while nothing is
	Place        PlaceID
	Practitioner PractitionerID
	StartsAt     time.Time // zero while there is no time
	EndsAt       time.Time
	HoldSlot     SlotID
	HoldUntil    time.Time
	Applicant    kernel.PersonID
	ForWhom      string
	Patient      string // name; personal data
	Birthdate    string // YYYY-MM-DD; personal data
	Relation     string
	Locale       string
	Sequence     int // RFC 5545 §3.8.7.4: counts changes of the time, and the cancellation
	Calendar     string
	CancelReason string
	CheckedInAt  time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// HoldFor is how long a time is held for somebody who is booking it.
const HoldFor = 10 * time.Minute

// Patient is whom an appointment is for, and why they come.
type Patient struct {
	ForWhom   string // self, child or mandate; empty: self
	Name      string // for others than oneself
	Birthdate string // YYYY-MM-DD, for others than oneself
	Relation  string // e.g. "parent": in which right the citizen acts
	Declared  bool   // that they may
	Reason    string // health data; kept sealed
}

var (
	// ErrSlotTaken is the answer to whoever comes second; Instead names the next free times.
	ErrSlotTaken = kernel.NewError(kernel.Conflict, "slot-taken", "Somebody else has taken this time. Choose another one.")
	// ErrHoldOver is the answer when the time of a hold has ended and somebody else has the slot now.
	ErrHoldOver = kernel.NewError(kernel.Conflict, "hold-over", "The time was held for you for a while, and has been taken by somebody else since. Choose another one.")
	// ErrTooLate is the answer to a change after the last moment the visit type allows.
	ErrTooLate = kernel.NewError(kernel.Conflict, "too-late-to-change", "It is too late to change this here. Please call the clinic.")
	// ErrNotForAge is the answer when a visit is not for people of the patient's age.
	ErrNotForAge = kernel.NewError(kernel.Conflict, "not-for-this-age", "This visit is for people of another age.")
	// ErrSameTime is the answer to somebody who has another appointment at that time already.
	ErrSameTime = kernel.NewError(kernel.Conflict, "same-time", "There is another appointment for the same patient at that time.")
	// ErrWaits is the answer to somebody who waits already: nobody stands in the line twice.
	ErrWaits = kernel.NewError(kernel.Conflict, "already-waiting", "This patient is on the waiting list for this visit already. Leave it first if you want to wait for other days.")
)

// fits reports whether the visit is for somebody born on birthdate, on the local day of the visit.
func (v VisitType) fits(birthdate string, day time.Time) bool {
	born, err := time.Parse(time.DateOnly, birthdate)
	if err != nil {
		return v.MinAge == 0 && v.MaxAge == 0
	}
	years := day.Year() - born.Year()
	if day.Month() < born.Month() || day.Month() == born.Month() && day.Day() < born.Day() {
		years--
	}
	return years >= v.MinAge && years <= cmp.Or(v.MaxAge, 150)
}

func locationOf(zone string) *time.Location {
	if l, err := time.LoadLocation(zone); err == nil {
		return l
	}
	return time.UTC
}
