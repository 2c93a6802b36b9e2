package catalogue

import (
	"slices"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/workflows"
)

// heard is a directory whose municipalities offer one mini-app more.
type heard struct {
	kernel.Directory
	slug string
}

func (h heard) Tenants() []kernel.Tenant {
	all := h.Directory.Tenants()
	for i := range all {
		all[i].Services = append(slices.Clone(all[i].Services), h.slug)
	}
	return all
}

// Two services on one database: the one that has just made a mini-app, and one that starts without having heard of it.
func TestAServiceThatStartsLeavesWhatAnotherJustMade(t *testing.T) {
	t.Parallel()
	base, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	templates, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	b := templates[2].Blank()
	b.Slug, b.Agency = "hive-notices", "civil-registry"
	b.Title = kernel.Text{"en": "Apiary notices", "ru": "Вести пасеки", "zh": "养蜂通知"}
	files, err := templates[2].Fill(b)
	if err != nil {
		t.Fatal(err)
	}
	d, problems := workflows.ParseFiles("civic/hive-notices", files)
	if len(problems) > 0 {
		t.Fatal(workflows.Problems(problems))
	}
	db, library := kerneltest.DB(t), base.Fork()
	maker := serviceOf(t, db, library, kerneltest.Directory())
	if err := maker.fillSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := library.Add(d); err != nil {
		t.Fatal(err)
	}
	maker.deps.Directory = heard{kerneltest.Directory(), d.Slug}
	if err := maker.Offered(t.Context(), kerneltest.Northwick); err != nil {
		t.Fatal(err)
	}
	town := maker.deps.Directory.Tenants()[0]
	find := func(when string) {
		t.Helper()
		found, err := maker.search(t.Context(), town, "", "apiary", "en")
		if err != nil || len(found) != 1 || found[0].AppID != d.Slug {
			t.Errorf("%s: found %v, %v", when, found, err)
		}
	}
	find("made")
	other := serviceOf(t, db, base.Fork(), kerneltest.Directory())
	if err := other.fillSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	find("another has started")
	if err := other.Offered(t.Context(), kerneltest.Northwick); err != nil {
		t.Fatal(err)
	}
	find("another offers what it knows")
	// The one that has not heard of it shows nothing it could not describe.
	if found, err := other.search(t.Context(), kerneltest.Directory().Tenants()[0], "", "apiary", "en"); err != nil || len(found) != 0 {
		t.Errorf("the other finds %v, %v", found, err)
	}
	if library.Made("residence-certificate") || !library.Made(d.Slug) || base.Made(d.Slug) {
		t.Error("what is made is not told from what came with the program")
	}
}
