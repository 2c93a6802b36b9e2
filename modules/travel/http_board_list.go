package travel

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

func unchangedResponse() map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "The tickets by their hashes."}, "304": {Description: "The list is the one you have."}}
}

// BoardTicketsInput names a departure, and the copy of its list that the device has.
type BoardTicketsInput struct {
	DepartureInput
	IfNoneMatch string `header:"If-None-Match" maxLength:"200" doc:"The ETag of the copy you have."`
}

// BoardTicketsOutput is the list, or nothing when it did not change.
type BoardTicketsOutput struct {
	Status       int
	ETag         string `header:"ETag" doc:"Changes with the list and its language."`
	CacheControl string `header:"Cache-Control" doc:"Always private, no-cache: ask before using it."`
	Body         *BoardListItem
}

// BoardListItem is the list by which a device looks at tickets without network.
type BoardListItem struct {
	Departure string            `json:"departure" format:"uuid" doc:"The departure's id."`
	State     string            `json:"state" enum:"scheduled,called-off" example:"scheduled" doc:"Whether it runs."`
	AsOf      time.Time         `json:"as_of" example:"2026-12-01T09:30:00Z" doc:"The moment the list was made."`
	MaxAge    int               `json:"max_age_seconds" minimum:"1" example:"7200" doc:"For how long a copy is relied on, from the moment it was made or was last answered with 304."`
	Tickets   []BoardTicketItem `json:"tickets" maxItems:"4000" doc:"In the order of the places, the void ones at the end."`
}

// BoardTicketItem is a ticket as a conductor compares it.
type BoardTicketItem struct {
	Hash    string     `json:"hash" pattern:"^[0-9a-f]{64}$" example:"a3f1c2d4e5b60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90" doc:"SHA-256 of the ticket's code in capital letters and digits, without spaces and hyphens."`
	State   string     `json:"state" enum:"valid,used,void" example:"valid" doc:"Whether it is good. A void one says nothing more."`
	Class   string     `json:"class,omitempty" enum:"adult,child,senior,concession" example:"adult" doc:"The class of the fare."`
	Proof   bool       `json:"proof,omitempty" doc:"Ask for proof of age."`
	Place   string     `json:"place,omitempty" example:"12A" doc:"Number of the place."`
	Bicycle string     `json:"bicycle,omitempty" example:"B1" doc:"Number of the bicycle's place; absent: none goes along."`
	Begin   string     `json:"begin,omitempty" example:"Harbour" doc:"The stop at which the ride begins."`
	End     string     `json:"end,omitempty" example:"Airport" doc:"The stop at which it ends."`
	UsedAt  *time.Time `json:"used_at,omitempty" example:"2026-12-01T09:36:00Z" doc:"When it was used."`
}

func boardTicketItem(locale string, t OnBoard) BoardTicketItem {
	return BoardTicketItem{Hash: t.Hash, State: t.State, Class: t.Class, Proof: t.Proof, Place: t.Place, Bicycle: t.BikePlace, Begin: t.From.In(locale), End: t.To.In(locale), UsedAt: presentTime(t.UsedAt)}
}

// boardList is the list in the language of the request, with the tag that changes when it does.
func boardList(ctx context.Context, l BoardList) (*BoardListItem, string, error) {
	out := &BoardListItem{Departure: string(l.Departure.ID), State: l.Departure.State, MaxAge: int(listFor.Seconds()), Tickets: []BoardTicketItem{}}
	for _, t := range l.Tickets {
		out.Tickets = append(out.Tickets, boardTicketItem(kernel.LocaleOf(ctx), t))
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(raw)
	out.AsOf = l.AsOf // not in the tag
	return out, `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`, nil
}

func (s *Service) getBoardTickets(ctx context.Context, in *BoardTicketsInput) (*BoardTicketsOutput, error) {
	l, err := s.Tickets(ctx, in.id(), DepartureID(in.Departure))
	if err != nil {
		return nil, err
	}
	body, tag, err := boardList(ctx, l)
	out := &BoardTicketsOutput{Status: http.StatusOK, ETag: tag, CacheControl: "private, no-cache", Body: body}
	if in.IfNoneMatch == tag {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, err
}

// ScansInput are looks that a device made.
type ScansInput struct {
	DepartureInput
	web.IdempotencyInput
	Body ScansBody
}

// ScansBody are looks that a device made.
type ScansBody struct {
	Scans []LookInput `json:"scans" minItems:"1" maxItems:"500" doc:"In any order."`
}

// LookInput is one look.
type LookInput struct {
	ID      string    `json:"id" format:"uuid" minLength:"36" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c77" doc:"The look's own id, made by the device: handed in again it is the same look."`
	Ticket  string    `json:"ticket" pattern:"^[0-9a-f]{64}$" example:"a3f1c2d4e5b60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90" doc:"SHA-256 of the code, as in the list."`
	At      time.Time `json:"at" example:"2026-12-01T09:36:00Z" doc:"When it was made, by the device's clock."`
	Verdict string    `json:"verdict,omitempty" enum:"accepted,second,void,other-departure,unknown" example:"accepted" doc:"What the device said by its list; absent: it waits for the answer."`
}

func (b ScansBody) looks() []Look {
	out := make([]Look, len(b.Scans))
	for i, l := range b.Scans {
		out[i] = Look{ID: l.ID, Ticket: l.Ticket, At: l.At, Said: l.Verdict}
	}
	return out
}

// ScansOutput says what each look has come to.
type ScansOutput struct{ Body ScansAnswer }

// ScansAnswer says what each look has come to.
type ScansAnswer struct {
	Scans []LookedItem `json:"scans" maxItems:"500" doc:"In the order they were handed in."`
}

// LookedItem is what a look has come to.
type LookedItem struct {
	ID      string           `json:"id" format:"uuid" doc:"The look's id."`
	Verdict string           `json:"verdict" enum:"accepted,second,void,other-departure,unknown,good,wrong-time" example:"accepted" doc:"good: valid and not used, for the device had turned it away. wrong-time: nothing has happened. The others are as the device's."`
	FirstAt *time.Time       `json:"first_at,omitempty" example:"2026-12-01T09:36:00Z" doc:"When the look was made that used the ticket."`
	Others  int              `json:"others" minimum:"0" example:"0" doc:"Other looks with which somebody was let on with the same ticket."`
	Ticket  *BoardTicketItem `json:"ticket,omitempty" doc:"The ticket; absent when it is none of this departure."`
}

func scansAnswer(locale string, all []Looked) (out ScansAnswer) {
	out.Scans = make([]LookedItem, len(all))
	for i, l := range all {
		out.Scans[i] = LookedItem{ID: l.ID, Verdict: l.Verdict, FirstAt: presentTime(l.First), Others: l.Others}
		if l.Ticket.Hash != "" {
			t := boardTicketItem(locale, l.Ticket)
			out.Scans[i].Ticket = &t
		}
	}
	return out
}

func (s *Service) postScans(ctx context.Context, in *ScansInput) (*ScansOutput, error) {
	all, err := s.HandIn(ctx, in.id(), DepartureID(in.Departure), in.Body.looks())
	if err != nil {
		return nil, inBody(err)
	}
	return &ScansOutput{scansAnswer(kernel.LocaleOf(ctx), all)}, nil
}
