package pdf

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"townhall/modules/kernel"
)

//go:embed words/*.json
var wordFiles embed.FS

// words are the document's own fixed texts in one language.
type words struct {
	Number     string     `json:"number"`
	Issued     string     `json:"issued"`
	Valid      string     `json:"valid"`
	NoEnd      string     `json:"no_end"`
	Verify     string     `json:"verify"`
	VerifyHow  string     `json:"verify_how"` // {at}
	VerifyPDF  string     `json:"verify_pdf"`
	QRAlt      string     `json:"qr_alt"`
	Sealed     string     `json:"sealed"`
	SealedBy   string     `json:"sealed_by"`
	SealedFor  string     `json:"sealed_for"`
	SealedAt   string     `json:"sealed_at"`
	Seal       string     `json:"seal"`       // {level}
	Untimed    string     `json:"untimed"`    // said when no timestamp proves the time
	Timed      string     `json:"timed"`      // said when a timestamp does
	SealField  string     `json:"sealfield"`  // tooltip of the signature field
	StampField string     `json:"stampfield"` // of the field of the document timestamp
	AttachDesc string     `json:"attachment"` // what the attached file is
	Page       string     `json:"page"`       // {page} {pages}
	Draft      string     `json:"draft"`
	DraftWhy   string     `json:"draft_why"`
	Pending    string     `json:"pending"`
	Date       string     `json:"date"`   // {d} {month} {y}
	Moment     string     `json:"moment"` // {date} {time}
	Months     [12]string `json:"months"`
	Keywords   string     `json:"keywords"`
}

func loadWords() (map[string]*words, error) {
	out := make(map[string]*words, len(kernel.Locales))
	for _, l := range kernel.Locales {
		b, err := wordFiles.ReadFile("words/" + l + ".json")
		if err != nil {
			return nil, err
		}
		var w words
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&w); err != nil {
			return nil, fmt.Errorf("words of documents in %s: %w", l, err)
		}
		out[l] = &w
	}
	return out, nil
}

func (w *words) date(t time.Time) string {
	return fillIn(w.Date, "d", strconv.Itoa(t.Day()), "month", w.Months[t.Month()-1], "y", strconv.Itoa(t.Year()))
}
