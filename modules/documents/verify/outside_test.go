package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"testing"
	"time"

	"townhall/modules/documents/cms"
	"townhall/modules/documents/judges"
)

// gaps are the places of all containers, in the order of the file.
func gaps(t testing.TB, file []byte) (all [][2]int) {
	t.Helper()
	for at := 0; ; {
		i := bytes.Index(file[at:], []byte("/Contents<"))
		if i < 0 {
			return all
		}
		from := at + i + len("/Contents")
		to := from + bytes.IndexByte(file[from:], '>') + 1
		all = append(all, [2]int{from, to})
		at = to
	}
}

func TestOtherProgramsAcceptEveryLevelAndARenewal(t *testing.T) {
	t.Parallel()
	w := servedWorld(t)
	j := judges.New(t, w.bundle(w.now))
	files := map[string][]byte{}
	for _, level := range []string{"B-B", "B-T", "B-LT", "B-LTA"} {
		files[level] = w.document(level)
	}
	files["renewed"] = w.renew(files["B-LTA"], w.tsa, w.now.Add(time.Second))
	for name, file := range files {
		j.Structure(file, false)
		if whole := j.Whole(file); whole == (name == "B-LT") { // validation data stands behind what is signed
			t.Errorf("%s: pdfsig finds the file whole: %t", name, whole)
		}
		if good, says := j.Signatures(file); good != min(2, len(gaps(t, file))) {
			t.Errorf("%s: pdfcpu accepts %d signatures:\n%s", name, good, says)
		}
	}
	// openssl is given nothing but the root and what the file itself brings.
	file := files["renewed"]
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.cert.Raw})
	for _, l := range judges.Store(t, file)["CRLs"] {
		trusted = append(trusted, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l})...)
	}
	if complaint := judges.OpenSSL(t, file, trusted, w.now.Add(time.Second)); complaint != "" {
		t.Error(complaint)
	}
	alone := judges.New(t, trusted)
	all := judges.Containers(t, file)
	seal, _, err := cms.Parse(all[0].DER)
	must(t, err)
	alone.Timestamp(seal.Timestamp, sha256.Sum256(seal.Value()))
	for _, c := range all[1:] {
		alone.Timestamp(c.DER, sha256.Sum256(c.Covered))
	}
}
