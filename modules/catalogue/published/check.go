package published

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/mod/sumdb/tlog"
)

// Check says what Catalogue looks at.
type Check struct {
	// URL is the address of a municipality, or of whoever hands its catalogue on.
	URL string
	// Key is the log's public key, "townhall/catalogue+1c3a7f52+AZ…"; empty: the remembered one, or else the one the log
	// itself shows.
	Key string
	// Seen is what an earlier check remembered; nil: nothing.
	Seen *Seen
	// Client asks; nil: one that waits 20 seconds for each answer.
	Client *http.Client
}

// Report is the verdict on a catalogue.
type Report struct {
	Key    string     // the log's key that was used
	Head   Head       // the signed tree head; zero when it could not be trusted
	First  bool       // the key was taken from the log itself: nothing vouches for it
	Apps   []AppCheck // in the catalogue's order
	Faults []Fault
	Seen   *Seen // what to remember; nil when the log itself has a fault
}

// AppCheck is one mini-app of the catalogue.
type AppCheck struct {
	Client  string // client id, "northwick.residence-certificate"; as the manifest has it
	Version Version
	Agency  string
	Kid     string // the key that signed it
	Hash    string
	Index   int64 // in the log
	Gone    Gone  // why it is not in the list; empty: it is
	Good    bool
}

// Gone says why a mini-app that the log knows is not in the list.
type Gone string

const (
	Withdrawn Gone = "withdrawn" // its agency took it away, by a record of the log
	Retired   Gone = "retired"   // it has ended; its manifest can still be asked for, and says so
	LeftOut   Gone = "left out"  // the log has it as published, and nobody withdrew it: a fault
)

// Fault is one thing that is wrong: with a mini-app, named by its client id, or with "log" or "catalogue".
type Fault struct{ Where, What string }

func (f Fault) String() string { return f.Where + ": " + f.What }

// Limits of what is read: a catalogue, one answer of the log, one set of keys.
const (
	maxCatalogue = 16 << 20
	maxAnswer    = 8 << 20
	maxApps      = 10_000
	pageSize     = 1000
)

// checker is one check under way.
type checker struct {
	Check
	report Report
	base   string
	log    *logView // nil: the log cannot be trusted
	keys   map[string]jose.JSONWebKeySet
}

// Catalogue checks everything a municipality offers: each manifest's form, hash, signature and place in the log, and that
// the log is the one seen before, only longer. The error is for a catalogue that could not be read at all; everything else
// is a fault.
func Catalogue(ctx context.Context, c Check) (Report, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return Report{}, fmt.Errorf("%q is no address", c.URL)
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 20 * time.Second}
	}
	k := &checker{Check: c, base: u.Scheme + "://" + u.Host, keys: map[string]jose.JSONWebKeySet{}}
	var list struct {
		MiniApps []json.RawMessage `json:"miniapps"`
	}
	if err := k.get(ctx, k.base+"/.well-known/miniapps.json", maxCatalogue, &list); err != nil {
		return Report{}, err
	}
	if list.MiniApps == nil || len(list.MiniApps) > maxApps {
		return Report{}, errors.New("miniapps.json: want a member miniapps with at most 10,000 manifests")
	}
	if err := k.readLog(ctx); err != nil {
		k.fault("log", "%v", err)
		k.log = nil
	}
	seen := map[string]bool{}
	for i, raw := range list.MiniApps {
		a := k.app(ctx, i, raw)
		if seen[a.Client] {
			k.fault(a.Client, "listed twice")
			a.Good = false
		}
		seen[a.Client] = true
		k.report.Apps = append(k.report.Apps, a)
	}
	if k.log != nil {
		k.missing(ctx, seen)
	}
	return k.report, nil
}

func (k *checker) fault(where, what string, args ...any) {
	k.report.Faults = append(k.report.Faults, Fault{where, fmt.Sprintf(what, args...)})
}

// judged is the part of a manifest that says where to look.
type judged struct {
	AppID    string `json:"app_id"`
	Version  Version
	Townhall struct {
		ClientID         string `json:"client_id"`
		InitiateLoginURI string `json:"initiate_login_uri"`
		Stage            string
		Publisher        struct {
			Agency  string
			JWKSURI string `json:"jwks_uri"`
		}
		Publication *Publication
	}
}

// app checks one manifest. Each fault of it is named once; what depends on a thing that failed is not looked at.
func (k *checker) app(ctx context.Context, number int, raw []byte) AppCheck {
	var m judged
	_ = json.Unmarshal(raw, &m) // Validate says what is wrong with it
	a := AppCheck{Client: m.Townhall.ClientID, Version: m.Version, Agency: m.Townhall.Publisher.Agency}
	if a.Client == "" {
		a.Client = fmt.Sprintf("manifest %d", number+1)
	}
	before := len(k.report.Faults)
	if err := Validate(raw); err != nil {
		k.fault(a.Client, "breaks the schema: %v", err)
		return a
	}
	p := m.Townhall.Publication
	if p == nil {
		k.fault(a.Client, "not published: it has no member townhall.publication")
		return a
	}
	canonical, err := Canonical(raw)
	if err != nil {
		k.fault(a.Client, "%v", err)
		return a
	}
	a.Hash, a.Index = Hash(canonical), p.LogIndex
	if a.Hash != p.Hash {
		k.fault(a.Client, "changed after it was published: its hash is %s, published was %s", a.Hash, p.Hash)
	}
	if a.Kid, err = k.signature(ctx, m, canonical); err != nil {
		k.fault(a.Client, "%v", err)
	}
	if k.log != nil {
		if err := k.inclusion(ctx, m); err != nil {
			k.fault(a.Client, "%v", err)
		}
	}
	a.Good = len(k.report.Faults) == before && k.log != nil
	if a.Good {
		k.meet(m)
	}
	return a
}

// signature checks the agency's signature with the keys on the municipality's own address, which the manifest's other
// addresses name, too.
func (k *checker) signature(ctx context.Context, m judged, canonical []byte) (kid string, err error) {
	origin := originOf(m.Townhall.InitiateLoginURI)
	if want := origin + AgencyKeysPath(m.Townhall.Publisher.Agency); m.Townhall.Publisher.JWKSURI != want {
		return "", fmt.Errorf("names keys at %s, want %s", m.Townhall.Publisher.JWKSURI, want)
	}
	keys, err := k.keysAt(ctx, m.Townhall.Publisher.JWKSURI)
	if err != nil {
		return "", err
	}
	return CheckSignature(canonical, m.Townhall.Publication.Signature, keys)
}

// keysAt are an agency's public keys, read once.
func (k *checker) keysAt(ctx context.Context, address string) (jose.JSONWebKeySet, error) {
	keys, ok := k.keys[address]
	if !ok {
		if err := k.get(ctx, address, maxAnswer, &keys); err != nil {
			return keys, fmt.Errorf("the agency's keys cannot be read: %w", err)
		}
		k.keys[address] = keys
	}
	return keys, nil
}

// inclusion checks that the log has a record of exactly this publication, and none of a newer one.
func (k *checker) inclusion(ctx context.Context, m judged) error {
	p := m.Townhall.Publication
	if p.LogIndex >= k.log.head.N {
		return fmt.Errorf("not in the log: it names record %d, the log has %d", p.LogIndex, k.log.head.N)
	}
	r, err := k.record(ctx, p.LogIndex)
	if err != nil {
		return err
	}
	if newest := k.log.newest[m.Townhall.ClientID]; newest != p.LogIndex && r.Tenant+"."+r.AppID == m.Townhall.ClientID {
		if n, err := k.record(ctx, newest); err == nil && n.Withdrawn {
			return fmt.Errorf("out of date: record %d of the log withdrew it", newest)
		}
	}
	if r.Withdrawn || r.Tenant+"."+r.AppID != m.Townhall.ClientID || r.AppID != m.AppID || r.Version != m.Version || r.Hash != p.Hash || r.Signature != p.Signature {
		return fmt.Errorf("not in the log: record %d is of %s.%s version %d, hash %s", p.LogIndex, r.Tenant, r.AppID, r.Version.Code, r.Hash)
	}
	if newest := k.log.newest[m.Townhall.ClientID]; newest != p.LogIndex {
		return fmt.Errorf("out of date: record %d of the log is newer than its record %d", newest, p.LogIndex)
	}
	return nil
}

// record reads a record of the log and checks that it leads to the signed tree head.
func (k *checker) record(ctx context.Context, index int64) (Record, error) {
	var got struct{ Leaf string }
	if err := k.ask(ctx, fmt.Sprintf("/records/%d", index), &got); err != nil {
		return Record{}, fmt.Errorf("not in the log: record %d cannot be read: %w", index, err)
	}
	proof, err := k.proof(ctx, fmt.Sprintf("/records/%d/proof?size=%d", index, k.log.head.N))
	if err != nil {
		return Record{}, fmt.Errorf("not in the log: %w", err)
	}
	if err := tlog.CheckRecord(proof, k.log.head.N, k.log.head.Hash, index, tlog.RecordHash([]byte(got.Leaf))); err != nil {
		return Record{}, fmt.Errorf("not in the log: the proof of record %d does not lead to the signed tree head", index)
	}
	return ReadLeaf([]byte(got.Leaf))
}

// AgencyKeysPath is where a municipality serves an agency's public keys.
func AgencyKeysPath(agency string) string { return "/.well-known/agencies/" + agency + "/jwks.json" }

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// ask reads an answer of the log; path begins behind LogPath.
func (k *checker) ask(ctx context.Context, path string, into any) error {
	return k.get(ctx, k.base+LogPath+path, maxAnswer, into)
}

func (k *checker) proof(ctx context.Context, path string) ([]tlog.Hash, error) {
	var got struct{ Hashes []string }
	if err := k.ask(ctx, path, &got); err != nil {
		return nil, fmt.Errorf("the proof cannot be read: %w", err)
	}
	out := make([]tlog.Hash, len(got.Hashes))
	for i, h := range got.Hashes {
		var err error
		if out[i], err = tlog.ParseHash(h); err != nil {
			return nil, errors.New("the proof cannot be read")
		}
	}
	return out, nil
}

func (k *checker) get(ctx context.Context, address string, limit int64, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", address, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if int64(len(body)) > limit {
		return fmt.Errorf("%s: longer than %d bytes", address, limit)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
