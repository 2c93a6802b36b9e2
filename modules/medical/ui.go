package medical

import (
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

func (s *Service) citizenPages() []web.Page { return nil }

func (s *Service) citizenFixtures() []ui.Fixture { return nil }
