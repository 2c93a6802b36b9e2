package catalogue

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

const (
	benchServices = 5000
	benchTowns    = 500
	benchQueries  = 2000
	benchPace     = 30 // requests through HTTP per second
	benchTime     = 30 * time.Second
)

// BenchmarkCatalogue searches among 5,000 services that 500 municipalities offer: a fifth of them each, then all of them. Queries are the
// golden ones and parts of titles, in three languages, half of them with a typing mistake.
func BenchmarkCatalogue(b *testing.B) {
	for b.Loop() {
		random := rand.New(rand.NewPCG(1, 2))
		all := manyServices(city(b), random)
		library := libraryOf(b, all)
		asked := manyQueries(b, all, random)
		var lines []string
		for _, each := range []int{benchServices / 5, benchServices} {
			lines = append(lines, benchTown(b, library, each, asked)...)
		}
		fmt.Println(strings.Join(lines, "\n"))
	}
}

// benchTown measures one size of offer.
func benchTown(b *testing.B, library *workflows.Library, each int, asked []string) []string {
	address := kerneltest.URL(b)
	db := openAt(b, address)
	towns := manyTowns(library, each)
	s := serviceOf(b, db, library, towns)
	begin := time.Now()
	if err := s.fillSearch(b.Context()); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("%d services, %d municipalities, %d offered by each: filled in %.1f s", benchServices, benchTowns, each, time.Since(begin).Seconds())
	s.filled, begin = false, time.Now()
	if err := s.fillSearch(b.Context()); err != nil {
		b.Fatal(err)
	}
	fmt.Printf(", with nothing changed in %.1f s\n", time.Since(begin).Seconds())
	for _, table := range []string{"said", "word", "offer", "agency"} { // as autovacuum does some time after
		asOwner(b, address, "VACUUM ANALYZE catalogue."+table)
	}
	name := fmt.Sprintf("among_%d_services_of_%d_municipalities_offering_%d", benchServices, benchTowns, each)
	return []string{
		p95("search_"+name+"_without_http", throughStore(b, searchStore{db}, towns, asked)),
		p95("search_"+name, throughHTTP(b, s, towns, asked)),
	}
}

func p95(name string, took []time.Duration) string {
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))]) / float64(time.Millisecond) }
	fmt.Printf("%-90s median %.1f ms, 99th percentile %.1f ms, longest %.1f ms\n", name, at(0.5), at(0.99), at(1))
	return fmt.Sprintf("p95_ms %s %.1f", name, at(0.95))
}

// throughStore asks one query after the other.
func throughStore(b *testing.B, s searchStore, towns townsOf, asked []string) []time.Duration {
	var took []time.Duration
	slow := map[string]time.Duration{}
	for i, q := range asked {
		begin := time.Now()
		s.ask(b, towns[i%len(towns)].ID, "", q)
		if i >= 100 { // warm
			took = append(took, time.Since(begin))
			slow[q] = time.Since(begin)
		}
	}
	slowest := slices.SortedFunc(func(yield func(string) bool) {
		for q := range slow {
			if !yield(q) {
				return
			}
		}
	}, func(x, y string) int { return int(slow[y] - slow[x]) })
	for _, q := range slowest[:5] {
		fmt.Printf("  slow: %.1f ms %q\n", float64(slow[q])/float64(time.Millisecond), q)
	}
	return took
}

// throughHTTP asks at a constant pace; the time counts from the moment a request was due. Everything has been asked for once
// before, so that what is shown has been published, as it has where a server runs for a while.
func throughHTTP(b *testing.B, s *Service, towns townsOf, asked []string) []time.Duration {
	server := httptest.NewServer(handlerOf(b, s, towns))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	ask := func(i int) {
		r, err := http.NewRequestWithContext(b.Context(), "GET", server.URL+"/wallet/v1/miniapps?q="+url.QueryEscape(asked[i%len(asked)]), nil)
		if err != nil {
			b.Error(err)
			return
		}
		r.Host = towns[i%len(towns)].Host
		w, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_, err = io.Copy(io.Discard, w.Body)
		w.Body.Close()
		if err != nil || w.StatusCode != http.StatusOK {
			b.Errorf("%s: %d %v", r.URL, w.StatusCode, err)
		}
	}
	n := int(benchTime.Seconds()) * benchPace
	for i := range n {
		ask(i)
	}
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	begin := time.Now()
	for i := range n {
		due := begin.Add(time.Duration(i) * time.Second / benchPace)
		time.Sleep(time.Until(due))
		all.Go(func() {
			ask(i)
			mu.Lock()
			defer mu.Unlock()
			if i >= 100 {
				took = append(took, time.Since(due))
			}
		})
	}
	all.Wait()
	return took
}

// Who a service is for, and where: with them 57 services become 5,000.
var (
	audiences = []map[string]string{
		{"en": "for residents", "ru": "для жителей", "zh": "居民版"}, {"en": "for students", "ru": "для студентов", "zh": "学生版"},
		{"en": "for companies", "ru": "для организаций", "zh": "单位版"}, {"en": "for visitors", "ru": "для гостей города", "zh": "访客版"},
		{"en": "for large families", "ru": "для многодетных семей", "zh": "多子女家庭版"}, {"en": "for veterans", "ru": "для ветеранов", "zh": "退伍军人版"},
		{"en": "for newcomers", "ru": "для новых жителей", "zh": "新市民版"}, {"en": "for farmers", "ru": "для фермеров", "zh": "农户版"},
	}
	districts = []map[string]string{
		{"en": "Old Town", "ru": "Старый город", "zh": "老城区"}, {"en": "Harbourside", "ru": "Портовый район", "zh": "港口区"},
		{"en": "Millfield", "ru": "Милфилд", "zh": "磨坊区"}, {"en": "Northgate", "ru": "Северные ворота", "zh": "北门"},
		{"en": "Riverside", "ru": "Заречье", "zh": "河滨区"}, {"en": "Hillcrest", "ru": "Нагорный район", "zh": "山顶区"},
		{"en": "Queen's Square", "ru": "Площадь королевы", "zh": "女王广场"}, {"en": "Eastfields", "ru": "Восточные поля", "zh": "东郊"},
		{"en": "Cathedral quarter", "ru": "Соборный квартал", "zh": "大教堂片区"}, {"en": "University quarter", "ru": "Университетский квартал", "zh": "大学城"},
		{"en": "Islands", "ru": "Острова", "zh": "群岛"}, {"en": "Airport district", "ru": "Район аэропорта", "zh": "空港区"},
	}
)

// manyServices makes 5,000 services of a city's. Each has four local names of its own in its search words, so that there are some
// 50,000 different words.
func manyServices(base []saying, random *rand.Rand) []saying {
	byKey := map[string]saying{}
	for _, s := range base {
		byKey[s.Slug+" "+s.Lang] = s
	}
	slugs := slugsOf(base)
	var out []saying
	for i := range benchServices {
		slug := slugs[i%len(slugs)]
		n := i / len(slugs)
		audience, district := audiences[n%len(audiences)], districts[n/len(audiences)%len(districts)]
		for _, lang := range kernel.Locales {
			s := byKey[slug+" "+lang]
			s.Slug = fmt.Sprintf("%s-%d", slug, n)
			s.Title += map[bool]string{true: " ", false: ""}[lang != "zh"] + audience[lang] + " (" + district[lang] + ")"
			for range 4 {
				s.Words += ", " + localName(lang, random)
			}
			out = append(out, s)
		}
	}
	return out
}

var syllables = map[string][]string{
	"en": {"ab", "bor", "cam", "den", "el", "fin", "gar", "hol", "ick", "jar", "ken", "lam", "mor", "nor", "ox", "pen", "quar", "ros", "stan", "thorp", "up", "wick", "ley", "ton"},
	"ru": {"аба", "бор", "вер", "гор", "дуб", "ел", "жар", "зел", "иль", "кам", "лес", "мир", "нов", "озер", "пол", "реч", "сос", "тих", "ус", "фом", "хол", "чер", "щег", "яр"},
	"zh": {"安", "北", "川", "德", "福", "广", "河", "江", "金", "乐", "林", "明", "南", "平", "清", "山", "泰", "文", "西", "兴", "永", "云", "长", "中"},
}

func localName(lang string, random *rand.Rand) string {
	var b strings.Builder
	for range 4 {
		b.WriteString(syllables[lang][random.IntN(len(syllables[lang]))])
	}
	return b.String()
}

// manyQueries mixes the golden queries with one to three words of titles, half of them with a mistake.
func manyQueries(b *testing.B, all []saying, random *rand.Rand) []string {
	golden := queries(b)
	var out []string
	for i := range benchQueries {
		if i%2 == 0 {
			out = append(out, golden[random.IntN(len(golden))].text)
			continue
		}
		s := all[random.IntN(len(all))]
		words := strings.Fields(s.Title)
		if s.Lang == "zh" {
			r := []rune(s.Title)
			words = []string{string(r[:min(len(r), 3+random.IntN(4))])}
		}
		q := strings.Join(words[:1+random.IntN(min(3, len(words)))], " ")
		if i%4 == 1 {
			q = mistyped(q, random)
		}
		out = append(out, q)
	}
	return out
}

// mistyped swaps, doubles, drops or changes a letter.
func mistyped(s string, random *rand.Rand) string {
	r := []rune(s)
	if len(r) < 3 {
		return s
	}
	i := 1 + random.IntN(len(r)-2)
	switch random.IntN(4) {
	case 0:
		r[i], r[i+1] = r[i+1], r[i]
	case 1:
		r = slices.Insert(r, i, r[i])
	case 2:
		r = slices.Delete(r, i, i+1)
	default:
		r[i] = r[random.IntN(len(r))]
	}
	return string(r)
}

// libraryOf makes a definition of each service: a residence certificate with other words.
func libraryOf(b *testing.B, all []saying) *workflows.Library {
	const from = "civic/residence-certificate"
	source := fstest.MapFS{}
	if err := fs.WalkDir(workflows.Embedded(), from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) == ".txtar" {
			return err
		}
		data, err := fs.ReadFile(workflows.Embedded(), p)
		source[strings.TrimPrefix(p, from)] = &fstest.MapFile{Data: data}
		return err
	}); err != nil {
		b.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, s := range all {
		folder := "civic/" + s.Slug
		for name, f := range source {
			if _, there := files[folder+name]; !there {
				files[folder+name] = f
			}
		}
		set := func(name string, values map[string]string) {
			var b strings.Builder
			for line := range strings.SplitSeq(string(source[name].Data), "\n") {
				key, _, _ := strings.Cut(line, ":")
				if v, ok := values[key]; ok {
					quoted, _ := yaml.Marshal(v)
					line = key + ": " + strings.TrimSpace(string(quoted))
				}
				b.WriteString(line + "\n")
			}
			files[folder+name] = &fstest.MapFile{Data: []byte(b.String())}
		}
		set("/i18n/"+s.Lang+".yaml", map[string]string{"title": s.Title, "summary": s.Summary, "search": s.Words})
		if s.Lang == "en" {
			set("/service.yaml", map[string]string{"slug": s.Slug, "category": s.Category, "agency": s.Agency})
		}
	}
	library, err := workflows.Load(files)
	if err != nil {
		b.Fatal(err)
	}
	return library
}

// townsOf is a directory of municipalities.
type townsOf []kernel.Tenant

func (t townsOf) Tenants() []kernel.Tenant { return t }

func (t townsOf) ByHost(host string) (kernel.Tenant, bool) {
	i := slices.IndexFunc(t, func(x kernel.Tenant) bool { return x.Host == host })
	if i < 0 {
		return kernel.Tenant{}, false
	}
	return t[i], true
}

func (t townsOf) Agency(_ kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	name := strings.ReplaceAll(string(a), "-", " ")
	return kernel.Agency{ID: a, Name: kernel.Text{"en": name, "ru": name, "zh": name}}, true
}

// manyTowns offer each of the services in another order.
func manyTowns(l *workflows.Library, each int) townsOf {
	var slugs []string
	for _, d := range l.All() {
		slugs = append(slugs, d.Slug)
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(slugs), func(i, j int) { slugs[i], slugs[j] = slugs[j], slugs[i] })
	slugs = append(slugs, slugs...)
	var out townsOf
	for i := range benchTowns {
		t := kerneltest.Tenant(kerneltest.Northwick)
		t.ID = kernel.TenantID(fmt.Sprintf("town-%d", i))
		t.Host = string(t.ID) + ".localhost:8080"
		t.Origin = "http://" + t.Host
		t.Services = slugs[i*10:][:each]
		out = append(out, t)
	}
	return out
}

func serviceOf(t testing.TB, db *pg.DB, l *workflows.Library, d kernel.Directory) *Service {
	t.Helper()
	s, err := New(Deps{DB: db, Keys: t.TempDir(), Clock: kernel.SystemClock{}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Library: l, Directory: d, Texts: textsFor(t), Shell: shell{}, Config: Config{Issuers: []string{wallet}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
