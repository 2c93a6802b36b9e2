package travel

import (
	"sync"
	"time"
)

// zones are those that were asked for, by name: reading one costs a look at the disk.
var zones sync.Map

// located is a zone by its name; UTC when this machine does not know it.
func located(name string) *time.Location {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC // not kept: names of stored stops are few, others would fill the memory
	}
	zones.Store(name, z)
	return z
}
