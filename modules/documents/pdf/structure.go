package pdf

// structure writes the structure tree and its way back from marked content (ISO 32000-1, 14.7).
func (d *document) structure(pageObjs int, f fields) int {
	w := d.w
	root := w.reserve(1)
	first := w.reserve(len(d.elems))
	w.open(root)
	w.s("<</Type/StructTreeRoot/K ").ref(first).s("/ParentTree<</Nums[")
	for i := range d.pages {
		w.int(i).s("[")
		for _, el := range d.pages[i].parents {
			w.ref(first + el).s(" ")
		}
		w.s("]")
	}
	for i, form := range [2]int{d.form, d.stamp} {
		if form > 0 {
			w.int(len(d.pages) + i).s(" ").ref(first + form).s(" ")
		}
	}
	w.s("]>>/ParentTreeNextKey ").int(len(d.pages) + 2).s(">>").close()
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
	w.s("<</Type/StructElem/S/").s(el.tag).s("/P ").ref(parent).s(el.attrs).s("/K[")
	for _, k := range el.kids {
		switch {
		case k.child > 0:
			w.ref(first + k.child).s(" ")
		case k.child == sealField:
			w.s("<</Type/OBJR/Obj ").ref(f.seal).s("/Pg ").ref(f.page).s(">>")
		case k.child == stampField:
			w.s("<</Type/OBJR/Obj ").ref(f.stamp).s("/Pg ").ref(f.page).s(">>")
		default:
			w.s("<</Type/MCR/Pg ").ref(pageObjs + k.page).s("/MCID ").int(k.mcid).s(">>")
		}
	}
	w.s("]>>").close()
}
