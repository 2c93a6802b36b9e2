package catalogue

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
)

const registry = kernel.AgencyID("civil-registry")

func official(id, name string, roles ...string) kernel.Principal {
	p := kernel.Principal{Kind: kernel.Staff, Tenant: "northwick", Person: kernel.PersonID(id), Name: name}
	for _, r := range roles {
		p.Grants = append(p.Grants, kernel.Grant{Agency: registry, Role: r})
	}
	return p
}

var (
	pia     = official("p", "Pia", RolePublisher)
	rolf    = official("r", "Rolf", RoleReviewer)
	both    = official("b", "Bea", RolePublisher, RoleReviewer)
	foreign = kernel.Principal{Kind: kernel.Staff, Person: "f", Grants: []kernel.Grant{{Agency: "parks", Role: RolePublisher}, {Agency: "parks", Role: RoleReviewer}}}
	noon    = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

func at(stage Stage, change ...func(*Release)) Release {
	r := Release{App: "a", Stage: stage, Share: 100, Version: 3}
	if stage == StagePaused {
		r.PausedFrom, r.Reason = StagePublic, kernel.Text{"en": "A fault in the form."}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func proposed(stage Stage, share int, by kernel.Principal) func(*Release) {
	return func(r *Release) {
		r.Proposal = &Proposal{Stage: stage, Share: share, By: by.Person, Name: by.Name, Reason: "It is ready."}
	}
}

func slug(err error) string {
	if err == nil {
		return ""
	}
	e := kernel.AsError(err)
	if len(e.Fields) > 0 {
		return e.Fields[0].Path
	}
	return e.Slug
}

// The rule book: who may do what at which stage, and what becomes of it.
func TestEveryRuleOfARelease(t *testing.T) {
	t.Parallel()
	share := func(n int) func(*Release) { return func(r *Release) { r.Share = n } }
	fromDraft := func(r *Release) { r.PausedFrom = StageDraft }
	for _, c := range []struct {
		name     string
		from     Release
		do       Command
		who      kernel.Principal
		want     Stage
		share    int
		proposal string // "stage share" of what waits afterwards
		refused  string
	}{
		{"an untouched app is taken into draft", untouched("a"), Command{Action: ActionBegin}, rolf, StageDraft, 100, "", ""},
		{"one that was touched is not", at(StagePublic), Command{Action: ActionBegin}, pia, "", 0, "", "release-not-now"},
		{"a publisher proposes a draft", at(StageDraft), Command{Action: ActionPropose, Stage: StageReview}, pia, StageReview, 100, "beta 100", ""},
		{"a reviewer does not", at(StageDraft), Command{Action: ActionPropose, Stage: StageReview}, rolf, "", 0, "", "release-role"},
		{"a draft cannot skip the review", at(StageDraft), Command{Action: ActionPropose, Stage: StagePublic, Share: 100}, pia, "", 0, "", "release-not-now"},
		{"nor be beta at once", at(StageDraft), Command{Action: ActionPropose, Stage: StageBeta}, pia, "", 0, "", "release-not-now"},
		{"a reviewer approves the review", at(StageReview, proposed(StageBeta, 100, pia)), Command{Action: ActionApprove}, rolf, StageBeta, 100, "", ""},
		{"a publisher does not", at(StageReview, proposed(StageBeta, 100, both)), Command{Action: ActionApprove}, pia, "", 0, "", "release-role"},
		{"who proposed does not, with both roles either", at(StageReview, proposed(StageBeta, 100, both)), Command{Action: ActionApprove}, both, "", 0, "", "release-four-eyes"},
		{"nothing to approve", at(StageBeta), Command{Action: ActionApprove}, rolf, "", 0, "", "release-nothing-proposed"},
		{"a refused review is a draft again", at(StageReview, proposed(StageBeta, 100, pia)), Command{Action: ActionRefuse}, rolf, StageDraft, 100, "", ""},
		{"who proposed takes it back", at(StageReview, proposed(StageBeta, 100, pia)), Command{Action: ActionRefuse}, pia, StageDraft, 100, "", ""},
		{"another publisher does not", at(StageReview, proposed(StageBeta, 100, both)), Command{Action: ActionRefuse}, pia, "", 0, "", "release-role"},
		{"beta to public is proposed with a share", at(StageBeta), Command{Action: ActionPropose, Stage: StagePublic, Share: 10}, pia, StageBeta, 100, "public 10", ""},
		{"without one it is not", at(StageBeta), Command{Action: ActionPropose, Stage: StagePublic}, pia, "", 0, "", "share"},
		{"nor with more than all", at(StageBeta), Command{Action: ActionPropose, Stage: StagePublic, Share: 101}, pia, "", 0, "", "share"},
		{"one proposal at a time", at(StageBeta, proposed(StagePublic, 10, both)), Command{Action: ActionPropose, Stage: StageRetired}, pia, "", 0, "", "release-proposed"},
		{"approved, the share holds", at(StageBeta, proposed(StagePublic, 10, pia)), Command{Action: ActionApprove}, rolf, StagePublic, 10, "", ""},
		{"refused, it stays beta", at(StageBeta, proposed(StagePublic, 10, pia)), Command{Action: ActionRefuse}, rolf, StageBeta, 100, "", ""},
		{"a publisher widens", at(StagePublic, share(10)), Command{Action: ActionShare, Share: 50}, pia, StagePublic, 50, "", ""},
		{"a reviewer does not widen", at(StagePublic, share(10)), Command{Action: ActionShare, Share: 50}, rolf, "", 0, "", "release-role"},
		{"a reviewer narrows", at(StagePublic, share(50)), Command{Action: ActionShare, Share: 10}, rolf, StagePublic, 10, "", ""},
		{"a publisher narrows", at(StagePublic, share(50)), Command{Action: ActionShare, Share: 10}, pia, StagePublic, 10, "", ""},
		{"the same share is none", at(StagePublic, share(50)), Command{Action: ActionShare, Share: 50}, pia, "", 0, "", "share"},
		{"no share is not a share", at(StagePublic, share(50)), Command{Action: ActionShare, Share: 0}, pia, "", 0, "", "share"},
		{"beta has no share", at(StageBeta), Command{Action: ActionShare, Share: 50}, pia, "", 0, "", "release-not-now"},
		{"a reviewer halts", at(StagePublic, share(30)), Command{Action: ActionHalt}, rolf, StagePaused, 30, "", ""},
		{"a publisher halts beta, and what was proposed falls", at(StageBeta, proposed(StagePublic, 10, pia)), Command{Action: ActionHalt}, pia, StagePaused, 100, "", ""},
		{"review can be halted", at(StageReview, proposed(StageBeta, 100, pia)), Command{Action: ActionHalt}, rolf, StagePaused, 100, "", ""},
		{"an untouched app can be halted", untouched("a"), Command{Action: ActionHalt}, rolf, StagePaused, 100, "", ""},
		{"what is paused is not halted again", at(StagePaused), Command{Action: ActionHalt}, rolf, "", 0, "", "release-not-now"},
		{"what has ended is not halted", at(StageRetired), Command{Action: ActionHalt}, rolf, "", 0, "", "release-not-now"},
		{"a reviewer proposes to go on", at(StagePaused), Command{Action: ActionPropose, Stage: StagePublic}, rolf, StagePaused, 100, "public 100", ""},
		{"and cannot approve that", at(StagePaused, proposed(StagePublic, 100, rolf)), Command{Action: ActionApprove}, rolf, "", 0, "", "release-four-eyes"},
		{"another reviewer can, and the share is what it was", at(StagePaused, share(30), proposed(StagePublic, 30, rolf)), Command{Action: ActionApprove}, both, StagePublic, 30, "", ""},
		{"a pause does not lead further than before", at(StagePaused, fromDraft), Command{Action: ActionPropose, Stage: StagePublic, Share: 100}, pia, "", 0, "", "release-not-now"},
		{"retiring is proposed by a publisher", at(StagePublic), Command{Action: ActionPropose, Stage: StageRetired}, pia, StagePublic, 100, "retired 100", ""},
		{"not by a reviewer", at(StagePublic), Command{Action: ActionPropose, Stage: StageRetired}, rolf, "", 0, "", "release-role"},
		{"approved, it has ended", at(StagePublic, proposed(StageRetired, 100, pia)), Command{Action: ActionApprove}, rolf, StageRetired, 100, "", ""},
		{"nothing comes after the end", at(StageRetired), Command{Action: ActionPropose, Stage: StagePublic, Share: 100}, pia, "", 0, "", "release-not-now"},
		{"another agency has no say", at(StagePublic), Command{Action: ActionHalt}, foreign, "", 0, "", "release-role"},
		{"a citizen has none", at(StagePublic), Command{Action: ActionHalt}, kernel.Principal{Kind: kernel.Citizen, Person: "x", Grants: pia.Grants}, "", 0, "", "release-role"},
		{"an unknown change", at(StagePublic), Command{Action: "publish"}, both, "", 0, "", "release-not-now"},
		{"a publisher sets the season", at(StagePublic), Command{Action: ActionConditions, Season: Season{"04-15", "10-31"}, MinHost: "2.1"}, pia, StagePublic, 100, "", ""},
		{"a reviewer does not", at(StagePublic), Command{Action: ActionConditions}, rolf, "", 0, "", "release-role"},
		{"half a season", at(StagePublic), Command{Action: ActionConditions, Season: Season{From: "04-15"}}, pia, "", 0, "", "season_until"},
		{"the other half", at(StagePublic), Command{Action: ActionConditions, Season: Season{Until: "04-15"}}, pia, "", 0, "", "season_from"},
		{"no such day", at(StagePublic), Command{Action: ActionConditions, Season: Season{"02-30", "04-15"}}, pia, "", 0, "", "season_from"},
		{"29 February is one", at(StagePublic), Command{Action: ActionConditions, Season: Season{"02-29", "04-15"}}, pia, StagePublic, 100, "", ""},
		{"no such version", at(StagePublic), Command{Action: ActionConditions, MinHost: "two"}, pia, "", 0, "", "min_host_version"},
		{"testers are named", at(StageBeta), Command{Action: ActionTesters, Testers: []string{" anna ", "anna", ""}}, rolf, StageBeta, 100, "", ""},
		{"a name is no identifier", at(StageBeta), Command{Action: ActionTesters, Testers: []string{"Anna Whitfield"}}, rolf, "", 0, "", "testers"},
		{"testers of what nobody has touched", untouched("a"), Command{Action: ActionTesters, Testers: []string{"anna"}}, rolf, "", 0, "", "release-not-now"},
		{"a day there is none of", at(StagePublic), Command{Action: ActionHalt, BackOn: "2026-02-30"}, rolf, "", 0, "", "back_on"},
		{"a reason in a language there is none of", at(StagePublic), Command{Action: ActionHalt, Public: kernel.Text{"de": "Das geht nicht."}}, rolf, "", 0, "", "reason_de"},
	} {
		c.do.Reason = "It is time for it."
		c.do.Version = c.from.Version
		after, h, err := c.from.step(c.do, c.who, registry, noon)
		if slug(err) != c.refused {
			t.Errorf("%s: want %q, got %v", c.name, c.refused, err)
			continue
		}
		if err != nil {
			if after.Stage != c.from.Stage || after.Version != c.from.Version || after.Proposal != c.from.Proposal {
				t.Errorf("%s: a refused change changes: %+v", c.name, after)
			}
			continue
		}
		waits := ""
		if after.Proposal != nil {
			waits = fmt.Sprint(after.Proposal.Stage, " ", after.Proposal.Share)
		}
		if after.Stage != c.want || after.Share != c.share || waits != c.proposal || after.Version != c.from.Version+1 {
			t.Errorf("%s: got %s %d, waits %q, version %d", c.name, after.Stage, after.Share, waits, after.Version)
		}
		if h.From != c.from.Stage || h.To != c.want || h.Actor != c.who.Person || h.Version != after.Version || h.Reason == "" || !h.At.Equal(noon) {
			t.Errorf("%s: history says %+v", c.name, h)
		}
		if c.do.Action == ActionApprove && (h.ProposedBy != c.from.Proposal.By || h.ProposedBy == h.Actor) {
			t.Errorf("%s: history does not name both: %+v", c.name, h)
		}
	}
}

func TestAReasonHasFiveToFiveHundredCharactersAndAVersionIsTheOneLookedAt(t *testing.T) {
	t.Parallel()
	for reason, ok := range map[string]bool{"": false, "  ab  ": false, "abcd": false, "abcde": true, "因为系统故障": true, strings.Repeat("я", 500): true, strings.Repeat("я", 501): false} {
		_, _, err := at(StagePublic).step(Command{Action: ActionHalt, Version: 3, Reason: reason}, rolf, registry, noon)
		if (err == nil) != ok || !ok && slug(err) != "reason" {
			t.Errorf("%.20q: %v", reason, err)
		}
	}
	if _, _, err := at(StagePublic).step(Command{Action: ActionShare, Share: 10, Version: 2, Reason: "It is time."}, pia, registry, noon); !errors.Is(err, kernel.ErrChanged) {
		t.Errorf("an old version: %v", err)
	}
	if _, _, err := at(StagePublic).step(Command{Action: ActionHalt, Reason: "It is time."}, pia, registry, noon); err != nil {
		t.Errorf("a halt of whatever is there: %v", err)
	}
}

func TestAHaltSaysWhyInTheLanguagesItWasSaidIn(t *testing.T) {
	t.Parallel()
	after, h, err := at(StageReview, proposed(StageBeta, 100, pia)).step(Command{Action: ActionHalt, Version: 3, Reason: "Сбой формы.", Locale: "ru", Public: kernel.Text{"en": "A fault in the form.", "zh": " "}, BackOn: "2026-07-05"}, rolf, registry, noon)
	if err != nil || after.Reason["ru"] != "Сбой формы." || after.Reason["en"] != "A fault in the form." || len(after.Reason) != 2 || after.PausedFrom != StageDraft || after.Proposal != nil || h.Details["back_on"] != "2026-07-05" {
		t.Errorf("%v %+v %+v", err, after, h)
	}
}

func TestAReasonEndsBeforeTheNextSentenceBegins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"A fault in the form": "A fault in the form.", "A fault.": "A fault.", "Why?": "Why?", "登记系统正在迁移": "登记系统正在迁移。", "登记系统正在迁移。": "登记系统正在迁移。", "Сбой": "Сбой."} {
		if got := sentence(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestTheShareIsStableGrowsAndIsAboutAsLargeAsItSays(t *testing.T) {
	t.Parallel()
	const people = 20_000
	in := map[int]int{}
	both := 0
	for i := range people {
		p := kernel.PersonID(fmt.Sprintf("0198f2a6-7e55-7c1e-9a55-%012x", i))
		before := false
		for _, share := range []int{1, 10, 50, 99, 100} {
			now := Within("a", p, share)
			if before && !now {
				t.Fatalf("%s was in and is out at %d", p, share)
			}
			if before = now; now {
				in[share]++
			}
		}
		if Within("a", p, 50) && Within("b", p, 50) {
			both++
		}
	}
	for share, n := range in {
		want := people * share / 100
		if share == 100 && n != people || n < want-people/100 || n > want+people/100 {
			t.Errorf("at %d %%: %d of %d", share, n, people)
		}
	}
	if both < people/4-people/100 || both > people/4+people/100 { // the same people are not first everywhere
		t.Errorf("two apps share %d of %d people at 50 %%", both, people)
	}
	if Within("a", "x", 0) {
		t.Error("somebody is among nobody")
	}
}

func TestASeasonKnowsItsDaysAndWhenItOpens(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04", s+" 23:30", london)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		season Season
		day    string
		open   bool
		opens  string
	}{
		{Season{}, "2026-01-01", true, ""},
		{Season{"04-15", "10-31"}, "2026-04-14", false, "2026-04-15"},
		{Season{"04-15", "10-31"}, "2026-04-15", true, ""},
		{Season{"04-15", "10-31"}, "2026-10-31", true, ""},
		{Season{"04-15", "10-31"}, "2026-11-01", false, "2027-04-15"},
		{Season{"12-01", "02-28"}, "2026-12-31", true, ""},
		{Season{"12-01", "02-28"}, "2027-01-01", true, ""},
		{Season{"12-01", "02-28"}, "2027-03-01", false, "2027-12-01"},
		{Season{"02-29", "03-31"}, "2027-02-28", false, "2027-03-01"},
		{Season{"02-29", "03-31"}, "2028-02-29", true, ""},
		{Season{"07-01", "07-01"}, "2026-07-01", true, ""},
		{Season{"07-01", "07-01"}, "2026-07-02", false, "2027-07-01"},
	} {
		if got := c.season.Open(day(c.day)); got != c.open {
			t.Errorf("%v on %s: open %v", c.season, c.day, got)
		}
		if !c.open {
			if got := c.season.Opens(day(c.day)).Format(time.DateOnly); got != c.opens {
				t.Errorf("%v on %s: opens %s, want %s", c.season, c.day, got, c.opens)
			}
		}
	}
}

// What each reader is answered who wants to begin, at every stage.
func TestWhoMayBeginAtEachStage(t *testing.T) {
	t.Parallel()
	var inside, outside kernel.PersonID
	for i := 0; inside == "" || outside == ""; i++ {
		if p := kernel.PersonID(fmt.Sprint(i)); Within("a", p, 10) {
			inside = p
		} else {
			outside = p
		}
	}
	hidden := func(r *Release) { r.PausedFrom = StageDraft }
	winter := func(r *Release) { r.Season = Season{"12-01", "02-28"} } // closed at noon on 1 July
	back := func(r *Release) { r.BackOn = "2026-07-05" }
	tenth := func(r *Release) { r.Share = 10 }
	for _, c := range []struct {
		name   string
		r      Release
		person kernel.PersonID
		tester bool
		want   string
	}{
		{"draft, citizen", at(StageDraft), outside, false, "not-found"},
		{"draft, visitor", at(StageDraft), "", false, "not-found"},
		{"draft, tester", at(StageDraft, winter), outside, true, ""},
		{"review, citizen", at(StageReview), outside, false, "not-found"},
		{"review, tester", at(StageReview), outside, true, ""},
		{"beta, citizen", at(StageBeta), outside, false, "release-beta"},
		{"beta, visitor", at(StageBeta), "", false, ""},
		{"beta, tester", at(StageBeta), outside, true, ""},
		{"beta out of season, tester", at(StageBeta, winter), outside, true, "release-season"},
		{"public", at(StagePublic), outside, false, ""},
		{"a tenth, inside", at(StagePublic, tenth), inside, false, ""},
		{"a tenth, outside", at(StagePublic, tenth), outside, false, "release-share"},
		{"a tenth, tester outside", at(StagePublic, tenth), outside, true, ""},
		{"a tenth, visitor", at(StagePublic, tenth), "", false, ""},
		{"out of season", at(StagePublic, winter), inside, false, "release-season"},
		{"out of season, visitor", at(StagePublic, winter), "", false, "release-season"},
		{"paused", at(StagePaused), inside, true, "release-paused"},
		{"paused with a day", at(StagePaused, back), "", false, "release-paused-until"},
		{"paused before anybody saw it", at(StagePaused, hidden), inside, false, "not-found"},
		{"paused before anybody saw it, tester", at(StagePaused, hidden), inside, true, "release-paused"},
		{"retired", at(StageRetired), inside, true, "release-retired"},
	} {
		closed := c.r.Closed(noon, "en", func(d time.Time) string { return d.Format(time.DateOnly) })
		err := c.r.MayStart(c.person, c.tester, closed)
		if slug(err) != c.want {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
		if c.want == "release-paused-until" && (kernel.AsError(err).Args["day"] != "2026-07-05" || kernel.AsError(err).Args["reason"] != "A fault in the form.") {
			t.Errorf("%s: %+v", c.name, kernel.AsError(err).Args)
		}
	}
	for _, c := range []struct {
		name string
		r    Release
		want string
	}{
		{"draft", at(StageDraft), ""}, {"review", at(StageReview), ""}, {"beta", at(StageBeta), ""}, {"public", at(StagePublic), ""},
		{"a tenth", at(StagePublic, tenth), ""}, {"out of season", at(StagePublic, winter), ""}, {"paused", at(StagePaused), "release-paused"},
		{"paused with a day", at(StagePaused, back), "release-paused-until"}, {"paused before anybody saw it", at(StagePaused, hidden), "release-paused"},
		{"retired", at(StageRetired), "release-retired"},
	} {
		if err := c.r.AtDesk(c.r.Closed(noon, "en", func(d time.Time) string { return d.Format(time.DateOnly) })); slug(err) != c.want {
			t.Errorf("at a desk, %s: want %q, got %v", c.name, c.want, err)
		}
	}
	for stage, listed := range map[Stage]bool{StageDraft: false, StageReview: false, StageBeta: true, StagePublic: true, StagePaused: true, StageRetired: false} {
		if at(stage).Listed() != listed {
			t.Errorf("%s listed: %v", stage, !listed)
		}
	}
}
