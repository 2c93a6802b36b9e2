package published

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Seen is what a host remembers between two checks: the log's key, the signed tree head, what is needed to add new records
// to it, and which record of each mini-app is the newest. It grows by one line per mini-app, not with the log.
type Seen struct {
	Key    string            `json:"key"`
	Signed string            `json:"signed"`
	Edge   map[string]string `json:"edge"`   // stored hash index → base64
	Newest map[string]int64  `json:"newest"` // client id → record
	// Towns are the municipalities met, by the address they were asked at: whose mini-apps a list must have.
	Towns map[string]Town `json:"towns,omitempty"`
	// Agencies are those that published what was listed and good, by client id: nobody else withdraws it.
	Agencies map[string]string `json:"agencies,omitempty"`
}

// Town is a municipality as its manifests show it.
type Town struct {
	Tenant string `json:"tenant"`
	Origin string `json:"origin"`
}

// logView is the log as far as it is proven.
type logView struct {
	head   Head
	newest map[string]int64
}

// readLog opens the newest tree head, holds it against the one seen before, and reads every record that is new: all of
// them together must give the root that was signed.
func (k *checker) readLog(ctx context.Context) error {
	var got struct{ Signed, Key string }
	if err := k.ask(ctx, "/head", &got); err != nil {
		return fmt.Errorf("no signed tree head: %w", err)
	}
	switch {
	case k.Key != "":
		k.report.Key = k.Key
	case k.Seen != nil:
		k.report.Key = k.Seen.Key
	default:
		k.report.Key, k.report.First = got.Key, true
	}
	head, err := OpenHead(got.Signed, k.report.Key)
	if err != nil {
		return err
	}
	old, hashes, newest, err := k.remembered()
	if err != nil {
		return err
	}
	if err := k.consistent(ctx, old, head); err != nil {
		return err
	}
	if err := k.newRecords(ctx, old.N, head, hashes, newest); err != nil {
		return err
	}
	edge, err := RightEdge(head.N, hashes)
	if err != nil {
		return err
	}
	k.log, k.report.Head = &logView{head, newest}, head
	k.report.Seen = &Seen{Key: k.report.Key, Signed: got.Signed, Edge: map[string]string{}, Newest: newest, Towns: map[string]Town{}, Agencies: map[string]string{}}
	if k.Seen != nil {
		maps.Copy(k.report.Seen.Towns, k.Seen.Towns)
		maps.Copy(k.report.Seen.Agencies, k.Seen.Agencies)
	}
	for i, h := range edge {
		k.report.Seen.Edge[strconv.FormatInt(i, 10)] = h.String()
	}
	return nil
}

// remembered unpacks Seen; without one, the empty log.
func (k *checker) remembered() (head Head, hashes map[int64]tlog.Hash, newest map[string]int64, err error) {
	hashes, newest = map[int64]tlog.Hash{}, map[string]int64{}
	if k.Seen == nil {
		return head, hashes, newest, nil
	}
	if head, err = OpenHead(k.Seen.Signed, k.report.Key); err != nil {
		return head, nil, nil, fmt.Errorf("what was remembered is of another log: %w", err)
	}
	for i, text := range k.Seen.Edge {
		index, err := strconv.ParseInt(i, 10, 64)
		raw, err2 := base64.StdEncoding.DecodeString(text)
		if err != nil || err2 != nil || len(raw) != tlog.HashSize {
			return head, nil, nil, errors.New("what was remembered cannot be read")
		}
		hashes[index] = tlog.Hash(raw)
	}
	maps.Copy(newest, k.Seen.Newest)
	return head, hashes, newest, nil
}

// consistent checks that the new head is the old log, and perhaps more.
func (k *checker) consistent(ctx context.Context, old, now Head) error {
	switch {
	case old.N == 0:
		return nil
	case now.N < old.N:
		return fmt.Errorf("rewritten, or an old copy: it had %d records, now it has %d", old.N, now.N)
	case now.N == old.N && now.Hash != old.Hash:
		return fmt.Errorf("forked: two signed tree heads of size %d, roots %s and %s", now.N, old.Hash, now.Hash)
	case now.N == old.N:
		return nil
	}
	proof, err := k.proof(ctx, fmt.Sprintf("/consistency?from=%d&to=%d", old.N, now.N))
	if err != nil {
		return fmt.Errorf("rewritten, or it will not prove that it was not: %w", err)
	}
	if err := tlog.CheckTree(proof, now.N, now.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("rewritten: the tree of size %d is not the continuation of the one of size %d seen before", now.N, old.N)
	}
	return nil
}

// newRecords reads the records behind size n, adds them to hashes and newest, and checks that they give the signed root.
func (k *checker) newRecords(ctx context.Context, n int64, head Head, hashes map[int64]tlog.Hash, newest map[string]int64) error {
	for n < head.N {
		var got struct {
			Records []struct {
				Index int64
				Leaf  string
			}
		}
		if err := k.ask(ctx, fmt.Sprintf("/records?from=%d&limit=%d", n, min(pageSize, head.N-n)), &got); err != nil {
			return fmt.Errorf("records from %d on cannot be read: %w", n, err)
		}
		if len(got.Records) == 0 {
			return fmt.Errorf("record %d is missing", n)
		}
		for _, r := range got.Records {
			if r.Index != n || n >= head.N {
				return fmt.Errorf("record %d came where %d was asked for", r.Index, n)
			}
			record, err := ReadLeaf([]byte(r.Leaf))
			if err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
			newest[record.Tenant+"."+record.AppID] = n
			if n, err = Grow(n, hashes, []byte(r.Leaf)); err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
		}
	}
	root, err := tlog.TreeHash(head.N, Edge(hashes))
	if err != nil {
		return err
	}
	if root != head.Hash {
		return fmt.Errorf("its records give the root %s, signed is %s", root, head.Hash)
	}
	return nil
}
