package apptest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

// then is somebody with a sign-in of what the clock says.
func then(clock kernel.Clock, who apptest.Who) apptest.Who {
	now := clock.Now()
	who.Claims = map[string]any{"iat": now.Add(-time.Second).Unix(), "auth_time": now.Add(-time.Second).Unix(), "exp": now.Add(time.Hour).Unix()}
	return who
}

// When the licence of a company ends it is suspended by itself: its mini-apps pause with the reason in every language.
func TestAPartnerWhoseLicenceEndsIsSuspended(t *testing.T) {
	t.Parallel()
	clock := kerneltest.NewClock(time.Now())
	a := newPartners(t, apptest.WithClock(clock))
	pub := apptest.StaffOf("clinic", "publisher", "pia")
	a.Know("northwick", pub)
	until := apptest.LicenceDay(clock.Now(), 2)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("clinic", map[string]any{"body_kind": "company", "licence_number": "CQC-1", "licence_until": until, "categories": []string{"health"}}))
	late := a.Approve(apptest.Boris, apptest.CompanyAnswers("late", until))
	const app = "clinic-notices"
	a.Made(apptest.Anna, "clinic", "notices", app, "health")
	a.open(t, pub, app, 1)
	running := a.DraftOf(apptest.Boris, app)

	clock.Advance(48 * time.Hour) // the last day
	a.RunJob("end-licences")
	anna, boris, low, ines, marcus := then(clock, apptest.Anna), then(clock, apptest.Boris), then(clock, apptest.Low), then(clock, apptest.Ines), then(clock, apptest.Marcus)
	if o := a.Organisation(anna, "clinic"); o.State != "active" {
		t.Errorf("on the last day of its licence: %+v", o)
	}
	clock.Advance(48 * time.Hour)
	anna, boris, low, ines, marcus = then(clock, anna), then(clock, boris), then(clock, low), then(clock, ines), then(clock, marcus)
	if got := a.Make(anna, "clinic", "notices", a.Blanks("notices", "clinic-more", "health"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("made without a licence: %d %s", got.Status, got.Body)
	}
	if got := a.Do(apptest.Call{Who: &boris, Method: http.MethodPost, Path: "/civic/v1/applications/" + late.ID + "/actions/sign-terms", Key: apptest.Key(),
		Body: map[string]any{"version": late.Version, "input": apptest.Terms}}); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("admitted without a licence: %d %s", got.Status, got.Body)
	}
	a.RunJob("end-licences")
	a.RunJob("end-licences") // once is enough
	o := a.Organisation(anna, "clinic")
	if o.State != "suspended" || !strings.Contains(o.Reason, "licence ended") {
		t.Errorf("after its licence: %+v", o)
	}
	if got := a.begin(low, app); got.Status != 409 || code(t, got) != "release-paused" {
		t.Errorf("begun without a licence: %d %s", got.Status, got.Body)
	}
	for locale, want := range map[string]string{"en": "licence ended on", "ru": "Лицензия организации истекла", "zh": "许可"} {
		got := a.Do(apptest.Call{Who: &low, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Headers: map[string]string{"Accept-Language": locale}, Body: map[string]any{"service": app}})
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("the reason in %s: %s", locale, got.Body)
		}
	}
	running = a.Act(boris, running, "subscribe", nil)
	if running.State != "subscribed" {
		t.Errorf("what runs stands still: %+v", running)
	}
	var h struct {
		Changes []struct{ Action, To, Reason string }
	}
	a.Do(apptest.Call{Who: &marcus, Method: http.MethodGet, Path: "/releases/v1/mini-apps/" + app + "/history"}).JSON(t, &h)
	if len(h.Changes) != 6 || h.Changes[0].Action != "halt" || h.Changes[0].To != "paused" || !strings.Contains(h.Changes[0].Reason, "licence ended") {
		t.Errorf("the history: %+v", h.Changes)
	}
	if got := a.Do(apptest.Call{Who: &ines, Method: http.MethodPost, Path: "/partners/v1/partners/clinic/resume", Key: apptest.Key(), Body: map[string]any{"version": o.Version}}); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("it goes on without a licence: %d %s", got.Status, got.Body)
	}
}
