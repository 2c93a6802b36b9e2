package pdf

import (
	"strings"
	"time"
)

const producer = "Townhall"

// Mark is in every file of this package as it is, so that somebody else's signed PDF is told apart from one of ours.
const Mark = "/Producer(" + producer + ")"

// pdfDate is a date of ISO 32000-1, 7.9.4.
func pdfDate(t time.Time) string { return t.UTC().Format("D:20060102150405+00'00'") }

// metadata writes Info and the XMP packet that says the same (ISO 19005-2, 6.6.3).
func (d *document) metadata() (info, meta int) {
	w, c := d.w, &d.in.Content
	subject := c.Subject
	if subject == "" {
		subject = d.words.Keywords
	}
	number := d.in.Number
	if d.in.Draft {
		number = d.words.Draft
	}
	info = w.reserve(1)
	w.open(info)
	w.s("<</Title").text(c.Title).s("/Author").text(c.Issuer).s("/Subject").text(subject).s("/Keywords").text(number)
	w.s("/Creator(" + producer + ")" + Mark + "/CreationDate(").date(d.in.IssuedAt).s(")/ModDate(").date(d.in.IssuedAt).s(")")
	// Where a program asks for the state of this number. The keys are ours: ISO 32000-1, 14.3.3 allows more than its own.
	if d.in.CheckURI != "" {
		w.s("/CheckURI").text(d.in.CheckURI)
	}
	if d.in.StatusURI != "" {
		w.s("/StatusURI").text(d.in.StatusURI)
	}
	w.s(">>").close()
	return info, d.xmp(subject, number)
}

// xmp fills the packet: its texts stand between the parts of the constant, in their order.
func (d *document) xmp(subject, number string) int {
	c := &d.in.Content
	iso := d.in.IssuedAt.UTC().Format("2006-01-02T15:04:05+00:00")
	part := "2"
	if d.in.Attachment != nil {
		part = "3"
	}
	b := d.scratch[:0]
	rest := xmpPacket
	for _, s := range [...]string{c.Title, c.Issuer, subject, language(c.Locale), iso, iso, producer, number, producer, part} {
		before, after, _ := strings.Cut(rest, "%s")
		b = appendXML(append(b, before...), s)
		rest = after
	}
	d.scratch = append(b, rest...)
	// Uncompressed, so that programs which know no PDF find it (ISO 16684-1, 7).
	return d.w.plain("/Type/Metadata/Subtype/XML", d.scratch)
}

// appendXML writes s as character data. The guard has let no control characters through.
func appendXML(b []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		default:
			b = append(b, s[i])
		}
	}
	return b
}

// The extension schema is there because PDF/A knows no pdfuaid by itself.
const xmpPacket = "<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" + `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>application/pdf</dc:format><dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>%s</rdf:li></rdf:Seq></dc:creator><dc:description><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description><dc:language><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></dc:language></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:CreateDate>%s</xmp:CreateDate><xmp:ModifyDate>%s</xmp:ModifyDate><xmp:CreatorTool>%s</xmp:CreatorTool></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"><pdf:Keywords>%s</pdf:Keywords><pdf:Producer>%s</pdf:Producer></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>%s</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema><pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category><pdfaProperty:description>Part of ISO 14289</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`
