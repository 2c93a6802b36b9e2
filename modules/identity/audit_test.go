package identity_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
)

// notebook is the audit contract on paper.
type notebook struct {
	mu    sync.Mutex
	lines []string
}

func (n *notebook) Record(ctx context.Context, tx kernel.Tx, e kernel.AuditEntry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	who := kernel.PrincipalOf(ctx)
	n.lines = append(n.lines, fmt.Sprint(tx.TenantID(), " ", who.Kind, " ", e.Action, " ", e.Subject == who.Person && who.Person != "", " ", e.Details))
	return nil
}

func (n *notebook) OfCase(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.AuditEntry, error) {
	return nil, nil
}

func TestOpeningsAndClosingsOfSessionsAreRecordedWithoutPersonalData(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	book := &notebook{}
	h.rebuild(func(d *identity.Deps) { d.Audit = book })
	b := h.browser()
	b.signIn("/sign-in")
	b.send("POST", "/sign-out", url.Values{})
	b.signIn("/sign-in")
	header, claims := h.citizens.LogoutToken(client, "anna", "sid-1")
	b.send("POST", "/apps/"+service+"/backchannel-logout", url.Values{"logout_token": {identitytest.Sign(h.citizens.Keys[0], header, claims)}})
	got := strings.Join(book.lines, "\n")
	const wanted = `northwick citizen session.open true map[channel: issuer:wallet level:substantial]
northwick citizen session.close true map[by:person]
northwick citizen session.open true map[channel: issuer:wallet level:substantial]
northwick citizen session.close true map[by:issuer]`
	if got != wanted {
		t.Errorf("recorded:\n%s", got)
	}
}

func TestServersStartingAtOnceAgreeOnTheClientKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	published := make([]string, 8)
	var wg sync.WaitGroup
	for i := range published {
		h.rebuild(nil)
		handler := h.handler
		wg.Go(func() {
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, httptest.NewRequest("GET", origin+"/.well-known/jwks.json", nil))
			published[i] = rec.Body.String()
		})
	}
	wg.Wait()
	for i, p := range published {
		if p != published[0] || !strings.Contains(p, `"kid"`) {
			t.Errorf("server %d publishes %s, the first %s", i, p, published[0])
		}
	}
}
