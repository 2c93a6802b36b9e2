package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"townhall/modules/kernel"
)

// ErrSealed means that a text or a key does not open: it was altered or moved, or the key that opens it is not here.
var ErrSealed = errors.New("sealed text does not open")

// Wrapped is a person's data key as it is stored: worthless without the master key of that number.
type Wrapped struct {
	Master int
	Key    []byte
}

// Place is what a text is of: it opens there and nowhere else.
type Place struct {
	Case   kernel.CaseID
	Column string // e.g. "reason"
}

// Key opens and seals the texts of one person of one municipality. It prints as a placeholder.
type Key struct {
	tenant kernel.TenantID
	person kernel.PersonID
	aead   cipher.AEAD
}

// Format keeps the key out of logs and errors.
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[sensitive]") }

// NewKey makes a data key for a person who has none. Whoever stores it must see to it that a person has one: of two that
// are made at once, the one that was stored is used, and the other is thrown away.
func (m *Masters) NewKey(t kernel.TenantID, p kernel.PersonID) (Wrapped, error) {
	if err := m.read(); err != nil { // the newest may be younger than this process
		return Wrapped{}, err
	}
	key := make([]byte, keySize)
	rand.Read(key)
	return m.wrap(t, p, key)
}

// Open unwraps a person's data key. Errors: ErrSealed when it is another person's, was altered, or its master key is gone.
func (m *Masters) Open(t kernel.TenantID, p kernel.PersonID, w Wrapped) (Key, error) {
	key, err := m.unwrap(t, p, w)
	if err != nil {
		return Key{}, err
	}
	a, err := gcm(key)
	return Key{tenant: t, person: p, aead: a}, err
}

// Rewrap wraps a data key by the newest master key; false when it is already. The texts stay as they are. Errors as of Open.
func (m *Masters) Rewrap(t kernel.TenantID, p kernel.PersonID, w Wrapped) (Wrapped, bool, error) {
	if err := m.read(); err != nil {
		return Wrapped{}, false, err
	}
	if w.Master == m.latest() {
		return w, false, nil
	}
	key, err := m.unwrap(t, p, w)
	if err != nil {
		return Wrapped{}, false, err
	}
	next, err := m.wrap(t, p, key)
	return next, err == nil, err
}

func (m *Masters) wrap(t kernel.TenantID, p kernel.PersonID, key []byte) (Wrapped, error) {
	n := m.latest()
	master, err := m.key(n)
	if err != nil {
		return Wrapped{}, err
	}
	a, err := gcm(master)
	if err != nil {
		return Wrapped{}, err
	}
	return Wrapped{Master: n, Key: a.Seal(nil, nil, key, keyData(t, p, n))}, nil
}

func (m *Masters) unwrap(t kernel.TenantID, p kernel.PersonID, w Wrapped) ([]byte, error) {
	master, err := m.key(w.Master)
	if err != nil {
		return nil, err
	}
	a, err := gcm(master)
	if err != nil {
		return nil, err
	}
	key, err := a.Open(nil, nil, w.Key, keyData(t, p, w.Master))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%w: data key under master key %d", ErrSealed, w.Master)
	}
	return key, nil
}

// Seal encrypts a text for its place. Sealed twice it gives other bytes; their length tells that of the text.
func (k Key) Seal(at Place, text string) []byte {
	return k.aead.Seal(nil, nil, []byte(text), k.textData(at))
}

// Open decrypts what Seal made for the same person and place. Errors: ErrSealed for anything else.
func (k Key) Open(at Place, sealed []byte) (string, error) {
	text, err := k.aead.Open(nil, nil, sealed, k.textData(at))
	if err != nil {
		return "", fmt.Errorf("%w: %s of case %s", ErrSealed, at.Column, at.Case)
	}
	return string(text), nil
}

// gcm draws the nonce itself and puts it in front of the ciphertext.
func gcm(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

func keyData(t kernel.TenantID, p kernel.PersonID, master int) []byte {
	return bound("townhall/medical/key/1", string(t), string(p), fmt.Sprint(master))
}

func (k Key) textData(at Place) []byte {
	return bound("townhall/medical/text/1", string(k.tenant), string(k.person), string(at.Case), at.Column)
}

// bound joins parts so that no two lists of parts give the same bytes.
func bound(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}
