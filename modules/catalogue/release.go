package catalogue

import (
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
)

// Stage is how far a mini-app has been released.
type Stage string

// The stages in their order. A mini-app that is paused keeps the stage it came from.
const (
	StageDraft   Stage = "draft"   // its agency works on it; named testers alone can use it
	StageReview  Stage = "review"  // a second official looks at it; named testers alone can use it
	StageBeta    Stage = "beta"    // everybody sees it, named testers can use it
	StagePublic  Stage = "public"  // there for a share of the people, or for all
	StagePaused  Stage = "paused"  // shown with the reason; what runs goes on
	StageRetired Stage = "retired" // not shown any more; what runs goes on
)

// Roles of staff in a release, in the agency that the service's definition names.
const (
	RolePublisher = kernel.RolePublisher
	RoleReviewer  = kernel.RoleReviewer
)

// Release is how far one mini-app of a municipality has been released. The zero Version is one nobody has touched: public, for all.
type Release struct {
	App        string
	Stage      Stage
	Share      int // percent of the people who may begin while it is public
	PausedFrom Stage
	Reason     kernel.Text // why it is paused; everybody reads it
	BackOn     string      // YYYY-MM-DD it is expected back; empty: not known
	Season     Season
	MinHost    string // oldest version of a host that can open it; empty: any
	Proposal   *Proposal
	Testers    []string // our ids of people, or the subject identifiers their issuer gives us
	Version    int
	UpdatedAt  time.Time
}

// Proposal waits for a second official.
type Proposal struct {
	Stage  Stage
	Share  int
	By     kernel.PersonID
	Name   string
	Reason string
	At     time.Time
}

// Season is the part of the year a mini-app is open, both days included; it may span the new year. The zero Season is the whole year.
type Season struct{ From, Until string } // MM-DD

// Names of changes.
const (
	ActionBegin      = "begin"      // take a mini-app nobody has touched into draft; either role
	ActionPropose    = "propose"    // the next stage; publisher. Going back to work after a pause: either role
	ActionApprove    = "approve"    // reviewer, never who proposed
	ActionRefuse     = "refuse"     // reviewer; who proposed takes it back this way
	ActionShare      = "share"      // wider: publisher; narrower: either role
	ActionHalt       = "halt"       // from any stage but the last, at once; either role
	ActionConditions = "conditions" // season and host version; publisher
	ActionTesters    = "testers"    // either role
)

// Command asks for one change.
type Command struct {
	Action  string
	Version int    // what the official looked at; 0 with a halt: whatever it is now
	Reason  string // 5 to 500 characters
	Stage   Stage  // propose
	Share   int    // propose public, share
	Public  kernel.Text
	BackOn  string
	Season  Season
	MinHost string
	Testers []string
	Locale  string // what Reason is written in, for the people who read it with a halt
}

// Change is one line of a release's history.
type Change struct {
	Version      int
	At           time.Time
	Action       string
	Actor        kernel.PersonID
	ActorName    string
	ProposedBy   kernel.PersonID // of what was approved or refused
	ProposedName string
	From, To     Stage
	FromShare    int
	ToShare      int
	Reason       string
	Details      map[string]string // what else changed; no personal data
}

const (
	minReason, maxReason = 5, 500
	maxTesters           = 200
	maxSubject           = 255
)

var (
	errRole        = kernel.NewError(kernel.Forbidden, "release-role", "Your role at the agency does not allow this.")
	errSamePerson  = kernel.NewError(kernel.Forbidden, "release-four-eyes", "A second official has to approve this: you proposed it.")
	errNotNow      = kernel.NewError(kernel.Conflict, "release-not-now", "This is not possible at the stage the mini-app has reached.")
	errSuspended   = kernel.NewError(kernel.Conflict, "release-suspended", "The agency is suspended: nothing of it is opened until the municipality lets it go on.")
	errNoProposal  = kernel.NewError(kernel.Conflict, "release-nothing-proposed", "Nothing waits for approval.")
	errProposed    = kernel.NewError(kernel.Conflict, "release-proposed", "A proposal waits for approval already. It has to be decided first.")
	errBeta        = kernel.NewError(kernel.Conflict, "release-beta", "This service is being tried out by a small group. It will open for everybody later.")
	errShare       = kernel.NewError(kernel.Conflict, "release-share", "This service is being opened step by step and is not there for you yet. Please come back later.")
	errPaused      = kernel.NewError(kernel.Conflict, "release-paused", "This service is paused. What you have begun goes on.")
	errPausedUntil = kernel.NewError(kernel.Conflict, "release-paused-until", "This service is paused and expected back. What you have begun goes on.")
	errSeason      = kernel.NewError(kernel.Conflict, "release-season", "This service is open for a part of the year only. What you have begun goes on.")
	errRetired     = kernel.NewError(kernel.Conflict, "release-retired", "This service has ended. What you have begun goes on.")
)

func wrong(path, slug, message string) error {
	return kernel.InvalidFields(kernel.FieldError{Path: path, Slug: slug, Message: message})
}

// untouched is a mini-app that has no release of its own.
func untouched(app string) Release { return Release{App: app, Stage: StagePublic, Share: 100} }

// next lists the stages an official may propose, by the stage the mini-app has.
var next = map[Stage][]Stage{
	StageDraft:  {StageReview},
	StageBeta:   {StagePublic, StageRetired},
	StagePublic: {StageRetired},
	StagePaused: {StageRetired}, // and the stage it was paused from
}

// Proposable lists the stages that can be proposed now.
func (r Release) Proposable() []Stage {
	out := slices.Clone(next[r.Stage])
	if r.Stage == StagePaused {
		out = append([]Stage{r.PausedFrom}, out...)
	}
	return out
}

// step is the whole rule book: what a change makes of r, and the line it leaves in the history. who acts in agency. Errors:
// Forbidden (release-role, release-four-eyes), Conflict (release-not-now, release-proposed, release-nothing-proposed,
// changed-meanwhile), Invalid naming the field.
func (r Release) step(c Command, who kernel.Principal, agency kernel.AgencyID, now time.Time) (Release, Change, error) {
	publisher, reviewer := who.Has(agency, RolePublisher), who.Has(agency, RoleReviewer)
	if who.Kind != kernel.Staff || who.Person == "" || !publisher && !reviewer {
		return r, Change{}, errRole
	}
	if c.Version != r.Version && !(c.Action == ActionHalt && c.Version == 0) {
		return r, Change{}, kernel.ErrChanged
	}
	c.Reason = strings.TrimSpace(c.Reason)
	if n := utf8.RuneCountInString(c.Reason); n < minReason || n > maxReason {
		return r, Change{}, wrong("reason", "field.release-reason", "Give a reason of 5 to 500 characters.")
	}
	before := r
	h := Change{Action: c.Action, At: now, Actor: who.Person, ActorName: who.Name, Reason: c.Reason, Details: map[string]string{}}
	var err error
	switch c.Action {
	case ActionBegin:
		err = r.begin()
	case ActionPropose:
		err = r.propose(c, who, publisher, now, &h)
	case ActionApprove:
		err = r.approve(who, reviewer, &h)
	case ActionRefuse:
		err = r.refuse(who, reviewer, &h)
	case ActionShare:
		err = r.widen(c.Share, publisher)
	case ActionHalt:
		err = r.halt(c, &h)
	case ActionConditions:
		err = r.conditions(c, publisher, &h)
	case ActionTesters:
		err = r.name(c.Testers, &h)
	default:
		err = errNotNow
	}
	if err != nil {
		return before, Change{}, err
	}
	r.Version, r.UpdatedAt = before.Version+1, now
	h.Version, h.From, h.To, h.FromShare, h.ToShare = r.Version, before.Stage, r.Stage, before.Share, r.Share
	return r, h, nil
}

// opens reports whether a change from before to r lets people in, or proposes to.
func (r Release) opens(before Release) bool {
	inside := func(s Stage) bool { return s == StageBeta || s == StagePublic || s == StageReview || s == StageDraft }
	return r.Proposal != nil && inside(r.Proposal.Stage) || r.Stage != before.Stage && inside(r.Stage) || r.Share > before.Share
}

func (r *Release) begin() error {
	if r.Version != 0 {
		return errNotNow
	}
	r.Stage = StageDraft
	return nil
}

func (r *Release) propose(c Command, who kernel.Principal, publisher bool, now time.Time, h *Change) error {
	resumes := r.Stage == StagePaused && c.Stage == r.PausedFrom
	if !publisher && !resumes {
		return errRole
	}
	if r.Proposal != nil {
		return errProposed
	}
	if !slices.Contains(r.Proposable(), c.Stage) {
		return errNotNow
	}
	p := Proposal{Stage: c.Stage, Share: r.Share, By: who.Person, Name: who.Name, Reason: c.Reason, At: now}
	switch {
	case c.Stage == StageReview:
		r.Stage, p.Stage = StageReview, StageBeta
	case c.Stage == StagePublic && r.Stage == StageBeta:
		if c.Share < 1 || c.Share > 100 {
			return wrong("share", "field.release-share", "Give a share from 1 to 100 percent.")
		}
		p.Share = c.Share
	}
	r.Proposal = &p
	h.Details["proposed_stage"], h.Details["proposed_share"] = string(p.Stage), strconv.Itoa(p.Share)
	return nil
}

func (r *Release) approve(who kernel.Principal, reviewer bool, h *Change) error {
	switch {
	case r.Proposal == nil:
		return errNoProposal
	case who.Person == r.Proposal.By:
		return errSamePerson
	case !reviewer:
		return errRole
	}
	h.ProposedBy, h.ProposedName = r.Proposal.By, r.Proposal.Name
	r.Stage, r.Share, r.Proposal = r.Proposal.Stage, r.Proposal.Share, nil
	r.PausedFrom, r.Reason, r.BackOn = "", nil, ""
	return nil
}

func (r *Release) refuse(who kernel.Principal, reviewer bool, h *Change) error {
	switch {
	case r.Proposal == nil:
		return errNoProposal
	case !reviewer && who.Person != r.Proposal.By:
		return errRole
	}
	h.ProposedBy, h.ProposedName = r.Proposal.By, r.Proposal.Name
	h.Details["refused_stage"] = string(r.Proposal.Stage)
	if r.Stage == StageReview {
		r.Stage = StageDraft
	}
	r.Proposal = nil
	return nil
}

func (r *Release) widen(share int, publisher bool) error {
	switch {
	case r.Stage != StagePublic:
		return errNotNow
	case share < 1 || share > 100:
		return wrong("share", "field.release-share", "Give a share from 1 to 100 percent.")
	case share == r.Share:
		return wrong("share", "field.release-share-same", "The share is that already.")
	case share > r.Share && !publisher:
		return errRole
	}
	r.Share = share
	return nil
}

// halt pauses at once. A mini-app nobody had seen yet goes back to draft afterwards; what was proposed falls.
func (r *Release) halt(c Command, h *Change) error {
	if r.Stage == StagePaused || r.Stage == StageRetired {
		return errNotNow
	}
	if _, err := time.Parse(time.DateOnly, c.BackOn); c.BackOn != "" && err != nil {
		return wrong("back_on", "field.release-day", "Give a day such as 2026-12-24, or leave it empty.")
	}
	reason := kernel.Text{}
	for l, s := range c.Public {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if n := utf8.RuneCountInString(s); !slices.Contains(kernel.Locales, l) || n < minReason || n > maxReason {
			return wrong("reason_"+l, "field.release-reason", "Give a reason of 5 to 500 characters.")
		}
		reason[l] = s
	}
	if !slices.Contains(kernel.Locales, c.Locale) {
		c.Locale = kernel.Locales[0]
	}
	if reason[c.Locale] == "" {
		reason[c.Locale] = c.Reason
	}
	from := r.Stage
	if from == StageReview {
		from = StageDraft
	}
	r.Stage, r.PausedFrom, r.Reason, r.BackOn, r.Proposal = StagePaused, from, reason, c.BackOn, nil
	if c.BackOn != "" {
		h.Details["back_on"] = c.BackOn
	}
	return nil
}

var hostVersion = regexp.MustCompile(`^\d{1,4}(\.\d{1,4}){0,2}$`)

func (r *Release) conditions(c Command, publisher bool, h *Change) error {
	switch {
	case !publisher:
		return errRole
	case r.Stage == StageRetired:
		return errNotNow
	case c.Season.From != "" && !monthDay(c.Season.From), c.Season.From == "" && c.Season.Until != "":
		return wrong("season_from", "field.release-month-day", "Give month and day such as 04-15.")
	case c.Season.Until != "" && !monthDay(c.Season.Until), c.Season.Until == "" && c.Season.From != "":
		return wrong("season_until", "field.release-month-day", "Give month and day such as 04-15.")
	case c.MinHost != "" && !hostVersion.MatchString(c.MinHost):
		return wrong("min_host_version", "field.release-host", "Give a version such as 2.1 or 2.1.3.")
	}
	r.Season, r.MinHost = c.Season, c.MinHost
	h.Details["season_from"], h.Details["season_until"], h.Details["min_host_version"] = c.Season.From, c.Season.Until, c.MinHost
	return nil
}

func (r *Release) name(testers []string, h *Change) error {
	if r.Version == 0 || r.Stage == StageRetired {
		return errNotNow
	}
	var out []string
	for _, who := range testers {
		if who = strings.TrimSpace(who); who == "" || slices.Contains(out, who) {
			continue
		}
		if len(who) > maxSubject || strings.ContainsFunc(who, func(c rune) bool { return c <= ' ' || c > '~' }) { // OpenID Connect Core §2, sub
			return wrong("testers", "field.release-tester", "One of these is no identifier of a person: at most 255 letters, digits and signs, without spaces.")
		}
		out = append(out, who)
	}
	if len(out) > maxTesters {
		return wrong("testers", "field.release-testers", "Name at most 200 testers.")
	}
	h.Details["testers_before"], h.Details["testers"] = strconv.Itoa(len(r.Testers)), strconv.Itoa(len(out))
	r.Testers = out
	return nil
}

// leap is a year in which every day of any year exists.
const leap = "2024-"

func monthDay(s string) bool {
	_, err := time.Parse(time.DateOnly, leap+s)
	return err == nil
}

// Open reports whether day is inside the season. day is the municipality's.
func (s Season) Open(day time.Time) bool {
	if s.From == "" {
		return true
	}
	at := day.Format("01-02")
	if s.From <= s.Until {
		return s.From <= at && at <= s.Until
	}
	return at >= s.From || at <= s.Until
}

// Opens is the first day after day that is inside a season which is closed then. A season that begins on 29 February begins on
// 1 March in other years.
func (s Season) Opens(day time.Time) time.Time {
	from, _ := time.Parse(time.DateOnly, leap+s.From) // checked when it was set
	for year := day.Year(); ; year++ {
		if t := time.Date(year, from.Month(), from.Day(), 0, 0, 0, 0, day.Location()); t.After(day) {
			return t
		}
	}
}

// Within reports whether a person is among the first share percent of an app. Who was in at 10 percent is in at 50: the
// person's place in the line depends on the app and the person alone.
func Within(app string, person kernel.PersonID, share int) bool {
	sum := sha256.Sum256([]byte(app + "\n" + string(person)))
	return binary.BigEndian.Uint64(sum[:8])%100 < uint64(share)
}

// Hidden reports that people who are no testers are not told there is such a mini-app.
func (r Release) Hidden() bool {
	return r.Stage == StageDraft || r.Stage == StageReview || r.Stage == StagePaused && r.PausedFrom == StageDraft
}

// Listed reports whether hosts and visitors see it in the list.
func (r Release) Listed() bool { return !r.Hidden() && r.Stage != StageRetired }

// Testing reports that its pages say that it is being tried out.
func (r Release) Testing() bool {
	return r.Stage == StageDraft || r.Stage == StageReview || r.Stage == StageBeta
}

// sentence ends a text that people read before another one.
func sentence(text string) string {
	last, _ := utf8.DecodeLastRuneInString(text)
	switch {
	case strings.ContainsRune(".!?…。！？", last):
		return text
	case last >= 0x2E80: // Chinese
		return text + "。"
	}
	return text + "."
}

// Closed is why nobody can begin on a day, the same for everybody; nil when people can. words writes a day.
func (r Release) Closed(day time.Time, locale string, words func(time.Time) string) *kernel.Error {
	switch {
	case r.Stage == StageRetired:
		return errRetired
	case r.Stage == StagePaused && r.BackOn != "":
		back, _ := time.Parse(time.DateOnly, r.BackOn) // checked when it was set
		return errPausedUntil.With("reason", sentence(r.Reason.In(locale))).With("day", words(back))
	case r.Stage == StagePaused:
		return errPaused.With("reason", sentence(r.Reason.In(locale)))
	case !r.Season.Open(day):
		return errSeason.With("day", words(r.Season.Opens(day)))
	}
	return nil
}

// MayStart is what one visitor or citizen is answered who wants to begin. person is empty for a visitor, who is asked to sign
// in before anything begins; tester is whether staff named them.
func (r Release) MayStart(person kernel.PersonID, tester bool, closed *kernel.Error) error {
	switch {
	case r.Hidden() && !tester:
		return kernel.NotThere("mini-app")
	case (r.Stage == StageDraft || r.Stage == StageReview) && tester: // the season is for the public
		return nil
	case closed != nil:
		return closed
	case person == "":
		return nil
	case r.Stage == StageBeta && !tester:
		return errBeta.With("id", string(person))
	case r.Stage == StagePublic && !tester && !Within(r.App, person, r.Share):
		return errShare
	}
	return nil
}

// AtDesk is what staff are answered who want to begin for somebody present: what is paused or retired is so for them, too.
func (r Release) AtDesk(closed *kernel.Error) error {
	if closed != nil && (r.Stage == StagePaused || r.Stage == StageRetired) {
		return closed
	}
	return nil
}

// tester reports whether staff named the person, by our id or by their issuer's.
func (r Release) tester(person kernel.PersonID, subject string) bool {
	return slices.Contains(r.Testers, string(person)) || subject != "" && slices.Contains(r.Testers, subject)
}

// Possible lists the changes an official can make now, by trying each: the rule book alone says so.
func (r Release) Possible(who kernel.Principal, agency kernel.AgencyID) (out []string) {
	try := func(c Command) bool {
		c.Version, c.Reason = r.Version, "A try."
		_, _, err := r.step(c, who, agency, r.UpdatedAt)
		return err == nil
	}
	for _, action := range []string{ActionApprove, ActionRefuse, ActionPropose, ActionShare, ActionConditions, ActionTesters, ActionBegin, ActionHalt} {
		c := Command{Action: action, Share: 1}
		ok := try(c)
		switch action {
		case ActionPropose:
			ok = len(r.proposableBy(who, agency)) > 0
		case ActionShare:
			c.Share = 100
			ok = ok || try(c)
		}
		if ok {
			out = append(out, action)
		}
	}
	return out
}

// proposableBy lists the stages one official can propose now.
func (r Release) proposableBy(who kernel.Principal, agency kernel.AgencyID) (out []Stage) {
	for _, stage := range r.Proposable() {
		if _, _, err := r.step(Command{Action: ActionPropose, Version: r.Version, Reason: "A try.", Stage: stage, Share: 100}, who, agency, r.UpdatedAt); err == nil {
			out = append(out, stage)
		}
	}
	return out
}
