package catalogue

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// office is the module on a database; offices of one folder and one database are processes of one installation.
func office(t *testing.T, db *pg.DB, keys string) *Service {
	t.Helper()
	d := service(t).deps
	d.DB, d.Keys, d.Clock, d.Log = db, keys, kernel.SystemClock{}, slog.New(slog.DiscardHandler)
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// renamed is a directory in which the registry has another English name.
type renamed struct {
	kernel.Directory
	to string
}

func (r renamed) Agency(t kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	agency, ok := r.Directory.Agency(t, a)
	if a == "civil-registry" {
		agency.Name = kernel.Text{"en": r.to, "ru": agency.Name["ru"], "zh": agency.Name["zh"]}
	}
	return agency, ok
}

func everything(t *testing.T, s *Service) (out []form) {
	t.Helper()
	for _, tenant := range kerneltest.Directory().Tenants() {
		for _, m := range s.list(tenant, "en") {
			f, err := s.publish(t.Context(), tenant, m.AppID, false)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, f)
		}
	}
	return out
}

// whole reads the log and checks its arithmetic from the records alone.
func whole(t *testing.T, s *Service) []LogRecord {
	t.Helper()
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick))
	signed, key, err := s.head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	head, err := published.OpenHead(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.records(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var leaves []string
	for i, r := range records {
		if r.Index != int64(i) {
			t.Errorf("record %d stands at %d", r.Index, i)
		}
		leaves = append(leaves, r.Leaf)
	}
	if int64(len(records)) != head.N || root(leaves) != head.Hash.String() {
		t.Errorf("%d records give %s; signed are %d and %s", len(records), root(leaves), head.N, head.Hash)
	}
	return records
}

func TestManyProcessesPublishEverythingOnce(t *testing.T) {
	t.Parallel()
	db, keys := kerneltest.DB(t), t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		s := office(t, db, keys)
		all.Go(func() {
			if err := s.publishAll(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := office(t, db, keys)
	want := map[string]bool{}
	for _, f := range everything(t, s) {
		want[f.manifest.Townhall.ClientID] = true
	}
	records := whole(t, s)
	if len(records) != len(want) || len(want) < 4 {
		t.Errorf("%d mini-apps have %d records", len(want), len(records))
	}
	for _, r := range records {
		if !want[r.Record.Tenant+"."+r.Record.AppID] || r.Record.Version.Code != 1 {
			t.Errorf("record %+v", r)
		}
	}
}

func TestAChangedManifestIsPublishedWithAHigherVersion(t *testing.T) {
	t.Parallel()
	db, keys := kerneltest.DB(t), t.TempDir()
	s := office(t, db, keys)
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	first := everything(t, s)
	before := len(whole(t, s))

	s.deps.Directory = renamed{kerneltest.Directory(), "beta"}
	shown, err := s.prove(t.Context(), tenant, s.list(tenant, "en")...)
	if err != nil {
		t.Fatal(err)
	}
	m := shown[0]
	if m.Townhall.Agency["en"] != "beta" || m.Version.Code != 2 || m.Townhall.Publication.LogIndex != int64(before) || m.Townhall.Publication.Hash == first[0].proof.Hash {
		t.Errorf("the change is not published: %+v", m)
	}
	s.deps.Directory = kerneltest.Directory() // and back again: not the old record, a third
	if f, err := s.publish(t.Context(), tenant, "residence-certificate", false); err != nil || f.manifest.Version.Code != 3 {
		t.Errorf("%+v %v", f, err)
	}
	if got := len(whole(t, s)); got != before+2 {
		t.Errorf("%d records, want %d", got, before+2)
	}

	again := office(t, db, keys) // a restart writes nothing
	if err := again.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(whole(t, again)); got != before+2 {
		t.Errorf("after a restart: %d records, want %d", got, before+2)
	}
}

func TestOfTwoVersionsSideBySideTheOneStartedLaterStays(t *testing.T) {
	t.Parallel()
	db, keys := kerneltest.DB(t), t.TempDir()
	old := office(t, db, keys)
	if err := old.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	young := office(t, db, keys)
	young.deps.Directory = renamed{kerneltest.Directory(), "beta"}
	if err := young.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := len(whole(t, young))
	for range 3 {
		for _, s := range []*Service{old, young} {
			if err := s.publishAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := len(whole(t, young)); got != n {
		t.Errorf("they publish over each other: %d records, then %d", n, got)
	}
	old.deps.Directory = renamed{kerneltest.Directory(), "pilot"} // what the old one shows must be in the log all the same
	if _, err := old.publish(t.Context(), kerneltest.Tenant(kerneltest.Northwick), "residence-certificate", false); err != nil {
		t.Fatal(err)
	}
	if err := young.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	records := whole(t, young)
	f, err := young.publish(t.Context(), kerneltest.Tenant(kerneltest.Northwick), "residence-certificate", false)
	if err != nil || f.manifest.Townhall.Agency["en"] != "beta" || f.proof.LogIndex != int64(len(records)-1) {
		t.Errorf("the newest is %+v, %v", f, err)
	}
}

func TestAManifestWhoseKeyIsGoneIsPublishedAnew(t *testing.T) {
	t.Parallel()
	db := kerneltest.DB(t)
	folder := t.TempDir()
	everything(t, office(t, db, folder))
	n := len(whole(t, office(t, db, folder)))
	other := office(t, db, t.TempDir())
	key, err := office(t, db, folder).publisher.keys.ofLog()
	if err != nil {
		t.Fatal(err)
	}
	other.publisher.keys.log = &key // the log's key stays
	for _, f := range everything(t, other) {
		if f.manifest.Version.Code != 2 {
			t.Errorf("%s: version %d", f.manifest.AppID, f.manifest.Version.Code)
		}
	}
	if got := len(whole(t, other)); got != 2*n {
		t.Errorf("%d records, want %d", got, 2*n)
	}
}

func TestAReplacedKeyStillProvesWhatItSigned(t *testing.T) {
	t.Parallel()
	db, folder := kerneltest.DB(t), t.TempDir()
	everything(t, office(t, db, folder))
	n := len(whole(t, office(t, db, folder)))
	path := filepath.Join(folder, "northwick", "civil-registry")
	if err := os.Rename(path+".pem", path+".2026.pem"); err != nil {
		t.Fatal(err)
	}
	s := office(t, db, folder)
	everything(t, s)
	if got := len(whole(t, s)); got != n {
		t.Errorf("published again: %d records, want %d", got, n)
	}
	keys, err := s.publisher.keys.of("northwick", "civil-registry")
	if err != nil || len(keys.public.Keys) != 2 || keys.public.Keys[0].KeyID == keys.public.Keys[1].KeyID {
		t.Fatalf("%+v %v", keys.public, err)
	}
	s.deps.Directory = renamed{kerneltest.Directory(), "beta"}
	f, err := s.publish(t.Context(), kerneltest.Tenant(kerneltest.Northwick), "residence-certificate", false)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := canonicalOf(f.manifest)
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := published.CheckSignature(canonical, f.proof.Signature, keys.public); err != nil || kid != keys.public.Keys[0].KeyID {
		t.Errorf("signed by %s, want the new key %s: %v", kid, keys.public.Keys[0].KeyID, err)
	}
}

func TestAServerWithOtherKeysMayNotGoOnWithTheLog(t *testing.T) {
	t.Parallel()
	db := kerneltest.DB(t)
	first, other := office(t, db, t.TempDir()), office(t, db, t.TempDir())
	if err := other.check(t.Context()); err != nil {
		t.Errorf("an empty log is everybody's: %v", err)
	}
	everything(t, first)
	n := len(whole(t, first))
	if err := other.check(t.Context()); err == nil || !strings.Contains(err.Error(), "log.key is not the key of the log") {
		t.Errorf("it would serve: %v", err)
	}
	if err := other.publishAll(t.Context()); err == nil || !strings.Contains(err.Error(), "log.key is not the key of the log") {
		t.Errorf("it publishes: %v", err)
	}
	if err := first.check(t.Context()); err != nil {
		t.Error(err)
	}
	if got := len(whole(t, first)); got != n {
		t.Errorf("%d records, want %d", got, n)
	}
}

func TestTheLogTakesNoChange(t *testing.T) {
	t.Parallel()
	db := kerneltest.DB(t)
	everything(t, office(t, db, t.TempDir()))
	for _, statement := range []string{
		"DELETE FROM catalogue.log_record", "DELETE FROM catalogue.log_hash", "DELETE FROM catalogue.log_head",
		"TRUNCATE catalogue.log_record", "TRUNCATE catalogue.log_hash", "TRUNCATE catalogue.log_head",
		"UPDATE catalogue.log_record SET leaf = 'x'", "UPDATE catalogue.log_hash SET hash = hash", "UPDATE catalogue.log_head SET signed = 'x'",
	} {
		err := db.Shared(t.Context(), func(tx *pg.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") { // insufficient_privilege
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestAManifestTheSchemaRefusesIsNotShownAndKeepsNobodyBack(t *testing.T) {
	t.Parallel()
	s := office(t, kerneltest.DB(t), t.TempDir())
	s.deps.Directory = renamed{kerneltest.Directory(), "two\nlines"}
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	shown, err := s.prove(t.Context(), tenant, s.list(tenant, "ru")...)
	if err != nil || len(shown) != len(tenant.Services)-1 || slices.ContainsFunc(shown, func(m Manifest) bool { return m.AppID == "residence-certificate" }) {
		t.Errorf("%d manifests, %v", len(shown), err)
	}
	_, err = s.publish(t.Context(), tenant, "residence-certificate", false)
	if unfit := (*errUnfit)(nil); !errors.As(err, &unfit) || !strings.Contains(err.Error(), "townhall/agency/en") {
		t.Errorf("want a refusal that names the member, got %v", err)
	}
}

func TestEveryManifestWePublishKeepsTheSchema(t *testing.T) {
	t.Parallel()
	s := service(t)
	n := 0
	for _, tenant := range kerneltest.Directory().Tenants() {
		for _, d := range s.deps.Library.All() {
			m := s.manifest(tenant, d, "en")
			if m.Townhall.Agency["zh"] == "" { // an agency the test directory lacks; settings that lack one are refused
				m.Townhall.Agency = kernel.Text{"en": "x", "ru": "x", "zh": "x"}
			}
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := published.Validate(raw); err != nil {
				t.Errorf("%s: %v", m.AppID, err)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("only %d manifests", n)
	}
}

// A member somebody adds to the types must be in the schema too, or nothing is published any more.
func TestTheSchemaKnowsEveryMemberOfTheTypes(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]struct{ Properties map[string]json.RawMessage } `json:"$defs"`
	}
	if err := json.Unmarshal(published.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		of    any
		known map[string]json.RawMessage
	}{
		"manifest": {Manifest{}, schema.Properties}, "townhall": {Extension{}, schema.Defs["townhall"].Properties},
		"service": {Offer{}, schema.Defs["service"].Properties}, "publication": {Publication{}, schema.Defs["publication"].Properties},
	} {
		for i := range reflect.TypeOf(want.of).NumField() {
			member, _, _ := strings.Cut(reflect.TypeOf(want.of).Field(i).Tag.Get("json"), ",")
			if _, ok := want.known[member]; !ok {
				t.Errorf("%s: the schema does not know %s", name, member)
			}
		}
	}
}

// root computes the hash of a Merkle tree by the definition of RFC 6962 §2.1 alone, base64.
func root(leaves []string) string {
	var tree func([]string) []byte
	tree = func(d []string) []byte {
		switch len(d) {
		case 0:
			sum := sha256.Sum256(nil)
			return sum[:]
		case 1:
			sum := sha256.Sum256([]byte("\x00" + d[0]))
			return sum[:]
		}
		k := 1
		for 2*k < len(d) {
			k *= 2
		}
		sum := sha256.Sum256(slices.Concat([]byte{1}, tree(d[:k]), tree(d[k:])))
		return sum[:]
	}
	return base64.StdEncoding.EncodeToString(tree(leaves))
}
