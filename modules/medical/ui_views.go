package medical

import "townhall/modules/kernel/ui"

// The data of the citizen's pages, already in the reader's language. Each is the data of ui/citizen-<name>.html.

// startView is the first page of a mini-app: what do you need?
type startView struct {
	Notices   []ui.Notice
	Types     []ui.Card
	Empty     ui.Empty
	Mine      []ui.Card
	About     []string
	Facts     []ui.Fact
	Claims    []ui.Fact
	Retention string
}

// hidden is one hidden field of a form.
type hidden struct{ Name, Value string }

// timesView is the page on which a time is chosen.
type timesView struct {
	Problems []ui.Problem
	Notice   *ui.Notice
	Nearest  []timeView // when the time that was chosen has gone
	Filters  filtersView
	Week     weekView
	Heading  string // the chosen day
	Groups   []groupView
	Form     slotForm
	MoreHref string // further places on this day
	Empty    *ui.Empty
	Next     *ui.Button
	Waiting  string // address of the waiting list
}

// slotForm is where a chosen time is sent: a POST that holds it, or, before the sign-in, a GET to a page that does.
type slotForm struct {
	Method, Action string
	Hidden         []hidden
}

// weekView is the strip of days.
type weekView struct {
	Label, Earlier, Later string
	Days                  []stripDay
}

// stripDay is one day of the strip; without Href nothing is free on it.
type stripDay struct {
	Href, Weekday, Number, Count, Label string
	Current                             bool
}

// groupView is the times of one practitioner at one place.
type groupView struct {
	ID, Title, Place, More string
	Times                  []timeView
}

// timeView is one free time.
type timeView struct{ Slot, Clock, Note string }

// filtersView narrows the search.
type filtersView struct {
	Open   bool
	Active string // what is chosen, in words
	Action string
	Hidden []hidden
	Fields []ui.Field
	Clear  string
}

// holdView asks somebody who has just signed in whether this is the time.
type holdView struct {
	Facts                       []ui.Fact
	Body, Action, Button, Other string
	Hidden                      []hidden
}

// patientFields are the questions about who the appointment is for.
type patientFields struct {
	ForWhom ui.Field
	Patient []ui.Field // asked for anybody but oneself
	Declare ui.Field
}

// detailsView asks for whom, and why.
type detailsView struct {
	patientFields
	Problems []ui.Problem
	Held     *ui.Notice
	Rest     []ui.Field
	Path     string
	Back     bool // came from the check page
	Button   string
	Other    string
}

// prepareView is what to do and to bring.
type prepareView struct{ Preparation, Bring []string }

// checkView shows everything before confirming.
type checkView struct {
	Problems []ui.Problem
	Held     *ui.Notice
	Rows     []ui.SummaryRow
	Prepare  prepareView
	Rules    []string
	Path     string
	Version  int
	Button   string
	Pass     string // where an offer is passed on; empty when it is none
	Other    string
}

// nextStep is one line of what happens next.
type nextStep struct{ Icon, Text string }

// doneView gives the reference.
type doneView struct {
	Panel   ui.Panel
	Buttons []ui.Button
	Next    []nextStep
	Prepare prepareView
}

// mainAction is the button an appointment's page is for, with a quieter one beside it.
type mainAction struct {
	Action, Label string
	Second        struct{ Action, Label string }
}

// appointmentView is one appointment.
type appointmentView struct {
	Problems   []ui.Problem
	Tag        ui.Tag
	Number     string
	Notices    []ui.Notice
	When, ISO  string
	Zone       string
	Facts      []ui.Fact
	Main       *mainAction
	Version    int
	Buttons    []ui.Button
	Prepare    prepareView
	Reason     string
	ReasonHint string
	Documents  []ui.DocumentRow
	Calendar   *ui.Copy
	History    []ui.Moment
	Others     []ui.Button
}

// cancelView asks before cancelling.
type cancelView struct {
	Problems     []ui.Problem
	Facts        []ui.Fact
	Hints        []string
	Fields       []ui.Field
	Path         string
	Version      int
	Button, Keep string
}

// rescheduleView asks before moving.
type rescheduleView struct {
	Problems          []ui.Problem
	Old, New          []ui.Fact
	Path, Slot, Other string
	Version           int
}

// waitingView asks what would suit.
type waitingView struct {
	patientFields
	Problems []ui.Problem
	Wishes   []ui.Field
	Path     string
	Hidden   []hidden
	How      string
}

// checkInView is the page behind the code at the door.
type checkInView struct {
	Problems []ui.Problem
	Notice   *ui.Notice
	Visits   []checkInVisit
	Buttons  []ui.Button
}

// checkInVisit is one appointment of today at the place; Action is empty when it is not the time to check in.
type checkInVisit struct {
	ID, When, Action string
	Version          int
	Facts            []ui.Fact
}
