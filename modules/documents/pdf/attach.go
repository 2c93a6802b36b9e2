package pdf

import (
	"crypto/md5"
	"encoding/hex"
	"strconv"
)

const attachmentName = "document.json"

// putAttachment embeds the data of the document and returns its file specification; 0 when there is none. The relation
// "Data" says that the page was made from it (ISO 19005-3, 6.8).
func (d *document) putAttachment() int {
	a := d.in.Attachment
	if a == nil {
		return 0
	}
	w, sum := d.w, md5.Sum(a) // what ISO 32000-1, table 46 prescribes; the signature is what protects the file
	d.scratch = append(strconv.AppendInt(append(d.scratch[:0], "/Type/EmbeddedFile/Subtype/application#2Fjson/Params<</Size "...), int64(len(a)), 10), "/ModDate("...)
	d.scratch = append(append(d.scratch, pdfDate(d.in.IssuedAt)...), ")/CheckSum<"...)
	d.scratch = append(hex.AppendEncode(d.scratch, sum[:]), ">>>"...)
	file := w.stream(string(d.scratch), a)
	spec := w.reserve(1)
	w.open(spec)
	w.s("<</Type/Filespec/F(" + attachmentName + ")/UF(" + attachmentName + ")/AFRelationship/Data/Desc").text(d.words.AttachDesc)
	w.s("/EF<</F ").ref(file).s("/UF ").ref(file).s(">>>>").close()
	return spec
}

func (d *document) catalogAttachment(spec int) {
	if spec > 0 {
		d.w.s("/AF[").ref(spec).s("]/Names<</EmbeddedFiles<</Names[(" + attachmentName + ")").ref(spec).s("]>>>>")
	}
}
