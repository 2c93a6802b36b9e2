package modules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"townhall/modules/apptest"
	"townhall/workflows"
)

// slugsIn finds the slug of every kernel.NewError in one source file, and of kernel/pg's errors with a Retry-After.
func slugsIn(t *testing.T, name string, src []byte) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var slugs []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 3 {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		if lit, ok := call.Args[1].(*ast.BasicLit); (name == "NewError" || name == "retryAfter") && ok {
			if slug, err := strconv.Unquote(lit.Value); err == nil {
				slugs = append(slugs, slug)
			}
		}
		return true
	})
	return slugs
}

// Every error a person can meet has its words in every language.
func TestEveryErrorHasWordsInEveryLanguage(t *testing.T) {
	t.Parallel()
	texts := apptest.Start(t).Texts
	found := 0
	root := os.DirFS("..")
	for _, dir := range []string{"modules", "workflows"} {
		err := fs.WalkDir(root, dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") || strings.Contains(p, "apptest") {
				return err
			}
			src, err := fs.ReadFile(root, p)
			if err != nil {
				return err
			}
			for _, slug := range slugsIn(t, p, src) {
				found++
				if !texts.Has("error." + slug) {
					t.Errorf("%s: error %q has no text error.%s", p, slug, slug)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 30 {
		t.Fatalf("found only %d errors: the search is broken", found)
	}
	for key := range workflows.Messages {
		if !texts.Has(key) {
			t.Errorf("field problem %q has no text", key)
		}
	}
}

func TestTheSearchForErrorsFindsOne(t *testing.T) {
	src := []byte("package p\nvar e = kernel.NewError(kernel.Conflict, \"planted\", \"x\")")
	if got := slugsIn(t, "p.go", src); len(got) != 1 || got[0] != "planted" {
		t.Errorf("found %v", got)
	}
}
