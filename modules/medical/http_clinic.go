package medical

import "townhall/modules/kernel/web"

func (s *Service) registerClinic(*web.API) {}
