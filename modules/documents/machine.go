package documents

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"townhall/modules/documents/status"
	"townhall/modules/kernel"
)

// machineSchema describes the JSON below (JSON Schema 2020-12); it is served at /documents/v1/schemas/document.json.
//
//go:embed schema/document.json
var machineSchema []byte

// machineDocument is what a document says, for programs. It goes along inside the file, under the seal.
type machineDocument struct {
	Number       string         `json:"number"`
	Type         string         `json:"type"`
	Language     string         `json:"language"`
	Title        string         `json:"title"`
	Subject      string         `json:"subject,omitempty"`
	Municipality string         `json:"municipality"`
	Issuer       string         `json:"issuer"`
	IssuedAt     time.Time      `json:"issued_at"`
	ValidTo      time.Time      `json:"valid_to,omitzero"`
	Values       map[string]any `json:"values"`
	Check        string         `json:"check"`
	Status       machineStatus  `json:"status"`
}

type machineStatus struct {
	List machineEntry `json:"status_list"`
}

// machineEntry is in the words of the status list's own specification (section 6.2).
type machineEntry struct {
	Index int    `json:"idx"`
	URI   string `json:"uri"`
}

// machine writes the JSON of a document: the same bytes for the same input, texts as they are and not escaped for HTML.
// Times are to the second, as everywhere else in the file.
func machine(t kernel.Tenant, r record, c kernel.DocumentContent) ([]byte, error) {
	m := machineDocument{
		Number: r.Number, Type: r.Type, Language: c.Locale, Title: c.Title, Subject: c.Subject, Municipality: c.Municipality, Issuer: c.Issuer,
		IssuedAt: r.IssuedAt.UTC().Truncate(time.Second), Values: map[string]any{}, Check: checkAddress(t, r),
		Status: machineStatus{List: machineEntry{Index: r.StatusIndex % status.Places, URI: status.URI(t.Origin, status.List(r.StatusIndex))}},
	}
	if !r.ValidTo.IsZero() {
		m.ValidTo = r.ValidTo.UTC().Truncate(time.Second)
	}
	for i, b := range c.Blocks {
		v, ok := machineValue(b)
		if !ok {
			continue
		}
		if _, twice := m.Values[b.Name]; twice {
			return nil, fmt.Errorf("block %d of a %s: the name %q is used twice", i, r.Type, b.Name)
		}
		m.Values[b.Name] = v
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// machineValue is what a named block says; a block without a name is there for people only.
func machineValue(b kernel.DocumentBlock) (any, bool) {
	if b.Name == "" {
		return nil, false
	}
	switch b.Kind {
	case "codes":
		codes := make([]string, len(b.Fields))
		for i, f := range b.Fields {
			codes[i] = f[1]
		}
		return codes, true
	case "fields":
		values := make(map[string]string, len(b.Fields))
		for i, f := range b.Fields {
			if i < len(b.Items) && b.Items[i] != "" {
				values[b.Items[i]] = f[1]
			}
		}
		return values, true
	case "table":
		rows := make([]map[string]string, len(b.Rows))
		for i, row := range b.Rows {
			rows[i] = make(map[string]string, len(row))
			for j, cell := range row {
				if j < len(b.Items) && b.Items[j] != "" {
					rows[i][b.Items[j]] = cell
				}
			}
		}
		return rows, true
	}
	return b.Text, true
}

func checkAddress(t kernel.Tenant, r record) string { return t.Origin + "/verify/" + r.Number }
