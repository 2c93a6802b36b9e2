// Package drill kills the server, again and again, while citizens submit and registrars decide, and then holds what
// everybody saw against what the database says: promises 3 to 6 of the house. A second drill (travel_test.go, load_travel.go,
// verdict_travel.go) kills PostgreSQL, too, while people book seats and pay in a wallet: promises 1 to 4 and 24.
//
// The load (load.go) repeats every request until it has an answer that settles it, with the same Idempotency-Key. The
// verdict (this file) is a pure function of what was observed, so that a fault can be planted for each counter.
package drill

import (
	"fmt"
	"maps"
	"slices"
)

// Acknowledged is one request that was answered with success: a promise given.
type Acknowledged struct {
	Case   string
	Action string
	Key    string // the Idempotency-Key
	Answer string // the body, to compare replays byte for byte
}

// Stored is one step as the database has it.
type Stored struct {
	Case   string
	Seq    int
	Action string
}

// Received is one notice as the wallet got it; a repeated delivery carries the same ID.
type Received struct {
	ID     string // webhook-id
	Case   string
	Notice string
}

// Issued is one document as the database has it.
type Issued struct {
	Case   string
	Number string
	State  string
	PDF    []byte
}

// Observed is everything seen in one drill.
type Observed struct {
	Acknowledged []Acknowledged
	Replays      [][2]string // two answers to one key
	Stored       []Stored
	Received     []Received
	Issued       []Issued

	// NoticeOf says which notice a step owes the citizen ("" for none); Documents says whether a step issues one.
	NoticeOf  func(action string) string
	Documents func(action string) bool
	// Verify checks one PDF; nil when it is good.
	Verify func(Issued) error
}

// Verdict counts what must be zero. Each counter has a planted fault in verdict_test.go.
type Verdict struct {
	Lost            int // acknowledged and not stored
	Doubled         int // stored more often than asked for
	DifferentReplay int // one key, two answers
	NoticesLost     int // owed and never received
	NoticesPhantom  int // received and not owed
	NoticesDoubled  int // one step told twice (two ids)
	DocumentsLost   int // owed and not issued
	DocumentsExtra  int // issued twice, or not owed
	DocumentsBad    int // do not verify
	NumbersRepeated int
}

// Zero reports whether nothing went wrong.
func (v Verdict) Zero() bool { return v == Verdict{} }

func (v Verdict) String() string {
	return fmt.Sprintf("lost %d, doubled %d, different replays %d; notices: lost %d, phantom %d, doubled %d; documents: lost %d, extra %d, bad %d, numbers repeated %d",
		v.Lost, v.Doubled, v.DifferentReplay, v.NoticesLost, v.NoticesPhantom, v.NoticesDoubled,
		v.DocumentsLost, v.DocumentsExtra, v.DocumentsBad, v.NumbersRepeated)
}

type step struct{ kase, action string }

// Judge compares what people were told with what is there.
func Judge(o Observed) Verdict {
	var v Verdict
	asked := map[step]map[string]bool{} // by key: a retry is the same request
	for _, a := range o.Acknowledged {
		s := step{a.Case, a.Action}
		if asked[s] == nil {
			asked[s] = map[string]bool{}
		}
		asked[s][a.Key] = true
	}
	stored := map[step]int{}
	for _, s := range o.Stored {
		stored[step{s.Case, s.Action}]++
	}
	for s, keys := range asked {
		v.Lost += max(0, len(keys)-stored[s])
		v.Doubled += max(0, stored[s]-len(keys))
	}
	for s, n := range stored {
		if asked[s] == nil {
			v.Doubled += n // a step nobody was told of: every request is repeated until it is answered
		}
	}
	for _, r := range o.Replays {
		if r[0] != r[1] {
			v.DifferentReplay++
		}
	}
	v.judgeNotices(o, stored)
	v.judgeDocuments(o, stored)
	return v
}

func (v *Verdict) judgeNotices(o Observed, stored map[step]int) {
	owed := map[step]int{}
	for s, n := range stored {
		if notice := o.NoticeOf(s.action); notice != "" {
			owed[step{s.kase, notice}] += n
		}
	}
	got := map[step]map[string]bool{}
	for _, r := range o.Received {
		s := step{r.Case, r.Notice}
		if got[s] == nil {
			got[s] = map[string]bool{}
		}
		got[s][r.ID] = true
	}
	for s, n := range owed {
		v.NoticesLost += max(0, n-len(got[s]))
		v.NoticesDoubled += max(0, len(got[s])-n)
	}
	for s, ids := range got {
		if owed[s] == 0 {
			v.NoticesPhantom += len(ids)
		}
	}
}

func (v *Verdict) judgeDocuments(o Observed, stored map[step]int) {
	owed := map[string]int{}
	for s, n := range stored {
		if o.Documents(s.action) {
			owed[s.kase] += n
		}
	}
	have, numbers := map[string]int{}, map[string]int{}
	for _, d := range o.Issued {
		numbers[d.Number]++
		if d.State != "valid" || len(d.PDF) == 0 {
			continue // intended, never published: counts as lost below
		}
		have[d.Case]++
		if err := o.Verify(d); err != nil {
			v.DocumentsBad++
		}
	}
	for c, n := range owed {
		v.DocumentsLost += max(0, n-have[c])
	}
	for c, n := range have {
		v.DocumentsExtra += max(0, n-owed[c])
	}
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		v.NumbersRepeated += numbers[number] - 1
	}
}
