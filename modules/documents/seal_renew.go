package documents

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/pdffile"
	"townhall/modules/documents/sign"
	"townhall/modules/kernel"
)

// renewed puts fresh validation data, also for the timestamp it had, and a new document timestamp around a file (EN 319
// 142-1, 5.5). The earlier revisions stay in it as they are. Unavailable when the timestamp or the data cannot be had now,
// or when the new timestamp would end no later than the old one.
func (s *Service) renewed(ctx context.Context, t kernel.Tenant, r record, f sealedFile) (sealedFile, error) {
	now := s.Clock.Now()
	sealer, err := s.seals.of(t, now)
	if err != nil {
		return sealedFile{}, err
	}
	token, err := newestToken(f.Bytes)
	if err != nil {
		return sealedFile{}, fmt.Errorf("document %s: %w", r.ID, err)
	}
	roots, err := stampRoots(s.Stamp)
	if err != nil {
		return sealedFile{}, errSealing.Wrap(err)
	}
	v, err := sealer.Renewal(ctx, now, token, roots...)
	if err != nil {
		return sealedFile{}, errSealing.Wrap(fmt.Errorf("document %s: %w", r.ID, err))
	}
	again, err := pdf.Reopen(f.Bytes)
	if err != nil {
		return sealedFile{}, fmt.Errorf("document %s: %w", r.ID, err)
	}
	file, err := extended(ctx, sealer, again, v, true)
	if err != nil {
		return sealedFile{}, fmt.Errorf("document %s: %w", r.ID, err)
	}
	next, err := s.proved(r, file, sign.Level(f.Level))
	if err != nil {
		return sealedFile{}, err
	}
	if !next.RenewBefore.After(f.RenewBefore) {
		return sealedFile{}, errSealing.Wrap(fmt.Errorf("document %s: the new timestamp ends no later than the old one", r.ID))
	}
	next.Revision = f.Revision + 1
	return next, nil
}

// newestToken returns the token of a file's newest document timestamp: the last signature field that has one, since each
// renewal adds its field behind the others.
func newestToken(file []byte) ([]byte, error) {
	f, err := pdffile.Open(file)
	if err != nil {
		return nil, err
	}
	form := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])
	fields, _ := f.Resolve(form["Fields"]).([]any)
	for i := len(fields) - 1; i >= 0; i-- {
		v := f.Dict(f.Dict(fields[i])["V"])
		contents, ok := v["Contents"].(pdffile.String)
		if v["Type"] != any(pdffile.Name("DocTimeStamp")) || !ok {
			continue
		}
		var token cryptobyte.String
		in := cryptobyte.String(contents.Bytes) // the rest of the place is zeros
		if !in.ReadASN1Element(&token, asn1.SEQUENCE) {
			break
		}
		return token, nil
	}
	return nil, errors.New("the file has no document timestamp")
}
