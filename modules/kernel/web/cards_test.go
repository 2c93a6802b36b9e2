package web

import (
	"net/url"
	"testing"

	"townhall/modules/kernel"
)

const card = "4242 4242 4242 4242"

func TestACardNumberIsFoundAnywhereInABody(t *testing.T) {
	t.Parallel()
	type inner struct {
		Note string `json:"note"`
	}
	type input struct {
		Path string `path:"id"`
		Body struct {
			inner
			Inner
			Reason string         `json:"reason"`
			List   []inner        `json:"list"`
			Input  map[string]any `json:"input"`
			Maybe  *string        `json:"maybe"`
			Raw    []byte         `json:"raw"`
			Count  int            `json:"count"`
		}
	}
	plain := func() *input {
		in := &input{Path: card}
		in.Body.Reason, in.Body.Raw, in.Body.Count = "Moved away", []byte(card), 42
		return in
	}
	if err := cardsInBody(plain()); err != nil {
		t.Errorf("nothing to find: %v", err)
	}
	if err := cardsInBody(&struct{}{}); err != nil {
		t.Errorf("no body: %v", err)
	}
	text := card
	for path, put := range map[string]func(*input){
		"body.reason":      func(in *input) { in.Body.Reason = "Take it from " + card },
		"body.list.note":   func(in *input) { in.Body.List = []inner{{"fine"}, {card}} },
		"body.input.why":   func(in *input) { in.Body.Input = map[string]any{"n": 1.0, "why": card} },
		"body.input.all":   func(in *input) { in.Body.Input = map[string]any{"all": []any{"a", card}} },
		"body.maybe":       func(in *input) { in.Body.Maybe = &text },
		"body.inner_field": func(in *input) { in.Body.Inner.Field = card },
	} {
		in := plain()
		put(in)
		err := kernel.AsError(cardsInBody(in))
		if err.Kind != kernel.Invalid || len(err.Fields) != 1 || err.Fields[0].Path != path || err.Fields[0].Slug != kernel.CardNumberSlug {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Inner is embedded, as inputs embed what they share.
type Inner struct {
	Field string `json:"inner_field"`
}

func TestACardNumberInAFormIsNamedByItsField(t *testing.T) {
	t.Parallel()
	if err := cardsInForm(url.Values{"reason": {"Moved away"}, "idempotency_key": {kernel.NewID()}}); err != nil {
		t.Errorf("nothing to find: %v", err)
	}
	err := kernel.AsError(cardsInForm(url.Values{"reason": {"ok", card}, "name": {"Anna"}}))
	if len(err.Fields) != 1 || err.Fields[0].Path != "reason" {
		t.Errorf("%v", err)
	}
}
