package apptest

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"townhall/modules/kernel"
)

// Case is a case as the APIs answer it; only what the tests look at.
type Case struct {
	ID      string `json:"id"`
	Number  string `json:"number"`
	State   string `json:"state"`
	Version int    `json:"version"`
}

// Issued is a case that ended in a document.
type Issued struct {
	Case
	Document string
	Number   string
}

// Answers are a complete application for a residence certificate.
func Answers() map[string]any {
	return map[string]any{"purpose": "bank", "certificate_language": "en", "copies": 1, "note": ""}
}

// Act takes one action by API and expects success; staff by the workflow API, citizens by the civic one.
func (a *App) Act(who Who, c Case, action string, input map[string]any) Case {
	a.t.Helper()
	path := "/civic/v1/applications/"
	if who.staff() {
		path = "/workflow/v1/cases/"
	}
	r := a.Do(Call{Who: &who, Method: http.MethodPost, Path: path + c.ID + "/actions/" + action, Key: kernel.NewID(),
		Body: map[string]any{"version": c.Version, "input": input}})
	if r.Status != http.StatusOK {
		a.t.Fatalf("%s by %s: %d %s", action, who.Subject, r.Status, r.Body)
	}
	var out Case
	r.JSON(a.t, &out)
	return out
}

// Draft opens a draft.
func Draft(a *App, who Who) Case {
	a.t.Helper()
	r := a.Do(Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: kernel.NewID(),
		Body: map[string]any{"service": "residence-certificate"}})
	if r.Status != http.StatusCreated {
		a.t.Fatalf("start by %s: %d %s", who.Subject, r.Status, r.Body)
	}
	var out Case
	r.JSON(a.t, &out)
	return out
}

// Submit opens a draft and sends it.
func Submit(a *App, who Who) Case {
	a.t.Helper()
	input := Answers()
	input["declaration"] = true
	return a.Act(who, Draft(a, who), "submit", input)
}

// Issue walks one case to its signed document.
func Issue(a *App, who Who) Issued {
	a.t.Helper()
	c := Submit(a, who)
	c = a.Act(Oliver, c, "propose", map[string]any{"assessment": "Entered in the register at this address."})
	c = a.Act(Priya, c, "countersign", nil)
	a.Settle()
	r := a.Do(Call{Who: &who, Method: http.MethodGet, Path: "/civic/v1/applications/" + c.ID + "/documents"})
	var out struct {
		Documents []struct{ ID, Number, State string }
	}
	r.JSON(a.t, &out)
	if len(out.Documents) != 1 || out.Documents[0].State != "valid" {
		a.t.Fatalf("documents of an issued case: %s", r.Body)
	}
	return Issued{Case: c, Document: out.Documents[0].ID, Number: out.Documents[0].Number}
}

// EffectOf returns the id of some effect of a case.
func EffectOf(a *App, kase string) string {
	a.t.Helper()
	r := a.Do(Call{Who: &Oliver, Method: http.MethodGet, Path: "/workflow/v1/cases/" + kase + "/effects"})
	var out struct{ Effects []struct{ ID string } }
	r.JSON(a.t, &out)
	if len(out.Effects) == 0 {
		a.t.Fatalf("no effects: %s", r.Body)
	}
	return out.Effects[0].ID
}

// PageRequest is one request for a page, without following redirects.
type PageRequest struct {
	Tenant kernel.TenantID
	Method string
	Path   string
	Form   url.Values
	Cookie *http.Cookie
}

// Page sends it.
func (a *App) Page(p PageRequest) Answer {
	a.t.Helper()
	var body io.Reader
	if p.Form != nil {
		body = strings.NewReader(p.Form.Encode())
	}
	req, err := http.NewRequestWithContext(a.t.Context(), p.Method, a.Origin(p.Tenant)+p.Path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if p.Form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if p.Cookie != nil {
		req.AddCookie(p.Cookie)
	}
	answer, err := a.Send(req)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer
}

// Key is a fresh Idempotency-Key.
func Key() string { return kernel.NewID() }
