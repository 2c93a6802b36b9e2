package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"townhall/modules/kernel"
)

// What the wallet asks municipalities through their public contract (/wallet/v1), besides reading their lists.

// request is one request to a municipality.
type request struct {
	method, address string
	token           string // access token of a person; empty: nobody's
	key             string // Idempotency-Key
	body            any
}

// send sends it. The caller closes the answer's body.
func (w *Wallet) send(ctx context.Context, q request) (*http.Response, error) {
	var b io.Reader
	if q.body != nil {
		raw, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		b = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, q.address, b)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	return w.http.Do(req)
}

// errNotThere: the municipality has nothing there, or nothing that is this person's.
var errNotThere = errors.New("not there")

// answered is an error for any status but the one wanted: errNotThere for 404.
func answered(resp *http.Response, want int) error {
	switch resp.StatusCode {
	case want:
		return nil
	case http.StatusNotFound:
		return errNotThere
	}
	return fmt.Errorf("%s answered %d", resp.Request.URL.Path, resp.StatusCode)
}

// read takes what send returned, and reads the answer into out, which may be nil.
func read(resp *http.Response, err error, want int, out any) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := answered(resp, want); err != nil || out == nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(out)
}

// ask sends one request for nobody in particular and reads the answer into out.
func (w *Wallet) ask(ctx context.Context, method, address string, body, out any) error {
	resp, err := w.send(ctx, request{method: method, address: address, body: body})
	return read(resp, err, http.StatusOK, out)
}

// everywhere asks every municipality at once and returns the answers in the configured order; one that does not answer has
// said nothing. What was asked is in no log: it may be what somebody looks for, or where they stand.
func everywhere[T any](ctx context.Context, w *Wallet, ask func(ctx context.Context, origin string) (T, error)) []T {
	out := make([]T, len(w.cfg.Catalogues))
	var wg sync.WaitGroup
	for i, origin := range w.cfg.Catalogues {
		wg.Go(func() {
			got, err := ask(ctx, origin)
			if err != nil {
				w.log.WarnContext(ctx, "a municipality does not answer", "origin", origin)
				return
			}
			out[i] = got
		})
	}
	wg.Wait()
	return out
}

// search asks every municipality for the mini-apps that match, the best of each first, and takes them in turns.
func (w *Wallet) search(ctx context.Context, query, lang string) []App {
	all := w.book.apps(ctx)
	found := everywhere(ctx, w, func(ctx context.Context, origin string) ([]App, error) {
		var answer struct{ MiniApps []manifest }
		err := w.ask(ctx, http.MethodGet, origin+"/wallet/v1/miniapps?"+url.Values{"q": {query}, "lang": {lang}}.Encode(), nil, &answer)
		var apps []App
		for _, m := range answer.MiniApps {
			if a, ok := appOf(all, origin, m.AppID); ok {
				apps = append(apps, a)
			}
		}
		return apps, err
	})
	var out []App
	for rank := 0; ; rank++ {
		more := false
		for _, apps := range found {
			if rank < len(apps) {
				out, more = append(out, apps[rank]), true
			}
		}
		if !more {
			return out
		}
	}
}

func appOf(all []App, origin, id string) (App, bool) {
	i := slices.IndexFunc(all, func(a App) bool { return a.Origin == origin && a.AppID == id })
	if i < 0 {
		return App{}, false
	}
	return all[i], true
}

// spotNear is a place near somebody, with the mini-apps used there.
type spotNear struct {
	Name    string   `json:"name"`
	Address string   `json:"address"`
	Agency  string   `json:"agency"`
	Metres  int      `json:"metres"`
	IDs     []string `json:"apps"`
	Ref     string   `json:"ref"`

	Apps []nearApp `json:"-"`
}

type nearApp struct {
	App
	Target string
}

// nearby asks every municipality what is near a position. It is sent in the body of the request and kept nowhere.
func (w *Wallet) nearby(ctx context.Context, at kernel.Position, lang string) []spotNear {
	all := w.book.apps(ctx)
	found := everywhere(ctx, w, func(ctx context.Context, origin string) ([]spotNear, error) {
		var answer struct{ Places []spotNear }
		err := w.ask(ctx, http.MethodPost, origin+"/wallet/v1/nearby?lang="+lang, map[string]any{"latitude": at.Latitude, "longitude": at.Longitude, "within": nearMetres}, &answer)
		for i := range answer.Places {
			p := &answer.Places[i]
			for _, id := range p.IDs {
				if a, ok := appOf(all, origin, id); ok {
					p.Apps = append(p.Apps, nearApp{a, pathQuery("/apps/"+id, "ref", p.Ref)})
				}
			}
		}
		return answer.Places, err
	})
	out := slices.Concat(found...)
	slices.SortStableFunc(out, func(a, b spotNear) int { return a.Metres - b.Metres })
	return slices.DeleteFunc(out, func(p spotNear) bool { return len(p.Apps) == 0 })
}

// sharedLink is a link that somebody sends to somebody else, as its municipality made it.
type sharedLink struct {
	URI    string `json:"uri"`
	AppID  string `json:"app_id"`
	Target string `json:"target"`
}

// shareLink makes a link to a mini-app.
func (w *Wallet) shareLink(ctx context.Context, a App) (l sharedLink, err error) {
	err = w.ask(ctx, http.MethodPost, a.Origin+"/wallet/v1/share-links", map[string]any{"app_id": a.AppID}, &l)
	if err == nil && originOf(l.URI) != a.Origin {
		err = fmt.Errorf("%s made a link to somewhere else", a.Origin)
	}
	return l, err
}
