package medical

import "townhall/modules/kernel/app"

func (s *Service) jobs() []app.Job { return s.noteJobs() }
