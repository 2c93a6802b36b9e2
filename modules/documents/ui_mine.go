package documents

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// documentsPage lists what the signed-in citizen holds.
func (s *Service) documentsPage(w http.ResponseWriter, r *http.Request) error {
	all, err := plain(s.myDocuments(r.Context()))
	if err != nil {
		return err
	}
	return s.showMine(w, r, all)
}

// soon is how often a page looks again while a document is being made, in seconds.
const soon = 5

func (s *Service) showMine(w http.ResponseWriter, r *http.Request, all []kernel.Document) error {
	now := s.Clock.Now()
	rows := make([]ui.DocumentRow, len(all))
	refresh := 0
	for i, d := range all {
		row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Href: documentPath(d.ID), Page: true, Pending: d.State == statePending}
		if row.Pending {
			refresh = soon
		} else {
			row.Tag = s.stateTag(r, record{Document: d}.publicState(now))
		}
		rows[i] = row
	}
	data := map[string]any{"Documents": rows, "Empty": ui.Empty{Title: s.t(r, "documents.none"), Body: s.t(r, "documents.none-hint"), Icon: "certificate"}}
	return s.Shell.Render(w, r, s.views, "my-documents", ui.View{Title: s.t(r, "documents.title"), Lead: s.t(r, "documents.lead"), Data: data, Active: "documents", Refresh: refresh})
}

// stateTag is a document's state for its holder. What is unknown to others is being made.
func (s *Service) stateTag(r *http.Request, state string) ui.Tag {
	tone := tones[state]
	if state == stateUnknown {
		tone = ui.Info
	}
	return ui.Tag{Text: s.t(r, "documents.state."+state), Tone: tone}
}

func documentPath(id kernel.DocumentID) string { return "/documents/" + string(id) }

// documentPage is a document's page, and with ".pdf" its file.
func (s *Service) documentPage(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	if id, ok := strings.CutSuffix(name, ".pdf"); ok {
		return s.fileAction(w, r, id)
	}
	ctx := r.Context()
	rec, err := s.myDocument(ctx, name)
	if err != nil {
		return err
	}
	m := mine{record: rec}
	if rec.published() {
		if m.shares, err = s.sharesOf(ctx, name); err != nil {
			return err
		}
		if m.used, err = s.usesOf(ctx, rec.ID); err != nil {
			return err
		}
		if m.checks, err = s.checksOf(ctx, name); err != nil {
			return err
		}
	}
	return s.showDocument(w, r, m)
}

// fileAction sends the file to its holder.
func (s *Service) fileAction(w http.ResponseWriter, r *http.Request, id string) error {
	rec, file, err := s.myFile(r.Context(), id)
	if err != nil {
		return err
	}
	return send(w, file, "application/pdf", `attachment; filename="`+rec.Number+`.pdf"`, "private, no-store")
}

// mine is a document with all its holder may know.
type mine struct {
	record
	shares []share
	used   map[string]int // by share
	checks []check
}

// documentView is the data of ui/my-document.html.
type documentView struct {
	Title, Lang, Number string
	Tag                 ui.Tag
	Notices             []ui.Notice
	Buttons             []ui.Button
	Facts               []ui.Fact
	Issued              bool // there is a file: it can be shared and checked
	Links               []linkRow
	Checks              *ui.Table
}

// linkRow is one live link.
type linkRow struct{ Label, Until, Used, End string }

func (s *Service) showDocument(w http.ResponseWriter, r *http.Request, m mine) error {
	state := m.publicState(s.Clock.Now())
	v := documentView{Title: m.Title, Lang: m.Locale, Number: m.Number, Tag: s.stateTag(r, state), Facts: s.documentFacts(r, m.record), Issued: m.published()}
	view := ui.View{Title: m.Title, Back: "/documents", Active: "documents"}
	if r.URL.Query().Get("link") == "ended" {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Success, Body: s.t(r, "documents.links.ended")})
	}
	if n, ok := s.stateNotice(r, m.record, state); ok {
		v.Notices = append(v.Notices, n)
	}
	if v.Issued {
		download := ui.Button{Label: s.t(r, "documents.download"), Href: documentPath(m.ID) + ".pdf", Icon: "download"}
		if state != stateValid { // kept for the records: nothing to lead people to
			download.Tone = "secondary"
		}
		v.Buttons = append(v.Buttons, download)
		if state == stateValid {
			v.Buttons = append(v.Buttons, ui.Button{Label: s.t(r, "documents.share"), Href: documentPath(m.ID) + "/share", Tone: "secondary"})
		}
		v.Links, v.Checks = s.links(r, m), s.checkTable(r, m.checks, "documents.checks.share")
	} else if m.State == statePending {
		view.Refresh = soon
	}
	view.Data = v
	return s.Shell.Render(w, r, s.views, "my-document", view)
}

// stateNotice says what a state other than valid means for the holder, and what they can do.
func (s *Service) stateNotice(r *http.Request, m record, state string) (ui.Notice, bool) {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	n := ui.Notice{Tone: tones[state]}
	switch state {
	case stateUnknown:
		return ui.Notice{Tone: ui.Info, Title: s.t(r, "documents.pending.title"), Body: s.t(r, "documents.pending.body")}, true
	case stateRevoked:
		n.Title = s.t(r, "documents.revoked.title", "date", ui.Date(locale, zone, m.RevokedAt))
		n.Body = s.t(r, "documents.revoked.body", "issuer", m.Issuer)
	case stateExpired:
		n.Title, n.Body = s.t(r, "documents.expired.title", "date", ui.Date(locale, zone, m.ValidTo)), s.t(r, "documents.expired.body")
	case stateSuperseded:
		n.Title, n.Body = s.t(r, "documents.superseded.title"), s.t(r, "documents.superseded.body")
		n.Link = ui.Link{Label: s.t(r, "documents.list"), Href: "/documents"}
		return n, true
	default:
		return n, false
	}
	if m.Case != "" {
		n.Link = ui.Link{Label: s.t(r, "documents.case"), Href: "/cases/" + string(m.Case)}
	}
	return n, true
}

func (s *Service) documentFacts(r *http.Request, m record) []ui.Fact {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	until := s.t(r, "verify.no-end")
	if !m.ValidTo.IsZero() {
		until = ui.Date(locale, zone, m.ValidTo)
	}
	out := []ui.Fact{
		{Key: s.t(r, "verify.fact.issuer"), Value: issuedBy(m.Issuer, m.Municipality, m.Locale)},
		{Key: s.t(r, "verify.fact.issued"), Value: ui.Date(locale, zone, m.IssuedAt)},
		{Key: s.t(r, "verify.fact.valid"), Value: until},
	}
	if !m.RevokedAt.IsZero() {
		out = append(out, ui.Fact{Key: s.t(r, "verify.fact.revoked"), Value: ui.Date(locale, zone, m.RevokedAt)})
	}
	return out
}

// links are those that still open, with how often each was used.
func (s *Service) links(r *http.Request, m mine) []linkRow {
	locale, zone, now := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), s.Clock.Now()
	var out []linkRow
	for _, sh := range m.shares {
		if !sh.live(now) {
			continue
		}
		out = append(out, linkRow{Label: sh.Label, Until: s.t(r, "documents.links.until", "date", ui.DateTime(locale, zone, sh.ExpiresAt)),
			Used: s.t(r, "documents.links.used", "n", m.used[sh.ID]), End: documentPath(m.ID) + "/shares/" + sh.ID + "/end"})
	}
	return out
}

// shownChecks is how many lines a page has for checks; older ones are left out.
const shownChecks = 50

// checkTable lists checks, newest first; nil when there are none.
func (s *Service) checkTable(r *http.Request, checks []check, through string) *ui.Table {
	if len(checks) == 0 {
		return nil
	}
	checks = slices.SortedStableFunc(slices.Values(checks), func(a, b check) int { return cmp.Compare(b.At.Unix(), a.At.Unix()) })
	t := &ui.Table{Caption: s.t(r, "documents.checks"), Head: []string{s.t(r, "documents.checks.how"), s.t(r, "documents.checks.when"), s.t(r, "documents.checks.times")}}
	for _, c := range checks[:min(len(checks), shownChecks)] {
		how := ui.Cell{Text: s.t(r, "documents.checks."+c.How)}
		if c.How == checkShare {
			how = ui.Cell{Text: s.t(r, through), Note: c.Label}
		}
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{how, {Text: hour(r, c.At)}, {Text: strconv.Itoa(c.Count), Number: true}}})
	}
	return t
}

// hour writes the hour that begins at t: no more precise time is kept.
func hour(r *http.Request, t time.Time) string {
	zone := kernel.TenantOf(r.Context()).Location()
	return ui.DateTime(kernel.LocaleOf(r.Context()), zone, t) + "–" + ui.Clock(zone, t.Add(time.Hour))
}
