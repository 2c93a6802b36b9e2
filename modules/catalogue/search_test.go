package catalogue

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestTokensAreWordsAndChinesePairs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Dog-registration, 2nd!": {"dog", "registration", "2nd"},
		"ЖИЛЬЁ":                  {"жилье"},
		"ｒｅｓｉｄｅｎｃｅ":              {"residence"},
		"停車證":                    {"停", "停车", "车", "车证", "证"},
		"WiFi上网":                 {"wifi", "上", "上网", "网"},
		"%_'\"\\":                nil,
		"\xff\x00":               nil,
		strings.Repeat("я", 60):  {strings.Repeat("я", longestToken)},
	} {
		if got := textsOf(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if n := len(queryTokens(strings.Repeat("a b c d e f g h i j k l ", 10))); n != mostWords {
		t.Errorf("%d words of a long query", n)
	}
	if n := len(queryTokens("一二三四五六七八九十百千万亿甲乙丙丁戊己庚辛壬癸")); n != mostCharacters {
		t.Errorf("%d tokens of a long Chinese query", n)
	}
}

func TestDistanceCountsLettersAndSwaps(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"birth", "birth"}: 0, {"brith", "birth"}: 1, {"bith", "birth"}: 1, {"birthh", "birth"}: 1, {"bitrh", "birth"}: 1, {"bikth", "birth"}: 1,
		{"собака", "сабака"}: 1, {"", "abc"}: 3, {"abc", ""}: 3, {"kitten", "sitting"}: 3, {"прививка", "првивкаа"}: 2,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%s: %d, want %d", pair, got, want)
		}
	}
}

func TestOnlyAWordThatNobodyHasIsCorrected(t *testing.T) {
	t.Parallel()
	like := []likeness{{"birth", 3, 0.2}, {"berth", 1, 0.5}, {"smith", 9, 0.31}, {"wreath", 9, 0.1}}
	if got := correct("birth", looked{found: 3, like: like}); got != nil {
		t.Errorf("a word that is there is corrected to %v", got)
	}
	got := correct("brith", looked{stem: "brith", like: like})
	if len(got) != 2 || got[0].word != "birth" || got[1].word != "berth" {
		t.Errorf("brith stands for %v", got)
	}
	if got := correct("cat", looked{stem: "cat", like: []likeness{{"car", 1, 0.4}, {"act", 1, 0.1}}}); len(got) != 1 || got[0].word != "act" {
		t.Errorf("three letters stand for %v", got)
	}
}

func TestSynonymsAreWellKept(t *testing.T) {
	t.Parallel()
	for _, lang := range kernel.Locales {
		groups := synonyms()[lang]
		if len(groups) < 30 {
			t.Errorf("%s: only %d groups", lang, len(groups))
		}
		seen := map[string]bool{}
		for _, g := range groups {
			if len(g) < 2 {
				t.Errorf("%s: %v says nothing", lang, g)
			}
			for _, term := range g {
				key := strings.Join(term, " ")
				if key == "" || seen[key] {
					t.Errorf("%s: %q stands twice, or is empty", lang, key)
				}
				seen[key] = true
			}
		}
	}
	if n := len(simplified()); n < 2500 {
		t.Errorf("only %d traditional characters", n)
	}
	for from, to := range simplified() {
		if _, again := simplified()[to]; again && simplified()[to] != to {
			t.Errorf("%c becomes %c, which becomes another", from, to)
		}
	}
}

// little is a municipality with a few services that say only what matters here.
func little(t testing.TB, all ...saying) searchStore {
	t.Helper()
	s := searchStore{kerneltest.DB(t)}
	for i := range all {
		if all[i].Lang == "" {
			all[i].Lang = "en"
		}
	}
	if _, err := s.say(t.Context(), all, synonyms()); err != nil {
		t.Fatal(err)
	}
	if err := s.offer(t.Context(), kerneltest.Northwick, offering{Slugs: slugsOf(all)}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheBetterHitComesFirst(t *testing.T) {
	t.Parallel()
	s := little(t,
		saying{Slug: "d", Title: "One", Category: "lanterns", Agency: "lantern-office"}, saying{Slug: "c", Title: "Two", Summary: "About a lantern."},
		saying{Slug: "b", Title: "Three", Words: "light, lantern"}, saying{Slug: "a", Title: "A lantern"},
		saying{Slug: "y", Title: "Levers"}, saying{Slug: "x", Title: "Lever"},
	)
	if got := s.ask(t, kerneltest.Northwick, "", "lantern"); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("title, search words, summary, agency come as %v", got)
	}
	if got := s.ask(t, kerneltest.Northwick, "", "lever"); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("the word and a longer one come as %v", got)
	}
	p := planOf(queryTokens("parkin"), []looked{{stem: "parkin", like: []likeness{{"parking", 1, 0.7}}}})
	factors := map[string]float64{}
	for _, l := range p.lexemes {
		factors[fmt.Sprintf("%t %t %s", l.prefix, l.stem, l.lexeme)] = l.factor
	}
	exact, prefix, stem, slip := factors["false false parkin"], factors["true false parkin"], factors["false true parkin"], factors["false false parking"]
	if len(factors) != 4 || !(exact > prefix && prefix > stem && stem > slip && slip > 0) {
		t.Errorf("exact %v, prefix %v, stem %v, misspelling %v", exact, prefix, stem, slip)
	}
}

func TestOneMunicipalityNeverFindsWhatAnotherOffers(t *testing.T) {
	t.Parallel()
	s := little(t, saying{Slug: "ours", Title: "Lantern"}, saying{Slug: "theirs", Title: "Lantern hire"})
	for tenant, o := range map[kernel.TenantID]offering{
		kerneltest.Northwick: {Slugs: []string{"ours"}, Agencies: map[string]string{"": "Northwick lamp office"}}, kerneltest.Eastmere: {Slugs: []string{"theirs"}},
	} {
		if err := s.offer(t.Context(), tenant, o); err != nil {
			t.Fatal(err)
		}
	}
	for tenant, want := range map[kernel.TenantID]string{kerneltest.Northwick: "ours", kerneltest.Eastmere: "theirs"} {
		if got := s.ask(t, tenant, "", "lantern"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s finds %v", tenant, got)
		}
		var all []string // of a statement that names no municipality
		if err := s.db.Read(t.Context(), tenant, func(tx *pg.Tx) error {
			return tx.SelectContext(t.Context(), &all, `SELECT slug FROM catalogue.offer`)
		}); err != nil || !slices.Equal(all, []string{want}) {
			t.Errorf("%s reads %v, %v", tenant, all, err)
		}
	}
	if got := s.ask(t, "nowhere", "", "lantern"); len(got) != 0 {
		t.Errorf("a municipality that offers nothing finds %v", got)
	}
	if got := s.ask(t, kerneltest.Northwick, "", "lamp offices"); !slices.Equal(got, []string{"ours"}) {
		t.Errorf("the agency's name finds %v", got)
	}
	if got := s.ask(t, kerneltest.Eastmere, "", "lamp office"); len(got) != 0 {
		t.Errorf("another municipality's agency finds %v", got)
	}
}

func TestTheTablesAreFilledOnceAndFollowWhatChanges(t *testing.T) {
	t.Parallel()
	s := searchStore{kerneltest.DB(t)}
	say := func(want int, all ...saying) {
		t.Helper()
		if wrote, err := s.say(t.Context(), all, synonyms()); err != nil || wrote != want {
			t.Fatalf("wrote %d rows, want %d: %v", wrote, want, err)
		}
	}
	lantern, bin := saying{Slug: "a", Lang: "en", Title: "Lantern"}, saying{Slug: "b", Lang: "en", Title: "Dustbin"}
	say(2, lantern, bin)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if wrote, err := s.say(t.Context(), []saying{lantern, bin}, synonyms()); err != nil || wrote != 0 {
				t.Errorf("once more: %d, %v", wrote, err)
			}
			if err := s.offer(t.Context(), kerneltest.Northwick, offering{Slugs: []string{"a", "b"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	find := func(query string, want ...string) {
		t.Helper()
		if got := s.ask(t, kerneltest.Northwick, "", query); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", query, got, want)
		}
	}
	find("lantren", "a")
	find("lamp post")
	lantern.Title = "Beacon"
	say(1, lantern, bin)
	find("lantren") // the word is no correction any more either
	find("baecon", "a")
	say(1, bin)
	find("beacon")
	if err := s.offer(t.Context(), kerneltest.Northwick, offering{Slugs: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	find("dustbin")
}

// One of two processes on a database makes a mini-app. The other has not heard of it when it says what it knows, offers what it knows,
// or starts anew.
func TestAProcessLeavesWhatAnotherMadeInTheSearch(t *testing.T) {
	t.Parallel()
	first := searchStore{kerneltest.DB(t)}
	second := searchStore{first.db}
	lantern, bin := saying{Slug: "a", Lang: "en", Title: "Lantern"}, saying{Slug: "b", Lang: "en", Title: "Dustbin"}
	made := saying{Slug: "hive-permits", Lang: "en", Title: "Beehive", Made: true}
	tell := func(s searchStore, all ...saying) {
		t.Helper()
		if _, err := s.say(t.Context(), all, synonyms()); err != nil {
			t.Fatal(err)
		}
		if err := s.offer(t.Context(), kerneltest.Northwick, offering{Slugs: slugsOf(all)}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(query string, want ...string) {
		t.Helper()
		for n, s := range []searchStore{first, second} {
			if got := s.ask(t, kerneltest.Northwick, "", query); !slices.Equal(got, want) {
				t.Errorf("process %d: %q finds %v, want %v", n+1, query, got, want)
			}
		}
	}
	tell(first, lantern, bin)
	tell(first, lantern, bin, made)
	find("beehive", "hive-permits")
	tell(second, lantern, bin)
	find("beehive", "hive-permits")
	find("beehvie", "hive-permits") // its words correct what is typed
	tell(second, bin)               // and what came with the program goes with it
	find("lantern")
	find("beehive", "hive-permits")
	made.Title = "Apiary"
	tell(second, bin, made)
	find("beehive")
	find("apiary", "hive-permits")
	if n, err := first.say(t.Context(), []saying{bin, made}, synonyms()); err != nil || n != 0 {
		t.Errorf("wrote %d rows for nothing: %v", n, err)
	}
}

func TestOddQueriesAreAnsweredQuickly(t *testing.T) {
	t.Parallel()
	s := searching(t, synonyms(), "")
	for _, q := range []string{
		strings.Repeat("a", 100), strings.Repeat("ab ", 33), strings.Repeat("登记证明", 25), strings.Repeat("é", 50), strings.Repeat("регистрация ", 8),
		"'", `"`, `\`, `\'`, "' OR 1=1 --", "%", "_", "%%%", "*", ":*", "&", "!", "|", "<->", "dog & !cat", "dog:*", "a'b'c", "((", "$1", "{}", "{a,b}", `"a","b"`,
		"\xff\xfe", "e\u0301\u0301\u0301\u0301", "👶", "👨‍👩‍👧", "\u202edog", "the", "for a the", "и в на", "我要", "𠮷", "٣٤", "ab\tcd\ncd", "ï¼", "none null NULL",
		"pqrstuvw xyzzyx qwerty asdfgh zxcvbn poiuyt lkjhgf mnbvcx rtyuio fghjkl",
	} {
		begin := time.Now()
		s.ask(t, kerneltest.Northwick, "", q)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%q took %v", q, took)
		}
	}
	if got := s.ask(t, kerneltest.Northwick, "'; DROP TABLE catalogue.said; --", "dog"); len(got) != 0 {
		t.Errorf("a category nobody has finds %v", got)
	}
	if got := s.ask(t, kerneltest.Northwick, "animals", "registration"); !slices.Equal(got, []string{"dog-registration"}) {
		t.Errorf("among animals, registration is %v", got)
	}
}

// searchable is town with a database behind its search.
func searchable(t *testing.T) http.Handler {
	t.Helper()
	s := service(t)
	s.deps.DB = kerneltest.DB(t)
	if err := s.Module().Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return handlerOf(t, s, kerneltest.Directory())
}

func TestTheWalletFindsAServiceInAnyLanguageAndForgivesALetter(t *testing.T) {
	t.Parallel()
	h := searchable(t)
	find := func(query string) []string {
		t.Helper()
		w := call(h, "GET", "/wallet/v1/miniapps?"+query, "")
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		var list struct{ MiniApps []Manifest }
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range list.MiniApps {
			out = append(out, m.AppID)
		}
		return out
	}
	for _, q := range []string{"residence", "RESIDENCE", "reside", "rezidence", "certificate residence", "residence-certificate", "справка", "居住", "ｒｅｓｉｄｅｎｃｅ", "residence helicopter", "населения реестр", "戶籍", "", "  ", "?!", "%"} {
		if got := find("q=" + url.QueryEscape(q)); len(got) == 0 || got[0] != "residence-certificate" {
			t.Errorf("%q finds %v", q, got)
		}
	}
	for _, q := range []string{"q=helicopter", "q=the", "q=parking+permit", "category=travel", "q=residence&category=travel"} {
		if got := find(q); len(got) != 0 {
			t.Errorf("%q finds %v", q, got)
		}
	}
	if got := find("category=certificates"); len(got) != 1 {
		t.Errorf("the category holds %v", got)
	}
	if got := find("q=physician"); !slices.Equal(got, []string{"doctor-appointment"}) {
		t.Errorf("a synonym finds %v", got)
	}
	for q, status := range map[string]int{"q=a%00b": http.StatusUnprocessableEntity, "q=" + strings.Repeat("a", 101): http.StatusUnprocessableEntity, "q=" + strings.Repeat("a", 100): http.StatusOK, "q=%ff": http.StatusOK} {
		if w := call(h, "GET", "/wallet/v1/miniapps?"+q, ""); w.Code != status {
			t.Errorf("%.20s: %d %s", q, w.Code, w.Body)
		}
	}
	if w := call(h, "GET", "/wallet/v1/miniapps?lang=xx", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown language is answered with %d", w.Code)
	}
}
