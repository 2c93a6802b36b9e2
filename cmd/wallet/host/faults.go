package host

import (
	"sync"
	"time"
)

// Fault is what goes wrong between the wallet and a town. The zero value is an ordinary day.
type Fault struct {
	HoldBack bool          // events stay here until this is switched off
	Late     time.Duration // an event leaves this long after what it tells
	Twice    bool          // an event that was accepted is sent once more
	Reverse  bool          // of the events that wait, the newest leaves first
	Decline  bool          // every means of payment is declined
	LatePaid bool          // a payment that failed or expired can be paid all the same, and the town is told so
	NoRefund bool          // refunds fail after they were accepted
}

// Faults is a switch in the hand of whoever starts the wallet: a test, or the demo's tour. No request reaches it. One
// Faults belongs to one wallet (Config.Faults).
type Faults struct {
	mu  sync.Mutex
	now Fault
	set func() // wakes the couriers: what was held back may leave
}

// Set replaces what goes wrong from now on.
func (f *Faults) Set(next Fault) {
	f.mu.Lock()
	f.now = next
	wake := f.set
	f.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// get is nil-safe: most wallets have no such switch.
func (f *Faults) get() Fault {
	if f == nil {
		return Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *Faults) onSet(wake func()) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = wake
}
