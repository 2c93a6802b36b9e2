package ui_test

import (
	"testing"
	"testing/fstest"
	"time"

	"townhall/modules/kernel/ui"
)

func TestEveryBlockParses(t *testing.T) {
	t.Parallel()
	texts, err := ui.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	v, err := ui.NewViews(texts, fstest.MapFS{"x.html": {Data: []byte(`{{template "field" .}}{{template "timeline" list}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := v.Render("en", time.UTC, "x", ui.Field{Name: "a", Label: "A", Kind: "textarea", Error: "no", Hint: "h"})
	t.Log(out, err)
}
