package kerneltest

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	_ "github.com/lib/pq" // the driver
)

// Catalogue reads the catalogue of the database at url, as its owner, and returns what breaks the rules every table
// must keep so that one municipality never sees another's rows and municipalities can be spread over machines:
//   - tenant_id is the first column of the primary key, of every unique index and exclusion constraint, and on both
//     sides of every foreign key to a tenant table;
//   - row-level security is forced, with the one policy of app_protect and no other;
//   - no trigger, no foreign key into another schema, no SECURITY DEFINER function, no view that reads as its owner;
//   - nobody but the two roles has rights, and those only what app_protect grants.
//
// shared names the tables without a tenant, "schema.table"; they must have no tenant_id.
func Catalogue(t testing.TB, url string, shared ...string) []string {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var broken []string
	for _, rule := range catalogueRules {
		rows, err := db.Query(catalogueViews + rule.query)
		if err != nil {
			t.Fatalf("%s: %v", rule.name, err)
		}
		for rows.Next() {
			var table, what string
			if err := rows.Scan(&table, &what); err != nil {
				t.Fatal(err)
			}
			if rule.everywhere || slices.Contains(shared, table) == rule.shared {
				broken = append(broken, fmt.Sprintf("%s: %s %s", table, rule.name, what))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	slices.Sort(broken)
	return broken
}

// catalogueViews names what the rules talk about: our tables and the number of their tenant column.
const catalogueViews = `
WITH ours AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), tab AS (
  SELECT c.oid, o.nspname || '.' || c.relname AS name, o.oid AS schema, a.attnum AS tenant, c.relrowsecurity, c.relforcerowsecurity,
    c.relacl, c.relowner
  FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull AND a.atttypid = 'text'::regtype
  WHERE c.relkind IN ('r', 'p') AND o.nspname || '.' || c.relname <> 'public.goose_db_version'
)
`

var catalogueRules = []struct {
	name, query        string
	shared, everywhere bool // which tables the rule is for: tenant tables, shared ones, or both
}{
	{name: "has no column tenant_id text NOT NULL", query: `SELECT name, '' FROM tab WHERE tenant IS NULL`},
	{name: "is listed as shared and has a tenant", query: `SELECT name, '' FROM tab WHERE tenant IS NOT NULL`, shared: true},
	{name: "has no primary key", everywhere: true, query: `
		SELECT name, '' FROM tab WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = tab.oid AND i.indisprimary)`},
	{name: "tenant_id is not first in", query: `
		SELECT name, i.indexrelid::regclass::text FROM tab JOIN pg_index i ON i.indrelid = tab.oid
		WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] IS DISTINCT FROM tab.tenant`},
	{name: "tenant_id is not first on both sides of", query: `
		SELECT tab.name, k.conname FROM tab JOIN pg_constraint k ON k.conrelid = tab.oid AND k.contype = 'f'
		JOIN tab target ON target.oid = k.confrelid
		WHERE target.tenant IS NOT NULL AND (k.conkey[1] IS DISTINCT FROM tab.tenant OR k.confkey[1] IS DISTINCT FROM target.tenant)`},
	{name: "refers to another schema by", everywhere: true, query: `
		SELECT tab.name, k.conname FROM tab JOIN pg_constraint k ON k.conrelid = tab.oid AND k.contype = 'f'
		JOIN pg_class target ON target.oid = k.confrelid WHERE target.relnamespace <> tab.schema`},
	{name: "row-level security is not forced", query: `SELECT name, '' FROM tab WHERE NOT (relrowsecurity AND relforcerowsecurity)`},
	{name: "has not just the policy of app_protect", query: `
		SELECT name, coalesce((SELECT string_agg(polname, ', ') FROM pg_policy WHERE polrelid = tab.oid), '') FROM tab
		WHERE (SELECT count(*) FROM pg_policy WHERE polrelid = tab.oid) <> 1 OR NOT EXISTS (
		  SELECT FROM pg_policy p WHERE p.polrelid = tab.oid AND p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
		    AND regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g') = '(tenant_id = ( SELECT app_tenant() AS app_tenant))'
		    AND regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g') = '(tenant_id = ( SELECT app_tenant() AS app_tenant))')`},
	{name: "has the trigger", everywhere: true, query: `
		SELECT tab.name, g.tgname FROM tab JOIN pg_trigger g ON g.tgrelid = tab.oid WHERE NOT g.tgisinternal`},
	{name: "grants too much:", everywhere: true, query: `
		SELECT tab.name, x.privilege_type || ' to ' || coalesce(r.rolname, 'PUBLIC') FROM tab, aclexplode(tab.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
		WHERE x.grantee <> tab.relowner AND NOT (coalesce(r.rolname, '') = 'townhall_ro' AND x.privilege_type = 'SELECT')
		  AND NOT (coalesce(r.rolname, '') = 'townhall_rw' AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))`},
	{name: "makes an id in the database:", everywhere: true, query: `
		SELECT tab.name, a.attname FROM tab JOIN pg_attribute a ON a.attrelid = tab.oid JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE pg_get_expr(d.adbin, d.adrelid) ~ 'uuid\w*\('`},
	{name: "is a view that reads as its owner", everywhere: true, query: `
		SELECT o.nspname || '.' || c.relname, '' FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
		WHERE c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions) OR 'security_invoker=on' = ANY (c.reloptions), false)`},
	{name: "is a function that runs as its owner", everywhere: true, query: `
		SELECT o.nspname || '.' || p.proname, '' FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace WHERE p.prosecdef`},
}
