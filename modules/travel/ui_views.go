package travel

import "townhall/modules/kernel/ui"

// The data of the citizens' pages, already in the reader's language. Each is the data of ui/<name>.html.

// hidden is one hidden field of a form.
type hidden struct{ Name, Value string }

// startView is the first page of a mini-app: where do you go?
type startView struct {
	Form      formView
	Mine      []ui.Card
	About     []string
	Facts     []ui.Fact
	Claims    []ui.Fact
	Retention string
}

// formView is a form with its button.
type formView struct {
	Action  string
	Fields  []ui.Field
	Hidden  []hidden
	Version int // 0: none
	Button  string
}

// departuresView lists what leaves.
type departuresView struct {
	Heading string // where from and where to
	Day     string // in words
	Later   string // address of what leaves later on this day; empty: nothing
	Form    formView
	Cards   []ui.Card
	Changes []viaView
	Empty   *ui.Empty
}

// viaView is a way with a change of vehicles.
type viaView struct {
	Title, Text string
	Cards       []ui.Card
}

// rideView asks for how many people, before places are held.
type rideView struct {
	Problems []ui.Problem
	Facts    []ui.Fact
	Terms    []string
	Form     formView
	Instead  []ui.Card
}

// bookView asks who rides, or which seats.
type bookView struct {
	Problems []ui.Problem
	Held     *ui.Notice
	Groups   []groupView
	Rest     []ui.Field
	Form     formView
	Other    ui.Button
}

// groupView is the questions about one passenger.
type groupView struct {
	Legend string
	Self   []ui.Field // whether it is the citizen; the questions behind it are about somebody else
	Fields []ui.Field
}

// checkView shows everything before paying.
type checkView struct {
	Problems []ui.Problem
	Held     *ui.Notice
	Rows     []ui.SummaryRow
	Total    string
	Terms    []string
	Form     formView
}

// tripView is one booking.
type tripView struct {
	Tag       ui.Tag
	Number    string
	Notices   []ui.Notice
	Facts     []ui.Fact
	Buttons   []ui.Button
	Tickets   []ticketView
	Money     []ui.Fact
	Terms     []string
	Documents []ui.DocumentRow
	Others    []ui.Button
}

// ticketView is one passenger's.
type ticketView struct {
	ID, Name, Place, Code string
	QR                    ui.QR
	Tag                   ui.Tag
}

// cancelView asks before a booking is cancelled.
type cancelView struct {
	Problems []ui.Problem
	Facts    []ui.Fact
	Back     string // what would go back, in a sentence
	Form     formView
	Keep     string
}

// changeView lists what a booking could be changed to, each with a link to where that is asked again.
type changeView struct {
	Problems       []ui.Problem
	Facts          []ui.Fact
	Rides          []changeRide
	Earlier, Later string // addresses; no Earlier: those have left
	Empty          *ui.Empty
}

type changeRide struct{ Title, Text, Price, Href, Button string }

// changingView asks whether to change to one departure.
type changingView struct {
	Before, After []ui.Fact
	Price         string
	Path, To      string
	Version       int
	Keep          string
}
