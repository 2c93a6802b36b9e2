package web

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"townhall/modules/kernel"
)

// Card numbers are refused wherever text comes in, before anything is kept of it or logged.

func cardFields(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	var fields []kernel.FieldError
	for _, path := range paths {
		fields = append(fields, kernel.FieldError{Path: path, Slug: kernel.CardNumberSlug, Message: kernel.CardNumberMessage})
	}
	return kernel.InvalidFields(fields...)
}

// cardsInForm refuses a form one of whose texts holds a card number.
func cardsInForm(form url.Values) error {
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if slices.ContainsFunc(form[name], kernel.HasCardNumber) {
			paths = append(paths, name)
		}
	}
	return cardFields(paths)
}

// cardsInBody refuses an input one of whose body's texts holds a card number.
func cardsInBody(in any) error {
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return nil
	}
	body := v.FieldByName("Body")
	if !body.IsValid() {
		return nil
	}
	var paths []string
	textsOf(body, "body", func(path, text string) {
		if kernel.HasCardNumber(text) {
			paths = append(paths, path)
		}
	})
	return cardFields(paths)
}

// textsOf calls see with every text in v and its path, as it was sent.
func textsOf(v reflect.Value, path string, see func(path, text string)) {
	switch v.Kind() {
	case reflect.String:
		see(path, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			textsOf(v.Elem(), path, see)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 { // bytes are no text
			return
		}
		for i := range v.Len() {
			textsOf(v.Index(i), path, see)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			textsOf(v.MapIndex(k), path+"."+k.String(), see)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" {
				textsOf(v.Field(i), path, see)
				continue
			}
			textsOf(v.Field(i), path+"."+name, see)
		}
	}
}
