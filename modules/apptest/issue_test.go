package apptest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"townhall/modules/apptest"
)

// From a draft to a document the holder can read: the shortest whole journey by API.
func TestACitizenGetsACertificate(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna, apptest.Oliver, apptest.Priya)
	issued := apptest.Issue(a, apptest.Anna)
	file := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/documents/v1/documents/" + issued.Document + "/file"})
	if file.Status != http.StatusOK || !bytes.HasPrefix(file.Body, []byte("%PDF-")) {
		t.Fatalf("the file: %d, %d bytes", file.Status, len(file.Body))
	}
	home := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/cases", Cookie: a.Cookie("northwick", apptest.Anna)})
	if home.Status != http.StatusOK || !bytes.Contains(home.Body, []byte(issued.Case.Number)) {
		t.Errorf("the citizen's list: %d", home.Status)
	}
}

// The same key gives the same answer to the byte; another payload with it is refused; so is none.
func TestARepeatedRequestHasOneOutcome(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna)
	call := apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications", Key: "one-key",
		Body: map[string]any{"service": "residence-certificate"}}
	first, again := a.Do(call), a.Do(call)
	if first.Status != http.StatusCreated || again.Status != first.Status || !bytes.Equal(first.Body, again.Body) {
		t.Errorf("first %d %s\nagain %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	other := call
	other.Body = map[string]any{"service": "residence-certificate", "locale": "ru"}
	if r := a.Do(other); r.Status != http.StatusUnprocessableEntity || !bytes.Contains(r.Body, []byte("idempotency-key-reused")) {
		t.Errorf("another payload: %d %s", r.Status, r.Body)
	}
	call.Key = ""
	if r := a.Do(call); r.Status != http.StatusBadRequest || !bytes.Contains(r.Body, []byte("idempotency-key-missing")) {
		t.Errorf("no key: %d %s", r.Status, r.Body)
	}
}

// What a document could not show is refused where it is typed, with the field and the character named, and nothing is kept:
// not weeks later, when an official decides.
func TestTextThatNoDocumentCanShowIsRefusedWhereItIsTyped(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna)
	c := apptest.Draft(a, apptest.Anna)
	for name, tc := range map[string]struct{ text, code, says string }{
		"an emoji":                {"for the 🏦", "field.not-printable", "U+1F3E6"},
		"a NUL":                   {"a\x00b", "field.bad-characters", ""},
		"a rune no font has":      {"for \ua9c1 only", "field.not-printable", "U+A9C1"},
		"a script that is shaped": {"للبنك", "field.not-printable", "U+0644"},
		"ten thousand characters": {strings.Repeat("x", 10_000), "field.too-long", ""},
	} {
		for _, action := range []string{"save", "submit"} {
			input := apptest.Answers()
			input["purpose"], input["purpose_other"] = "other", tc.text
			if action == "submit" {
				input["declaration"] = true
			}
			r := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/" + action, Key: apptest.Key(),
				Body: map[string]any{"version": c.Version, "input": input}})
			var p struct {
				Errors []struct{ Field, Code, Detail string }
			}
			r.JSON(t, &p)
			if r.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || !strings.HasSuffix(p.Errors[0].Field, "purpose_other") || p.Errors[0].Code != tc.code || !strings.Contains(p.Errors[0].Detail, tc.says) {
				t.Errorf("%s, %s: %d %s", name, action, r.Status, r.Body)
			}
		}
	}
	var now apptest.Case
	a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/civic/v1/applications/" + c.ID}).JSON(t, &now)
	if now.Version != c.Version || now.State != "draft" {
		t.Errorf("something was kept of it: %+v", now)
	}
}

// What comes in wrong goes out as a problem that names the field, in the language asked for, and leaks nothing.
func TestBadInputNamesTheField(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna)
	c := apptest.Draft(a, apptest.Anna)
	send := func(input map[string]any, language string) apptest.Answer {
		return a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/submit",
			Key: apptest.Key(), Headers: map[string]string{"Accept-Language": language}, Body: map[string]any{"version": c.Version, "input": input}})
	}
	cases := []struct {
		name, language, want string
		change               func(map[string]any)
	}{
		{"a number out of range", "en", "copies", func(in map[string]any) { in["copies"] = 9 }},
		{"an unknown choice", "ru", "purpose", func(in map[string]any) { in["purpose"] = "espionage" }},
		{"a NUL in a text", "zh", "note", func(in map[string]any) { in["note"] = "a\x00b" }},
		{"a field nobody asked for", "en", "shoe_size", func(in map[string]any) { in["shoe_size"] = 43 }},
		{"no declaration", "en", "declaration", func(in map[string]any) { delete(in, "declaration") }},
	}
	for _, tc := range cases {
		input := apptest.Answers()
		input["declaration"] = true
		tc.change(input)
		r := send(input, tc.language)
		var p struct {
			Code, Detail string
			Errors       []struct{ Field, Code, Detail string }
		}
		r.JSON(t, &p)
		if r.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || !bytes.Contains([]byte(p.Errors[0].Field), []byte(tc.want)) || p.Errors[0].Detail == "" {
			t.Errorf("%s: %d %s", tc.name, r.Status, r.Body)
		}
		if bytes.Contains(r.Body, []byte("espionage")) {
			t.Errorf("%s: the answer echoes what was sent: %s", tc.name, r.Body)
		}
	}
	after := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/civic/v1/applications/" + c.ID})
	var now apptest.Case
	after.JSON(t, &now)
	if now.Version != c.Version || now.State != "draft" {
		t.Errorf("something was kept of it: %s", after.Body)
	}
}
