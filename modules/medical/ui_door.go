package medical

import (
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// doorPages are those around the code at a door: what it leads to, and the sheet a clinic prints and puts up.
func (s *Service) doorPages() []web.Page {
	return []web.Page{
		{Pattern: "GET /check-in/{code}", Policy: citizens, Handle: func(w http.ResponseWriter, r *http.Request) error {
			for _, d := range s.definitions() {
				if s.offers(r.Context(), d.Slug) == nil {
					return s.doorPage(w, r, d)
				}
			}
			return kernel.NotThere("service")
		}},
	}
}

// doorPage greets whoever scanned the code, whatever service their appointment is of.
func (s *Service) doorPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	at, err := s.atDoorOf(r.Context(), d.Slug, r.PathValue("code"))
	if err != nil {
		return err
	}
	return s.showCheckIn(w, r, at, nil)
}

// doorsView is the data of ui/doors.html.
type doorsView struct {
	Doors []doorView
	Empty *ui.Empty
}

// doorView is one place with its code.
type doorView struct {
	ID, Name, Address string
	QR                ui.QR
	Link              ui.Copy
}

// doorsPage draws the codes of a clinic's places, to be printed.
func (s *Service) doorsPage(w http.ResponseWriter, r *http.Request) error {
	f := facilityOf(r)
	if err := works(r.Context(), f, RolePlanner, RoleReception); err != nil {
		return err
	}
	var places []Place
	err := s.DB.Read(r.Context(), kernel.TenantOf(r.Context()).ID, func(tx *pg.Tx) (err error) {
		places, err = placesOf(r.Context(), tx, f)
		return err
	})
	if err != nil {
		return err
	}
	return s.showDoors(w, r, f, places)
}

func (s *Service) showDoors(w http.ResponseWriter, r *http.Request, f kernel.AgencyID, places []Place) error {
	locale := kernel.LocaleOf(r.Context())
	var v doorsView
	for _, p := range places {
		address := kernel.TenantOf(r.Context()).Origin + "/check-in/" + p.DoorCode
		code, err := ui.DrawQR(address, s.t(r, "door.qr", "place", p.Name.In(locale)))
		if err != nil {
			return err
		}
		v.Doors = append(v.Doors, doorView{ID: string(p.ID), Name: p.Name.In(locale), Address: p.Address(), QR: code,
			Link: ui.Copy{Name: "door-" + string(p.ID), Label: s.t(r, "door.address"), Value: address}})
	}
	if len(places) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "door.none"), Icon: "home"}
	}
	return s.Staff.Render(w, r, s.views, "doors", ui.View{Title: s.t(r, "door.title"), Lead: s.t(r, "door.lead"), Data: v, Active: "clinics", Back: clinicPath(f)})
}
