package sign

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"
)

// stuck is a timestamp authority that does not answer until it is let go.
type stuck struct{ asked, let chan struct{} }

func (s *stuck) Stamp(context.Context, []byte) ([]byte, error) {
	close(s.asked)
	<-s.let
	return nil, errors.New("no answer")
}
func (s *stuck) Reserve() int                  { return 0 }
func (s *stuck) Chains() [][]*x509.Certificate { return nil }

func TestASlowTimestampAuthorityHoldsUpNothingThatNeedsNoTimestamp(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	s := &stuck{make(chan struct{}), make(chan struct{})}
	ended := make(chan error)
	go func() {
		_, err := k.Seal(town("northwick", origin), SealOptions{Level: BT, Stamper: s}, time.Now())
		ended <- err
	}()
	<-s.asked
	plain := make(chan error, 1)
	go func() {
		_, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
		plain <- err
	}()
	select {
	case err := <-plain:
		must(t, err)
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
	close(s.let)
	if err := <-ended; err == nil {
		t.Error("sealed without a timestamp")
	}
}

func TestAFullDiskIsLikeAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, e := range []error{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EACCES} {
		if !readOnly(&fs.PathError{Op: "write", Path: "crl/issuing.crl", Err: e}) {
			t.Error(e)
		}
	}
	if readOnly(&fs.PathError{Op: "write", Path: "crl/issuing.crl", Err: syscall.EIO}) {
		t.Error("a broken disk is taken for a full one")
	}
}
