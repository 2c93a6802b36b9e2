package ui

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// DrawQR draws text as a QR code with the quiet zone of four modules that ISO/IEC 18004 §6.3.8 asks for; label is read out in
// its place. It fails when text is longer than a code can hold.
func DrawQR(text, label string) (QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, fmt.Errorf("QR code: %w", err)
	}
	const quiet = 4
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return QR{Label: label, Size: code.Size + 2*quiet, Path: path.String()}, nil
}
