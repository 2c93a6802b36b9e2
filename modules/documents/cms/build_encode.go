package cms

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Append appends one DER element to dst: tag, length and the parts as content.
func Append(dst []byte, tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	dst = header(dst, tag, n)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// header appends tag and length in the shortest form, the only one of DER.
func header(dst []byte, tag byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, tag, byte(n))
	case n < 0x100:
		return append(dst, tag, 0x81, byte(n))
	case n < 0x10000:
		return append(dst, tag, 0x82, byte(n>>8), byte(n))
	case n < 0x1000000:
		return append(dst, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, tag, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// element is the length of an element with n bytes of content.
func element(n int) int {
	switch {
	case n < 0x80:
		return n + 2
	case n < 0x100:
		return n + 3
	case n < 0x10000:
		return n + 4
	case n < 0x1000000:
		return n + 5
	}
	return n + 6
}

// lengths of the nested elements of one container, innermost first.
type lengths struct {
	signer, inside, encap, data int
}

func (d *Signed) lengths(unsigned []byte) lengths {
	var l lengths
	s := d.by
	l.signer = len(s.head) + len(d.attrs) + len(s.sigAlg) + element(len(d.Value))
	if unsigned != nil {
		l.signer += element(len(unsigned))
	}
	l.encap = len(d.form.oid)
	if d.content.Inside != nil {
		l.inside = element(len(d.content.Inside))
		l.encap += element(l.inside)
	}
	l.data = 3 + len(s.algs) + element(l.encap) + element(element(l.signer))
	if !d.content.Bare {
		l.data += len(s.certs)
	}
	return l
}

// Encode is the ContentInfo around everything. tokens are signature timestamps of the signature's value (RFC 3161,
// appendix A): unsigned attributes.
func (d *Signed) Encode(tokens ...[]byte) ([]byte, error) {
	s := d.by
	var unsigned []byte
	for _, t := range tokens {
		if len(t) == 0 {
			return nil, errors.New("a timestamp without content")
		}
	}
	if len(tokens) > 0 {
		unsigned = timestamps(tokens)
	}
	l := d.lengths(unsigned)
	explicit := element(l.data)
	out := make([]byte, 0, element(signedDataLen+element(explicit)))
	out = header(out, 0x30, signedDataLen+element(explicit))
	out = append(out, signedDataOID...)
	out = header(out, 0xa0, explicit)
	out = header(out, 0x30, l.data)
	out = append(out, 0x02, 0x01, d.form.version)
	out = append(out, s.algs...)
	out = header(out, 0x30, l.encap)
	out = append(out, d.form.oid...)
	if d.content.Inside != nil {
		out = header(out, 0xa0, l.inside)
		out = Append(out, 0x04, d.content.Inside)
	}
	if !d.content.Bare {
		out = append(out, s.certs...)
	}
	out = header(out, 0x31, element(l.signer))
	out = header(out, 0x30, l.signer)
	out = append(out, s.head...)
	from := len(out)
	out = append(out, d.attrs...)
	out[from] = 0xa0
	out = append(out, s.sigAlg...)
	out = Append(out, 0x04, d.Value)
	if unsigned != nil {
		out = Append(out, 0xa1, unsigned)
	}
	return out, nil
}

// The object identifiers that every container holds, as elements.
const (
	signedDataOID = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" // OIDSignedData
	signedDataLen = len(signedDataOID)
	timestampOID  = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0e" // OIDTimeStampToken
)

// timestamps are the members of the SET OF unsigned attributes.
func timestamps(tokens [][]byte) []byte {
	one := func(dst, token []byte) []byte {
		dst = header(dst, 0x30, len(timestampOID)+element(len(token)))
		dst = append(dst, timestampOID...)
		return Append(dst, 0x31, token)
	}
	if len(tokens) == 1 {
		return one(make([]byte, 0, len(tokens[0])+32), tokens[0])
	}
	all := make([][]byte, len(tokens))
	for i, t := range tokens {
		all[i] = one(nil, t)
	}
	return setOf(all)
}

// setOf joins the members of a SET OF in DER order.
func setOf(all [][]byte) []byte {
	slices.SortFunc(all, bytes.Compare)
	return bytes.Join(all, nil)
}

// lowS turns an ECDSA P-256 signature (r, s) into the one of (r, s) and (r, n-s) whose s is the smaller: both verify, and
// a stranger can make the other one from either.
func lowS(sig []byte) ([]byte, error) {
	in := cryptobyte.String(sig)
	var seq cryptobyte.String
	var r, s []byte
	if !in.ReadASN1(&seq, der.SEQUENCE) || !in.Empty() || !seq.ReadASN1Integer(&r) || !seq.ReadASN1Integer(&s) || !seq.Empty() || len(r) == 0 || len(s) == 0 || len(r) > 32 || len(s) > 32 {
		return nil, errors.New("the key made no ECDSA P-256 signature")
	}
	var order, value, other [32]byte
	elliptic.P256().Params().N.FillBytes(order[:])
	copy(value[32-len(s):], s)
	borrow := 0
	for i := 31; i >= 0; i-- {
		d := int(order[i]) - int(value[i]) - borrow
		borrow = 0
		if d < 0 {
			d, borrow = d+256, 1
		}
		other[i] = byte(d)
	}
	if borrow == 1 || value == [32]byte{} {
		return nil, errors.New("the key made an ECDSA signature out of range")
	}
	if bytes.Compare(value[:], other[:]) <= 0 {
		return sig, nil
	}
	// The smaller one is below 2^255, so that its highest bit is clear and no zero byte has to go before it.
	small := bytes.TrimLeft(other[:], "\x00")
	if len(small) == 0 {
		return nil, errors.New("the key made an ECDSA signature out of range")
	}
	n := 2 + len(small)
	if small[0]&0x80 != 0 {
		n++
	}
	rest := len(r)
	if r[0]&0x80 != 0 {
		rest++
	}
	out := make([]byte, 0, 4+rest+n)
	out = append(out, 0x30, byte(2+rest+n))
	out = appendInteger(out, r)
	return appendInteger(out, small), nil
}

// appendInteger appends a positive INTEGER of at most 32 bytes.
func appendInteger(dst, magnitude []byte) []byte {
	if magnitude[0]&0x80 != 0 {
		dst = append(dst, 0x02, byte(len(magnitude)+1), 0)
	} else {
		dst = append(dst, 0x02, byte(len(magnitude)))
	}
	return append(dst, magnitude...)
}

// Wrap is one DER element: a tag around content.
func Wrap(tag der.Tag, content []byte) []byte { return Append(nil, byte(tag), content) }

// Algorithm is an AlgorithmIdentifier, with the NULL that RSA asks for.
func Algorithm(oid asn1.ObjectIdentifier, null bool) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if null {
			b.AddASN1NULL()
		}
	})
	return b.BytesOrPanic()
}

// attribute is Attribute of RFC 5652, 5.3, with one value.
func attribute(oid asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(der.SET, value)
	})
	return b.BytesOrPanic()
}
