//go:build !pkcs11

package sign

import (
	"strings"
	"testing"
	"time"
)

func TestAProgramWithoutPKCS11SaysThatItIs(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	_, err := k.RotateToToken(town("northwick", origin), "pkcs11:token=a;object=b?module-path=/x", time.Now())
	if err == nil || !strings.Contains(err.Error(), "-tags pkcs11") {
		t.Error(err)
	}
	must(t, k.Close())
}
