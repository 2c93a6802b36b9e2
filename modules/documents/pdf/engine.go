package pdf

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"slices"
	"sync"
	"time"

	"rsc.io/qr/coding"
	"townhall/modules/kernel"
)

// TemplateVersion changes whenever the same input would give another page; it is stored with every document.
const TemplateVersion = "2026-11.2"

// Engine holds what all documents share: fonts, output intent and the hash of that constant prefix. It is
// read-only after NewEngine, so any number of goroutines may render at once.
type Engine struct {
	words     map[string]*words
	base      [styles]*face
	full      [styles]*typeface
	cjk       *typeface
	scripts   []script // by code point
	cjkGlyphs []uint16 // by code point
	prefix    []byte   // header comment, font objects, output intent
	offsets   []int
	fontRefs  [styles]int
	intent    int            // object number of the output intent
	midstate  []byte         // SHA-256 after the prefix
	gate      *Crest         // what a municipality without a crest has
	codes     []*coding.Plan // of QR codes, by version
	pool      sync.Pool      // of *document: memory, nothing else
}

// Input is all that a document's bytes depend on.
type Input struct {
	Content    kernel.DocumentContent
	Number     string
	IssuedAt   time.Time
	ValidTo    time.Time // zero: no end
	Zone       *time.Location
	VerifyURL  string // what the QR code says
	VerifyAt   string // the same address as people type it, without the number
	CheckURI   string // goes into Info as /CheckURI: where this number is checked; empty: none. Printable ASCII
	StatusURI  string // goes into Info as /StatusURI: the status list and, behind "#", the index in it; empty: none. Printable ASCII
	Sealer     string // who seals, as its certificate names it
	Level      string // "B-B", "B-T", "B-LT", "B-LTA": printed, so that nobody believes in a timestamp that is not there
	Colour     string // "#rrggbb"; print in black and white loses nothing
	Crest      *Crest // nil: a town gate in the colour
	Attachment []byte // JSON, embedded as document.json, which makes the file PDF/A-3a; nil: none, PDF/A-2a
	Draft      bool   // a preview: watermark, no seal, no QR code
}

// Slot asks for a place where a signature goes.
type Slot struct {
	Reserve   int // bytes of DER
	Name      string
	Reason    string
	Location  string
	Timestamp bool // make, and tag, a second field "Timestamp" that is not seen: an increment fills it with a document timestamp
}

// NewEngine parses and cuts the fonts; it takes some tens of milliseconds, once per process.
func NewEngine() (*Engine, error) {
	e := &Engine{}
	var err error
	if e.words, err = loadWords(); err != nil {
		return nil, err
	}
	if err := e.loadFonts(); err != nil {
		return nil, err
	}
	e.sortScripts()
	if e.gate, err = townGate(); err != nil {
		return nil, err
	}
	if err := e.planCodes(); err != nil {
		return nil, err
	}
	return e, e.makePrefix()
}

func (e *Engine) loadFonts() error {
	var err error
	for s, f := range []struct {
		name string
		raw  []byte
	}{{"NotoSans-Regular", sansRegular}, {"NotoSans-Bold", sansBold}, {"NotoSerif-Bold", serifBold}} {
		if e.full[s], err = parseTypeface(f.name, f.raw); err != nil {
			return err
		}
	}
	e.cjk, err = parseTypeface("DroidSansFallback", droidFallback)
	return err
}

func (e *Engine) makePrefix() error {
	w := &writer{n: 1, once: true}
	// Four bytes above 127 tell programs that the file is binary (ISO 19005-2, 6.1.2).
	w.b = append(w.b, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"...)
	for s := range e.base {
		f, cut, glyphs, err := cutConstant(fmt.Sprintf("F%d", s), e.full[s], everyday())
		if err != nil {
			return err
		}
		e.base[s] = f
		e.fontRefs[s] = putFont(w, f, cut, glyphs)
	}
	icc := w.stream("/N 3", sRGB())
	e.intent = w.obj("<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/RegistryName(http://www.color.org)/Info(sRGB IEC61966-2.1)/DestOutputProfile %d 0 R>>", icc)
	e.prefix, e.offsets = slices.Clip(w.b), slices.Clip(w.offsets)
	h := sha256.New()
	h.Write(e.prefix)
	var err error
	e.midstate, err = h.(encoding.BinaryMarshaler).MarshalBinary()
	return err
}
