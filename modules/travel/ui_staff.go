package travel

import (
	"net/http"
	"net/url"

	"townhall/modules/kernel"
)

// staffTravel is where the console's pages of operators begin.
const staffTravel = "/staff/travel"

func operatorIn(r *http.Request) kernel.AgencyID { return kernel.AgencyID(r.PathValue("operator")) }

func departureIn(r *http.Request) DepartureID { return DepartureID(r.PathValue("departure")) }

func operatorPath(id kernel.AgencyID) string { return staffTravel + "/" + url.PathEscape(string(id)) }

func departurePath(id kernel.AgencyID, d DepartureID) string {
	return operatorPath(id) + "/departures/" + string(d)
}

func boardPath(id kernel.AgencyID) string { return operatorPath(id) + "/board" }

func scanPath(id kernel.AgencyID, d DepartureID) string { return departurePath(id, d) + "/scan" }

func (s *Service) operatorName(r *http.Request, id kernel.AgencyID) string {
	return s.agencyName(kernel.TenantOf(r.Context()).ID, id, kernel.LocaleOf(r.Context()))
}
