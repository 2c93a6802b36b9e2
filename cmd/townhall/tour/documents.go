package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// share lets a stranger see the certificate by a link, until the citizen ends it.
func (t *tour) share(ctx context.Context) error {
	b := t.citizen
	if err := b.Open(ctx, t.Town+"/documents"); err != nil {
		return err
	}
	page := strings.TrimSuffix(b.Page.Link("/documents/0"), ".pdf")
	if err := b.Open(ctx, page); err != nil {
		return err
	}
	if err := b.Follow(ctx, "/share"); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/share", url.Values{"label": {"My bank"}, "days": {"7"}}); err != nil {
		return err
	}
	link := regexp.MustCompile(`https?://[^\s"<]+/shared/[\w-]+`).FindString(string(b.Page.Body))
	if link == "" {
		return errors.New("no link is shown")
	}
	if err := t.stranger.Open(ctx, link); err != nil {
		return err
	}
	if err := t.stranger.expect(t.documentNumber); err != nil {
		return err
	}
	if err := t.stranger.Follow(ctx, "document.pdf"); err != nil {
		return err
	}
	if !bytes.HasPrefix(t.stranger.Page.Body, []byte("%PDF-")) {
		return errors.New("the link leads to no PDF")
	}
	if err := b.Open(ctx, page); err != nil {
		return err
	}
	if err := b.expect("My bank"); err != nil {
		return err
	}
	if err := b.Submit(ctx, "/end", nil); err != nil {
		return err
	}
	if err := t.stranger.Open(ctx, link); err == nil && strings.Contains(t.stranger.Page.Text(), t.documentNumber) {
		return errors.New("the link still leads to the document after it was ended")
	}
	return nil
}

// issued opens the staff's page of the document with this number.
func (t *tour) issued(ctx context.Context, number string) error {
	if err := t.oliver.Open(ctx, t.Town+"/staff/documents?q="+url.QueryEscape(number)); err != nil {
		return err
	}
	if err := t.oliver.expect(number); err != nil {
		return err
	}
	if strings.HasPrefix(t.oliver.Page.URL.Path, "/staff/documents/0") {
		return nil // the search leads to the only one that it finds
	}
	return t.oliver.Follow(ctx, "/staff/documents/0")
}

// reissue issues the certificate again: the number on the first one says so from then on.
func (t *tour) reissue(ctx context.Context) error {
	if err := t.issued(ctx, t.documentNumber); err != nil {
		return err
	}
	if err := t.oliver.Follow(ctx, "/reissue"); err != nil {
		return err
	}
	if err := t.oliver.Submit(ctx, "/reissue", url.Values{"reason": {"The applicant asked for a new number."}}); err != nil {
		return err
	}
	old := t.documentNumber
	for range 100 { // issuing follows
		if err := t.stranger.Open(ctx, t.Town+"/verify/"+old); err != nil {
			return err
		}
		if strings.Contains(t.stranger.Page.Text(), "replaced") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := t.stranger.expect("replaced"); err != nil {
		return err
	}
	if err := t.citizen.Open(ctx, t.Town+"/documents"); err != nil {
		return err
	}
	// Newest first.
	if t.documentNumber = documentNumber.FindString(t.citizen.Page.Text()); t.documentNumber == old {
		return errors.New("the citizen has no new document")
	}
	if err := t.citizen.Follow(ctx, "/documents/0"); err != nil {
		return err
	}
	if err := t.citizen.Follow(ctx, ".pdf"); err != nil {
		return err
	}
	t.reissued = filepath.Join(t.Out, "reissued.pdf")
	return os.WriteFile(t.reissued, t.citizen.Page.Body, 0o644)
}

// revoke takes the new certificate back: the check by number says so at once, and so does an offline check with the
// municipality's signed status list.
func (t *tour) revoke(ctx context.Context) error {
	if err := t.issued(ctx, t.documentNumber); err != nil {
		return err
	}
	if err := t.oliver.Follow(ctx, "/revoke"); err != nil {
		return err
	}
	if err := t.oliver.Submit(ctx, "/revoke", url.Values{"reason": {"Issued on a wrong entry in the register."}}); err != nil {
		return err
	}
	if err := t.stranger.Open(ctx, t.Town+"/verify/"+t.documentNumber); err != nil {
		return err
	}
	if err := t.stranger.expect("revoked"); err != nil {
		return err
	}
	if err := t.stranger.Open(ctx, t.Town+"/documents/v1/status-lists/1"); err != nil {
		return err
	}
	list := filepath.Join(t.Out, "status.jwt")
	if err := os.WriteFile(list, t.stranger.Page.Body, 0o644); err != nil {
		return err
	}
	for file, want := range map[string]string{t.certificate: "superseded", t.reissued: "revoked"} {
		got, err := t.Verify(file, t.bundle, list)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("townhall verify says %s of %s, want %s", got, filepath.Base(file), want)
		}
	}
	return nil
}
