package drill

import (
	"bytes"
	"errors"
	"testing"
)

// good is a drill in which nothing went wrong: one case issued, one withdrawn.
func good() Observed {
	return Observed{
		Acknowledged: []Acknowledged{
			{"a", "start", "k1", ""}, {"a", "submit", "k2", ""}, {"a", "countersign", "k3", ""},
			{"b", "start", "k4", ""}, {"b", "withdraw", "k5", ""}, {"b", "withdraw", "k5", ""},
		},
		Replays:  [][2]string{{"same", "same"}},
		Stored:   []Stored{{"a", 1, "start"}, {"a", 2, "submit"}, {"a", 3, "countersign"}, {"b", 1, "start"}, {"b", 2, "withdraw"}},
		Received: []Received{{"w1", "a", "received"}, {"w2", "a", "issued"}, {"w2", "a", "issued"}, {"w3", "b", "withdrawn"}},
		Issued:   []Issued{{"a", "N-1", "valid", []byte("%PDF good")}},
		NoticeOf: func(action string) string {
			return map[string]string{"submit": "received", "countersign": "issued", "withdraw": "withdrawn"}[action]
		},
		Documents: func(action string) bool { return action == "countersign" },
		Verify: func(d Issued) error {
			if !bytes.Equal(d.PDF, []byte("%PDF good")) {
				return errors.New("altered")
			}
			return nil
		},
	}
}

func TestNothingWrongIsZero(t *testing.T) {
	if v := Judge(good()); !v.Zero() {
		t.Fatal(v)
	}
}

func TestEveryPlantedFaultIsCounted(t *testing.T) {
	faults := map[string]struct {
		plant func(*Observed)
		want  Verdict
	}{
		"an acknowledged step is missing":   {func(o *Observed) { o.Stored = append(o.Stored[:1], o.Stored[2:]...) }, Verdict{Lost: 1, NoticesPhantom: 1}},
		"a step is stored twice":            {func(o *Observed) { o.Stored = append(o.Stored, Stored{"a", 4, "start"}) }, Verdict{Doubled: 1}},
		"a step nobody asked for":           {func(o *Observed) { o.Stored = append(o.Stored, Stored{"b", 3, "start2"}) }, Verdict{Doubled: 1}},
		"a replay with another body":        {func(o *Observed) { o.Replays[0][1] = "other" }, Verdict{DifferentReplay: 1}},
		"a notice is lost":                  {func(o *Observed) { o.Received = o.Received[1:] }, Verdict{NoticesLost: 1}},
		"a notice of nothing":               {func(o *Observed) { o.Received = append(o.Received, Received{"w9", "b", "issued"}) }, Verdict{NoticesPhantom: 1}},
		"a step told twice":                 {func(o *Observed) { o.Received = append(o.Received, Received{"w9", "a", "issued"}) }, Verdict{NoticesDoubled: 1}},
		"a document was never published":    {func(o *Observed) { o.Issued[0].State = "pending" }, Verdict{DocumentsLost: 1}},
		"a document is issued twice":        {func(o *Observed) { o.Issued = append(o.Issued, Issued{"a", "N-2", "valid", []byte("%PDF good")}) }, Verdict{DocumentsExtra: 1}},
		"two documents share a number":      {func(o *Observed) { o.Issued = append(o.Issued, Issued{"a", "N-1", "pending", nil}) }, Verdict{NumbersRepeated: 1}},
		"a stored document does not verify": {func(o *Observed) { o.Issued[0].PDF = []byte("%PDF bad") }, Verdict{DocumentsBad: 1}},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			o := good()
			f.plant(&o)
			if got := Judge(o); got != f.want {
				t.Errorf("got  %v\nwant %v", got, f.want)
			}
		})
	}
}
