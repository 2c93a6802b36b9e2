package modules

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourceFile is one Go file of the tree: where it is and what it imports.
type sourceFile struct {
	pkg     string // "modules/casework"
	name    string // "store.go"
	imports []string
}

// rule names what a file may not import, or nothing.
type rule func(f sourceFile, imp string) string

// librariesOf lists, per kernel package, the libraries it exists to wrap.
var librariesOf = map[string][]string{
	"modules/kernel":            {},
	"modules/kernel/app":        {},
	"modules/kernel/pg":         {"github.com/jmoiron/sqlx", "github.com/lib/pq", "github.com/pressly/goose/v3", "golang.org/x/sync"},
	"modules/kernel/web":        {"github.com/danielgtaylor/huma/v2", "golang.org/x/text"},
	"modules/kernel/ui":         {"golang.org/x/text", "rsc.io/qr"},
	"modules/kernel/outside":    {"github.com/standard-webhooks/standard-webhooks/libraries"},
	"modules/kernel/kerneltest": {"github.com/jmoiron/sqlx", "github.com/lib/pq"},
}

func local(imp string) bool { return strings.HasPrefix(imp, "townhall/") }

func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".") && !local(imp)
}

func under(imp, prefix string) bool { return imp == prefix || strings.HasPrefix(imp, prefix+"/") }

func anyUnder(imp string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return under(imp, p) })
}

// moduleOf returns the module a package belongs to ("casework"), or "" for kernel, root and apptest.
func moduleOf(pkg string) string {
	rest, ok := strings.CutPrefix(pkg, "modules/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	if name == "kernel" || name == "apptest" {
		return ""
	}
	return name
}

// whoMayImportWhom is rules 1 to 5 of the architecture: packages.
func whoMayImportWhom(f sourceFile, imp string) string {
	test := strings.HasSuffix(f.name, "_test.go")
	switch {
	case under(f.pkg, "cmd/townhall"):
		if local(imp) && imp != "townhall/modules" && !anyUnder(imp, "townhall/modules/kernel", "townhall/workflows", "townhall/migrations", "townhall/openapi", "townhall/cmd/wallet/host", "townhall/cmd/townhall") && !(test && under(imp, "townhall/modules/apptest")) {
			return "rule 1: cmd/townhall may not import this"
		}
	case under(f.pkg, "cmd/wallet/host"):
		if local(imp) && imp != "townhall/modules/kernel" && !under(imp, "townhall/modules/kernel/ui") && !under(imp, "townhall/cmd/wallet/host") && !(test && anyUnder(imp, "townhall/modules/kernel/kerneltest", "townhall/modules/apptest/browser")) {
			return "rule 1: the wallet is a client of the public API: kernel and kernel/ui only"
		}
	case f.pkg == "modules", f.pkg == "modules/apptest" || strings.HasPrefix(f.pkg, "modules/apptest/"):
		return ""
	case under(f.pkg, "modules/kernel"):
		return kernelImports(f, imp, test)
	case moduleOf(f.pkg) != "":
		return moduleImports(f, imp, test)
	case f.pkg == "workflows":
		if !standard(imp) && !anyUnder(imp, "townhall/modules/kernel", "cel.dev/cel-go", "go.yaml.in/yaml/v4", "google.golang.org/protobuf", "golang.org/x/text") && !(test && anyUnder(imp, "pgregory.net/rapid")) && !anyUnder(imp, "golang.org/x/tools/txtar") {
			return "rule 5: workflows imports kernel, the YAML parser and CEL"
		}
		if local(imp) && imp != "townhall/modules/kernel" {
			return "rule 5: workflows imports kernel alone"
		}
	case f.pkg == "migrations" || f.pkg == "openapi":
		if !standard(imp) && !test {
			return "rule 5: imports nothing"
		}
	}
	if imp == "townhall/modules" && !anyUnder(f.pkg, "cmd/townhall", "modules/apptest") {
		return "rule 2: only cmd/townhall and apptest import the composition root"
	}
	return ""
}

func kernelImports(f sourceFile, imp string, test bool) string {
	if test || f.pkg == "modules/kernel/kerneltest" {
		return ""
	}
	if standard(imp) {
		return ""
	}
	if local(imp) {
		switch {
		case f.pkg == "modules/kernel":
			return "rule 4: kernel imports the standard library only"
		case imp == "townhall/modules/kernel" || under(imp, "townhall/"+f.pkg):
			return ""
		case f.pkg == "modules/kernel/app" && anyUnder(imp, "townhall/modules/kernel/pg", "townhall/modules/kernel/web", "townhall/modules/kernel/ui"):
			return ""
		}
		return "rule 4: kernel packages import kernel and their one library"
	}
	for pkg, libs := range librariesOf {
		if f.pkg == pkg && anyUnder(imp, libs...) {
			return ""
		}
	}
	return "rule 4: not the library this kernel package wraps"
}

func moduleImports(f sourceFile, imp string, test bool) string {
	own := "townhall/modules/" + moduleOf(f.pkg)
	switch {
	case !local(imp), under(imp, own), under(imp, "townhall/modules/kernel"), imp == "townhall/workflows":
		return ""
	case test && (imp == "townhall/migrations" || under(imp, "townhall/modules/apptest/browser")):
		return ""
	case imp == "townhall/migrations", imp == "townhall/openapi":
		return "rule 3: a module gets these through its Deps"
	}
	return "rule 3: a module never imports a sibling"
}

// whichFileMayImport is rule 6: what a file's name promises.
func whichFileMayImport(f sourceFile, imp string) string {
	module := moduleOf(f.pkg)
	if module == "" || strings.HasSuffix(f.name, "_test.go") || f.pkg != "modules/"+module {
		return ""
	}
	switch {
	case anyUnder(imp, "github.com/jmoiron/sqlx", "database/sql", "github.com/lib/pq") && !strings.HasPrefix(f.name, "store"):
		return "rule 6: only store*.go speaks SQL"
	case under(imp, "github.com/danielgtaylor/huma/v2") && !strings.HasPrefix(f.name, "http"):
		return "rule 6: only http*.go speaks huma"
	case imp == "html/template" && !strings.HasPrefix(f.name, "ui"):
		return "rule 6: only ui*.go makes pages"
	case f.name == module+".go" && !standard(imp) && imp != "townhall/modules/kernel":
		return "rule 6: types and rules import the standard library and kernel"
	}
	return ""
}

func violations(files []sourceFile) []string {
	var out []string
	for _, f := range files {
		for _, imp := range f.imports {
			for _, r := range []rule{whoMayImportWhom, whichFileMayImport} {
				if why := r(f, imp); why != "" {
					out = append(out, path.Join(f.pkg, f.name)+" imports "+imp+": "+why)
				}
			}
		}
	}
	return out
}

func readTree(t *testing.T) []sourceFile {
	t.Helper()
	root := os.DirFS("..")
	var files []sourceFile
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "clients") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(p) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := sourceFile{pkg: path.Dir(p), name: path.Base(p)}
		for _, i := range parsed.Imports {
			imp, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imp)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImportsFollowThePlan(t *testing.T) {
	files := readTree(t)
	if len(files) < 50 {
		t.Fatalf("read only %d files: the walk is broken", len(files))
	}
	for _, v := range violations(files) {
		t.Error(v)
	}
}

func TestTopLevelFolders(t *testing.T) {
	allowed := []string{"cmd", "modules", "workflows", "migrations", "openapi"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "bin" && e.Name() != "out" && !slices.Contains(allowed, e.Name()) {
			t.Errorf("top-level folder %q is not in the plan", e.Name())
		}
	}
}

// Each rule is shown to bite: a rule that accepts everything would pass the test above too.
func TestEveryImportRuleBites(t *testing.T) {
	planted := []struct {
		f   sourceFile
		imp string
	}{
		{sourceFile{pkg: "cmd/townhall", name: "main.go"}, "townhall/cmd/wallet"},
		{sourceFile{pkg: "cmd/townhall", name: "main.go"}, "townhall/modules/casework"},
		{sourceFile{pkg: "cmd/wallet/host", name: "host.go"}, "townhall/modules/identity"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "townhall/modules"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "townhall/modules/casework"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "townhall/migrations"},
		{sourceFile{pkg: "modules/kernel", name: "error.go"}, "github.com/lib/pq"},
		{sourceFile{pkg: "modules/kernel/web", name: "api.go"}, "townhall/modules/kernel/pg"},
		{sourceFile{pkg: "modules/kernel/ui", name: "views.go"}, "github.com/danielgtaylor/huma/v2"},
		{sourceFile{pkg: "workflows", name: "step.go"}, "github.com/lib/pq"},
		{sourceFile{pkg: "workflows", name: "step.go"}, "townhall/modules/kernel/pg"},
		{sourceFile{pkg: "openapi", name: "embed.go"}, "townhall/modules/kernel"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "database/sql"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "github.com/danielgtaylor/huma/v2"},
		{sourceFile{pkg: "modules/civic", name: "service.go"}, "html/template"},
		{sourceFile{pkg: "modules/civic", name: "civic.go"}, "townhall/modules/kernel/pg"},
	}
	for _, p := range planted {
		p.f.imports = []string{p.imp}
		if len(violations([]sourceFile{p.f})) == 0 {
			t.Errorf("%s/%s may import %s: no rule noticed", p.f.pkg, p.f.name, p.imp)
		}
	}
}
