package apptest

import (
	"maps"
	"net/http"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
)

// WithPartners lets bodies apply in both municipalities to offer mini-apps of their own. The officers of the partner office are the group
// "<municipality>-partner-officers"; whoever reviews releases for the municipality does so for every partner.
func WithPartners(o *modules.Options) {
	for i := range o.Settings.Tenants {
		t := &o.Settings.Tenants[i]
		t.Services = append(t.Services, "partner-application")
		t.Agencies = append(t.Agencies, modules.AgencySettings{ID: "partner-office", Name: kernel.Text{"en": "Partner Office", "ru": "Отдел по работе с партнёрами", "zh": "合作伙伴办公室"}})
		groups := o.Settings.Issuers[1].Groups[t.ID]
		groups[string(t.ID)+"-partner-officers"] = []modules.GrantSettings{{Agency: "partner-office", Role: "officer"}}
		for _, role := range []string{kernel.RolePublisher, kernel.RoleReviewer} {
			name := string(t.ID) + "-" + role + "s"
			groups[name] = append(groups[name], modules.GrantSettings{Agency: "partner-office", Role: role})
		}
	}
}

// The people of the partner office.
var (
	Ines  = Who{Subject: "ines", Name: "Inês Duarte", ACR: "high", Groups: []string{"northwick-partner-officers"}, Client: "northwick.staff"}
	Paul  = Who{Subject: "paul", Name: "Paul Baker", ACR: "high", Groups: []string{"northwick-partner-officers"}, Client: "northwick.staff"}
	Edith = Who{Subject: "edith", Name: "Edith Moor", ACR: "high", Groups: []string{"eastmere-partner-officers"}, Client: "eastmere.staff"}
)

// PartnerAnswers are a complete application of a public body with every purpose; change overwrites some.
func PartnerAnswers(shortName string, change map[string]any) map[string]any {
	out := map[string]any{
		"body_kind": "public-body", "body_name": "The Body", "body_name_ru": "Учреждение", "body_name_zh": "机构", "short_name": shortName, "registration_number": "0812 3344",
		"categories": []string{"permits", "appointments"}, "purposes": []string{"appointment", "application", "notice"}, "plan": "What we do at our counter today, in the app.",
		"email": "office@body.example", "address": "5 Orchard Way, NW2 7QL, Northwick", "position": "51.5290, -0.1370", "declaration": true,
	}
	maps.Copy(out, change)
	return out
}

// CompanyAnswers are those of a licensed company whose licence ends on a day, YYYY-MM-DD.
func CompanyAnswers(shortName, until string) map[string]any {
	return PartnerAnswers(shortName, map[string]any{"body_kind": "company", "licence_number": "CQC-1-1009", "licence_until": until, "categories": []string{"health", "appointments"}})
}

// DraftOf opens a draft of a service.
func (a *App) DraftOf(who Who, service string) Case {
	a.t.Helper()
	r := a.Do(Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: Key(), Body: map[string]any{"service": service}})
	if r.Status != http.StatusCreated {
		a.t.Fatalf("%s by %s: %d %s", service, who.Subject, r.Status, r.Body)
	}
	var out Case
	r.JSON(a.t, &out)
	return out
}

// Approve brings an application to where the terms can be signed.
func (a *App) Approve(who Who, answers map[string]any) Case {
	a.t.Helper()
	c := a.Act(who, a.DraftOf(who, "partner-application"), "submit", answers)
	c = a.Act(Ines, c, "propose", map[string]any{"assessment": "Entered in the register."})
	return a.Act(Paul, c, "approve", nil)
}

// Terms are what the representative says when signing them.
var Terms = map[string]any{"office_held": "Director", "declaration": true}

// Admit makes a body a partner whose staff sign in with the municipality, in the groups "<short name>-<role>s".
func (a *App) Admit(who Who, answers map[string]any) Organisation {
	a.t.Helper()
	a.Act(who, a.Approve(who, answers), "sign-terms", Terms)
	name, _ := answers["short_name"].(string)
	o := a.Organisation(who, name)
	r := a.SetSignIn(who, name, o.Version, map[string]any{"groups": map[string]string{"publisher": name + "-publishers", "officer": name + "-officers"}}, Key())
	if r.Status != http.StatusOK {
		a.t.Fatalf("sign-in of %s: %d %s", name, r.Status, r.Body)
	}
	r.JSON(a.t, &o)
	return o
}

// Organisation is one body as its representative reads it; only what the tests look at.
type Organisation struct {
	ShortName string `json:"short_name"`
	State     string
	Reason    string
	Version   int
	MiniApps  []MiniApp `json:"mini_apps"`
}

// MiniApp is one that a body made.
type MiniApp struct {
	ID         string
	AppID      string `json:"app_id"`
	Definition string
}

// Organisation reads one, which must be there.
func (a *App) Organisation(who Who, name string) (o Organisation) {
	a.t.Helper()
	r := a.Do(Call{Who: &who, Method: http.MethodGet, Path: "/partners/v1/organisations/" + name})
	if r.Status != http.StatusOK {
		a.t.Fatalf("%s of %s: %d %s", name, who.Subject, r.Status, r.Body)
	}
	r.JSON(a.t, &o)
	return o
}

// SetSignIn asks to set how a body's staff sign in.
func (a *App) SetSignIn(who Who, name string, version int, signIn map[string]any, key string) Answer {
	a.t.Helper()
	return a.Do(Call{Who: &who, Method: http.MethodPost, Path: "/partners/v1/organisations/" + name + "/sign-in", Key: key, Body: map[string]any{"version": version, "sign_in": signIn}})
}

// Blanks are what a template begins with, named for a body.
func (a *App) Blanks(template, slug, category string) map[string]any {
	a.t.Helper()
	var out struct {
		Templates []struct {
			Name   string
			Blanks map[string]any
		}
	}
	a.Do(Call{Method: http.MethodGet, Path: "/partners/v1/templates"}).JSON(a.t, &out)
	for _, one := range out.Templates {
		if one.Name == template {
			delete(one.Blanks, "$schema")
			one.Blanks["slug"], one.Blanks["category"] = slug, category
			return one.Blanks
		}
	}
	a.t.Fatalf("there is no template %s", template)
	return nil
}

// Make asks to make a mini-app.
func (a *App) Make(who Who, name, template string, blanks map[string]any, key string) Answer {
	a.t.Helper()
	r := a.Do(Call{Who: &who, Method: http.MethodPost, Path: "/partners/v1/organisations/" + name + "/mini-apps", Key: key, Body: map[string]any{"template": template, "blanks": blanks}})
	if r.Status == http.StatusOK {
		var m MiniApp
		r.JSON(a.t, &m)
		a.asked(m.AppID)
	}
	return r
}

// Made makes one from what its template begins with, and expects success.
func (a *App) Made(who Who, name, template, slug, category string) (m MiniApp) {
	a.t.Helper()
	r := a.Make(who, name, template, a.Blanks(template, slug, category), Key())
	if r.Status != http.StatusOK {
		a.t.Fatalf("%s from %s: %d %s", slug, template, r.Status, r.Body)
	}
	r.JSON(a.t, &m)
	return m
}

// Suspend asks to suspend a partner.
func (a *App) Suspend(who Who, name string, version int) Answer {
	a.t.Helper()
	return a.Do(Call{Who: &who, Method: http.MethodPost, Path: "/partners/v1/partners/" + name + "/suspend", Key: Key(), Body: map[string]any{"version": version, "reason": "The register is being examined."}})
}

// StaffOf is somebody who works for a partner, in its group for a role.
func StaffOf(name, role, subject string) Who {
	return Who{Subject: subject, Name: "Works at " + name, ACR: "high", Groups: []string{name + "-" + role + "s"}, Client: "northwick.staff"}
}

// LicenceDay is a day so many days from now, as forms take it.
func LicenceDay(now time.Time, days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
