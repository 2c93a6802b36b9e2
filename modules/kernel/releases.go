package kernel

import "context"

// Releases is offered by catalogue: how far each mini-app has been released, and for whom. It binds citizens and visitors.
// Staff who open a case for somebody at a desk are bound by what stops a mini-app for all, a pause and its end; what is being made ready or
// tried out they may use, since that is how it is tried, and neither a share of the people nor a season is meant for them: they see whom they
// serve. Programs and timers are not asked. What has no release of its own is there for everybody.
type Releases interface {
	// MayStart answers whether whoever acts may start a new case of a service now. Cases that run are never asked about, and a
	// draft for which somebody holds a place is one: it goes on for as long as drafts live.
	// tx is the caller's, or nil outside of one. Errors: NotFound before the service is shown to anybody, Conflict
	// (release-beta, release-share, release-paused, release-season, release-retired) with the reason in words.
	MayStart(ctx context.Context, tx Tx, service string) error
	// Standing says how a service is shown to whoever acts, in the language of the request. tx is the caller's, or nil outside of one.
	Standing(ctx context.Context, tx Tx, service string) (Standing, error)
}

// Standing is how a service is shown to one reader.
type Standing struct {
	Listed  bool   // false: it is not there for them
	Hosted  bool   // hosts list it, so that they know its client
	Testing bool   // it is being tried out: every page of it says so
	Closed  string // why nobody can begin at present; empty when people can
}

// ReleaseHolds is offered by catalogue, for who makes mini-apps while the house runs and may have to stop one. Who may was decided by the
// caller; the change stands in the release's history as theirs. Calls take part in the caller's transaction.
type ReleaseHolds interface {
	// Draft makes sure that nobody but named testers is offered a mini-app: one that nobody has touched is taken into draft. reason
	// stands in the history. Error: Conflict release-not-draft when it has gone further.
	Draft(ctx context.Context, tx Tx, app string, agency AgencyID, reason string) error
	// Halt pauses a mini-app at once, with a reason everybody reads, in the languages it is given in. One that is paused or retired stays as
	// it is.
	Halt(ctx context.Context, tx Tx, app string, agency AgencyID, reason Text) error
}
