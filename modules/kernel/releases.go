package kernel

import "context"

// Releases is offered by catalogue: how far each mini-app has been released, and for whom. It binds citizens and visitors:
// staff who work at a desk, programs and timers are not asked. What has no release of its own is there for everybody.
type Releases interface {
	// MayStart answers whether whoever acts may start a new case of a service now. Cases that run are never asked about, and a
	// draft for which somebody holds a place is one: it goes on for as long as drafts live.
	// tx is the caller's, or nil outside of one. Errors: NotFound before the service is shown to anybody, Conflict
	// (release-beta, release-share, release-paused, release-season, release-retired) with the reason in words.
	MayStart(ctx context.Context, tx Tx, service string) error
	// Standing says how a service is shown to whoever acts, in the language of the request.
	Standing(ctx context.Context, service string) (Standing, error)
}

// Standing is how a service is shown to one reader.
type Standing struct {
	Listed  bool   // false: it is not there for them
	Hosted  bool   // hosts list it, so that they know its client
	Testing bool   // it is being tried out: every page of it says so
	Closed  string // why nobody can begin at present; empty when people can
}
