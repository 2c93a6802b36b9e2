package catalogue

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// searchStore is the SQL of the search. catalogue.said and catalogue.word are shared by all municipalities.
type searchStore struct{ db *pg.DB }

// atOnce is how many rows one statement writes.
const atOnce = 500

// say makes catalogue.said hold these sayings and what other processes made, and catalogue.word their words. What is there already is not
// written again; several processes may call it at once, and none takes from the search what it has not yet heard of. wrote is how many rows differed.
func (s searchStore) say(ctx context.Context, all []saying, synonyms map[string][]group) (wrote int, err error) {
	digests := map[string][]byte{}
	for lang, groups := range synonyms {
		digests[lang] = digestOf(layout, groups)
	}
	err = s.db.Shared(ctx, func(tx *pg.Tx) error {
		wrote = 0
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "catalogue.said"); err != nil {
			return fmt.Errorf("lock of the search: %w", err)
		}
		stale, gone, err := differing(ctx, tx, all, digests)
		if err != nil || len(stale)+len(gone) == 0 {
			return err
		}
		wrote = len(stale) + len(gone)
		if err := writeSayings(ctx, tx, stale, synonyms, digests); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM catalogue.said WHERE slug || ' ' || lang = ANY ($1)`, pq.Array(gone)); err != nil {
			return fmt.Errorf("what nobody says any more: %w", err)
		}
		_, err = tx.ExecContext(ctx, wordsSQL)
		return err
	})
	return wrote, err
}

// wordsSQL brings the words up to date with what is said.
const wordsSQL = `WITH now AS (SELECT word, ndoc FROM ts_stat('SELECT word FROM catalogue.said')),
	gone AS (DELETE FROM catalogue.word w WHERE NOT EXISTS (SELECT FROM now WHERE now.word = w.word))
	INSERT INTO catalogue.word AS w (word, found, slips) SELECT word, ndoc, catalogue.slips(word) FROM now
	ON CONFLICT (word) DO UPDATE SET found = excluded.found WHERE w.found <> excluded.found`

// differing returns the sayings that are not in the table as they are, and the keys of rows that the program
// no longer says.
func differing(ctx context.Context, tx *pg.Tx, all []saying, synonyms map[string][]byte) (stale []saying, gone []string, err error) {
	var rows []struct {
		Slug, Lang string
		Digest     []byte
		Made       bool
	}
	if err := tx.SelectContext(ctx, &rows, `SELECT slug, lang, digest, made FROM catalogue.said`); err != nil {
		return nil, nil, fmt.Errorf("what services say: %w", err)
	}
	there, made := map[string][]byte{}, map[string]bool{}
	for _, r := range rows {
		there[r.Slug+" "+r.Lang], made[r.Slug+" "+r.Lang] = r.Digest, r.Made
	}
	for _, s := range all {
		key := s.Slug + " " + s.Lang
		if !bytes.Equal(there[key], digestOf(s, synonyms[s.Lang])) {
			stale = append(stale, s)
		}
		delete(there, key)
	}
	for key := range there {
		if !made[key] {
			gone = append(gone, key)
		}
	}
	return stale, gone, nil
}

func writeSayings(ctx context.Context, tx *pg.Tx, all []saying, synonyms map[string][]group, digests map[string][]byte) error {
	for part := range slices.Chunk(all, atOnce) {
		var texts []string
		for _, s := range part {
			texts = append(texts, s.Title, s.Words, s.Summary, s.Category, s.Agency, s.Slug)
		}
		for _, groups := range synonyms {
			for _, g := range groups {
				texts = append(texts, slices.Concat(g...)...)
			}
		}
		stems, err := stemsOf(ctx, tx, texts)
		if err != nil {
			return err
		}
		var rows pg.Columns
		for _, s := range part {
			word, stem := vectorsOf(s, synonyms[s.Lang], stems)
			rows.Add(pg.Text(s.Slug), pg.Text(s.Lang), pg.Text(s.Category), pg.Text(s.Agency), pg.Text(s.Title), pg.Text(s.Words), pg.Text(s.Summary),
				pg.Bytes(digestOf(s, digests[s.Lang])), pg.Text(word.String()), pg.Text(stem.String()), pg.Bool(s.Made))
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.said (slug, lang, category, agency, title, words, summary, digest, word, stem, made)
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::tsvector[], $10::tsvector[], $11::bool[])
			ON CONFLICT (slug, lang) DO UPDATE SET category = excluded.category, agency = excluded.agency, title = excluded.title, words = excluded.words,
			  summary = excluded.summary, digest = excluded.digest, word = excluded.word, stem = excluded.stem, made = excluded.made`,
			rows.Args()...); err != nil {
			return fmt.Errorf("what services say: %w", err)
		}
	}
	return nil
}

// stemsOf returns the stem of every word of texts, by the dictionaries of the configurations english and russian. Words that say nothing
// have none, and neither has Chinese.
func stemsOf(ctx context.Context, tx *pg.Tx, texts []string) (map[string]string, error) {
	stems := map[string]string{}
	var words, dictionaries []string
	for _, text := range texts {
		for _, t := range tokenise(text) {
			if _, seen := stems[t.text]; !seen && !t.han {
				stems[t.text] = ""
				words, dictionaries = append(words, t.text), append(dictionaries, dictionary(t.text))
			}
		}
	}
	var rows []struct{ Word, Stem string }
	if err := tx.SelectContext(ctx, &rows, `SELECT t.word, coalesce((ts_lexize(t.dictionary::regdictionary, t.word))[1], '') AS stem
		FROM unnest($1::text[], $2::text[]) AS t(word, dictionary)`, pq.Array(words), pq.Array(dictionaries)); err != nil {
		return nil, fmt.Errorf("stems: %w", err)
	}
	for _, r := range rows {
		stems[r.Word] = r.Stem
	}
	return stems, nil
}

// offering is what one municipality offers, in its order, and the names of its agencies in all languages.
type offering struct {
	Slugs    []string
	Agencies map[string]string
}

// offer makes the tables hold what a municipality offers, and what another process made for it that this one has not yet heard of; nothing is written when it is there already. It may be called by several
// processes at once.
func (s searchStore) offer(ctx context.Context, tenant kernel.TenantID, o offering) error {
	digest := digestOf(layout, o)
	return s.db.InTx(ctx, tenant, func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'catalogue.offer', $1::text), 0))`, tenant); err != nil {
			return fmt.Errorf("lock of the offer: %w", err)
		}
		var same bool
		if err := tx.GetContext(ctx, &same, `SELECT EXISTS (SELECT FROM catalogue.filled WHERE tenant_id = $1 AND digest = $2)`, tenant, digest); err != nil || same {
			return err
		}
		for _, q := range []string{`DELETE FROM catalogue.offer o WHERE tenant_id = $1 AND NOT EXISTS (SELECT FROM catalogue.said d WHERE d.slug = o.slug AND d.made)`, `DELETE FROM catalogue.agency WHERE tenant_id = $1`} {
			if _, err := tx.ExecContext(ctx, q, tenant); err != nil {
				return fmt.Errorf("former offer: %w", err)
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.offer (tenant_id, slug, place) SELECT $1, slug, place FROM unnest($2::text[]) WITH ORDINALITY AS o(slug, place)
			ON CONFLICT (tenant_id, slug) DO UPDATE SET place = excluded.place`,
			tenant, pq.Array(o.Slugs)); err != nil {
			return fmt.Errorf("offer: %w", err)
		}
		if err := writeAgencies(ctx, tx, o.Agencies); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO catalogue.filled (tenant_id, digest) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET digest = excluded.digest`, tenant, digest)
		return err
	})
}

func writeAgencies(ctx context.Context, tx *pg.Tx, names map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	var texts []string
	for _, name := range names {
		texts = append(texts, name)
	}
	stems, err := stemsOf(ctx, tx, texts)
	if err != nil {
		return err
	}
	var rows pg.Columns
	for agency, name := range names {
		v := vectors{stems: stems, word: vector{}, stem: vector{}}
		v.add(textsOf(name), 'D')
		rows.Add(pg.Text(agency), pg.Text(v.word.String()), pg.Text(v.stem.String()))
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.agency (tenant_id, agency, word, stem) SELECT $1, * FROM unnest($2::text[], $3::tsvector[], $4::tsvector[])`,
		rows.Args(tx.TenantID())...); err != nil {
		return fmt.Errorf("agencies: %w", err)
	}
	return nil
}

// find returns what a municipality offers for a query, the best first and its own order among equals.
func (s searchStore) find(ctx context.Context, tenant kernel.TenantID, category string, tokens []token) (slugs []string, err error) {
	err = s.db.Read(ctx, tenant, func(tx *pg.Tx) error {
		known, err := lookUp(ctx, tx, tokens)
		if err != nil {
			return err
		}
		p := planOf(tokens, known)
		if p.need == 0 {
			return nil
		}
		slugs, err = p.run(ctx, tx, category)
		return err
	})
	return slugs, err
}

// lookUpSQL tells what is known of each token: its stem; in how many rows it stands; if in none, words that are one letter taken out of
// each apart from it or its stem, and words with letter triples in common (pg_trgm, similarity of 0.3 and more).
const lookUpSQL = `WITH token AS MATERIALIZED (
	  SELECT t.n - 1 AS n, t.word, CASE WHEN t.han THEN '' ELSE coalesce((ts_lexize(t.dictionary::regdictionary, t.word))[1], '') END AS stem, coalesce(w.found, 0) AS found, NOT t.han AND w.word IS NULL AND length(t.word) > 2 AS odd
	  FROM unnest($1::text[], $2::text[], $3::bool[]) WITH ORDINALITY AS t(word, dictionary, han, n) LEFT JOIN catalogue.word w ON w.word = t.word)
	SELECT n, stem, found, '' AS word, 0 AS elsewhere, 0::float8 AS share FROM token
	UNION ALL
	SELECT n, '', 0, l.word, l.found, similarity(l.word, token.word)::float8 FROM token CROSS JOIN LATERAL (
	  (SELECT w.word, w.found FROM catalogue.word w WHERE w.slips && (catalogue.slips(token.word) || catalogue.slips(token.stem)) ORDER BY w.found DESC LIMIT 60)
	  UNION
	  (SELECT w.word, w.found FROM catalogue.word w WHERE w.word % token.word ORDER BY similarity(w.word, token.word) DESC LIMIT 20)
	) l WHERE token.odd`

func lookUp(ctx context.Context, tx *pg.Tx, tokens []token) ([]looked, error) {
	var words, dictionaries []string
	var han []bool
	for _, t := range tokens {
		words, dictionaries, han = append(words, t.text), append(dictionaries, dictionary(t.text)), append(han, t.han)
	}
	var rows []struct {
		N         int
		Stem      string
		Found     int
		Word      string
		Elsewhere int
		Share     float64
	}
	if err := tx.SelectContext(ctx, &rows, lookUpSQL, pq.Array(words), pq.Array(dictionaries), pq.Array(han)); err != nil {
		return nil, fmt.Errorf("look up words: %w", err)
	}
	out := make([]looked, len(tokens))
	for _, r := range rows {
		if r.Word == "" {
			out[r.N].stem, out[r.N].found = r.Stem, r.Found
		} else {
			out[r.N].like = append(out[r.N].like, likeness{r.Word, r.Elsewhere, r.Share})
		}
	}
	return out, nil
}

// findSQL adds up, for every service, the best hit of each token. ts_rank weighs by the vectors' labels. When no service the
// municipality offers has as many tokens as needed, those that come nearest are found.
const findSQL = `WITH sought AS MATERIALIZED (
	  SELECT * FROM unnest($6::int[], $7::int[], $8::float8[], $9::bool[], $10::tsquery[]) AS s(token, cover, factor, stem, query)),
	hit AS (
	  SELECT d.slug, s.token, s.cover, s.factor * ts_rank('{0.1, 0.3, 0.6, 1}', d.word, s.query) AS score
	  FROM sought s JOIN catalogue.said d ON d.word @@ s.query WHERE NOT s.stem AND ($2 = '' OR d.category = $2)
	  UNION ALL
	  SELECT d.slug, s.token, s.cover, s.factor * ts_rank('{0.1, 0.3, 0.6, 1}', d.stem, s.query)
	  FROM sought s JOIN catalogue.said d ON d.stem @@ s.query WHERE s.stem AND ($2 = '' OR d.category = $2)
	  UNION ALL
	  SELECT d.slug, s.token, s.cover, s.factor * ts_rank('{0.1, 0.3, 0.6, 1}', CASE WHEN s.stem THEN a.stem ELSE a.word END, s.query)
	  FROM sought s JOIN catalogue.agency a ON a.tenant_id = $1 AND CASE WHEN s.stem THEN a.stem ELSE a.word END @@ s.query
	  JOIN catalogue.said d ON d.agency = a.agency AND d.lang = 'en' WHERE $2 = '' OR d.category = $2),
	best AS (SELECT slug, token, cover, max(score) AS score FROM hit GROUP BY slug, token, cover),
	offered AS (
	  SELECT o.slug, o.place, b.score, b.cover, max(b.cover) OVER () AS most
	  FROM (SELECT slug, sum(score) AS score, sum(cover) AS cover FROM best GROUP BY slug HAVING sum(cover) >= $4) b
	  JOIN catalogue.offer o ON o.tenant_id = $1 AND o.slug = b.slug)
	SELECT slug FROM offered WHERE cover >= least($3, most) ORDER BY score DESC, place LIMIT $5`

func (p plan) run(ctx context.Context, tx *pg.Tx, category string) ([]string, error) {
	var rows pg.Columns
	for _, l := range p.lexemes {
		query := "'" + l.lexeme + "'" // letters and digits only
		if l.prefix {
			query += ":*"
		}
		rows.Add(pg.Int(l.token), pg.Int(p.cover[l.token]), pg.Text(fmt.Sprintf("%.4f", l.factor)), pg.Bool(l.stem), pg.Text(query))
	}
	var slugs []string
	if err := tx.SelectContext(ctx, &slugs, findSQL, rows.Args(tx.TenantID(), category, p.need, p.least, mostFound)...); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return slugs, nil
}
