package travel

import (
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// text is one of the module's texts in every language.
func (s *Service) text(key string) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		out[l] = s.Texts.Lookup(l, key, nil)
	}
	return out
}

// say is one of the module's texts: "proof" is travel.proof.
func (s *Service) say(locale, key string, args ...any) string {
	return s.Texts.T(locale, "travel."+key, args...)
}

// titleOf is what a payment sheet says: the route and where it goes, nothing personal.
func (s *Service) titleOf(o offer) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		out[l] = s.say(l, "payment-title", "route", routeIn(l, o.Departure), "from", stopIn(l, o.Begins()), "to", stopIn(l, o.Ends()))
	}
	return out
}

// answers are what the ticket and the notices say of a booking, in its language. Times are those of the departure's zone.
func (s *Service) answers(b Booking, o offer, codes []Ticket) map[string]any {
	l, zone := b.Locale, o.Location()
	return map[string]any{
		"route": routeIn(l, o.Departure), "headsign": headsignIn(l, o.Departure), "from_stop": stopIn(l, o.Begins()), "to_stop": stopIn(l, o.Ends()),
		"departs_text": moment(l, zone, o.Begins().Departs), "arrives_text": moment(l, zone, o.Ends().Arrives),
		"departs": o.Begins().Departs.UTC().Format(time.RFC3339), "over": o.Ends().Arrives.Add(time.Hour).UTC().Format(time.RFC3339),
		"passengers": s.passengersText(l, b, codes), answerCodes: codesText(b, codes), "paid": plain(ui.Money(l, b.Fare+b.Insurance, b.Currency)),
		"terms": s.termsText(b, zone),
	}
}

// answerCodes is the answer that holds the codes; bookings of before there was one have tickets without QR codes.
const answerCodes = "codes"

// codesText is each passenger's place and code, as a document's block of codes reads them.
func codesText(b Booking, codes []Ticket) string {
	var out []string
	for i, p := range b.Passengers {
		if i < len(codes) {
			out = append(out, p.Place+" "+spoken(codes[i].Code))
		}
	}
	return strings.Join(out, "; ")
}

func moment(locale string, zone *time.Location, t time.Time) string {
	return plain(ui.DateTime(locale, zone, t))
}

// plain is a text for documents, whose lines break anywhere.
func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

// passengersText names everybody with class, place and ticket, separated by semicolons.
func (s *Service) passengersText(locale string, b Booking, codes []Ticket) string {
	var out []string
	for i, p := range b.Passengers {
		line := s.passengerLine(locale, p)
		if i < len(codes) {
			line += ", " + s.say(locale, "ticket-code", "code", spoken(codes[i].Code))
		}
		if p.Proof {
			line += " (" + s.say(locale, "proof") + ")"
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

// termsText says what is given back until when, by the rules the citizen was told.
func (s *Service) termsText(b Booking, zone *time.Location) string {
	rules, err := b.rules()
	if err != nil {
		return ""
	}
	var out []string
	for _, t := range rules.Terms(b.DepartsAt, s.Clock.Now()) {
		out = append(out, s.say(b.Locale, "term", "percent", itoa(t.Percent), "until", moment(b.Locale, zone, t.Until)))
	}
	if len(out) == 0 {
		return s.say(b.Locale, "no-refund")
	}
	return strings.Join(out, " ")
}
