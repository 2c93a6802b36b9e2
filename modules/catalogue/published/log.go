package published

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// LogName is the first line of every signed tree head, and the name of the key that signs it.
const LogName = "townhall/catalogue"

// Record is one publication, as the log keeps it for ever; or, with Withdrawn, that a mini-app was taken away on purpose. Then
// hash and signature are over Statement, and it is out of the list until a later record publishes it again.
type Record struct {
	Tenant    string  `json:"tenant" example:"northwick" doc:"The municipality."`
	AppID     string  `json:"app_id" example:"residence-certificate" doc:"The mini-app."`
	Version   Version `json:"version" doc:"The manifest's version."`
	Hash      string  `json:"hash" example:"sha256:6f0a7c1b0d6f3d0b8b8f5c7d3b6f9e2a4c1d8e7f6a5b4c3d2e1f0a9b8c7d6e5f" doc:"The manifest's hash."`
	Signature string  `json:"signature" example:"eyJhbGciOiJFUzI1NiJ9..c2ln" doc:"The agency's detached JWS."`
	At        string  `json:"at" format:"date-time" example:"2026-01-05T08:00:00Z" doc:"When it was published, to the second."`
	Withdrawn bool    `json:"withdrawn,omitempty" doc:"true: the mini-app was taken out of the list on purpose. hash and signature are then over this record's canonical form without these two members (typ miniapp-withdrawal+jws), and version.code is one more than that of what was withdrawn. Absent in a publication."`
	Agency    string  `json:"agency,omitempty" example:"civil-registry" doc:"Of a withdrawal: the agency that signed it, the one that published the mini-app."`
}

// Statement is what an agency signs to withdraw a mini-app: the record without hash and signature, by RFC 8785.
func (r Record) Statement() ([]byte, error) {
	raw, err := json.Marshal(map[string]any{"tenant": r.Tenant, "app_id": r.AppID, "version": r.Version, "at": r.At, "withdrawn": true, "agency": r.Agency})
	if err != nil {
		return nil, fmt.Errorf("withdrawal: %w", err)
	}
	return jcs.Transform(raw)
}

// Version of a mini-app. Name is a semantic version; its build part is the beginning of the definition's hash, the one
// every case is pinned to.
type Version struct {
	Code int    `json:"code" minimum:"1" example:"1" doc:"Rises with every publication."`
	Name string `json:"name" example:"1.0.0+8f14e45f" doc:"Semantic version; the build part is the beginning of the definition's hash."`
}

// Leaf is the record as the log hashes it: its JSON by RFC 8785.
func (r Record) Leaf() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("log record: %w", err)
	}
	return jcs.Transform(raw)
}

// ReadLeaf reads what Leaf wrote. It is an error when a second record could be read out of the same bytes,
// and when a withdrawal says something else than what its hash is over.
func ReadLeaf(leaf []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(leaf, &r); err != nil {
		return r, fmt.Errorf("log record: %w", err)
	}
	again, err := r.Leaf()
	if err != nil {
		return r, err
	}
	if string(again) != string(leaf) {
		return r, errors.New("log record: not in canonical form")
	}
	if _, err := time.Parse(time.RFC3339, r.At); err != nil {
		return r, fmt.Errorf("log record: %w", err)
	}
	if !r.Withdrawn {
		if r.Agency != "" {
			return r, errors.New("log record: a publication that names an agency")
		}
		return r, nil
	}
	statement, err := r.Statement()
	if err != nil {
		return r, err
	}
	if r.Agency == "" || Hash(statement) != r.Hash {
		return r, errors.New("log record: a withdrawal whose hash is not that of its statement")
	}
	return r, nil
}

// Head is the state of the log: how many records it has, and the hash over all of them (RFC 6962 §2.1).
type Head = tlog.Tree

// SignHead writes a signed tree head: a note (golang.org/x/mod/sumdb/note) whose text is a checkpoint of three lines: the
// log's name, its size, its root hash in base64 (C2SP tlog-checkpoint).
func SignHead(h Head, signer note.Signer) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", LogName, h.N, h.Hash)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	return string(signed), err
}

// OpenHead reads a signed tree head by the log's key, "townhall/catalogue+1c3a7f52+AZ…". It is an error when another key
// signed it, or when it is of another log.
func OpenHead(signed, key string) (Head, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Head{}, errors.New("the log's key cannot be read")
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Head{}, fmt.Errorf("the tree head is not signed by the log's key: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != LogName {
		return Head{}, errors.New("the tree head is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Head{}, errors.New("the tree head has no size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Head{}, errors.New("the tree head has no root hash")
	}
	return Head{N: size, Hash: root}, nil
}

// Grow adds leaves to a log of size n whose stored hashes are kept in hashes, by tlog's numbering; only the right edge need
// be there. It adds what is new and returns the new size.
func Grow(n int64, hashes map[int64]tlog.Hash, leaves ...[]byte) (int64, error) {
	for _, leaf := range leaves {
		more, err := tlog.StoredHashes(n, leaf, Edge(hashes))
		if err != nil {
			return n, err
		}
		for i, h := range more {
			hashes[tlog.StoredHashIndex(0, n)+int64(i)] = h
		}
		n++
	}
	return n, nil
}

// Edge reads stored hashes from memory.
func Edge(hashes map[int64]tlog.Hash) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			h, ok := hashes[x]
			if !ok {
				return nil, fmt.Errorf("hash %d is not known", x)
			}
			out[i] = h
		}
		return out, nil
	})
}

// RightEdge is what must be kept of a log of size n to add to it.
func RightEdge(n int64, hashes map[int64]tlog.Hash) (map[int64]tlog.Hash, error) {
	edge := map[int64]tlog.Hash{}
	if n == 0 {
		return edge, nil
	}
	_, err := tlog.TreeHash(n, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		read, err := Edge(hashes).ReadHashes(indexes)
		for i := range read {
			edge[indexes[i]] = read[i]
		}
		return read, err
	}))
	return edge, err
}
