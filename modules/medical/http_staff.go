package medical

import "townhall/modules/kernel/web"

func (s *Service) registerStaff(*web.API) {}
