package travel

import (
	"sync"

	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// remembered keeps what texts mean, so that each is read once. What it gives is shared: nobody may change it.
type remembered[T any] struct {
	read func([]byte) (T, error)
	mu   sync.Mutex
	by   map[string]T
}

// mostRemembered is when everything is forgotten: far more vehicles, or tables of fares, than are on sale at a time.
const mostRemembered = 500

// Every step of a booking reads the vehicle and the fares; they change a few times a year.
var (
	fareTables = &remembered[fares.Table]{read: fares.Read}
	layouts    = &remembered[seats.Layout]{read: func(form []byte) (seats.Layout, error) {
		f, err := seats.Read(form)
		if err != nil {
			return seats.Layout{}, err
		}
		return f.Layout()
	}}
)

func (r *remembered[T]) of(text []byte) (T, error) {
	r.mu.Lock()
	known, ok := r.by[string(text)]
	r.mu.Unlock()
	if ok {
		return known, nil
	}
	made, err := r.read(text)
	if err != nil {
		return made, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil || len(r.by) >= mostRemembered {
		r.by = map[string]T{}
	}
	r.by[string(text)] = made
	return made, nil
}
