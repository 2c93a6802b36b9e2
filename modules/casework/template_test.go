package casework

import (
	"fmt"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// offering is the test directory whose municipalities offer one more service.
type offering struct {
	kernel.Directory
	slug string
}

func (o offering) Tenants() []kernel.Tenant {
	all := o.Directory.Tenants()
	for i := range all {
		all[i].Services = append(all[i].Services, o.slug)
	}
	return all
}

// An agency's notices, from a definition that was added to a running library: an official announces to one subscriber, the
// system to another for the sector's module, and each gets a document and a notice.
func TestNoticesAreAnnouncedByAnOfficialAndByTheSystem(t *testing.T) {
	t.Parallel()
	templates, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	b := templates[2].Blank()
	b.Slug, b.Agency = "water-notices", "civil-registry"
	files, err := templates[2].Fill(b)
	if err != nil {
		t.Fatal(err)
	}
	d, problems := workflows.ParseFiles("civic/water-notices", files)
	if len(problems) > 0 {
		t.Fatal(workflows.Problems(problems))
	}
	base, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	lib := base.Fork()
	h := newHouseWith(t, lib, offering{kerneltest.Directory(), d.Slug})
	if err := lib.Add(d); err != nil { // while it runs
		t.Fatal(err)
	}
	officer := h.oliver
	officer.Grants = []kernel.Grant{{Agency: "civil-registry", Role: "officer"}}
	notice := map[string]any{"heading": "No water on Tuesday", "body": "From nine to noon.\nIn Mill Lane."}

	cases := map[kernel.PersonID]kernel.Case{}
	for _, p := range []kernel.Principal{h.anna, h.mei} {
		tenant := kerneltest.Tenant(p.Tenant)
		tenant.Services = append(tenant.Services, d.Slug)
		ctx := kernel.WithTenant(h.as(p), tenant)
		err := h.DB.InTx(ctx, p.Tenant, func(tx *pg.Tx) error {
			c, err := h.Start(ctx, tx, kernel.NewCase{Service: d.Slug, Locale: "en", Then: &kernel.Act{Action: "subscribe"}})
			cases[p.Person] = c
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	c := h.act(officer, cases[h.anna.Person], "announce", notice)
	if c.State != "subscribed" || len(h.documents.intents) != 1 || !h.documents.intents[0].Content.Beside || h.documents.intents[0].Type != "notice" {
		t.Fatalf("by an official: %s, %+v", c.State, h.documents.intents)
	}
	if _, err := h.try(h.anna, c, "announce", notice); kernel.KindOf(err) != kernel.Forbidden {
		t.Errorf("a subscriber announces: %v", err)
	}

	system := kernel.SystemPrincipal(kerneltest.Northwick)
	announce := func(a kernel.Act) error {
		return h.DB.InTx(h.as(system), system.Tenant, func(tx *pg.Tx) error {
			_, err := h.Act(h.as(system), tx, a)
			return err
		})
	}
	second := cases[h.mei.Person]
	if err := announce(kernel.Act{Case: second.ID, Version: second.Version, Action: "announce", Input: notice}); kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("for no module: %v", err)
	}
	if err := announce(kernel.Act{Case: second.ID, Version: second.Version, Action: "announce", Input: notice, Sector: "civic"}); err != nil {
		t.Fatalf("by the system: %v", err)
	}
	if len(h.documents.intents) != 2 || h.documents.intents[1].Holder != h.mei.Person {
		t.Errorf("documents: %+v", h.documents.intents)
	}
	if words := fmt.Sprint(h.documents.intents[1].Content); len(h.documents.intents[1].Content.Blocks) < 5 {
		t.Errorf("the notice says only %s", words)
	}
}
