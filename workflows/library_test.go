package workflows

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var updateLock = flag.Bool("update-lock", false, "write versions.lock from the definitions and their archives")

func TestEveryEmbeddedDefinitionLoadsWithoutAProblem(t *testing.T) {
	t.Parallel()
	l := library(t)
	for _, slug := range []string{"residence-certificate", "dog-registration"} {
		d, ok := l.Get(slug)
		if !ok {
			t.Fatalf("%s is not embedded", slug)
		}
		if same, ok := l.ByHash(d.Hash); !ok || same != d {
			t.Errorf("%s is not found by its hash", slug)
		}
	}
	if _, ok := l.Get("nothing"); ok {
		t.Error("found a service that is not there")
	}
}

func TestTheLockNamesEveryVersion(t *testing.T) {
	if *updateLock {
		b := strings.Builder{}
		b.WriteString("# Every version of every service that was ever in use. See README.md, \"Changing a service\".\n")
		for _, d := range library(t).All() {
			fmt.Fprintf(&b, "%s %s\n", d.Dir, d.Hash)
		}
		if err := os.WriteFile(LockFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return // what is embedded is the old one
	}
	for _, p := range CheckLock(Embedded()) {
		t.Error(p)
	}
}

func TestAChangedDefinitionWithoutItsOldVersionIsNoticed(t *testing.T) {
	t.Parallel()
	files := dogFiles(t)
	old, problems := Parse(files, dogDir)
	if len(problems) > 0 {
		t.Fatal(Problems(problems))
	}
	files[LockFile] = file(dogDir + " " + old.Hash + "\n")
	if ps := CheckLock(files); len(ps) > 0 {
		t.Fatalf("unchanged, and yet: %v", ps)
	}

	changed := fstest.MapFS{}
	for k, v := range files {
		changed[k] = v
	}
	changed[dogDir+"/i18n/en.yaml"] = file(strings.Replace(string(files[dogDir+"/i18n/en.yaml"].Data), "Dog registration", "Register a dog", 1))
	ps := CheckLock(changed)
	if len(ps) != 2 || !strings.Contains(fmt.Sprint(ps), "versions/"+shortHash(old.Hash)) || !strings.Contains(fmt.Sprint(ps), "add the line") {
		t.Fatalf("want the missing archive and the missing line, got %v", ps)
	}

	for k, v := range files {
		if name, ok := strings.CutPrefix(k, dogDir+"/"); ok {
			changed[dogDir+"/versions/"+shortHash(old.Hash)+"/"+name] = v
		}
	}
	now, _ := Parse(changed, dogDir)
	changed[LockFile] = file(dogDir + " " + old.Hash + "\n" + dogDir + " " + now.Hash + "\n")
	if ps := CheckLock(changed); len(ps) > 0 {
		t.Fatalf("archived and locked, and yet: %v", ps)
	}
	l, err := Load(changed)
	if err != nil {
		t.Fatal(err)
	}
	pinned, ok := l.ByHash(old.Hash)
	if !ok || pinned.Text("en", "title") != "Dog registration" {
		t.Error("a case pinned to the old version no longer finds it")
	}
	if newest, _ := l.Get("dog-registration"); newest.Text("en", "title") != "Register a dog" {
		t.Error("new cases do not get the new version")
	}
}

func TestAnArchiveUnderAnotherHashIsAProblem(t *testing.T) {
	t.Parallel()
	files := dogFiles(t)
	for k, v := range dogFiles(t) {
		if name, ok := strings.CutPrefix(k, dogDir+"/"); ok {
			files[dogDir+"/versions/000000000000/"+name] = v
		}
	}
	if _, err := Load(files); err == nil || !strings.Contains(err.Error(), "whose hash begins with") {
		t.Errorf("got %v", err)
	}
}

func TestTheHashDoesNotDependOnLineEndsNorOnCaseScripts(t *testing.T) {
	t.Parallel()
	files := dogFiles(t)
	a, _ := Parse(files, dogDir)
	files[dogDir+"/service.yaml"] = file(strings.ReplaceAll(string(files[dogDir+"/service.yaml"].Data), "\n", "\r\n"))
	files[dogDir+"/cases/other.txtar"] = file("another story\n")
	b, ps := Parse(files, dogDir)
	if len(ps) > 0 || a.Hash != b.Hash {
		t.Errorf("hash %s became %s, problems %v", a.Hash, b.Hash, ps)
	}
	files[dogDir+"/service.yaml"] = file(strings.Replace(string(files[dogDir+"/service.yaml"].Data), "working_days: 10", "working_days: 11", 1))
	if c, _ := Parse(files, dogDir); c.Hash == a.Hash {
		t.Error("a changed rule kept the hash")
	}
}

func TestTwoServicesWithOneSlugAreAProblem(t *testing.T) {
	t.Parallel()
	files := dogFiles(t)
	for k, v := range dogFiles(t) {
		name := strings.Replace(k, "civic/", "other/", 1)
		files[name] = file(strings.Replace(string(v.Data), "sector: civic", "sector: other", 1))
	}
	if _, err := Load(files); err == nil || !strings.Contains(err.Error(), "also the slug of") {
		t.Errorf("got %v", err)
	}
}

func TestTheReadmeExplainsEveryKey(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{Definition{}, Requirement{}, State{}, Action{}, Guard{}, Timer{}, Field{}, Form{}, Page{}, Document{}, Block{}, Claim{}, Retention{}, After{}} {
		for f := range reflect.TypeOf(v).Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "" && key != "-" && !regexp.MustCompile(`\b`+key+`\b`).Match(readme) {
				t.Errorf("README.md does not explain %s of %T", key, v)
			}
		}
	}
}

// The example of the package page is a real definition: only its texts and forms are missing.
func TestTheExampleOfThePackagePageIsGood(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "// A small one:\n")
	var yaml strings.Builder
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.HasPrefix(line, "//\t") {
			yaml.WriteString(strings.TrimPrefix(line, "//\t") + "\n")
		}
	}
	files := fstest.MapFS{
		"civic/bench-sponsorship/service.yaml": file(yaml.String()),
		"civic/bench-sponsorship/form.yaml": file("fields:\n  - {name: bench, type: text, required: true}\n  - {name: why, type: textarea, required: true}\n" +
			"forms:\n  - {name: application, pages: [{name: bench, fields: [bench]}]}\n  - {name: refusal, pages: [{name: refusal, fields: [why]}]}\n"),
	}
	for _, l := range []string{"en", "ru", "zh"} {
		files["civic/bench-sponsorship/i18n/"+l+".yaml"] = file("title: x\n")
	}
	_, problems := Parse(files, "civic/bench-sponsorship")
	for _, p := range problems {
		if !strings.HasSuffix(p.Text, "is missing") {
			t.Error(p)
		}
	}
}
