//go:build !race

package documents

import (
	"testing"

	"townhall/modules/kernel"
)

// The race detector allocates by itself, so this is counted without it. Counting needs the processor for itself: no
// t.Parallel.
func TestASealedDocumentTakesAtMostAThousandAllocations(t *testing.T) {
	x := newBench(t)
	for _, locale := range kernel.Locales {
		if n := allocations(t, x, locale); n > 1000 {
			t.Errorf("%s: %.0f allocations", locale, n)
		}
	}
}
