// Package app says what a module is and runs the background work of all of them.
package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/web"
)

// Module is one part of the house, as plain data: modules.go lists them all. Every member but Name may be empty.
type Module struct {
	Name      string
	Contracts []web.Contract
	Pages     []web.Page
	Jobs      []Job
	Effects   pg.Effects                   // event name → handler
	Steps     map[string]kernel.StepEffect // effects that workflows of the sector of this name may declare
	CasePage  CasePage                     // the pages of its own that it has for cases of the sector of its name; nil: none
	Points    kernel.ServicePoints         // where its services are used; nil: nowhere in particular
	Check     func(context.Context) error  // run before serving and by /readyz
}

// CasePage is the address of a page about a case, for a reader of that kind; empty when there is none.
type CasePage func(c kernel.Case, reader kernel.PrincipalKind) string

// Job is work on a clock that no case asks for, such as deleting what has expired. It must be safe to run in
// several processes at once.
type Job struct {
	Name  string
	Every time.Duration
	Run   func(context.Context) error
}

// RunJobs runs every module's jobs until ctx ends. A job that fails is logged and tried again at its next turn.
func RunJobs(ctx context.Context, modules []Module, log *slog.Logger) {
	var wg sync.WaitGroup
	for _, m := range modules {
		for _, j := range m.Jobs {
			wg.Go(func() { runJob(ctx, m.Name, j, log) })
		}
	}
	wg.Wait()
}

func runJob(ctx context.Context, module string, j Job, log *slog.Logger) {
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	for {
		if err := j.Run(ctx); err != nil && ctx.Err() == nil {
			log.Error("job failed", "module", module, "job", j.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Effects collects what the modules subscribed to, for the dispatcher and for pg.Emit.
func Effects(modules []Module) map[string]pg.Effects {
	subs := map[string]pg.Effects{}
	for _, m := range modules {
		if len(m.Effects) > 0 {
			subs[m.Name] = m.Effects
		}
	}
	return subs
}

// Check runs every module's own check and returns the first failure.
func Check(ctx context.Context, modules []Module) error {
	for _, m := range modules {
		if m.Check == nil {
			continue
		}
		if err := m.Check(ctx); err != nil {
			return err
		}
	}
	return nil
}
