package medical

import (
	"context"
	"time"

	"townhall/modules/kernel/app"
)

func (s *Service) jobs() []app.Job {
	return append(s.noteJobs(), app.Job{Name: "make-slots", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
		for _, t := range s.Directory.Tenants() {
			if err := s.MakeAhead(ctx, t); err != nil {
				return err
			}
		}
		return nil
	}})
}
