package catalogue

import (
	"context"
	"errors"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// search returns the mini-apps a municipality offers for a query, the best first, at most mostFound; without a letter or digit to look for
// all of them, in its own order, at most mostListed. A query in any of the languages will do, whatever the reader's is.
// Errors: Invalid (a NUL character), and those of the database.
func (s *Service) search(ctx context.Context, t kernel.Tenant, category, query, lang string) ([]Manifest, error) {
	if strings.ContainsRune(query, 0) {
		return nil, pg.ErrText
	}
	tokens := queryTokens(query)
	if len(tokens) == 0 {
		return s.listed(t, category, lang), nil
	}
	slugs, err := searchStore{s.deps.DB}.find(ctx, t.ID, category, tokens)
	if err != nil {
		return nil, err
	}
	out := []Manifest{}
	for _, slug := range slugs {
		m, err := s.find(t, slug, lang)
		var e *kernel.Error
		if errors.As(err, &e) && e.Kind == kernel.NotFound { // a newer program beside this one offers it already
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// mostListed is how many mini-apps a list holds, as its contract says.
const mostListed = 1000

// listed is list of one category; of all without.
func (s *Service) listed(t kernel.Tenant, category, lang string) []Manifest {
	out := []Manifest{}
	for _, m := range s.list(t, lang) {
		if (category == "" || m.Townhall.Category == category) && len(out) < mostListed {
			out = append(out, m)
		}
	}
	return out
}

// fillSearch makes the database know what can be found: once for a process, before it serves. It belongs to the module's check: a town whose
// search finds nothing is not ready.
func (s *Service) fillSearch(ctx context.Context) error {
	s.filling.Lock()
	defer s.filling.Unlock()
	if s.filled || s.deps.DB == nil {
		return nil
	}
	if err := s.fillWords(ctx); err != nil {
		return err
	}
	for _, t := range s.deps.Directory.Tenants() {
		if err := (searchStore{s.deps.DB}).offer(ctx, t.ID, s.offeringOf(t)); err != nil {
			return err
		}
	}
	s.filled = true
	return nil
}

func (s *Service) fillWords(ctx context.Context) error {
	_, err := searchStore{s.deps.DB}.say(ctx, sayingsOf(s.deps.Library), synonyms())
	return err
}

// Offered makes the search follow when a municipality offers something else than when the server started. For the house itself.
func (s *Service) Offered(ctx context.Context, id kernel.TenantID) error {
	if s.deps.DB == nil {
		return nil
	}
	s.filling.Lock()
	defer s.filling.Unlock()
	if !s.filled { // the check fills in everything
		return nil
	}
	if err := s.fillWords(ctx); err != nil {
		return err
	}
	for _, t := range s.deps.Directory.Tenants() {
		if t.ID == id {
			return searchStore{s.deps.DB}.offer(ctx, t.ID, s.offeringOf(t))
		}
	}
	return nil
}

// sayingsOf is what the definitions say, in every language.
func sayingsOf(l *workflows.Library) []saying {
	var out []saying
	for _, d := range l.All() {
		for _, lang := range kernel.Locales {
			s := saying{Slug: d.Slug, Lang: lang, Category: d.Category, Agency: d.Agency, Title: d.Text(lang, "title"), Summary: d.Text(lang, "summary"), Made: l.Made(d.Slug)}
			if d.HasText("search") {
				s.Words = strings.Join(d.SearchWords(lang), ", ")
			}
			out = append(out, s)
		}
	}
	return out
}

func (s *Service) offeringOf(t kernel.Tenant) offering {
	o := offering{Slugs: t.Services, Agencies: map[string]string{}}
	for _, slug := range t.Services {
		d, ok := s.deps.Library.Get(slug)
		if !ok || o.Agencies[d.Agency] != "" {
			continue
		}
		if a, ok := s.deps.Directory.Agency(t.ID, kernel.AgencyID(d.Agency)); ok {
			var names []string
			for _, lang := range kernel.Locales {
				names = append(names, a.Name.In(lang))
			}
			o.Agencies[d.Agency] = strings.Join(names, " ")
		}
	}
	return o
}
