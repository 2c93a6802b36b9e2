package workflows

import (
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"townhall/modules/kernel"
)

const (
	dogDir       = "civic/dog-registration"
	residenceDir = "civic/residence-certificate"
)

var loadOnce = sync.OnceValues(func() (*Library, error) { return Load(Embedded()) })

func library(t testing.TB) *Library {
	t.Helper()
	l, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func residence(t testing.TB) *Definition {
	d, ok := library(t).Get("residence-certificate")
	if !ok {
		t.Fatal("no residence-certificate")
	}
	return d
}

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func dogFiles(t testing.TB) fstest.MapFS       { return copyOf(t, dogDir) }
func residenceFiles(t testing.TB) fstest.MapFS { return copyOf(t, residenceDir) }

// copyOf returns one definition's files, without its archives, to plant faults in.
func copyOf(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(Embedded(), dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.Contains(p, "/versions/") {
			return err
		}
		data, err := fs.ReadFile(Embedded(), p)
		out[p] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

var london, _ = time.LoadLocation("Europe/London")

func anna() kernel.Person {
	return kernel.Person{ID: "anna", Claims: map[string]string{
		"name": "Anna Whitfield", "birthdate": "1988-04-12",
		"address.street_address": "7 Mill Lane", "address.postal_code": "NW1 4AB", "address.locality": "Northwick", "address.country": "GB",
	}}
}

func citizen(now time.Time) Actor {
	return Actor{Kind: kernel.Citizen, Person: "anna", Level: kernel.Substantial, AuthTime: now}
}

func registrar(name string, now time.Time) Actor {
	return Actor{Kind: kernel.Staff, Person: kernel.PersonID(name), Roles: []string{"registrar"}, Level: kernel.Substantial, AuthTime: now}
}

func blank() Snapshot {
	return Snapshot{Case: "c1", Number: "RC-2026-7K4M-93Q2", Applicant: "anna", Person: anna(), Locale: "en", Zone: london, CreatedAt: monday}
}

// begun returns a fresh draft.
func begun(t testing.TB, d *Definition) Snapshot {
	t.Helper()
	s := blank()
	o, err := d.Begin(s, Command{Actor: citizen(monday), Now: monday})
	if err != nil {
		t.Fatal(err)
	}
	return s.After(o)
}

// take takes a step that must succeed.
func take(t testing.TB, d *Definition, s Snapshot, action string, a Actor, now time.Time, input map[string]any) (Snapshot, Outcome) {
	t.Helper()
	a.AuthTime = now
	o, err := d.Step(s, Command{Action: action, Actor: a, Input: input, Now: now})
	if err != nil {
		t.Fatalf("%s in %s: %v", action, s.State, err)
	}
	return s.After(o), o
}

func application() map[string]any {
	return map[string]any{"purpose": "bank", "certificate_language": "en", "copies": "2", "declaration": true}
}

func submitted(t testing.TB, d *Definition) Snapshot {
	t.Helper()
	s, _ := take(t, d, begun(t, d), "submit", citizen(monday), monday, application())
	return s
}

func proposed(t testing.TB, d *Definition) Snapshot {
	t.Helper()
	s, _ := take(t, d, submitted(t, d), "propose", registrar("oliver", monday), monday, map[string]any{"assessment": "Entry found, address equal."})
	return s
}
