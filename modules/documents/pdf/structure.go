package pdf

import (
	"fmt"
	"strings"
)

// structure writes the structure tree and its way back from marked content (ISO 32000-1, 14.7).
func (d *document) structure(pageObjs int, f fields) int {
	w := d.w
	root := w.reserve(1)
	first := w.reserve(len(d.elems))
	var nums strings.Builder
	for i, p := range d.pages {
		fmt.Fprintf(&nums, "%d[", i)
		for _, el := range p.parents {
			nums.WriteString(itoa(first + el))
			nums.WriteString(" 0 R ")
		}
		nums.WriteString("]")
	}
	for i, form := range [2]int{d.form, d.stamp} {
		if form > 0 {
			fmt.Fprintf(&nums, "%d %d 0 R ", len(d.pages)+i, first+form)
		}
	}
	w.put(root, "<</Type/StructTreeRoot/K %d 0 R/ParentTree<</Nums[%s]>>/ParentTreeNextKey %d>>", first, nums.String(), len(d.pages)+2)
	for i := range d.elems {
		d.putElem(first, i, root, pageObjs, f)
	}
	return root
}

func (d *document) putElem(first, i, root, pageObjs int, f fields) {
	w, el := d.w, &d.elems[i]
	parent := root
	if i > 0 {
		parent = first + el.parent
	}
	w.open(first + i)
	b := w.b
	b = append(append(b, "<</Type/StructElem/S/"...), el.tag...)
	b = append(append(append(b, "/P "...), itoa(parent)...), " 0 R"...)
	b = append(append(b, el.attrs...), "/K["...)
	for _, k := range el.kids {
		switch {
		case k.child > 0:
			b = append(append(b, itoa(first+k.child)...), " 0 R "...)
		case k.child == sealField:
			b = fmt.Appendf(b, "<</Type/OBJR/Obj %d 0 R/Pg %d 0 R>>", f.seal, f.page)
		case k.child == stampField:
			b = fmt.Appendf(b, "<</Type/OBJR/Obj %d 0 R/Pg %d 0 R>>", f.stamp, f.page)
		default:
			b = append(append(b, "<</Type/MCR/Pg "...), itoa(pageObjs+k.page)...)
			b = append(append(append(b, " 0 R/MCID "...), itoa(k.mcid)...), ">>"...)
		}
	}
	w.b = append(b, "]>>"...)
	w.close()
}
