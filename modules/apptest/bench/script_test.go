package bench

import (
	"strings"
	"testing"
)

const (
	one   = "01980000-0000-7000-8000-000000000001"
	two   = "01980000-0000-7000-8000-000000000002"
	fresh = "01980000-0000-7000-8000-00000000000a"
	later = "01980000-0000-7000-8000-00000000000b"
	anna  = "01980000-0000-7000-8000-0000000000aa"
)

func logOf(kase, effect string) string {
	return strings.NewReplacer("CASE", kase, "EFFECT", effect, "ANNA", anna).Replace(
		"2026-01-02 03:04:05.678 UTC [7] LOG:  statement: BEGIN READ WRITE; SELECT set_config('app.tenant', 'northwick', true)\n" +
			"2026-01-02 03:04:05.679 UTC [8] LOG:  statement: SELECT 'somebody else'\n" +
			"2026-01-02 03:04:05.680 UTC [7] LOG:  execute 3: UPDATE c\n\t\tSET note = $2 WHERE id = $1 AND who = $3\n" +
			"2026-01-02 03:04:05.680 UTC [7] DETAIL:  parameters: $1 = 'CASE', $2 = 'it''s\n\ttwo, $9 = lines', $3 = 'ANNA'\n" +
			"2026-01-02 03:04:05.681 UTC [7] LOG:  execute 4: INSERT INTO effect VALUES ($1, $2, $3, $4)\n" +
			"2026-01-02 03:04:05.681 UTC [7] DETAIL:  parameters: $1 = 'EFFECT', $2 = NULL, $3 = '', $4 = '/cases/CASE/EFFECT'\n" +
			"2026-01-02 03:04:05.682 UTC [7] LOG:  statement: COMMIT\n" +
			"2026-01-02 03:04:05.683 UTC [7] LOG:  execute 5: SELECT pg_notify($1, $2)\n")
}

func capturedOf(t *testing.T, kase, effect string) captured {
	t.Helper()
	all, err := parseLog(logOf(kase, effect))
	if err != nil {
		t.Fatal(err)
	}
	list, err := transaction(all)
	if err != nil {
		t.Fatal(err)
	}
	list[1].types = []string{"uuid", "text", "uuid"}
	list[2].types = []string{"uuid", "timestamptz", "text", "text"}
	return captured{kase, list}
}

func TestALoggedTransactionBecomesAScriptOfTheSameStatements(t *testing.T) {
	s, err := newScript(capturedOf(t, one, fresh), capturedOf(t, two, later))
	if err != nil {
		t.Fatal(err)
	}
	want := numbering + `\startpipeline
BEGIN READ WRITE;
SELECT set_config('app.tenant', 'northwick', true);
\endpipeline
UPDATE c
	SET note = (:s2p2::text)::text WHERE id = (CASE)::uuid AND who = (:s2p3::text)::uuid;
INSERT INTO effect VALUES ((FRESH)::uuid, (NULL)::timestamptz, ('')::text, (:s3p4_0::text || CASE || :s3p4_1::text || FRESH)::text);
COMMIT;
`
	want = strings.NewReplacer("CASE", caseOf, "FRESH", freshOf(0)).Replace(want)
	if s.text != want {
		t.Errorf("got:\n%s\nwant:\n%s", s.text, want)
	}
	vars := strings.Join(s.vars, "|")
	if vars != "s2p2=it's\ntwo, $9 = lines|s2p3="+anna+"|s3p4_0=/cases/|s3p4_1=/" {
		t.Errorf("variables %q", vars)
	}
}

func TestRequestsThatSendDifferentStatementsAreNotCompared(t *testing.T) {
	a, b := capturedOf(t, one, fresh), capturedOf(t, two, later)
	b.statements = append(b.statements[:2:2], b.statements[3:]...)
	if _, err := newScript(a, b); err == nil {
		t.Error("a missing statement went unnoticed")
	}
	b = capturedOf(t, two, later)
	b.statements[1].text += " "
	if _, err := newScript(a, b); err == nil {
		t.Error("a changed statement went unnoticed")
	}
}

func TestABrokenLogIsRefused(t *testing.T) {
	for _, s := range []string{"$2 = 'a'", "$1 = 'a", "$1 = a", "nonsense"} {
		if _, err := parseParams(s); err == nil {
			t.Errorf("%s was read", s)
		}
	}
	all, err := parseLog(strings.Replace(logOf(one, fresh), "COMMIT", "ROLLBACK", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transaction(all); err == nil {
		t.Error("a transaction without commit was taken")
	}
}
