package pdf

import (
	"encoding/binary"
	"math"
)

// sRGB makes the ICC v2 profile of IEC 61966-2-1: primaries adapted to D50, and its transfer curve as a table of 1024
// values. Made here, because every file of it one could copy has an owner.
func sRGB() []byte {
	be := binary.BigEndian
	xyz := func(x, y, z float64) []byte {
		b := append([]byte("XYZ "), 0, 0, 0, 0)
		for _, v := range [3]float64{x, y, z} {
			b = be.AppendUint32(b, uint32(int32(math.Round(v*65536))))
		}
		return b
	}
	curve := be.AppendUint32(append([]byte("curv"), 0, 0, 0, 0), 1024)
	for i := range 1024 {
		v := float64(i) / 1023
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		curve = be.AppendUint16(curve, uint16(math.Round(v*65535)))
	}
	const name = "sRGB IEC61966-2.1\x00"
	desc := be.AppendUint32(append([]byte("desc"), 0, 0, 0, 0), uint32(len(name)))
	desc = append(append(desc, name...), make([]byte, 4+4+2+1+67)...)
	text := append(append([]byte("text"), 0, 0, 0, 0), "No copyright, use freely\x00"...)
	tags := []struct {
		sig  string
		data []byte
	}{
		{"desc", desc}, {"cprt", text}, {"wtpt", xyz(0.9642, 1, 0.8249)},
		{"rXYZ", xyz(0.43607, 0.22249, 0.01392)}, {"gXYZ", xyz(0.38515, 0.71687, 0.09708)}, {"bXYZ", xyz(0.14307, 0.06061, 0.71410)},
		{"rTRC", curve}, {"gTRC", nil}, {"bTRC", nil}, // one curve for the three
	}
	head := make([]byte, 128)
	be.PutUint32(head[8:], 0x02100000)
	copy(head[12:], "mntrRGB XYZ ")
	for i, v := range [6]uint16{2026, 1, 1, 0, 0, 0} {
		be.PutUint16(head[24+2*i:], v)
	}
	copy(head[36:], "acsp")
	copy(head[68:], xyz(0.9642, 1, 0.8249)[8:])
	out := be.AppendUint32(head, uint32(len(tags)))
	at := len(out) + 12*len(tags)
	var body []byte
	last, lastLen := 0, 0
	for _, t := range tags {
		if t.data != nil {
			last, lastLen = at+len(body), len(t.data)
			body = append(body, t.data...)
			for len(body)%4 != 0 {
				body = append(body, 0)
			}
		}
		out = be.AppendUint32(be.AppendUint32(append(out, t.sig...), uint32(last)), uint32(lastLen))
	}
	out = append(out, body...)
	be.PutUint32(out, uint32(len(out)))
	return out
}
