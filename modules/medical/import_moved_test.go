package medical

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

func TestAFeedDoesNotMoveAScheduleToAnotherPlaceUnderThoseWhoBooked(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	if _, err := h.Import(context.Background(), tenant, testClinic, filesIn(t, "sheet/testdata/good/visit-types.csv")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Import(context.Background(), tenant, testClinic, feedFrom("free", 10, 11)); err != nil {
		t.Fatal(err)
	}
	before := h.sum()
	moved := feedFrom("free", 10, 11)
	moved[0].Data = bytes.Replace(moved[0].Data, []byte(`"id":"quay"`), []byte(`"id":"dock"`), 1)
	moved[1].Data = bytes.Replace(moved[1].Data, []byte(`Location/quay`), []byte(`Location/dock`), 1)
	_, err := h.Import(context.Background(), tenant, testClinic, moved)
	var refused *Refusal
	if !errors.As(err, &refused) || len(refused.Problems.List) != 1 || refused.Problems.List[0].Slug != "fixed" {
		t.Fatalf("%v", err)
	}
	if h.sum() != before {
		t.Error("half of it was imported")
	}
}
