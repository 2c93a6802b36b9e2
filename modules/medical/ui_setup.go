package medical

import (
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

func (s *Service) setupPages() []web.Page { return nil }

func (s *Service) setupFixtures() []ui.Fixture { return nil }
