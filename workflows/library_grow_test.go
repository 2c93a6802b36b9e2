package workflows

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"townhall/modules/kernel"
)

// version is the dog registration under another slug, with a title of its own: n versions of it differ in their hash.
func version(t testing.TB, slug, title string) *Definition {
	t.Helper()
	files := fstest.MapFS{}
	for k, v := range dogFiles(t) {
		text := strings.ReplaceAll(string(v.Data), "title: Dog registration", "title: "+title)
		text = strings.Replace(text, "slug: dog-registration", "slug: "+slug, 1)
		files[strings.Replace(k, dogDir, "civic/"+slug, 1)] = file(text)
	}
	d, problems := Parse(files, "civic/"+slug)
	if len(problems) > 0 {
		t.Fatal(Problems(problems))
	}
	return d
}

func TestALibraryGrowsAndTheEmbeddedOneDoesNot(t *testing.T) {
	t.Parallel()
	base := library(t)
	before := len(base.All())
	a, b := base.Fork(), base.Fork()
	first, second := version(t, "cat-registration", "First"), version(t, "cat-registration", "Second")
	for _, d := range []*Definition{first, second} {
		if err := a.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if d, ok := a.Get("cat-registration"); !ok || d != second {
		t.Errorf("the newest is %v", d)
	}
	for _, d := range []*Definition{first, second} {
		if found, ok := a.ByHash(d.Hash); !ok || found != d {
			t.Errorf("%s is not reachable by its hash", d.Text("en", "title"))
		}
	}
	for _, other := range []*Library{base, b} {
		if _, ok := other.Get("cat-registration"); ok || len(other.All()) != before {
			t.Error("an addition to one library came into another")
		}
		if _, ok := other.ByHash(first.Hash); ok {
			t.Error("a version added to one library came into another")
		}
	}
	var dirs []string
	for _, d := range a.All() {
		dirs = append(dirs, d.Dir)
	}
	if len(dirs) != before+1 || !strings.Contains(strings.Join(dirs, " "), "civic/cat-registration civic/dog-registration") {
		t.Errorf("not sorted by sector and slug: %v", dirs)
	}
}

func TestWhatComesWithTheProgramIsNotReplaced(t *testing.T) {
	t.Parallel()
	l := library(t).Fork()
	had, _ := l.Get("dog-registration")
	if err := l.Add(version(t, "dog-registration", "Another")); kernel.KindOf(err) != kernel.Conflict {
		t.Errorf("got %v", err)
	}
	if d, _ := l.Get("dog-registration"); d != had {
		t.Error("an embedded service was replaced")
	}
	if err := l.Fork().Add(version(t, "dog-registration", "Another")); err == nil {
		t.Error("a fork of a fork forgot what is embedded")
	}
}

func TestAnOlderVersionIsReachableByItsHashAlone(t *testing.T) {
	t.Parallel()
	l := library(t).Fork()
	older, newest := version(t, "cat-registration", "Older"), version(t, "cat-registration", "Newest")
	l.AddOlder(older)
	if _, ok := l.Get("cat-registration"); ok {
		t.Error("an older version can be begun")
	}
	if err := l.Add(newest); err != nil {
		t.Fatal(err)
	}
	l.AddOlder(older)
	if d, _ := l.Get("cat-registration"); d != newest {
		t.Error("an older version replaced the newest")
	}
	if d, ok := l.ByHash(older.Hash); !ok || d != older {
		t.Error("the older version is not there")
	}
	again := version(t, "cat-registration", "Newest")
	if err := l.Add(again); err != nil {
		t.Fatal(err)
	}
	if d, _ := l.Get("cat-registration"); d != newest || len(l.All()) != len(library(t).All())+1 {
		t.Error("the same version added again is another one")
	}
}

// Readers see a whole state at every moment: what Get and All give is there by its hash too. Worth its name with -race.
func TestReadersAndWritersOfOneLibrary(t *testing.T) {
	t.Parallel()
	l := library(t).Fork()
	base := len(l.All())
	const writers, each = 4, 6
	versions := make([][]*Definition, writers)
	for w := range versions {
		for n := range each {
			versions[w] = append(versions[w], version(t, fmt.Sprintf("cat-registration-%d", w), fmt.Sprintf("Version %d", n)))
		}
	}
	done := make(chan struct{})
	var reading, writing sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			last := base
			for {
				all := l.All()
				if len(all) < last {
					t.Errorf("%d services after %d", len(all), last)
				}
				last = len(all)
				for _, d := range all {
					if found, ok := l.ByHash(d.Hash); !ok || found != d {
						t.Errorf("%s is listed and not found by its hash", d.Slug)
					}
					if _, ok := l.Get(d.Slug); !ok {
						t.Errorf("%s is listed and not found by its slug", d.Slug)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for _, mine := range versions {
		writing.Go(func() {
			for i, d := range mine {
				if err := l.Add(d); err != nil {
					t.Error(err)
				}
				if got, _ := l.Get(d.Slug); got != d {
					t.Errorf("%s is not the newest right after it was added", d.Text("en", "title"))
				}
				l.AddOlder(mine[max(0, i-1)])
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	if len(l.All()) != base+writers {
		t.Errorf("%d services, want %d: an addition was lost", len(l.All()), base+writers)
	}
	for _, mine := range versions {
		for _, d := range mine {
			if _, ok := l.ByHash(d.Hash); !ok {
				t.Error("a version was lost")
			}
		}
	}
}

// Two who add at the same moment both find theirs afterwards.
func TestNoAdditionIsLost(t *testing.T) {
	t.Parallel()
	const writers = 8
	var mine []*Definition
	for w := range writers {
		mine = append(mine, version(t, fmt.Sprintf("cat-registration-%d", w), "Version"))
	}
	for range 300 {
		l := library(t).Fork()
		start := make(chan struct{})
		var all sync.WaitGroup
		for _, d := range mine {
			all.Go(func() {
				<-start
				if err := l.Add(d); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		for _, d := range mine {
			if got, _ := l.Get(d.Slug); got != d {
				t.Fatalf("%s was lost", d.Slug)
			}
		}
	}
}
