package drill

import (
	"slices"
	"testing"
)

// goodTrips is a drill in which nothing went wrong: one insured ride of two people that is booked, one cancelled with half of
// it back, one that nobody paid; one whose departure was called off, and half of what was ordered back did not arrive.
func goodTrips() Travelled {
	return Travelled{
		Held:     map[string]bool{"a": true, "b": true, "c": true, "e": true},
		Told:     []Step{{"a", "pay"}, {"b", "pay"}, {"b", "cancel"}, {"c", "give-up"}, {"e", "pay"}},
		Replays:  [][2]string{{"same", "same"}},
		Stored:   []Step{{"a", "pay"}, {"b", "pay"}, {"b", "cancel"}, {"c", "give-up"}, {"e", "pay"}},
		ByItself: []Step{{"a", "pay-failed"}, {"a", "pay-failed"}, {"a", "book"}, {"b", "book"}, {"e", "book-insured"}},
		Trips: []Trip{
			{Case: "a", CaseState: "booked", State: "booked", Departure: "d", From: 0, To: 2, Insured: true, Currency: "GBP", Fare: 2000, Insurance: 180},
			{Case: "b", CaseState: "cancelled", State: "cancelled", Departure: "d", From: 1, To: 2, Currency: "GBP", Fare: 1000, GivenBack: 500},
			{Case: "c", CaseState: "lapsed", State: "lapsed", Departure: "d", From: 1, To: 2, Currency: "GBP", Fare: 1000},
			{Case: "e", CaseState: "called-off", State: "called-off", Departure: "gone", From: 0, To: 1, Insured: true, Currency: "GBP", Fare: 800, Insurance: 200, GivenBack: 1000},
		},
		Riders:    []Rider{{"a", "1A", "B1"}, {"a", "1B", ""}, {"b", "1C", ""}, {"c", "1A", ""}},
		Seats:     []Seat{{"a", "d", "1A", 0}, {"a", "d", "1A", 1}, {"a", "d", "B1", 0}, {"a", "d", "B1", 1}, {"a", "d", "1B", 0}, {"a", "d", "1B", 1}},
		Tickets:   []Paper{{"a", "valid"}, {"a", "valid"}, {"b", "void"}, {"e", "void"}},
		Documents: []Paper{{"a", "valid"}, {"b", "revoked"}, {"e", "revoked"}},
		Policies:  []Paper{{"a", "force"}, {"e", "void"}}, PolicyDocuments: []Paper{{"a", "valid"}, {"e", "revoked"}},
		CalledOff: []string{"gone"}, Failed: []Unreturned{{"e", 1000, 200}},
		Ledger: []Transfer{
			{"a", "p1/fare", "fare", "pending", "GBP", 2000, false}, {"a", "p1/fare", "fare", "post", "GBP", 2000, false},
			{"a", "p1/insurance", "insurance", "pending", "GBP", 180, false}, {"a", "p1/insurance", "insurance", "post", "GBP", 180, false},
			{"b", "p2/fare", "fare", "pending", "GBP", 1000, false}, {"b", "p2/fare", "fare", "post", "GBP", 1000, false},
			{"b", "p2/fare/o", "fare", "pending", "GBP", 500, true}, {"b", "p2/fare/o", "fare", "post", "GBP", 500, true},
			{"c", "p3/fare", "fare", "pending", "GBP", 1000, false}, {"c", "p3/fare", "fare", "void", "GBP", 1000, false},
			{"e", "p4/fare", "fare", "pending", "GBP", 800, false}, {"e", "p4/fare", "fare", "post", "GBP", 800, false},
			{"e", "p4/insurance", "insurance", "pending", "GBP", 200, false}, {"e", "p4/insurance", "insurance", "post", "GBP", 200, false},
			{"e", "p4/fare/o", "fare", "pending", "GBP", 800, true}, {"e", "p4/fare/o", "fare", "void", "GBP", 800, true},
			{"e", "p4/insurance/o", "insurance", "pending", "GBP", 200, true}, {"e", "p4/insurance/o", "insurance", "void", "GBP", 200, true},
		},
		Entries: []Entry{{"provider", "GBP", 3680}, {"payee", "GBP", -3680}},
		Wallet:  map[string]Sums{"GBP": {Authorized: 5180, Captured: 4180, Refunded: 500}},
	}
}

func TestBookingsWithNothingWrongAreZero(t *testing.T) {
	if v := JudgeTravel(goodTrips()); !v.Zero() {
		t.Fatal(v)
	}
}

func TestEveryFaultPlantedAmongBookingsIsCounted(t *testing.T) {
	faults := map[string]struct {
		plant func(*Travelled)
		want  TravelVerdict
	}{
		"an acknowledged hold is missing":          {func(o *Travelled) { o.Held["x"] = true }, TravelVerdict{Lost: 1}},
		"an acknowledged step is missing":          {func(o *Travelled) { o.Stored = o.Stored[1:] }, TravelVerdict{Lost: 1}},
		"a booking nobody was told of":             {func(o *Travelled) { delete(o.Held, "c") }, TravelVerdict{Phantom: 1}},
		"a step nobody was told of":                {func(o *Travelled) { o.Told = o.Told[1:] }, TravelVerdict{Phantom: 1}},
		"a step is stored twice":                   {func(o *Travelled) { o.Stored = append(o.Stored, Step{"a", "pay"}) }, TravelVerdict{Doubled: 1}},
		"a ride is booked twice":                   {func(o *Travelled) { o.ByItself = append(o.ByItself, Step{"a", "book"}) }, TravelVerdict{Doubled: 1}},
		"a replay with another body":               {func(o *Travelled) { o.Replays[0][1] = "other" }, TravelVerdict{DifferentReplay: 1}},
		"one side of a transfer is missing":        {func(o *Travelled) { o.Entries = o.Entries[1:] }, TravelVerdict{LedgerSum: 1}},
		"the wallet authorised more":               {func(o *Travelled) { o.Wallet["GBP"] = Sums{5181, 4180, 500, 0} }, TravelVerdict{Books: 1}},
		"the wallet captured more":                 {func(o *Travelled) { o.Wallet["GBP"] = Sums{5180, 4181, 500, 0} }, TravelVerdict{Books: 1}},
		"the wallet gave back more":                {func(o *Travelled) { o.Wallet["GBP"] = Sums{5180, 4180, 501, 0} }, TravelVerdict{Books: 1}},
		"the wallet has another currency":          {func(o *Travelled) { o.Wallet["EUR"] = Sums{Authorized: 1} }, TravelVerdict{Books: 1}},
		"the wallet still holds money":             {func(o *Travelled) { o.Wallet["GBP"] = Sums{5180, 4180, 500, 1} }, TravelVerdict{Stuck: 1}},
		"what was authorised was never let go":     {func(o *Travelled) { o.Ledger = slices.Delete(o.Ledger, 9, 10) }, TravelVerdict{Stuck: 1}},
		"a booking says that less went back":       {func(o *Travelled) { o.Trips[1].GivenBack = 400 }, TravelVerdict{Money: 1}},
		"the money of a ride that nobody has":      {func(o *Travelled) { o.Ledger[0].Case, o.Ledger[1].Case = "c", "c" }, TravelVerdict{Money: 2}},
		"a premium of somebody uninsured":          {func(o *Travelled) { o.Trips[0].Insured = false }, TravelVerdict{Insurance: 1, Policies: 1}},
		"a premium was booked as fare":             {func(o *Travelled) { o.Ledger[3].Line = "fare" }, TravelVerdict{Insurance: 1}},
		"a case in another state than its booking": {func(o *Travelled) { o.Trips[0].CaseState = "paying" }, TravelVerdict{Cases: 1}},
		"a segment is missing":                     {func(o *Travelled) { o.Seats = o.Seats[1:] }, TravelVerdict{Places: 1}},
		"a segment too many":                       {func(o *Travelled) { o.Seats = append(o.Seats, Seat{"a", "d", "1B", 2}) }, TravelVerdict{Places: 1}},
		"a place is kept for who cancelled":        {func(o *Travelled) { o.Seats = append(o.Seats, Seat{"b", "d", "1C", 1}) }, TravelVerdict{Places: 1}},
		"a place of no booking":                    {func(o *Travelled) { o.Seats = append(o.Seats, Seat{"x", "d", "1C", 1}) }, TravelVerdict{Places: 1}},
		"two people on one place": {func(o *Travelled) {
			o.Riders[1].Place = "1A"
			o.Seats[4].Place, o.Seats[5].Place = "1A", "1A"
		}, TravelVerdict{Shared: 2}},
		"a ticket is missing":                 {func(o *Travelled) { o.Tickets = o.Tickets[1:] }, TravelVerdict{Tickets: 1}},
		"a cancelled ticket is still valid":   {func(o *Travelled) { o.Tickets[2].State = "valid" }, TravelVerdict{Tickets: 1}},
		"a document was never published":      {func(o *Travelled) { o.Documents[0].State = "pending" }, TravelVerdict{Documents: 1}},
		"a document is issued twice":          {func(o *Travelled) { o.Documents = append(o.Documents, Paper{"a", "valid"}) }, TravelVerdict{Documents: 1}},
		"a cancelled document is still valid": {func(o *Travelled) { o.Documents[1].State = "valid" }, TravelVerdict{Documents: 1}},
		"a policy was never written":          {func(o *Travelled) { o.Policies = o.Policies[1:] }, TravelVerdict{Policies: 1}},
		"a policy without its document":       {func(o *Travelled) { o.PolicyDocuments[0].State = "pending" }, TravelVerdict{Policies: 1}},
		"a policy of a ride that is not":      {func(o *Travelled) { o.Policies[1].State = "force" }, TravelVerdict{Policies: 1}},
		"a ride is changed twice": {func(o *Travelled) {
			o.ByItself = append(o.ByItself, Step{"a", "change-paid"}, Step{"a", "change-paid"})
		}, TravelVerdict{Doubled: 1}},
		"somebody waits for what was called off": {func(o *Travelled) { o.CalledOff = append(o.CalledOff, "d") }, TravelVerdict{CalledOff: 1}},
		"a refund failed unnoticed":              {func(o *Travelled) { o.Failed = nil }, TravelVerdict{Money: 1, Insurance: 1}},
		"a premium was kept":                     {func(o *Travelled) { o.Failed[0] = Unreturned{"e", 800, 0} }, TravelVerdict{Money: 1, Insurance: 1}},
		"the town found a difference":            {func(o *Travelled) { o.Differences = 1 }, TravelVerdict{Differences: 1}},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			o := goodTrips()
			f.plant(&o)
			if got := JudgeTravel(o); got != f.want {
				t.Errorf("got  %v\nwant %v", got, f.want)
			}
		})
	}
}
