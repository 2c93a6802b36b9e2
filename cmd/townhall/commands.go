package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"go.yaml.in/yaml/v4"

	"townhall/migrations"
	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/openapi"
	"townhall/workflows"
)

func migrate(ctx context.Context, c *console, args []string) error {
	fs := c.flags("migrate")
	url := databaseURL(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *url == "" {
		return errors.New("no database: set --database-url or TOWNHALL_DATABASE_URL")
	}
	if err := pg.Migrate(ctx, *url, migrations.FS); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "the database is at this version")
	return nil
}

func check(_ context.Context, c *console, args []string) error {
	fs := c.flags("check")
	dir := fs.String("dir", "", "folder of definitions; default: the ones compiled in")
	if err := fs.Parse(args); err != nil {
		return err
	}
	files := workflows.Embedded()
	if *dir != "" {
		files = os.DirFS(*dir)
	}
	library, err := workflows.Load(files)
	if err != nil {
		return err
	}
	if len(library.All()) == 0 {
		return errors.New("no definition found: want <sector>/<slug>/service.yaml below the folder")
	}
	ok := true
	for _, d := range library.All() {
		ok = play(c, d.Dir, d) && ok
	}
	if *dir == "" {
		whole, err := checkTemplates(c)
		if err != nil {
			return err
		}
		ok = whole && ok
	}
	if !ok {
		return exitError(1)
	}
	return nil
}

// play runs the case scripts of one definition and reports whether all went as written.
func play(c *console, name string, d *workflows.Definition) bool {
	ok := true
	for _, s := range d.Scripts {
		if err := workflows.RunScript(d, s.Data); err != nil {
			fmt.Fprintf(c.err, "%s/%s: %v\n", name, s.Name, err)
			ok = false
		}
	}
	fmt.Fprintf(c.out, "%s  %.12s  %d scripts\n", name, d.Hash, len(d.Scripts))
	return ok
}

// checkTemplates checks the definition that the example of each template makes.
func checkTemplates(c *console) (bool, error) {
	templates, err := workflows.Templates()
	if err != nil {
		return false, err
	}
	ok := true
	for _, t := range templates {
		d, err := t.Example()
		if err != nil {
			return false, fmt.Errorf("template %s: %w", t.Name, err)
		}
		ok = play(c, workflows.TemplatesDir+"/"+t.Name, d) && ok
	}
	return ok, nil
}

// described is the town without a database: enough to describe its contracts and pages.
func described(c *console) (*modules.Town, error) {
	settings, err := demoSettings(demoPlaces{Port: "8080", Wallet: "http://127.0.0.1:8090", demoSecrets: exampleSecrets})
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "townhall-describe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(data)
	return modules.New(modules.Options{Settings: settings, Data: data, Clock: kernel.SystemClock{}, Log: c.log, Contracts: openapi.FS})
}

func openapiFiles(_ context.Context, c *console, args []string) error {
	fs := c.flags("openapi")
	dir := fs.String("dir", "openapi", "folder to write into")
	only := fs.Bool("check", false, "write nothing; fail when a file differs")
	if err := fs.Parse(args); err != nil {
		return err
	}
	town, err := described(c)
	if err != nil {
		return err
	}
	files, err := town.ContractFiles()
	if err != nil {
		return err
	}
	stale := false
	for _, f := range files {
		path := filepath.Join(*dir, f.Name)
		if *only {
			have, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(have, f.Content) {
				fmt.Fprintf(c.err, "%s differs from the code: run make generate\n", path)
				stale = true
			}
			continue
		}
		if err := os.WriteFile(path, f.Content, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(c.out, path)
	}
	if stale {
		return exitError(1)
	}
	return nil
}

func config(_ context.Context, c *console, args []string) error {
	fs := c.flags("config")
	file := fs.String("settings", "", "settings file")
	if err := fs.Parse(args); err != nil {
		return err
	}
	settings, err := readSettings(*file)
	if err != nil {
		return err
	}
	return yaml.NewEncoder(c.out).Encode(settings)
}

func gallery(_ context.Context, c *console, args []string) error {
	fs := c.flags("gallery")
	dir := fs.String("dir", "out/gallery", "folder to write into; open its index.html")
	if err := fs.Parse(args); err != nil {
		return err
	}
	town, err := described(c)
	if err != nil {
		return err
	}
	if err := ui.WriteGallery(*dir, town.Texts, town.Fixtures...); err != nil {
		return err
	}
	fmt.Fprintln(c.out, filepath.Join(*dir, "index.html"))
	return nil
}

func version(_ context.Context, c *console, _ []string) error {
	v := "development"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	fmt.Fprintln(c.out, "townhall", v)
	return nil
}
