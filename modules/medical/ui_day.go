package medical

import (
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

func (s *Service) dayPages() []web.Page { return nil }

func (s *Service) dayFixtures() []ui.Fixture { return nil }
