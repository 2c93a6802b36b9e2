package workflows

import (
	"math/rand"
	"testing"
)

// A definition torn apart in any way ends in problems, never in a panic: FuzzParse in short, on every run.
func TestBrokenFilesNeverPanic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	good := residenceFiles(t)
	for range 300 {
		files := residenceFiles(t)
		for _, name := range []string{"service.yaml", "form.yaml", "document.yaml"} {
			files[residenceDir+"/"+name] = file(string(torn(r, good[residenceDir+"/"+name].Data)))
		}
		d, problems := decode(files, residenceDir)
		_ = Problems(append(problems, Check(d)...)).Error()
	}
}

// torn returns data with a few bytes changed, lines lost and pieces doubled.
func torn(r *rand.Rand, data []byte) []byte {
	out := append([]byte(nil), data...)
	for range 1 + r.Intn(5) {
		at := r.Intn(len(out) - 60)
		switch r.Intn(3) {
		case 0:
			out[at] = byte(r.Intn(256))
		case 1:
			out = append(out[:at:at], out[at+r.Intn(40):]...)
		case 2:
			out = append(out[:at:at], append([]byte(string(out[at:at+50])), out[at:]...)...)
		}
	}
	return out
}
