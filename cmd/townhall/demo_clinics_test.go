package main

import (
	"net/http"
	"testing"

	"townhall/modules/apptest"
)

// Every start of the demo brings its clinics in; the second changes nothing.
func TestTheDemosClinicsAreBroughtInOnce(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	counts := func() (out [3]int) {
		t.Helper()
		for i, kind := range []string{"Location", "Schedule", "Slot"} {
			var b struct{ Total int }
			a.Do(apptest.Call{Method: http.MethodGet, Path: "/medical/v1/fhir/R4/" + kind + "?_count=0"}).JSON(t, &b)
			out[i] = b.Total
		}
		return out
	}
	if err := seedClinics(t.Context(), a.Town); err != nil {
		t.Fatal(err)
	}
	first := counts()
	if first[0] != 3 || first[1] != 8 || first[2] < 500 {
		t.Errorf("%d places, %d schedules, %d slots", first[0], first[1], first[2])
	}
	if err := seedClinics(t.Context(), a.Town); err != nil {
		t.Fatal(err)
	}
	if again := counts(); again != first {
		t.Errorf("the second time: %v, the first time: %v", again, first)
	}
}
