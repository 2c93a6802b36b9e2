package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
)

// demoTimetables are what the demo's operators drive: timetables/<municipality>/<operator>/*.txt, with vehicles/*.yaml and
// fares/<service>.yaml beside, as an operator would bring them.
//
//go:embed demo/timetables
var demoTimetables embed.FS

// seedTimetables brings the operators in. It runs at every start: within a month nothing is changed by that.
func seedTimetables(ctx context.Context, town *modules.Town, now time.Time) error {
	found, err := fs.Glob(demoTimetables, "demo/timetables/*/*")
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("the demo has no timetables")
	}
	for _, folder := range found {
		files, err := inForce(folder, now)
		if err != nil {
			return err
		}
		tenant, operator := path.Base(path.Dir(folder)), path.Base(folder)
		if err := town.ImportTimetable(ctx, kernel.TenantID(tenant), kernel.AgencyID(operator), files); err != nil {
			return err
		}
	}
	return nil
}

// inForce are the files of a folder, whose calendar begins with the month before this one, so that what left last night still
// arrives, and ends more than a year from now: a timetable of fixed dates would run out one day.
func inForce(folder string, now time.Time) (files []lines.File, err error) {
	from := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	err = fs.WalkDir(demoTimetables, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(demoTimetables, name)
		if path.Base(name) == "calendar.txt" {
			data = bytes.ReplaceAll(data, []byte("FROM"), []byte(from.Format("20060102")))
			data = bytes.ReplaceAll(data, []byte("UNTIL"), []byte(from.AddDate(1, 3, 0).Format("20060102")))
		}
		files = append(files, lines.File{Name: name[len(folder)+1:], Data: data})
		return err
	})
	return files, err
}
