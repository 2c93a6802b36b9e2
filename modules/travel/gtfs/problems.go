package gtfs

import (
	"maps"
	"slices"
)

// messages are the English texts of everything that can be wrong with a feed, by slug. None holds what stands in the file.
var messages = map[string]string{
	// The archive and its files.
	"archive":        "is no ZIP archive that can be read",
	"archive-name":   "has a name that leads out of the archive",
	"archive-folder": "lies in a folder; the files of a feed lie at the root of the archive",
	"archive-link":   "is no regular file",
	"archive-sealed": "is encrypted",
	"archive-files":  "holds more files than are read",
	"archive-bomb":   "unpacks to more than is read",
	"file-long":      "is larger than is read",
	"file-missing":   "is missing",
	"file-twice":     "was handed in twice",
	"file-empty":     "is empty",
	"file-old-lines": "ends its lines by a carriage return alone",
	"calendar":       "is missing, and calendar_dates.txt too: no trip runs on any day",
	"never":          "takes days away only, and adds none: no trip runs on any day",

	// A table.
	"quotes":         "has a quotation mark where RFC 4180 allows none; what follows was not read",
	"separator":      "separates its cells by something else than a comma",
	"column-missing": "is missing in the header",
	"column-twice":   "stands twice in the header",
	"cells":          "has another number of cells than the header",
	"rows":           "is beyond the rows that are read",
	"rows-none":      "has no rows",
	"rows-one":       "may have one row only",
	"row-twice":      "stands in an earlier row too",

	// A cell.
	"empty":     "is empty",
	"long":      "is too long",
	"utf8":      "is not UTF-8",
	"break":     "holds a line break or a tab",
	"control":   "holds a character that cannot be shown",
	"whole":     "must be a whole number",
	"number":    "must be a number",
	"range":     "is out of range",
	"choice":    "is none of the values that are defined",
	"date":      "is not a date, such as 20261123",
	"time":      "is not a time, such as 09:30:00",
	"color":     "is not a colour of six hexadecimal digits",
	"link":      "is not an address on the web, such as https://example.org/",
	"email":     "is not an e-mail address",
	"zone":      "is not a time zone, such as Europe/London",
	"lang":      "is not a language, such as en or zh-Hans",
	"currency":  "is not a currency by ISO 4217, such as EUR",
	"price":     "is not an amount of this currency",
	"reference": "names nothing that is there",

	// What rows say together.
	"zone-other":       "differs from the time zone of the first agency",
	"agency-needed":    "is empty, and there are several agencies",
	"name-needed":      "is empty, and the route has no long name either",
	"parent-needed":    "is empty, but an entrance, a node and a boarding place belong to something",
	"parent-forbidden": "names something, but a station belongs to nothing",
	"parent-kind":      "names a stop of a kind this one cannot belong to",
	"stop-kind":        "names a station or an entrance; vehicles call at stops",
	"flex":             "names an on-demand area; areas are not read",
	"end-before":       "is before the beginning",
	"trip-short":       "has fewer than two stops",
	"trip-untimed":     "has no time at its first or its last stop",
	"departs-early":    "is before the arrival at the same stop",
	"arrives-early":    "is before the departure from the stop before",
	"distance-back":    "is less than at the stop before",
	"span-empty":       "is not after start_time",
	"overlap":          "begins before an earlier row of the same trip ends",
	"services-many":    "makes more services than are read",
	"trips-many":       "makes more trips than are read",
}

// Slugs are the slugs of all problems, in order: each is the key of a text.
func Slugs() []string { return slices.Sorted(maps.Keys(messages)) }

// Message is the English text of a problem.
func Message(slug string) string { return messages[slug] }

// add notes a problem of the file or of a line.
func (r *reader) add(file string, line int, field, slug string) {
	r.problems.Add(file, line, field, slug, messages[slug])
}
