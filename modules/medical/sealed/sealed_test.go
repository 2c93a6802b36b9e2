package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"townhall/modules/kernel"
)

const (
	northwick = kernel.TenantID("northwick")
	eastmere  = kernel.TenantID("eastmere")
	canary    = "CANARY: a rash on the left arm, 皮疹, сыпь"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func person() kernel.PersonID { return kernel.PersonID(kernel.NewID()) }

func place() Place { return Place{Case: kernel.CaseID(kernel.NewID()), Column: "reason"} }

func open(t *testing.T) *Masters {
	t.Helper()
	m, err := OpenMasters(filepath.Join(t.TempDir(), "health"))
	must(t, err)
	return m
}

func keyOf(t *testing.T, m *Masters, tenant kernel.TenantID, p kernel.PersonID) (Wrapped, Key) {
	t.Helper()
	w, err := m.NewKey(tenant, p)
	must(t, err)
	k, err := m.Open(tenant, p, w)
	must(t, err)
	return w, k
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrSealed) {
		t.Errorf("%s: %v", what, err)
	}
	if err != nil && strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%s: the error tells the text: %v", what, err)
	}
}

func TestATextOpensInItsPlaceAndNowhereElse(t *testing.T) {
	t.Parallel()
	m := open(t)
	anna, boris := person(), person()
	w, k := keyOf(t, m, northwick, anna)
	wb, kb := keyOf(t, m, northwick, boris)
	at := place()
	s := k.Seal(at, canary)
	if text, err := k.Open(at, s); err != nil || text != canary {
		t.Fatalf("opened: %q %v", text, err)
	}
	if bytes.Contains(s, []byte("CANARY")) || bytes.Equal(s, k.Seal(at, canary)) {
		t.Error("the text shows, or is sealed alike twice")
	}
	other := k.Seal(place(), canary)
	_, err := k.Open(at, other)
	refused(t, "the text of another case", err)
	_, err = k.Open(Place{Case: at.Case, Column: "outcome"}, s)
	refused(t, "another column", err)
	_, err = kb.Open(at, s)
	refused(t, "with another person's key", err)
	for i := range s {
		broken := bytes.Clone(s)
		broken[i] ^= 1
		if _, err := k.Open(at, broken); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := k.Open(at, s[:i]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	_, err = m.Open(northwick, boris, w)
	refused(t, "another person's wrapped key", err)
	_, err = m.Open(eastmere, anna, w)
	refused(t, "the same person id in another municipality", err)
	_, err = m.Open(northwick, anna, Wrapped{Master: w.Master, Key: wb.Key})
	refused(t, "swapped keys", err)
	_, err = m.Open(northwick, anna, Wrapped{Master: w.Master + 1, Key: w.Key})
	refused(t, "an unknown master key", err)
	_, err = m.Open(northwick, anna, Wrapped{Master: w.Master, Key: w.Key[:len(w.Key)-1]})
	refused(t, "a truncated key", err)
}

// The parts are told apart by their lengths: "ab"+"c" is not "a"+"bc".
func TestNoTwoPlacesAreBoundAlike(t *testing.T) {
	t.Parallel()
	m := open(t)
	_, k := keyOf(t, m, northwick, "p")
	s := k.Seal(Place{Case: "ab", Column: "c"}, canary)
	_, err := k.Open(Place{Case: "a", Column: "bc"}, s)
	refused(t, "shifted parts", err)
}

func TestAfterARotationOldTextsOpenAndNewKeysUseTheNewMaster(t *testing.T) {
	t.Parallel()
	m := open(t)
	second, err := OpenMasters(m.dir) // another process, which does not hear of the rotation
	must(t, err)
	anna, at := person(), place()
	w, k := keyOf(t, m, northwick, anna)
	s := k.Seal(at, canary)
	n, err := m.Rotate()
	must(t, err)
	if w.Master != 1 || n != 2 {
		t.Fatalf("masters %d, then %d", w.Master, n)
	}
	k, err = m.Open(northwick, anna, w)
	must(t, err)
	if text, err := k.Open(at, s); err != nil || text != canary {
		t.Fatalf("after the rotation: %q %v", text, err)
	}
	fresh, err := second.NewKey(northwick, person())
	must(t, err)
	if fresh.Master != 2 {
		t.Errorf("the other process still wraps by %d", fresh.Master)
	}
	next, changed, err := m.Rewrap(northwick, anna, w)
	must(t, err)
	if _, again, err := m.Rewrap(northwick, anna, next); err != nil || again || !changed || next.Master != 2 {
		t.Errorf("rewrapped: %v to %d, again %v, %v", changed, next.Master, again, err)
	}
	must(t, os.Remove(filepath.Join(m.dir, "1.key"))) // nothing needs it any more
	third, err := OpenMasters(m.dir)
	must(t, err)
	k, err = third.Open(northwick, anna, next)
	must(t, err)
	if text, err := k.Open(at, s); err != nil || text != canary {
		t.Errorf("under the new master: %q %v", text, err)
	}
	_, err = third.Open(northwick, anna, w)
	refused(t, "under a master key that was taken away", err)
	if _, _, err := third.Rewrap(northwick, person(), w); !errors.Is(err, ErrSealed) {
		t.Errorf("another's key rewrapped: %v", err)
	}
}

func TestWithoutItsKeyAPersonsTextIsGone(t *testing.T) {
	t.Parallel()
	m := open(t)
	anna, at := person(), place()
	_, k := keyOf(t, m, northwick, anna)
	s := k.Seal(at, canary)
	_, next := keyOf(t, m, northwick, anna) // the wrapped key was deleted, and the person has a new one
	_, err := next.Open(at, s)
	refused(t, "with a later key of the same person", err)
}

func TestTwoProcessesStartWithOneKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "health")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := OpenMasters(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 1 || files[0].Name() != "1.key" {
		t.Fatalf("files: %v", files)
	}
	info, err := files[0].Info()
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestAKeyThatOthersMayReadOrThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path string) error{
		"readable": func(p string) error { return os.Chmod(p, 0o640) },
		"short":    func(p string) error { return os.WriteFile(p, []byte("abcd"), 0o600) },
		"no hex":   func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 64)), 0o600) },
	} {
		m := open(t)
		must(t, plant(filepath.Join(m.dir, "1.key")))
		if _, err := OpenMasters(m.dir); err == nil || !strings.Contains(err.Error(), "1.key") || strings.Contains(err.Error(), "xxx") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := open(t)
	for _, n := range []string{"x.key", "0.key", "01.key", "2.key.bak"} {
		must(t, os.WriteFile(filepath.Join(m.dir, n), []byte("no key"), 0o600))
	}
	if again, err := OpenMasters(m.dir); err != nil || strconv.Itoa(again.newest) != "1" {
		t.Errorf("other files disturb: %v", err)
	}
}

func TestAKeyPrintsAsAPlaceholder(t *testing.T) {
	t.Parallel()
	_, k := keyOf(t, open(t), northwick, person())
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(f, k); s != "[sensitive]" {
			t.Errorf("%s prints %s", f, s)
		}
	}
}
