package verify_test

import (
	"bytes"
	"testing"

	"townhall/modules/documents/verify"
)

// FuzzVerify: one change anywhere in a long-lived file, of any length, never makes the verifier fail and never leaves a
// file valid that is not byte for byte what was sealed.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	file := w.renew(w.document("B-LTA"), w.tsa, w.now)
	trust := w.trust(w.now)
	end := len(file)
	for _, g := range gaps(f, file) {
		for _, at := range []int{g[0], g[0] + 9, g[0] + 99, g[1] - 1, g[1], g[1] + 30} {
			f.Add(at, 1, []byte("0"))
			f.Add(at, 0, []byte("<</A 1>>"))
		}
	}
	f.Add(end, 0, []byte("% more\n"))
	f.Add(end-8, 8, []byte{})
	f.Add(0, 1, []byte(" "))
	f.Add(end, 0, bytes.Repeat([]byte("["), 3000))
	f.Fuzz(func(t *testing.T, at, cut int, in []byte) {
		if at < 0 || cut < 0 || at > end || at+cut > end || len(in) > 10_000 {
			return
		}
		changed := append(append(bytes.Clone(file[:at]), in...), file[at+cut:]...)
		if r := verify.Verify(changed, trust, verify.Options{At: w.now}); r.State == verify.Valid && !bytes.Equal(changed, file) {
			// What was appended can be cut off again: an earlier revision is a valid file of its own.
			if !bytes.HasPrefix(file, changed) {
				t.Fatalf("%d bytes at %d become %q, and still valid", cut, at, in)
			}
		}
	})
}
