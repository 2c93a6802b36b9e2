package gtfs

import (
	"cmp"
	"time"

	"golang.org/x/text/language"

	"townhall/modules/kernel"
)

// agency reads a row of "agency.txt". All agencies of a feed have one time zone.
func (r *reader) agency(w *row) {
	a := Agency{ID: w.id("agency_id", false), Name: w.text("agency_name", true, 200), URL: w.link("agency_url", true), Lang: w.lang("agency_lang", false),
		Phone: w.text("agency_phone", false, 60), Email: w.email("agency_email"), FareURL: w.link("agency_fare_url", false)}
	zone := w.zone("agency_timezone", true)
	if _, twice := r.agencies[a.ID]; twice {
		slug := "row-twice"
		if a.ID == "" {
			slug = "agency-needed"
		}
		w.add("agency_id", slug)
		return
	}
	if _, nameless := r.agencies[""]; nameless {
		r.add(w.file, r.agencyLine, "agency_id", "agency-needed")
	}
	if len(r.feed.Agencies) == 0 {
		r.agencyLine = w.line
	}
	switch {
	case zone == "":
	case r.feed.Zone == nil:
		r.feed.Zone, _ = time.LoadLocation(zone) // w.zone has seen that it can be loaded
	case r.feed.Zone.String() != zone:
		w.add("agency_timezone", "zone-other")
	}
	r.agencies[a.ID] = len(r.feed.Agencies)
	r.feed.Agencies = append(r.feed.Agencies, a)
}

// agencyOf reads a column that names an agency, and need not where there is one only.
func (w *row) agencyOf(column string) string {
	id := w.id(column, false)
	switch {
	case id != "":
		w.named(column, id, "agency.txt", w.r.agencies)
	case len(w.r.feed.Agencies) == 1:
		return w.r.feed.Agencies[0].ID
	case len(w.r.feed.Agencies) > 1:
		w.add(column, "agency-needed")
	}
	return id
}

// info reads the row of "feed_info.txt".
func (r *reader) info(w *row) {
	if r.feed.Info.Publisher != "" {
		w.add("", "rows-one")
		return
	}
	i := Info{Publisher: w.text("feed_publisher_name", true, 200), URL: w.link("feed_publisher_url", true), Lang: w.lang("feed_lang", true), Version: w.text("feed_version", false, 200)}
	i.From, _ = w.day("feed_start_date", false)
	i.Until, _ = w.day("feed_end_date", false)
	if i.From != Undated && i.Until != Undated && i.Until < i.From {
		w.add("feed_end_date", "end-before")
	}
	r.feed.Info = i
}

// told is a text in the feed's language. One that pages do not have is kept as English, which they fall back to.
func (r *reader) told(s string) kernel.Text {
	if s == "" {
		return nil
	}
	return kernel.Text{cmp.Or(localeOf(r.lang()), kernel.Locales[0]): s}
}

// lang is the language of the feed's texts, as far as it tells.
func (r *reader) lang() string {
	lang := r.feed.Info.Lang
	if (lang == "" || lang == "mul") && len(r.feed.Agencies) > 0 {
		lang = r.feed.Agencies[0].Lang
	}
	return lang
}

// localeOf is the locale of pages that a language is for, or nothing.
func localeOf(lang string) string {
	if lang == "" {
		return ""
	}
	base, _ := language.Make(lang).Base()
	for _, l := range kernel.Locales {
		if base.String() == l {
			return l
		}
	}
	return ""
}
