package pg

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server runs as when we are root, which PostgreSQL refuses to be.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount says whom the server runs as: nil means ourselves. For root it is the owner of what is already in
// run, else postgres, else nobody; it must have a passwd entry, initdb asks for it.
func serverAccount(run string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var candidates []*user.User
	if info, err := os.Stat(run); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			if u, err := user.LookupId(strconv.Itoa(int(st.Uid))); err == nil {
				candidates = append(candidates, u)
			}
		}
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			candidates = append(candidates, u)
		}
	}
	for _, u := range candidates {
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &account{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: add one, or run Townhall as an ordinary user")
}

// canEnter reports the first folder on the way to dir that the account may not pass.
func (a *account) canEnter(dir string) error {
	if a == nil {
		return nil
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		mode := info.Mode().Perm()
		if ok && mode&0o001 == 0 && (st.Uid != a.uid || mode&0o100 == 0) && (st.Gid != a.gid || mode&0o010 == 0) {
			return fmt.Errorf("user %s, whom the database runs as, cannot pass %s: choose a folder outside it, such as %s", a.name, d, DefaultDir())
		}
		if d == filepath.Dir(d) {
			return nil
		}
	}
}
