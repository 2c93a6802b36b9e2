package verify_test

import (
	"testing"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// town is a municipality of this product, with the embedded authorities.
type town struct {
	t     *testing.T
	w     *world // for the page
	keys  *sign.Keys
	tsa   *sign.TSA
	owner kernel.Tenant
	now   time.Time
}

func newTown(t *testing.T) *town {
	t.Helper()
	keys := got(sign.Init(t.TempDir(), sign.InitOptions{Name: "Northwick", Country: "GB", CRLBase: ownOrigin}))(t)
	x := &town{t: t, w: newWorld(t), keys: keys, now: time.Now(), owner: kernel.Tenant{ID: "northwick", Name: kernel.Text{"en": "Northwick"}, Country: "GB", Origin: ownOrigin}}
	x.tsa = got(keys.TSA(func() time.Time { return x.now }))(t)
	return x
}

func (x *town) sealer(level sign.Level) *sign.Sealer {
	x.t.Helper()
	return got(x.keys.Seal(x.owner, sign.SealOptions{Level: level, Stamper: x.tsa}, x.now))(x.t)
}

func (x *town) document(level sign.Level) []byte {
	t, ctx, s := x.t, x.t.Context(), x.sealer(level)
	t.Helper()
	u := got(x.w.engine.Render(x.w.input(), &pdf.Slot{Reserve: s.Reserve(), Name: "Northwick Seal", Timestamp: level == sign.BLTA}))(t)
	file := got(u.Seal(got(s.CMS(ctx, got(u.Digest())(t)))(t)))(t)
	if level == sign.BB || level == sign.BT {
		return file
	}
	v := pdf.Validation(got(s.Validation(ctx, x.now))(t))
	if level == sign.BLT {
		return got(u.Extend(v, 0))(t).Bytes()
	}
	i := got(u.Extend(v, s.TimestampReserve()))(t)
	return got(i.Seal(got(s.Timestamp(ctx, got(i.Digest())(t)))(t)))(t)
}

func (x *town) verify(file []byte) verify.Report {
	x.t.Helper()
	trust := got(verify.ParseTrust(got(x.keys.TrustBundle(x.now))(x.t)))(x.t)
	return verify.Verify(file, trust, verify.Options{At: x.now})
}

func TestTheKeysOfThisProductReachEachLevelAndKeepItThroughRotationAndRevocation(t *testing.T) {
	t.Parallel()
	x := newTown(t)
	files := map[sign.Level][]byte{}
	for _, level := range []sign.Level{sign.BB, sign.BT, sign.BLT, sign.BLTA} {
		files[level] = x.document(level)
		if r := x.verify(files[level]); r.State != verify.Valid || r.Level != level || len(r.Notes) > 0 {
			t.Errorf("%s: %+v", level, r)
		}
	}
	old := x.sealer(sign.BB).Certificate().SerialNumber.Text(16)
	x.now = x.now.Add(time.Hour)
	got(x.keys.Rotate(x.owner, x.now))(t)
	x.now = x.now.Add(time.Hour)
	for level, file := range files {
		if r := x.verify(file); r.State != verify.Valid || r.Level != level {
			t.Errorf("%s after a rotation: %+v", level, r)
		}
	}
	if r := x.verify(x.document(sign.BLTA)); r.State != verify.Valid || r.Level != sign.BLTA {
		t.Errorf("by the new key: %+v", r)
	}
	must(t, x.keys.RevokeSeal(old, sign.KeyCompromise, x.now))
	x.now = x.now.Add(time.Hour)
	for level, file := range files {
		if r := x.verify(file); level == sign.BB {
			refused(t, "revoked B-B", r, verify.Untrusted, verify.ReasonRevoked)
		} else if r.State != verify.Valid || r.Level != level {
			t.Errorf("%s after a revocation: %+v", level, r)
		}
	}
}
