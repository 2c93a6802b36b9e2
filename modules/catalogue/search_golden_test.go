package catalogue

import (
	"bufio"
	"context"
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"

	_ "github.com/lib/pq" // the driver
	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// query is a line of testdata/queries.txt.
type query struct {
	lang  string
	wrong bool // has a typing mistake
	text  string
	want  string
}

func queries(t testing.TB) []query {
	t.Helper()
	f, err := os.Open("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []query
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.Split(line, "\t")
		if len(part) != 3 {
			t.Fatalf("queries.txt: %q", line)
		}
		lang, wrong := strings.CutSuffix(part[0], "~")
		out = append(out, query{lang, wrong, part[1], part[2]})
	}
	return out
}

// city is what the program's own services and those of testdata/services.yaml say.
func city(t testing.TB) []saying {
	t.Helper()
	library, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/services.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var services []struct {
		Slug, Category, Agency string
		EN, RU, ZH             [3]string
	}
	if err := yaml.Unmarshal(b, &services); err != nil {
		t.Fatal(err)
	}
	out := sayingsOf(library)
	for _, s := range services {
		for lang, text := range map[string][3]string{"en": s.EN, "ru": s.RU, "zh": s.ZH} {
			out = append(out, saying{s.Slug, lang, s.Category, s.Agency, text[0], text[2], text[1], false})
		}
	}
	return out
}

func slugsOf(all []saying) []string {
	var out []string
	for _, s := range all {
		if s.Lang == "en" {
			out = append(out, s.Slug)
		}
	}
	return out
}

// searching is a municipality that offers the whole city. change, if there is one, is done to the database as its owner, after it was filled.
func searching(t testing.TB, groups map[string][]group, change string) searchStore {
	t.Helper()
	address := kerneltest.URL(t)
	s := searchStore{openAt(t, address)}
	all := city(t)
	if _, err := s.say(t.Context(), all, groups); err != nil {
		t.Fatal(err)
	}
	if err := s.offer(t.Context(), kerneltest.Northwick, offering{Slugs: slugsOf(all)}); err != nil {
		t.Fatal(err)
	}
	if change != "" {
		asOwner(t, address, change)
		s.db = openAt(t, address) // settings of a database are those of new connections
	}
	return s
}

func openAt(t testing.TB, address string) *pg.DB {
	t.Helper()
	db, err := pg.Open(context.Background(), pg.Options{URL: address, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func asOwner(t testing.TB, address, query string) {
	t.Helper()
	db, err := sql.Open("postgres", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}

func (s searchStore) ask(t testing.TB, tenant kernel.TenantID, category, text string) []string {
	t.Helper()
	found, err := s.find(context.Background(), tenant, category, queryTokens(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return found
}

// share asks all queries and returns how many of them, in each language and in all, have the right service among the first three.
func (s searchStore) share(t testing.TB) map[string]float64 {
	t.Helper()
	right, of := map[string]int{}, map[string]int{}
	for _, q := range queries(t) {
		found := s.ask(t, kerneltest.Northwick, "", q.text)
		hit := slices.Contains(found[:min(3, len(found))], q.want)
		if !hit {
			t.Logf("%s %q: want %s, got %v", q.lang, q.text, q.want, found[:min(5, len(found))])
		}
		for _, k := range []string{q.lang, "all"} {
			of[k]++
			if hit {
				right[k]++
			}
		}
	}
	out := map[string]float64{}
	for k, n := range of {
		out[k] = float64(right[k]) / float64(n)
		t.Logf("%s: %d of %d", k, right[k], n)
	}
	return out
}

// enough is the share of queries whose service must be among the first three.
const enough = 0.95

func TestTheRightServiceIsAmongTheFirstThree(t *testing.T) {
	t.Parallel()
	for lang, share := range searching(t, synonyms(), "").share(t) {
		if share < enough {
			t.Errorf("%s: %.3f of the queries find their service among the first three, want %.2f", lang, share, enough)
		}
	}
}

// The golden set tells a good search from one that lacks a part.
func TestASearchThatLacksAPartFailsTheGoldenSet(t *testing.T) {
	t.Parallel()
	for name, weak := range map[string]struct {
		groups map[string][]group
		change string
	}{
		"no synonyms": {groups: map[string][]group{}},
		"no misspellings": {synonyms(), `UPDATE catalogue.word SET slips = '{}';
			DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_trgm.similarity_threshold = 1', current_database()); END $$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			share := searching(t, weak.groups, weak.change).share(t)
			if share["all"] >= enough {
				t.Errorf("%.3f of the queries find their service all the same: the set does not notice", share["all"])
			}
		})
	}
}

func TestTheGoldenSetIsWhatItSays(t *testing.T) {
	t.Parallel()
	count, mistakes, seen := map[string]int{}, map[string]int{}, map[string]bool{}
	offered := slugsOf(city(t))
	for _, q := range queries(t) {
		count[q.lang]++
		if q.wrong {
			mistakes[q.lang]++
		}
		if !slices.Contains(offered, q.want) || seen[q.text] {
			t.Errorf("%q: asked twice, or wants %s, which nobody offers", q.text, q.want)
		}
		seen[q.text] = true
	}
	for _, lang := range kernel.Locales {
		if count[lang] < 20 || mistakes[lang]*3 < count[lang] {
			t.Errorf("%s: %d queries, %d with a mistake", lang, count[lang], mistakes[lang])
		}
	}
	if len(offered) < 48 {
		t.Errorf("only %d services to find one among", len(offered))
	}
}
