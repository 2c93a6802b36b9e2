package documents

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"townhall/migrations"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// Documents that were issued before they had a place in the status lists get one each, and their files stay what they are.
func TestDocumentsOfBeforeGetTheirPlaces(t *testing.T) {
	t.Parallel()
	before := fstest.MapFS{}
	names, err := fs.Glob(migrations.FS, "*.sql")
	must(t, err)
	for _, n := range names {
		b, err := fs.ReadFile(migrations.FS, n)
		must(t, err)
		if n != "0031_documents_lifecycle.sql" {
			before[n] = &fstest.MapFile{Data: b}
		}
	}
	url := kerneltest.EmptyURL(t)
	must(t, pg.Migrate(t.Context(), url, before))
	db, err := pg.Open(t.Context(), pg.Options{URL: url})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	const n = 200
	for _, tenant := range []kernel.TenantID{kerneltest.Northwick, kerneltest.Eastmere} {
		must(t, db.InTx(t.Context(), tenant, func(tx *pg.Tx) error {
			for range n {
				id := kernel.NewID()
				if _, err := tx.Exec(`INSERT INTO documents.document (tenant_id, id, holder, agency, type, number, code, title, municipality, issuer, locale, content_hash, template, state, issued_at, published_at)
					VALUES ($1, $2, $2, 'a', 't', 'n', $3, 't', 'm', 'i', 'en', $4, '1', 'valid', now(), now())`, string(tenant), id, newCode(), sum([]byte(id))); err != nil {
					return err
				}
				if _, err := tx.Exec(`INSERT INTO documents.file (tenant_id, document_id, sha256, bytes, sealed_at) VALUES ($1, $2, $3, $4, now())`, string(tenant), id, sum([]byte(id)), []byte(id)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	must(t, pg.Migrate(t.Context(), url, migrations.FS))
	for _, tenant := range []kernel.TenantID{kerneltest.Northwick, kerneltest.Eastmere} {
		must(t, db.Read(t.Context(), tenant, func(tx *pg.Tx) error {
			var places, far, files int
			if err := tx.Get(&places, `SELECT count(DISTINCT status_index) FROM documents.document WHERE tenant_id = $1 AND status_index BETWEEN 0 AND 1048575`, string(tenant)); err != nil {
				return err
			}
			if err := tx.Get(&far, `SELECT count(*) FROM documents.document WHERE tenant_id = $1 AND status_index > 4 * $2`, string(tenant), n); err != nil {
				return err
			}
			err := tx.Get(&files, `SELECT count(*) FROM documents.file WHERE tenant_id = $1 AND revision = 1 AND level = 'B-B' AND convert_from(bytes, 'UTF8') = document_id::text`, string(tenant))
			if places != n || files != n || far < n/2 {
				t.Errorf("%s: %d places, %d of them far out, %d files", tenant, places, far, files)
			}
			return err
		}))
	}
}
