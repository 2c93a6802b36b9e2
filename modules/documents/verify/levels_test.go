package verify_test

import (
	"testing"

	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
)

func TestEachLevelIsRecognised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, level := range []string{"B-B", "B-T", "B-LT", "B-LTA"} {
		r := w.verify(w.document(level))
		if r.State != verify.Valid || r.Level != sign.Level(level) || len(r.Notes) != 0 || r.Number != testNumber || r.CheckURI != w.checkURI || r.StatusURI != ownOrigin+"/verify/status#7" {
			t.Errorf("%s: %+v", level, r)
		}
		if proven := !r.Proven.IsZero(); proven != (level != "B-B") || proven && !r.Proven.Equal(w.now) {
			t.Errorf("%s: proven %s", level, r.Proven)
		}
		if (level == "B-LTA") != r.Renew.Equal(w.tsa.cert.NotAfter) {
			t.Errorf("%s: renew %s", level, r.Renew)
		}
	}
}

func TestARenewedDocumentIsGoodAfterTheFirstAuthorityHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-LTA")
	later := w.now.AddDate(9, 0, 0)
	next := issue(t, w.issuing, tsaTemplate(later.AddDate(0, 0, -1), later.AddDate(10, 0, 0)))
	renewed := w.renew(file, next, later)
	twice := w.renew(renewed, next, later.AddDate(1, 0, 0))
	for name, f := range map[string][]byte{"once": renewed, "twice": twice} {
		at := w.now.AddDate(15, 0, 0)
		r := verify.Verify(f, w.trust(at), verify.Options{At: at})
		if r.State != verify.Valid || r.Level != sign.BLTA || !r.Proven.Equal(w.now) || !r.Renew.Equal(next.cert.NotAfter) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	at := w.now.AddDate(15, 0, 0)
	if r := verify.Verify(file, w.trust(at), verify.Options{At: at}); r.State != verify.Untrusted || r.Reasons[0] != verify.ReasonExpired || r.Notes[0] != verify.NoteTimestampExpired {
		t.Errorf("not renewed: %+v", r)
	}
}
