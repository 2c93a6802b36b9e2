package pdf

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"townhall/modules/documents/pdffile"
)

// Sealed is a stored file that can be given one revision more.
type Sealed struct{ p base }

var errForm = errors.New("the file is not in the form in which we write sealed documents")

// Reopen reads a stored file, to renew its document timestamp or to add validation data. It is an error when the file is
// not in the form of this package. Whether its seals are good is the verifier's to say.
func Reopen(file []byte) (*Sealed, error) {
	f, err := pdffile.Open(file)
	if err != nil {
		return nil, err
	}
	revs := f.Revisions()
	last := revs[len(revs)-1]
	root, ok := last.Trailer["Root"].(pdffile.Ref)
	if !ok {
		return nil, errForm
	}
	size, _ := last.Trailer["Size"].(int)
	s := &Sealed{base{b: slices.Clip(file), size: size, xref: last.XRef, root: int(root), fresh: true}}
	if info, ok := last.Trailer["Info"].(pdffile.Ref); ok {
		s.p.info = fmt.Sprintf("/Info %d 0 R", info)
	}
	if id, ok := last.Trailer["ID"].([]any); ok && len(id) == 2 {
		a, _ := id[0].(pdffile.String)
		b, _ := id[1].(pdffile.String)
		s.p.id = fmt.Sprintf("/ID[<%x><%x>]", a.Bytes, b.Bytes)
	}
	catalog, ok := f.Object(int(root))
	if !ok {
		return nil, errForm
	}
	s.p.catalog = indirect{int(root), slices.Clone(f.Raw(catalog.From, catalog.To))}
	if err := s.validation(f); err != nil {
		return nil, err
	}
	return s, s.field(f)
}

// validation takes /DSS out of the catalog and remembers what it lists.
func (s *Sealed) validation(f *pdffile.File) error {
	d := &s.p.dss
	d.known = map[[sha256.Size]byte]bool{}
	from, to, ok := pdffile.Entry(s.p.catalog.dict, "DSS")
	if !ok {
		return nil
	}
	ref, ok := pdffile.Value(s.p.catalog.dict[from:to]).(pdffile.Ref)
	store := f.Dict(ref)
	if key := from - len("/DSS "); !ok || store == nil || string(s.p.catalog.dict[key:from]) != "/DSS " {
		return errForm
	}
	d.num = int(ref)
	s.p.catalog.dict = slices.Delete(s.p.catalog.dict, from-len("/DSS "), to)
	for k, key := range dssKeys {
		list, _ := store[key].([]any)
		for _, e := range list {
			ref, _ := e.(pdffile.Ref)
			o, ok := f.Object(int(ref))
			if !ok || o.Stream == nil {
				return errForm
			}
			d.refs[k] = append(d.refs[k], int(ref))
			d.known[sha256.Sum256(o.Stream)] = true
		}
	}
	return nil
}

// field finds the place of the next document timestamp: the empty field of the first revision, else a new field. A
// new one has a widget without area, since some programs ask for one, and no page shows it, so that neither page nor tags
// change.
func (s *Sealed) field(f *pdffile.File) error {
	form := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])
	fields, _ := form["Fields"].([]any)
	if len(fields) == 0 {
		return errForm
	}
	for _, e := range fields {
		ref, _ := e.(pdffile.Ref)
		o, ok := f.Object(int(ref))
		field, _ := o.Value.(map[string]any)
		if name, _ := field["T"].(pdffile.String); !ok || field == nil || field["V"] != nil || string(name.Bytes) != "Timestamp" {
			continue
		}
		s.p.stamp, s.p.fresh = indirect{int(ref), slices.Clone(f.Raw(o.From, o.To-2))}, false
		return nil
	}
	s.p.stamp.dict = fmt.Appendf(nil, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Timestamp%d)/F 132/Rect[0 0 0 0]", len(fields))
	return nil
}

// Extend is Unsigned.Extend for a stored file: what its security store holds already is not added again.
func (s *Sealed) Extend(v Validation, reserve int) (*Increment, error) {
	p := s.p
	for k := range p.dss.refs {
		p.dss.refs[k] = slices.Clone(s.p.dss.refs[k])
	}
	catalog := slices.Clone(p.catalog.dict)
	if reserve > 0 && p.fresh {
		// The number is chosen first, since the catalog names it: behind everything else that may be new.
		p.stamp.num = p.size + p.dss.objects(v)
		form, _, ok := pdffile.Entry(catalog, "AcroForm")
		if !ok {
			return nil, errForm
		}
		_, to, ok := pdffile.Entry(catalog[form:], "Fields")
		if !ok {
			return nil, errForm
		}
		catalog = slices.Insert(catalog, form+to-1, fmt.Appendf(nil, " %d 0 R", p.stamp.num)...)
	}
	if !slices.Equal(catalog[len(catalog)-2:], []byte(">>")) {
		return nil, errForm
	}
	p.catalog.dict = catalog[:len(catalog)-2]
	return p.extend(v, reserve)
}

// objects is how many objects the validation data will take.
func (d *dss) objects(v Validation) int {
	_, n := d.fresh(v)
	if n > 0 {
		n++ // the dictionary
	}
	return n
}
