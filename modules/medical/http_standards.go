package medical

import "townhall/modules/kernel/web"

func (s *Service) registerStandards(*web.API) {}
