package documents

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// takeBack is what a step of a case does when it revokes what was issued.
func (h *house) takeBack(ctx context.Context, c kernel.CaseID, docType string) error {
	return h.DB.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error { return h.RevokeIssued(ctx, tx, c, docType, "cancelled") })
}

func (h *house) system(t *testing.T) context.Context {
	return kernel.WithPrincipal(t.Context(), kernel.SystemPrincipal(kerneltest.Northwick))
}

func (h *house) publicState(t *testing.T, id kernel.DocumentID) string {
	t.Helper()
	var v Verification
	must(t, json.Unmarshal(h.get("/documents/v1/verifications/"+h.read(t, id).Number, "").Body.Bytes(), &v))
	return v.State
}

func TestACaseTakesBackWhatItIssuedOfOneTypeAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, c := newPerson(), newCase()
	first := h.intend(t, anna, c, sample("en"))
	h.drain(t)
	h.clock.Advance(time.Minute)
	second := h.intend(t, anna, c, sample("en"))
	h.drain(t)
	elsewhere := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	must(t, h.takeBack(h.system(t), c, "sick-note")) // none of that type: nothing to do
	if h.read(t, second).State != stateValid {
		t.Fatal("another type was revoked")
	}
	// The holder's own step may cause it: who may was decided by the case.
	must(t, h.takeBack(h.ctx(t, "citizen "+string(anna)), c, "residence-certificate"))
	for id, want := range map[kernel.DocumentID]string{first: stateSuperseded, second: stateRevoked, elsewhere: stateValid} {
		if r := h.read(t, id); r.State != want || h.publicState(t, id) != want {
			t.Errorf("%s, publicly %s, want %s", r.State, h.publicState(t, id), want)
		}
	}
	h.clock.Advance(time.Minute)
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		revoked, _, err := notValidIn(t.Context(), tx, 0, 1<<20)
		if len(revoked) != 1 || revoked[0] != h.read(t, second).StatusIndex {
			t.Errorf("status list: %v", revoked)
		}
		return err
	}))
	if n := strings.Count(h.log.actions(), "document.revoke"); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	must(t, h.takeBack(h.system(t), c, "residence-certificate"))
	if n := strings.Count(h.log.actions(), "document.revoke"); n != 1 {
		t.Errorf("taken back twice: %d audit entries", n)
	}
	if err := h.takeBack(h.system(t), "", "residence-certificate"); err == nil {
		t.Error("without a case: everything?")
	}
	// The agency's page tells who took it back and why; the holder's leads to the file, which is still theirs.
	if w := h.get("/staff/documents/"+string(second), "staff "+kernel.NewID()); w.Code != 200 || !strings.Contains(w.Body.String(), "cancelled") {
		t.Errorf("agency's page: %d %s", w.Code, w.Body)
	}
	if w := h.get("/documents/"+string(second)+".pdf", "citizen "+string(anna)); w.Code != 200 {
		t.Errorf("file: %d", w.Code)
	}
}

// Whatever the sealing is doing at that moment, a document that was taken back is never valid.
func TestADocumentTakenBackWhileItIsMadeIsNeverIssued(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"", "render", "linted", "sign", "signed", "store", "stored", "publish"} {
		t.Run(fmt.Sprintf("at %q", at), func(t *testing.T) {
			t.Parallel()
			var h *house
			var once atomic.Bool
			c := newCase()
			h = newHouse(t, func(d *Deps) {
				d.Step = func(step string) {
					if step == at && once.CompareAndSwap(false, true) {
						if err := h.takeBack(h.system(t), c, "residence-certificate"); err != nil {
							t.Error(err)
						}
					}
				}
			})
			anna := newPerson()
			id := h.intend(t, anna, c, sample("en"))
			if at == "" {
				must(t, h.takeBack(h.system(t), c, "residence-certificate"))
			}
			h.drain(t)
			must(t, h.issueOverdue(t.Context()))
			h.clock.Advance(2 * time.Hour)
			must(t, h.issueOverdue(t.Context()))
			h.drain(t)
			r := h.read(t, id)
			if r.State != stateRevoked || !r.PublishedAt.IsZero() || len(h.issued.all) != 0 || h.publicState(t, id) != stateRevoked {
				t.Errorf("%s, published %v, told %d times", r.State, r.PublishedAt, len(h.issued.all))
			}
			if got := h.log.actions(); got != "document.intend document.revoke" {
				t.Errorf("audit: %s", got)
			}
			for path, want := range map[string]int{".pdf": 404, "": 200} {
				if w := h.get("/documents/"+string(id)+path, "citizen "+string(anna)); w.Code != want || strings.Contains(w.Body.String(), ".pdf") {
					t.Errorf("holder's %q: %d %s", path, w.Code, w.Body)
				}
			}
			if w := h.get("/documents", "citizen "+string(anna)); w.Code != 200 || strings.Contains(w.Body.String(), string(id)) {
				t.Errorf("holder's list: %d %s", w.Code, w.Body)
			}
			staff := "staff " + kernel.NewID()
			if w := h.get("/staff/documents/"+string(id), staff); w.Code != 200 || strings.Contains(w.Body.String(), "document.pdf") {
				t.Errorf("agency's page: %d %s", w.Code, w.Body)
			}
			if w := h.get("/staff/documents/"+string(id)+"/document.pdf", staff); w.Code != 404 {
				t.Errorf("agency's file: %d", w.Code)
			}
			if w := h.post("/documents/v1/documents/"+string(id)+"/reissue", staff, `{"reason":"Again, please."}`); w.Code != 409 {
				t.Errorf("issued again: %d %s", w.Code, w.Body)
			}
		})
	}
}

// Publishing, issuing again and taking back meet at once: whatever comes first, in the end nothing of the case is valid.
func TestTakingBackWinsOverPublishingAndIssuingAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	const n = 12
	var cases []kernel.CaseID
	ids := map[kernel.CaseID]kernel.DocumentID{}
	for i := range n {
		c := newCase()
		ids[c] = h.intend(t, anna, c, sample("en"))
		if i%2 == 0 {
			h.drain(t) // valid: issuing it again races
		}
		cases = append(cases, c)
	}
	var wg sync.WaitGroup
	for i, c := range cases {
		wg.Go(func() {
			if err := h.takeBack(h.system(t), c, "residence-certificate"); err != nil {
				t.Error(err)
			}
		})
		if i%2 == 0 {
			wg.Go(func() {
				_, err := h.Reissue(h.ctx(t, "staff "+kernel.NewID()), string(ids[c]), "The first one was lost.")
				if err != nil && kernel.AsError(err).Slug != "document-not-valid" {
					t.Error(err)
				}
			})
		}
	}
	for range 3 {
		wg.Go(func() {
			if err := h.run.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.drain(t)
	revoked := 0
	for _, c := range cases {
		must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			var states []string
			err := tx.Select(&states, `SELECT state FROM documents.document WHERE tenant_id = $1 AND case_id = $2`, string(kerneltest.Northwick), string(c))
			for _, s := range states {
				if s != stateRevoked {
					t.Errorf("after everything: %s", s)
				}
				revoked++
			}
			return err
		}))
	}
	t.Logf("%d documents of %d cases, all revoked; %d had been published", revoked, n, len(h.issued.all))
}

// Two are asked for one after the other; the later one is ready first. What was asked for later stays in force.
func TestADocumentThatComesLateDoesNotTakeThePlaceOfANewerOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, c := newPerson(), newCase()
	old := h.intend(t, anna, c, sample("en"))
	h.clock.Advance(time.Second)
	newer := h.intend(t, anna, c, sample("ru"))
	for _, id := range []kernel.DocumentID{newer, old} {
		payload, err := json.Marshal(kernel.DocumentIssue{Document: id})
		must(t, err)
		done, err := h.issue(h.system(t), kernel.Effect{Tenant: kerneltest.Northwick, ID: kernel.NewID(), Payload: payload})
		must(t, err)
		must(t, h.DB.InTx(h.system(t), kerneltest.Northwick, func(tx *pg.Tx) error { return done(h.system(t), tx) }))
	}
	h.drain(t)
	if r := h.read(t, old); r.State != stateSuperseded || r.SupersededBy != newer || h.read(t, newer).State != stateValid {
		t.Errorf("the older is %s by %s, the newer %s", r.State, r.SupersededBy, h.read(t, newer).State)
	}
	if len(h.issued.all) != 1 {
		t.Errorf("told of %d documents", len(h.issued.all))
	}
}
