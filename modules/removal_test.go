package modules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cut is a range of bytes to leave out.
type cut struct{ from, to int }

// withoutModule returns modules.go without one module: its import and its entry in the list.
func withoutModule(t *testing.T, src []byte, name string) []byte {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "modules.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var cuts []cut
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			if n.Path.Value == `"townhall/modules/`+name+`"` {
				cuts = append(cuts, cut{fset.Position(n.Pos()).Offset, fset.Position(n.End()).Offset})
			}
		case *ast.CompositeLit:
			if len(n.Elts) == 3 {
				if first, ok := n.Elts[0].(*ast.BasicLit); ok && first.Value == `"`+name+`"` {
					cuts = append(cuts, cut{fset.Position(n.Pos()).Offset, fset.Position(n.End()).Offset + 1}) // and its comma
				}
			}
		}
		return true
	})
	if len(cuts) != 2 {
		t.Fatalf("found %d places of %s in modules.go, want its import and its entry", len(cuts), name)
	}
	slices.SortFunc(cuts, func(a, b cut) int { return b.from - a.from })
	out := slices.Clone(src)
	for _, c := range cuts {
		out = slices.Delete(out, c.from, c.to)
	}
	return out
}

// copyTree copies what the build needs, without one module's folder.
func copyTree(t *testing.T, to, without string) {
	t.Helper()
	out, err := exec.Command("git", "-C", "..", "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, without+"/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Taking modules/notify out of the list leaves a town that compiles and issues certificates, with notices off: that is
// what modular means here.
func TestWithoutNotifyTheTownStillRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a copy of the tree")
	}
	dir := t.TempDir()
	copyTree(t, dir, "modules/notify")
	list := filepath.Join(dir, "modules", "modules.go")
	src, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, withoutModule(t, src, "notify"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"build", "./..."},
		{"test", "-count=1", "./modules/apptest", "-run", "^TestACitizenGetsACertificate$"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s without notify: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
