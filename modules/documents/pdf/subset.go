package pdf

import (
	"encoding/binary"
	"errors"
	"slices"
)

// outlines are the tables of a TrueType font read once, so that the few glyphs a document needs beyond the everyday
// faces are cut in microseconds: fpdf's cutter reads the whole font each time, 20 ms for a Chinese one.
type outlines struct {
	head, hhea, maxp, hmtx, glyf []byte
	cvt, fpgm, prep              []byte // nil where the font has none
	loca                         []uint32
	hm                           int // number of long metrics
}

var errOutlines = errors.New("the font's tables cannot be read")

func readOutlines(raw []byte) (*outlines, error) {
	be := binary.BigEndian
	if len(raw) < 12 {
		return nil, errOutlines
	}
	o := &outlines{}
	tables := map[string][]byte{}
	for i := range int(be.Uint16(raw[4:])) {
		rec := raw[12+16*i:]
		from, n := be.Uint32(rec[8:]), be.Uint32(rec[12:])
		if uint64(from)+uint64(n) > uint64(len(raw)) {
			return nil, errOutlines
		}
		tables[string(rec[:4])] = raw[from : from+n]
	}
	o.head, o.hhea, o.maxp, o.hmtx, o.glyf = tables["head"], tables["hhea"], tables["maxp"], tables["hmtx"], tables["glyf"]
	o.cvt, o.fpgm, o.prep = tables["cvt "], tables["fpgm"], tables["prep"]
	if len(o.head) != 54 || len(o.hhea) != 36 || len(o.maxp) != 32 || o.hmtx == nil || o.glyf == nil || tables["loca"] == nil {
		return nil, errOutlines
	}
	n := int(be.Uint16(o.maxp[4:]))
	o.hm = int(be.Uint16(o.hhea[34:]))
	long := be.Uint16(o.head[50:]) == 1
	for i := range n + 1 {
		if long {
			o.loca = append(o.loca, be.Uint32(tables["loca"][4*i:]))
		} else {
			o.loca = append(o.loca, 2*uint32(be.Uint16(tables["loca"][2*i:])))
		}
	}
	return o, nil
}

// cut makes a font of the given glyphs in the memory of out and returns it with its number of glyphs; glyph i+1 is
// gids[i], glyph 0 is .notdef, parts of composite glyphs come behind. It holds the tables that ISO 32000-1, 9.9 asks of an
// embedded CIDFontType2.
func (o *outlines) cut(out []byte, gids []uint16) ([]byte, int) {
	be := binary.BigEndian
	order := append(make([]uint16, 1, len(gids)+16), gids...)
	size := 0
	for _, g := range order {
		size += int(o.loca[g+1]-o.loca[g]) + 3
	}
	glyf, loca, hmtx := make([]byte, 0, size+1024), make([]byte, 0, 4*len(order)+68), make([]byte, 0, 4*len(order)+68)
	for i := 0; i < len(order); i++ { // grows
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		hmtx = append(hmtx, o.metric(order[i])...)
		at := len(glyf)
		glyf = append(glyf, o.glyf[o.loca[order[i]]:o.loca[order[i]+1]]...)
		eachPart(glyf[at:], func(id []byte) {
			part := be.Uint16(id)
			k := slices.Index(order, part)
			if k < 0 {
				k = len(order)
				order = append(order, part)
			}
			be.PutUint16(id, uint16(k))
		})
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))
	var head [54]byte
	var hhea [36]byte
	var maxp [32]byte
	copy(head[:], o.head)
	copy(hhea[:], o.hhea)
	copy(maxp[:], o.maxp)
	be.PutUint32(head[8:], 0)
	be.PutUint16(head[50:], 1)
	be.PutUint16(hhea[34:], uint16(len(order)))
	be.PutUint16(maxp[4:], uint16(len(order)))
	tables := [9]table{{"cvt ", o.cvt}, {"fpgm", o.fpgm}, {"glyf", glyf}, {"head", head[:]}, {"hhea", hhea[:]},
		{"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp[:]}, {"prep", o.prep}}
	return sfntFile(out, slices.DeleteFunc(tables[:], func(t table) bool { return t.data == nil })), len(order)
}

// metric is advance and left bearing of a glyph; the last glyphs of a font may share an advance.
func (o *outlines) metric(g uint16) []byte {
	t, i := o.hmtx, int(g)
	if i < o.hm {
		return t[4*i : 4*i+4]
	}
	adv, lsb := t[4*(o.hm-1):], t[4*o.hm+2*(i-o.hm):]
	return []byte{adv[0], adv[1], lsb[0], lsb[1]}
}

// eachPart calls f with the glyph id of every part of a composite glyph.
func eachPart(g []byte, f func(id []byte)) {
	const words, scale, more, xyScale, twoByTwo = 1, 8, 32, 64, 128
	if len(g) < 10 || int16(binary.BigEndian.Uint16(g)) >= 0 {
		return
	}
	for at := 10; at+4 <= len(g); {
		flags := binary.BigEndian.Uint16(g[at:])
		f(g[at+2 : at+4])
		at += 6
		if flags&words != 0 {
			at += 2
		}
		switch {
		case flags&scale != 0:
			at += 2
		case flags&xyScale != 0:
			at += 4
		case flags&twoByTwo != 0:
			at += 8
		}
		if flags&more == 0 {
			return
		}
	}
}

type table struct {
	tag  string
	data []byte
}

// sfntFile appends a font file of the tables, sorted by tag, to an empty slice.
func sfntFile(out []byte, tables []table) []byte {
	be := binary.BigEndian
	n, log := len(tables), 0
	for 2<<log <= n {
		log++
	}
	out = be.AppendUint32(out, 0x00010000)
	out = be.AppendUint16(out, uint16(n))
	out = be.AppendUint16(out, uint16(16<<log))
	out = be.AppendUint16(out, uint16(log))
	out = be.AppendUint16(out, uint16(16*n-16<<log))
	at := 12 + 16*n
	for _, t := range tables {
		out = append(out, t.tag...)
		out = be.AppendUint32(out, checksum(t.data))
		out = be.AppendUint32(out, uint32(at))
		out = be.AppendUint32(out, uint32(len(t.data)))
		at += (len(t.data) + 3) &^ 3
	}
	headAt := 0
	for _, t := range tables {
		if t.tag == "head" {
			headAt = len(out)
		}
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	be.PutUint32(out[headAt+8:], 0xB1B0AFBA-checksum(out))
	return out
}

func checksum(b []byte) uint32 {
	var sum uint32
	for ; len(b) >= 4; b = b[4:] {
		sum += binary.BigEndian.Uint32(b)
	}
	if len(b) > 0 {
		var last [4]byte
		copy(last[:], b)
		sum += binary.BigEndian.Uint32(last[:])
	}
	return sum
}
