package medical

import (
	"context"
	"net/http"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/medical/ics"
)

// calendarFile sends the appointment as a calendar file to the citizen who has it.
func (s *Service) calendarFile(w http.ResponseWriter, r *http.Request, c kernel.CaseID) error {
	o, err := s.open(r.Context(), c)
	if err != nil {
		return err
	}
	e, ok := s.event(r.Context(), o.myVisit)
	if !ok || o.Service != appOf(r) {
		return kernel.NotThere("calendar")
	}
	return sendCalendar(w, e, o.Number)
}

// calendarFeed sends it to a calendar program, which has no sign-in: the address is the secret. It says what the place and
// the time are, and neither the kind of visit nor with whom.
func (s *Service) calendarFeed(w http.ResponseWriter, r *http.Request) error {
	token, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok || len(token) < 22 || len(token) > 64 {
		return kernel.NotThere("calendar")
	}
	var v myVisit
	ctx := r.Context()
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		a, err := appointmentByCalendar(ctx, tx, token)
		if err != nil {
			return err
		}
		types, err := visitTypesOf(ctx, tx, true)
		if err != nil {
			return err
		}
		all, err := s.visitsOf(ctx, tx, types, a)
		if err == nil {
			v = all[0]
		}
		return err
	})
	if err != nil {
		return err
	}
	e, ok := s.event(ctx, v)
	if !ok {
		return kernel.NotThere("calendar")
	}
	e.Feed, e.Refresh, e.Source = true, time.Hour, kernel.TenantOf(ctx).Origin+r.URL.Path
	e.Name = s.say(v.Locale, "calendar.name", "place", v.place.Name.In(v.Locale))
	e.Summary, e.Description = e.Name, s.say(v.Locale, "calendar.more")+": "+e.URL
	return sendCalendar(w, e, v.Number)
}

// event is the appointment as a calendar shows it, in the language of its conversation. Only what was confirmed has one;
// what was cancelled after that keeps it, so that calendars take it out.
func (s *Service) event(ctx context.Context, v myVisit) (ics.Event, bool) {
	switch v.State {
	case StateDraft, StateWaiting, StateOffered, StateLapsed:
		return ics.Event{}, false
	case StateCancelled:
		if v.Sequence == 0 { // cancelled before it ever was confirmed
			return ics.Event{}, false
		}
	}
	if v.StartsAt.IsZero() {
		return ics.Event{}, false
	}
	l, tenant := v.Locale, kernel.TenantOf(ctx)
	page := tenant.Origin + myPath(v.Service, v.Case)
	e := ics.Event{
		Product: "-//Townhall//Appointments//" + strings.ToUpper(l), UID: string(v.Case) + "@" + tenant.Host, Sequence: v.Sequence, Created: v.CreatedAt, Stamp: v.UpdatedAt,
		Start: v.StartsAt, End: v.EndsAt, Zone: v.place.Zone, Cancelled: v.State == StateCancelled, Locale: ui.Frame{Locale: l}.Lang(),
		Summary: v.Type.Name.In(l), Location: v.place.Name.In(l) + ", " + v.place.Address(), URL: page, Alarm: 24 * time.Hour,
	}
	var lines []string
	if v.practitioner.Name != "" {
		lines = append(lines, withSpecialty(l, v.practitioner))
	}
	lines = append(lines, linesOf(v.place.Directions.In(l))...)
	prepare := s.preparing(l, v.Type)
	lines = append(lines, prepare.Preparation...)
	if len(prepare.Bring) > 0 {
		lines = append(lines, s.say(l, "bring")+": "+strings.Join(prepare.Bring, "; "))
	}
	e.Description = strings.Join(append(lines, s.say(l, "calendar.more")+": "+page), "\n")
	if v.place.Latitude != nil {
		e.Geo = &ics.Geo{Lat: *v.place.Latitude, Lon: *v.place.Longitude}
	}
	return e, true
}

func sendCalendar(w http.ResponseWriter, e ics.Event, name string) error {
	file, err := e.Write()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", ics.MediaType+"; method="+e.Method())
	h.Set("Content-Disposition", `attachment; filename="`+name+`.ics"`)
	h.Set("Cache-Control", "private, no-store")
	_, _ = w.Write(file) // a reader who has gone is nobody's error
	return nil
}
