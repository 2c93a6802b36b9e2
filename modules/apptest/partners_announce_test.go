package apptest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Everybody who subscribed receives an announcement once, in their language, whatever happens to who sends it; who left meanwhile does not.
func TestAnAnnouncementReachesEverySubscriberOnce(t *testing.T) {
	t.Parallel()
	const subscribers = 250
	a := newPartners(t)
	pub, off := apptest.StaffOf("water", "publisher", "pia"), apptest.StaffOf("water", "officer", "otto")
	elsewhere := apptest.StaffOf("gas", "officer", "gus")
	a.Know("northwick", pub, off, elsewhere)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("water", nil))
	a.Admit(apptest.Boris, apptest.PartnerAnswers("gas", nil))
	const app = "water-notices"
	a.Made(apptest.Anna, "water", "notices", app, "appointments")
	a.open(t, pub, app, 1)

	var people []apptest.Who
	for i := range subscribers {
		people = append(people, apptest.Who{Subject: fmt.Sprint("reader-", i), Name: "A Reader", ACR: "low", Client: apptest.Anna.Client})
	}
	a.Know("northwick", people...)
	cases := make([]apptest.Case, subscribers)
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := w; i < subscribers; i += 10 {
				r := a.Do(apptest.Call{Who: &people[i], Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": app, "locale": kernel.Locales[i%3]}})
				if r.Status != http.StatusCreated {
					t.Errorf("%d %s", r.Status, r.Body)
					return
				}
				r.JSON(t, &cases[i])
				cases[i] = a.Act(people[i], cases[i], "subscribe", nil)
			}
		})
	}
	wg.Wait()
	a.Settle()

	path := "/staff/notices/" + app
	form := func(heading string, change map[string]string) url.Values {
		out := url.Values{"idempotency_key": {apptest.Key()}}
		for l, word := range map[string]string{"en": "Water", "ru": "Вода", "zh": "停水"} {
			out.Set("heading."+l, word+" "+heading)
			out.Set("body."+l, word+" "+heading+".\r\nMonday.")
		}
		for k, v := range change {
			out.Set(k, v)
		}
		return out
	}
	send := func(who apptest.Who, f url.Values) apptest.Answer {
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: f, Cookie: a.Cookie("northwick", who)})
	}
	for name, who := range map[string]apptest.Who{"another partner's officer": elsewhere, "an officer of the office": apptest.Ines, "its publisher": pub, "a registrar": apptest.Oliver} {
		if got := send(who, form("0", nil)); got.Status != http.StatusNotFound && got.Status != http.StatusForbidden {
			t.Errorf("%s announces: %d", name, got.Status)
		}
	}
	for field, bad := range map[string]string{"heading.ru": "Вода 🚱", "body.zh": "a\x00b", "heading.en": ""} {
		if got := send(off, form("0", map[string]string{field: bad})); got.Status != http.StatusUnprocessableEntity || !bytes.Contains(got.Body, []byte(`href="#`+field)) && !bytes.Contains(got.Body, []byte(`href="#f-`+field)) {
			t.Errorf("%s = %q: %d", field, bad, got.Status)
		}
	}
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.announcement`); n != 0 {
		t.Fatalf("%d refused announcements were kept", n)
	}

	one := form("1", nil)
	for range 3 { // the button is pressed three times
		if got := send(off, one); got.Status != http.StatusSeeOther {
			t.Fatalf("%d", got.Status)
		}
	}
	// Nothing can be read for a while: every handler fails.
	a.asOwner(t, `ALTER TABLE partners.announcement RENAME TO away`)
	if err := a.Drain(t.Context()); err == nil {
		t.Error("nothing failed")
	}
	a.asOwner(t, `ALTER TABLE partners.away RENAME TO announcement`)
	a.asOwner(t, `UPDATE kernel.effect SET not_before = now() WHERE state = 'open'`)
	// Somebody leaves before it is known who is told, and somebody between that and their turn: no step can be written for a while.
	a.Act(people[0], cases[0], "unsubscribe", nil)
	a.asOwner(t, `ALTER TABLE casework.event RENAME TO away`)
	if err := a.Drain(t.Context()); err == nil {
		t.Error("nobody's turn failed")
	}
	a.asOwner(t, `ALTER TABLE casework.away RENAME TO event`)
	a.Act(people[1], cases[1], "unsubscribe", nil)
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM kernel.effect WHERE state = 'open' AND tries > 0 AND case_id = $1 AND name LIKE '%announce-to%'`, cases[1].ID); n != 1 {
		t.Errorf("%d effects wait for who left", n)
	}
	a.asOwner(t, `UPDATE kernel.effect SET not_before = now() WHERE state = 'open'`)
	// Two processes send, and lose their leases again and again.
	b := a.second(t, io.Discard)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var robber sync.WaitGroup
	robbed := 0
	robber.Go(func() {
		for ctx.Err() == nil {
			_ = a.DB.InTx(ctx, "northwick", func(tx *pg.Tx) error {
				res, err := tx.ExecContext(ctx, `UPDATE kernel.effect SET leased = false, not_before = now() WHERE leased AND state = 'open' AND name LIKE '%partner.announce%'`)
				if err == nil {
					n, _ := res.RowsAffected()
					robbed += int(n)
				}
				return err
			})
			time.Sleep(10 * time.Millisecond)
		}
	})
	for _, town := range []*modules.Town{a.Town, b} {
		wg.Go(func() {
			if err := town.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	cancel()
	robber.Wait()
	a.Settle()
	a.Settle()
	t.Logf("%d leases were lost", robbed)
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM kernel.effect WHERE state <> 'done' AND name LIKE '%partner.announce%'`); n != 0 {
		t.Errorf("%d effects wait for ever", n)
	}
	for i, c := range cases {
		want := 1
		if i < 2 {
			want = 0
		}
		messages := scan[int](t, a.App, `SELECT count(*)::int FROM notify.message WHERE case_id = $1 AND notice = 'announced'`, c.ID)
		papers := scan[int](t, a.App, `SELECT count(*)::int FROM documents.document WHERE case_id = $1 AND locale = $2 AND state = 'valid' AND content::text LIKE '%' || $3 || '%'`, c.ID, kernel.Locales[i%3], []string{"Water", "Вода", "停水"}[i%3])
		all := scan[int](t, a.App, `SELECT count(*)::int FROM documents.document WHERE case_id = $1`, c.ID)
		if messages != want || papers != want || all != want {
			t.Errorf("subscriber %d: %d messages, %d documents in %s, %d at all, want %d of each", i, messages, papers, kernel.Locales[i%3], all, want)
			break
		}
	}
	if got := scan[string](t, a.App, `SELECT string_agg(reached::text, ' ') FROM partners.announcement`); got != fmt.Sprint(subscribers-2) {
		t.Errorf("reached %s", got)
	}
	if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/cases/" + cases[4].ID, Cookie: a.Cookie("northwick", people[4])}); !bytes.Contains(got.Body, []byte("Вода 1")) && !bytes.Contains(got.Body, []byte("Объявление")) {
		t.Errorf("a reader in Russian: %d", got.Status)
	}
}
