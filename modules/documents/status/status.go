// Package status makes and reads Token Status Lists (IETF draft-ietf-oauth-status-list, in the JWT form): one signed
// file says of every document of a municipality whether it is still valid, and whoever fetches it does not tell which
// document it is about. It knows no database and no network, so that a checker can use it offline.
package status

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The states of a document in a list (section 7.1). Suspended is not used by us.
const (
	Valid      = "valid"
	Revoked    = "revoked"    // 1, INVALID
	Suspended  = "suspended"  // 2
	Superseded = "superseded" // 3, application specific: a newer document took its place
)

const (
	bits    = 2       // per document
	Places  = 1 << 20 // documents in one list
	maxList = 8 << 20 // bytes of a list, unpacked: what a stranger's list may cost
	maxJWT  = 8 << 20
)

// How long a list is good for.
const (
	Lifetime = 24 * time.Hour   // exp: the longest a checker may rely on a copy
	TTL      = 50 * time.Second // ttl: when a fresh one should be fetched; a revocation shows within a minute
)

// URI is the address of a municipality's list; lists count from 1.
func URI(origin string, list int) string {
	return origin + "/documents/v1/status-lists/" + strconv.Itoa(list)
}

// Reference is what a document carries: the list, and behind "#" its place in it. index counts through all lists.
func Reference(origin string, index int) string {
	return URI(origin, List(index)) + "#" + strconv.Itoa(index%Places)
}

// List is the number of the list that holds an index.
func List(index int) int { return index/Places + 1 }

// Split reads a reference.
func Split(reference string) (uri string, place int, err error) {
	uri, text, ok := strings.Cut(reference, "#")
	place, convErr := strconv.Atoi(text)
	u, urlErr := url.Parse(uri)
	if !ok || convErr != nil || place < 0 || place >= 4*maxList || urlErr != nil || u.Host == "" {
		return "", 0, fmt.Errorf("%q is no reference to a status list", reference)
	}
	return uri, place, nil
}

// claims are the payload of a list (sections 4.2 and 5.1).
type claims struct {
	Subject  string `json:"sub"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	TTL      int64  `json:"ttl"`
	List     list   `json:"status_list"`
}

type list struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// pack compresses the states (sections 4.1 and 4.2): two bits each, the first document in the lowest bits of the first byte.
func pack(revoked, superseded []int) (string, error) {
	raw := make([]byte, Places*bits/8)
	set := func(places []int, state byte) error {
		for _, p := range places {
			if p < 0 || p >= Places {
				return fmt.Errorf("place %d is not in the list", p)
			}
			raw[p/4] |= state << (p % 4 * bits)
		}
		return nil
	}
	if err := errors.Join(set(revoked, 1), set(superseded, 3)); err != nil {
		return "", err
	}
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

// at reads one state. A place behind the end is an error: the list is not about this document.
func (l list) at(place int) (string, error) {
	if l.Bits != 1 && l.Bits != 2 && l.Bits != 4 && l.Bits != 8 {
		return "", fmt.Errorf("a status of %d bits", l.Bits)
	}
	packed, err := base64.RawURLEncoding.DecodeString(l.List)
	if err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	if len(raw) > maxList {
		return "", errors.New("the status list is too large")
	}
	perByte := 8 / l.Bits
	if place/perByte >= len(raw) {
		return "", fmt.Errorf("place %d is behind the end of the status list", place)
	}
	value := int(raw[place/perByte]) >> (place % perByte * l.Bits) & (1<<l.Bits - 1)
	switch value {
	case 0:
		return Valid, nil
	case 1:
		return Revoked, nil
	case 2:
		return Suspended, nil
	case 3:
		return Superseded, nil
	}
	return "", fmt.Errorf("status %d is not one we know", value)
}
