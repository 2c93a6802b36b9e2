package pdf

import (
	"fmt"
	"strings"
)

// townGate is what a municipality without a crest of its own has: a shield with a rim and, on it, a gate of two towers with
// battlements above a wall.
func townGate() (*Crest, error) {
	const w, h = 100.0, 120.0
	var b strings.Builder
	shield := func(in float64) {
		l, r, top, mid, bot := in, w-in, in, h*0.55, h-in*1.25
		fmt.Fprintf(&b, "M%.2f %.2fL%.2f %.2fL%.2f %.2fC%.2f %.2f %.2f %.2f %.2f %.2fC%.2f %.2f %.2f %.2f %.2f %.2fZ ", l, top, r, top, r, mid,
			r, h*0.80, w*0.68, h*0.92, w/2, bot, w*0.32, h*0.92, l, h*0.80, l, mid)
	}
	shield(0)
	shield(5.4)
	shield(7.6)
	gate(&b, 24, 24, 52)
	return ParseCrest(fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f"><path fill-rule="evenodd" d="%s"/></svg>`, w, h, b.String()))
}

func gate(b *strings.Builder, x, y, w float64) {
	u := w / 11
	for i, p := range [][2]float64{{0, 8}, {0, 0}, {1, 0}, {1, 1}, {1.5, 1}, {1.5, 0}, {2.5, 0}, {2.5, 1}, {3, 1}, {3, 3.2}, {4, 3.2}, {4, 2.2}, {5, 2.2}, {5, 3.2},
		{6, 3.2}, {6, 2.2}, {7, 2.2}, {7, 3.2}, {8, 3.2}, {8, 1}, {8.5, 1}, {8.5, 0}, {9.5, 0}, {9.5, 1}, {10, 1}, {10, 0}, {11, 0}, {11, 8}, {7.2, 8}, {7.2, 6.4}} {
		fmt.Fprintf(b, "%c%.2f %.2f", "ML"[min(i, 1)], x+p[0]*u, y+p[1]*u)
	}
	fmt.Fprintf(b, "C%.2f %.2f %.2f %.2f %.2f %.2fL%.2f %.2fZ ", x+7.2*u, y+4.2*u, x+3.8*u, y+4.2*u, x+3.8*u, y+6.4*u, x+3.8*u, y+8*u)
	for i := range 3 {
		top := y + (8.7+1.5*float64(i))*u
		fmt.Fprintf(b, "M%.2f %.2fL%.2f %.2fL%.2f %.2fL%.2f %.2fZ ", x, top, x+w, top, x+w, top+u*0.55, x, top+u*0.55)
	}
}
