package gtfs

import "townhall/modules/kernel"

// words are the translations of names, by table, field and what they are of: an id, or the name itself.
type words map[[3]string]kernel.Text

// byValue marks a translation of every text that reads the same.
const byValue = "\n"

// translation reads a row of "translations.txt". Languages and fields we show nowhere are let through.
func (r *reader) translation(w *row) {
	table, field := w.id("table_name", true), w.id("field_name", true)
	lang := w.lang("language", true)
	s := w.text("translation", true, 300)
	of := w.id("record_id", false)
	if of == "" {
		of = byValue + w.text("field_value", false, 300)
	}
	locale := localeOf(lang)
	if locale == "" || s == "" {
		return
	}
	key := [3]string{table, field, of}
	if r.words[key] == nil {
		r.words[key] = kernel.Text{}
	}
	r.words[key][locale] = s
}

// translate adds what translations.txt says to the names people read.
func (r *reader) translate() {
	if len(r.words) == 0 {
		return
	}
	own := localeOf(r.lang()) != ""
	for i, s := range r.feed.Stops {
		r.feed.Stops[i].Name = r.words.of("stops", "stop_name", s.ID, s.Name, own)
	}
	for i, x := range r.feed.Routes {
		r.feed.Routes[i].Long = r.words.of("routes", "route_long_name", x.ID, x.Long, own)
	}
	for i, t := range r.feed.Trips {
		r.feed.Trips[i].Headsign = r.words.of("trips", "trip_headsign", t.ID, t.Headsign, own)
	}
}

// of is a name with its translations. own says that the name is in a language of pages: then it stays what it is.
func (w words) of(table, field, id string, name kernel.Text, own bool) kernel.Text {
	out := kernel.Text{}
	for l, s := range name { // one: a feed has one language
		for _, of := range []string{byValue + s, id} {
			for l, t := range w[[3]string{table, field, of}] {
				out[l] = t
			}
		}
		if own || out[l] == "" {
			out[l] = s
		}
	}
	return out
}
