package apptest_test

import (
	"encoding/json"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"townhall/modules/apptest"
	"townhall/openapi"
)

var (
	hrefs    = regexp.MustCompile(`href="([^"]+)"`)
	runnable = regexp.MustCompile(`(?s)<pre tabindex="0" data-run(?:="([a-z]+)")?><code>(.*?)</code></pre>`)
	aCommand = regexp.MustCompile(`^curl -sS (?:-X ([A-Z]+) )?"\$ORIGIN([^"]+)"(.*)$`)
	aHeader  = regexp.MustCompile(`-H "([^":]+): ([^"]*)"`)
	aBody    = regexp.MustCompile(`-d '([^']*)'`)
	aCode    = regexp.MustCompile(`<code>([a-z]+(?:-[a-z]+)+)</code>`)
)

// The page for host wallets is held against the town itself: no dead link, every operation of the contract named, each command
// answered as the contract says, each problem one of those there are.
func TestThePageForHostWalletsIsTrue(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna, apptest.Oliver, apptest.Priya)
	apptest.Issue(a, apptest.Anna)
	get := func(path string) string {
		t.Helper()
		r := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path})
		if r.Status != http.StatusOK {
			t.Fatalf("%s answers %d", path, r.Status)
		}
		return string(r.Body)
	}
	page := get("/developers/hosts")
	_, main, _ := strings.Cut(page, `<main`)

	seen := map[string]string{"/developers/hosts": page}
	for _, m := range hrefs.FindAllStringSubmatch(main, -1) {
		path, anchor, _ := strings.Cut(html.UnescapeString(m[1]), "#")
		if path == "" {
			path = "/developers/hosts"
		}
		if seen[path] == "" {
			seen[path] = get(path)
		}
		if anchor != "" && !strings.Contains(seen[path], `id="`+anchor+`"`) {
			t.Errorf("%s leads to nothing", m[1])
		}
	}

	namesEveryOperation(t, main, "wallet", 11)

	ran := 0
	for _, block := range runnable.FindAllStringSubmatch(main, -1) {
		text := strings.ReplaceAll(html.UnescapeString(block[2]), "\\\n", "")
		for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
			m := aCommand.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("no command: %s", line)
				continue
			}
			method := m[1]
			if method == "" {
				method = http.MethodGet
			}
			call := apptest.Call{Method: method, Path: m[2]}
			if block[1] != "" {
				call.Who = &apptest.Anna
			}
			if b := aBody.FindStringSubmatch(m[3]); b != nil {
				var body map[string]any
				if err := json.Unmarshal([]byte(b[1]), &body); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				call.Body = body
			}
			for _, h := range aHeader.FindAllStringSubmatch(m[3], -1) {
				if h[1] != "Content-Type" && (h[1] != "Authorization" || h[2] != "Bearer $TOKEN") {
					t.Errorf("a header nobody sends: %s", h[0])
				}
			}
			r := a.Do(call) // judged by the contract
			if r.Status != http.StatusOK {
				t.Errorf("%s: %d %s", line, r.Status, r.Body)
			}
			if strings.HasSuffix(call.Path, "/documents") && !strings.Contains(string(r.Body), `"check_uri"`) {
				t.Errorf("%s: %s", line, r.Body)
			}
			ran++
		}
	}
	if ran < 6 {
		t.Errorf("only %d commands were run", ran)
	}

	problems, err := fs.ReadFile(openapi.FS, "problems.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	_, errors, _ := strings.Cut(main, `<h2>Errors</h2>`)
	_, stages, _ := strings.Cut(main, `id="stages"`)
	stages, _, _ = strings.Cut(stages, "</section>")
	for _, m := range aCode.FindAllStringSubmatch(errors+stages, -1) {
		if checked++; !strings.Contains(string(problems), "code: "+m[1]+"\n") {
			t.Errorf("there is no problem %s", m[1])
		}
	}
	if checked < 9 {
		t.Errorf("only %d problems", checked)
	}
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := fs.ReadFile(openapi.FS, name)
	if err == nil {
		err = yaml.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(name, err)
	}
}

// The notice on the page has the members of a real one, no more and no fewer.
func TestTheNoticeOnThePageForHostWalletsIsARealOne(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []byte
	wallet := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got, _ = io.ReadAll(r.Body)
	}))
	defer wallet.Close()
	a := apptest.Start(t, apptest.WithWebhook(wallet.URL, "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMQ=="))
	a.Know("northwick", apptest.Anna, apptest.Oliver, apptest.Priya)
	apptest.Issue(a, apptest.Anna)
	page := string(a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/developers/hosts"}).Body)
	_, example, _ := strings.Cut(page, `id="notice"><code>`)
	example, _, _ = strings.Cut(example, "</code>")
	mu.Lock()
	defer mu.Unlock()
	if want, have := members(t, got), members(t, []byte(html.UnescapeString(example))); !slices.Equal(want, have) {
		t.Errorf("the page has %v\na real notice has %v", have, want)
	}
}

// members are the paths of a JSON object's members, sorted.
func members(t *testing.T, raw []byte) (out []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, one := range m {
				out = append(out, prefix+k)
				walk(prefix+k+".", one)
			}
		}
	}
	walk("", v)
	slices.Sort(out)
	return out
}

// namesEveryOperation expects a page to lead to each operation of a contract, by its method and address, and the contract to have so many.
func namesEveryOperation(t *testing.T, main, contract string, atLeast int) {
	t.Helper()
	var file struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
		}
	}
	readYAML(t, contract+".yaml", &file)
	named := 0
	for path, item := range file.Paths {
		for method, op := range item {
			if op.OperationID == "" {
				continue
			}
			named++
			if !strings.Contains(main, `<a href="/developers/`+contract+`#`+op.OperationID+`">`+strings.ToUpper(method)+" /"+contract+"/v1"+path+"</a>") {
				t.Errorf("%s is not named: %s %s", op.OperationID, method, path)
			}
		}
	}
	if named < atLeast {
		t.Errorf("only %d operations", named)
	}
}
