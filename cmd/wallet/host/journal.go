package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// Message is one notice in a person's inbox.
type Message struct {
	ID       string      `json:"id"` // the webhook-id it came with
	Persona  string      `json:"persona"`
	ClientID string      `json:"client_id"` // the mini-app that sent it
	Title    kernel.Text `json:"title"`
	Body     kernel.Text `json:"body"`
	Path     string      `json:"path"` // where in the mini-app it continues
	Number   string      `json:"number,omitempty"`
	At       time.Time   `json:"at"`
	Read     bool        `json:"read"`
}

// entry is one line of the journal: exactly one member besides Persona is set.
type entry struct {
	Persona string         `json:"persona,omitempty"`
	Message *Message       `json:"message,omitempty"`
	Read    string         `json:"read,omitempty"`   // a message's id
	Recent  string         `json:"recent,omitempty"` // a client's id
	Star    string         `json:"star,omitempty"`   // a client's id: a favourite from now on, or not any more
	Consent *consentRecord `json:"consent,omitempty"`
	Books   []fact         `json:"books,omitempty"` // what happened to a payment
}

// consentRecord remembers what a person agreed to share with one client, for exactly these purposes.
type consentRecord struct {
	Client  string   `json:"client"`
	Digest  string   `json:"digest"` // of the names and purposes shown
	Granted []string `json:"granted"`
}

// journal is what must survive a restart: an append-only file of JSON lines, replayed into memory. A line is
// on disk before its effect is visible, so that an acknowledged webhook is never lost. A torn last line (the
// machine stopped while writing it) was not acknowledged and is cut off.
type journal struct {
	mu       sync.Mutex
	file     *os.File // nil: memory only
	messages map[string][]Message
	owner    map[string]string // message id → persona
	recents  map[string][]string
	everUsed map[string][]string // by persona: clients
	stars    map[string][]string
	consents map[string]consentRecord // persona + "\x00" + client
	books    *books                   // has a lock of its own, taken before this one
}

func openJournal(dir string, books *books) (*journal, error) {
	j := &journal{messages: map[string][]Message{}, owner: map[string]string{}, recents: map[string][]string{}, everUsed: map[string][]string{}, stars: map[string][]string{}, consents: map[string]consentRecord{}, books: books}
	if dir == "" {
		return j, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("wallet journal: %w", err)
	}
	good := int64(0)
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		var e entry
		if err != nil || json.Unmarshal(line, &e) != nil {
			break
		}
		j.apply(e)
		good += int64(len(line))
	}
	if err := f.Truncate(good); err != nil {
		return nil, errors.Join(fmt.Errorf("wallet journal: %w", err), f.Close())
	}
	if _, err := f.Seek(good, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("wallet journal: %w", err), f.Close())
	}
	j.file = f
	return j, nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// write appends e and then makes it visible.
func (j *journal) write(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("wallet journal: %w", err)
		}
		if _, err := j.file.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("wallet journal: %w", err)
		}
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("wallet journal: %w", err)
		}
	}
	j.apply(e)
	return nil
}

const keptRecents = 4

func (j *journal) apply(e entry) {
	switch {
	case e.Message != nil:
		m := *e.Message
		if j.owner[m.ID] == "" {
			j.owner[m.ID] = m.Persona
			j.messages[m.Persona] = append(j.messages[m.Persona], m)
		}
	case e.Read != "":
		for i := range j.messages[e.Persona] {
			if j.messages[e.Persona][i].ID == e.Read {
				j.messages[e.Persona][i].Read = true
			}
		}
	case e.Recent != "":
		list := slices.DeleteFunc(slices.Clone(j.recents[e.Persona]), func(c string) bool { return c == e.Recent })
		list = slices.Insert(list, 0, e.Recent)
		j.recents[e.Persona] = list[:min(len(list), keptRecents)]
		if !slices.Contains(j.everUsed[e.Persona], e.Recent) {
			j.everUsed[e.Persona] = append(j.everUsed[e.Persona], e.Recent)
		}
	case e.Star != "":
		list := slices.DeleteFunc(slices.Clone(j.stars[e.Persona]), func(c string) bool { return c == e.Star })
		if len(list) == len(j.stars[e.Persona]) {
			list = append(list, e.Star)
		}
		j.stars[e.Persona] = list
	case e.Consent != nil:
		j.consents[e.Persona+"\x00"+e.Consent.Client] = *e.Consent
	case e.Books != nil:
		for _, f := range e.Books {
			j.books.apply(f)
		}
	}
}

// knows reports whether a webhook id was stored before.
func (j *journal) knows(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.owner[id] != ""
}

// inbox returns a person's messages, newest first.
func (j *journal) inbox(persona string) []Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := slices.Clone(j.messages[persona])
	slices.Reverse(list)
	return list
}

func (j *journal) unread(persona string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, m := range j.messages[persona] {
		if !m.Read {
			n++
		}
	}
	return n
}

func (j *journal) recent(persona string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.recents[persona])
}

// favourites are the clients a person has starred, in the order they did.
func (j *journal) favourites(persona string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.stars[persona])
}

func (j *journal) consent(persona, client string) consentRecord {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.consents[persona+"\x00"+client]
}

// used are all clients a person has ever signed in to, the first one first.
func (j *journal) used(persona string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.everUsed[persona])
}
