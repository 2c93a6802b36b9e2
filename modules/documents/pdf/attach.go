package pdf

import (
	"crypto/md5"
	"fmt"
)

const attachmentName = "document.json"

// putAttachment embeds the data of the document and returns its file specification; 0 when there is none. The relation
// "Data" says that the page was made from it (ISO 19005-3, 6.8).
func (d *document) putAttachment() int {
	a := d.in.Attachment
	if a == nil {
		return 0
	}
	sum := md5.Sum(a) // what ISO 32000-1, table 46 prescribes; the signature is what protects the file
	file := d.w.stream(fmt.Sprintf("/Type/EmbeddedFile/Subtype/application#2Fjson/Params<</Size %d/ModDate(%s)/CheckSum<%X>>>", len(a), pdfDate(d.in.IssuedAt), sum), a)
	return d.w.obj("<</Type/Filespec/F(%s)/UF(%s)/AFRelationship/Data/Desc%s/EF<</F %d 0 R/UF %d 0 R>>>>",
		attachmentName, attachmentName, textString(d.words.AttachDesc), file, file)
}

func (d *document) catalogAttachment(spec int) {
	if spec > 0 {
		d.w.b = fmt.Appendf(d.w.b, "/AF[%d 0 R]/Names<</EmbeddedFiles<</Names[(%s)%d 0 R]>>>>", spec, attachmentName, spec)
	}
}
