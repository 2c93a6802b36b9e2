package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// What the wallet asks municipalities about a person's own documents, through their public contract (/documents/v1): with an
// access token (RFC 9068) that it issues to itself for this person, for this contract of this municipality alone. It keeps no
// copies: what is shown is what the municipality says now, so that a revocation shows at once.

// held is one document as its municipality describes it to its holder.
type held struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	Type      string    `json:"type"`
	Title     string    `json:"title"`
	Language  string    `json:"language"`
	Issuer    string    `json:"issuer"`
	State     string    `json:"state"` // pending, valid, superseded, revoked
	CheckURI  string    `json:"check_uri"`
	IssuedAt  time.Time `json:"issued_at"`
	ValidTo   time.Time `json:"valid_to"`   // zero: no end
	RevokedAt time.Time `json:"revoked_at"` // zero: it was not

	Town   kernel.Text `json:"-"`
	Origin string      `json:"-"`
}

// Shown is the state for people: what is valid until a day that has passed has expired.
func (d held) Shown(now time.Time) string {
	if d.State == "valid" && !d.ValidTo.IsZero() && now.After(d.ValidTo) {
		return "expired"
	}
	return d.State
}

// Host is its municipality's, as people know it.
func (d held) Host() string {
	u, err := url.Parse(d.Origin)
	if err != nil {
		return ""
	}
	return u.Host
}

// Path is the document's page in the wallet.
func (d held) Path() string { return "/documents/" + url.PathEscape(d.Host()) + "/" + d.ID }

// documentShare is a link by which somebody without a wallet sees one document for some days.
type documentShare struct {
	ID        string    `json:"id"`
	Label     string    `json:"label"`
	ExpiresAt time.Time `json:"expires_at"`
	EndedAt   time.Time `json:"ended_at"`
	Link      string    `json:"link"` // told once, when it is made
}

// documentLife is how long a token for documents is good: one page.
const documentLife = time.Minute

// walletClient is the client the wallet itself is at its own issuer. It gets tokens from nowhere else, and has no codes.
const walletClient = "wallet"

// documentToken lets the wallet speak for the person of a session to one municipality's documents contract, and to nothing else.
func (w *Wallet) documentToken(s session, origin string) (string, error) {
	now := w.clock.Now()
	return w.citizens.sign("", "at+jwt", map[string]any{
		"iss": w.citizens.issuer, "sub": w.Subject(origin, s.Persona), "aud": origin + "/documents/v1", "client_id": walletClient, "iat": now.Unix(),
		"exp": now.Add(documentLife).Unix(), "jti": newSecret(), "auth_time": s.AuthTime.Unix(), "acr": acrOf(s.Level),
	})
}

// documentsAt asks one municipality about a person's documents; path begins behind /documents/v1.
func (w *Wallet) documentsAt(ctx context.Context, s session, origin, method, path, key string, body any) (*http.Response, error) {
	token, err := w.documentToken(s, origin)
	if err != nil {
		return nil, err
	}
	return w.send(ctx, request{method: method, address: origin + "/documents/v1" + path, token: token, key: key, body: body})
}

// knownTowns are the municipalities where the person has signed in with this wallet, in the list's order. No other is asked: it would
// learn that somebody is there.
func (w *Wallet) knownTowns(ctx context.Context, persona string) (out []App) {
	apps := append(w.book.apps(ctx), w.book.former()...)
	for _, id := range w.journal.used(persona) {
		i := slices.IndexFunc(apps, func(a App) bool { return a.Client.ID == id })
		if i >= 0 && !slices.ContainsFunc(out, func(a App) bool { return a.Origin == apps[i].Origin }) {
			out = append(out, apps[i])
		}
	}
	slices.SortStableFunc(out, func(a, b App) int {
		return slices.Index(w.cfg.Catalogues, a.Origin) - slices.Index(w.cfg.Catalogues, b.Origin)
	})
	return out
}

// documents are a person's documents of all municipalities they deal with, newest first, and the names of those that do not
// answer just now.
func (w *Wallet) documents(ctx context.Context, s session) (all []held, away []kernel.Text) {
	towns := w.knownTowns(ctx, s.Persona)
	lists, errs := make([][]held, len(towns)), make([]error, len(towns))
	var wg sync.WaitGroup
	for i, t := range towns {
		wg.Go(func() {
			var answer struct{ Documents []held }
			resp, err := w.documentsAt(ctx, s, t.Origin, http.MethodGet, "/documents", "", nil)
			errs[i] = read(resp, err, http.StatusOK, &answer)
			for _, d := range answer.Documents {
				if d.of(t) {
					lists[i] = append(lists[i], d.at(t))
				}
			}
		})
	}
	wg.Wait()
	for i, t := range towns {
		if errs[i] != nil {
			w.log.WarnContext(ctx, "a municipality does not tell its documents", "origin", t.Origin, "error", errs[i])
			away = append(away, t.Municipality)
		}
		all = append(all, lists[i]...)
	}
	slices.SortStableFunc(all, func(a, b held) int { return b.IssuedAt.Compare(a.IssuedAt) })
	return all, away
}

var documentID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// of reports whether what a municipality says of a document can be shown: the code it is checked by leads to that municipality.
func (d held) of(t App) bool { return documentID.MatchString(d.ID) && originOf(d.CheckURI) == t.Origin }

func (d held) at(t App) held {
	d.Town, d.Origin = t.Municipality, t.Origin
	return d
}

// townNamed is the municipality of a page's address, when the person deals with it.
func (w *Wallet) townNamed(ctx context.Context, persona, host string) (App, error) {
	for _, t := range w.knownTowns(ctx, persona) {
		if u, err := url.Parse(t.Origin); err == nil && u.Host == host {
			return t, nil
		}
	}
	return App{}, errNotThere
}

// document is one document of a person, by the host of its municipality. Errors: errNotThere; others when the municipality
// does not answer.
func (w *Wallet) document(ctx context.Context, s session, host, id string) (held, error) {
	t, err := w.townNamed(ctx, s.Persona, host)
	if err != nil || !documentID.MatchString(id) {
		return held{}, errNotThere
	}
	var d held
	resp, err := w.documentsAt(ctx, s, t.Origin, http.MethodGet, "/documents/"+id, "", nil)
	if err := read(resp, err, http.StatusOK, &d); err != nil {
		return held{}, err
	}
	if !d.of(t) || d.ID != id {
		return held{}, errors.New("the municipality answers with another document")
	}
	return d.at(t), nil
}

// maxDocument is the largest file that is passed on.
const maxDocument = 16 << 20

// documentFile is the sealed PDF, byte for byte.
func (w *Wallet) documentFile(ctx context.Context, s session, d held) ([]byte, error) {
	resp, err := w.documentsAt(ctx, s, d.Origin, http.MethodGet, "/documents/"+d.ID+"/file", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := answered(resp, http.StatusOK); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxDocument || !strings.HasPrefix(string(b[:min(len(b), 5)]), "%PDF-") {
		return nil, errors.New("what came is not a document")
	}
	return b, nil
}

// sharesOf are the links to a document that still open.
func (w *Wallet) sharesOf(ctx context.Context, s session, d held) ([]documentShare, error) {
	var answer struct{ Shares []documentShare }
	resp, err := w.documentsAt(ctx, s, d.Origin, http.MethodGet, "/documents/"+d.ID+"/shares", "", nil)
	err = read(resp, err, http.StatusOK, &answer)
	return slices.DeleteFunc(answer.Shares, func(l documentShare) bool { return !l.EndedAt.IsZero() || !w.clock.Now().Before(l.ExpiresAt) }), err
}

// shareDocument makes a link. key stays the same when a form is sent again: there is one link then, and it is told again.
func (w *Wallet) shareDocument(ctx context.Context, s session, d held, key, label string, days int) (l documentShare, err error) {
	resp, err := w.documentsAt(ctx, s, d.Origin, http.MethodPost, "/documents/"+d.ID+"/shares", key, map[string]any{"label": label, "days": days})
	err = read(resp, err, http.StatusCreated, &l)
	if err == nil && originOf(l.Link) != d.Origin {
		err = fmt.Errorf("%s made a link to somewhere else", d.Origin)
	}
	return l, err
}

func (w *Wallet) endDocumentShare(ctx context.Context, s session, d held, id string) error {
	resp, err := w.documentsAt(ctx, s, d.Origin, http.MethodDelete, "/documents/"+d.ID+"/shares/"+id, "", nil)
	return read(resp, err, http.StatusNoContent, nil)
}
