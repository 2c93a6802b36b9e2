package host

import (
	"net/http"
	"strconv"
	"strings"

	"townhall/modules/kernel"
)

// nearMetres is how far around somebody the page looks.
const nearMetres = 3000

// Spot is somewhere a person can say that they are, when their device does not say it.
type Spot struct {
	Name kernel.Text
	kernel.Position
}

type nearbyData struct {
	Spots  []Spot
	Chosen string // of a spot's number; empty: none
	Error  string
	Asked  bool
	Places []spotNear
}

// nearbyPage asks where somebody is. It is sent as a form's content, so that no address and no log holds it, used for the
// one answer, and forgotten.
func (w *Wallet) nearbyPage(rw http.ResponseWriter, r *http.Request, _ session) {
	w.showNearby(rw, r, http.StatusOK, nearbyData{})
}

func (w *Wallet) lookAround(rw http.ResponseWriter, r *http.Request, _ session) {
	p := w.page(r, w.citizens, "")
	if r.ParseForm() != nil {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	d := nearbyData{Chosen: r.PostForm.Get("spot")}
	at, ok := w.standing(r.PostForm.Get("position"), d.Chosen)
	if !ok {
		d.Error = p.T("nearby.unknown")
		w.showNearby(rw, r, http.StatusUnprocessableEntity, d)
		return
	}
	d.Asked, d.Places = true, w.nearby(r.Context(), at, p.Locale)
	rw.Header().Set("Cache-Control", "no-store")
	w.showNearby(rw, r, http.StatusOK, d)
}

// standing is where somebody is: what the device said ("51.5,-0.12"), or the spot they chose.
func (w *Wallet) standing(device, spot string) (kernel.Position, bool) {
	if lat, lon, ok := strings.Cut(device, ","); ok {
		a, errA := strconv.ParseFloat(strings.TrimSpace(lat), 64)
		b, errB := strconv.ParseFloat(strings.TrimSpace(lon), 64)
		at := kernel.Position{Latitude: a, Longitude: b}
		return at, errA == nil && errB == nil && at.Valid()
	}
	i, err := strconv.Atoi(spot)
	if err != nil || i < 0 || i >= len(w.cfg.Spots) {
		return kernel.Position{}, false
	}
	return w.cfg.Spots[i].Position, true
}

func (w *Wallet) showNearby(rw http.ResponseWriter, r *http.Request, status int, d nearbyData) {
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav = p.T("nearby.title"), "nearby"
	d.Spots = w.cfg.Spots
	p.Data, p.script = d, true
	w.render(rw, r, status, "nearby", p)
}

// Far says how far something is.
func (p page) Far(metres int) string {
	if metres < 1000 {
		return p.T("nearby.metres", "n", metres)
	}
	return p.T("nearby.kilometres", "n", strings.Replace(strconv.FormatFloat(float64(metres)/1000, 'f', 1, 64), ".", p.T("decimal"), 1))
}
