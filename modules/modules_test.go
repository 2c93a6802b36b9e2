package modules_test

import (
	"os"
	"path/filepath"
	"testing"

	"townhall/modules/apptest"
)

// The committed contracts are those the code has; `make generate` writes them anew.
func TestTheContractsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	app := apptest.Start(t)
	files, err := app.ContractFiles()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 19 {
		t.Errorf("%d generated files, want nine contracts in two versions and the problems", len(files))
	}
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join("..", "openapi", f.Name))
		if err != nil {
			t.Error(err)
		} else if string(have) != string(f.Content) {
			t.Errorf("openapi/%s differs from the code: run make generate", f.Name)
		}
	}
}
