-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm; -- words with a typing mistake
CREATE SCHEMA IF NOT EXISTS catalogue;

-- What a service says in one language, and the words it is found by. The texts come with the program and are the same for all
-- municipalities. In both vectors A is the title, B the search words and what means the same as the title, C the summary and what
-- means the same as the search words, D category, agency and slug.
CREATE TABLE catalogue.said (
  slug     text     NOT NULL,
  lang     text     NOT NULL CHECK (lang IN ('en', 'ru', 'zh')),
  category text     NOT NULL,
  agency   text     NOT NULL,
  title    text     NOT NULL,
  words    text     NOT NULL,
  summary  text     NOT NULL,
  digest   bytea    NOT NULL, -- of everything the vectors are made from
  word     tsvector NOT NULL, -- words as they stand (configuration simple); of Chinese the characters and the pairs of neighbours
  stem     tsvector NOT NULL, -- stems by the configurations english and russian
  PRIMARY KEY (slug, lang)
);
-- Ranking reads both vectors of every row found: they stay in the row.
ALTER TABLE catalogue.said ALTER word SET STORAGE MAIN, ALTER stem SET STORAGE MAIN;
CREATE INDEX said_word ON catalogue.said USING gin (word) WITH (fastupdate = off);
CREATE INDEX said_stem ON catalogue.said USING gin (stem) WITH (fastupdate = off);

-- Two words are one typing mistake apart when a letter taken out of each, or of one of them, leaves the same.
-- +goose StatementBegin
CREATE FUNCTION catalogue.slips(word text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT CASE WHEN length(word) BETWEEN 3 AND 24 AND word !~ '[㐀-鿿]' THEN
    array(SELECT DISTINCT overlay(word PLACING '' FROM i FOR 1) FROM generate_series(1, length(word)) i) || word
  ELSE '{}' END
$$;
-- +goose StatementEnd

-- Every word of catalogue.said.word once, to correct what somebody typed.
CREATE TABLE catalogue.word (
  word  text   COLLATE "C" PRIMARY KEY,
  found int    NOT NULL, -- in how many rows
  slips text[] COLLATE "C" NOT NULL
);
CREATE INDEX word_trigrams ON catalogue.word USING gin (word gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX word_slips ON catalogue.word USING gin (slips) WITH (fastupdate = off);

GRANT USAGE ON SCHEMA catalogue TO townhall_rw, townhall_ro;
GRANT SELECT ON catalogue.said, catalogue.word TO townhall_ro;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalogue.said, catalogue.word TO townhall_rw;

-- What a municipality offers, in its order.
CREATE TABLE catalogue.offer (
  tenant_id text NOT NULL,
  slug      text NOT NULL,
  place     int  NOT NULL,
  PRIMARY KEY (tenant_id, slug)
);
SELECT app_distribute('catalogue.offer');
SELECT app_protect('catalogue.offer');

-- The names of a municipality's agencies, in all languages.
CREATE TABLE catalogue.agency (
  tenant_id text     NOT NULL,
  agency    text     NOT NULL,
  word      tsvector NOT NULL,
  stem      tsvector NOT NULL,
  PRIMARY KEY (tenant_id, agency)
);
SELECT app_distribute('catalogue.agency');
SELECT app_protect('catalogue.agency');

-- What offer and agency were filled from: they are written anew only when it differs.
CREATE TABLE catalogue.filled (
  tenant_id text  NOT NULL,
  digest    bytea NOT NULL,
  PRIMARY KEY (tenant_id)
);
SELECT app_distribute('catalogue.filled');
SELECT app_protect('catalogue.filled');
