package pg

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// dieWithParent lets the server shut down by itself when we are killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGINT }

// worksIn reports whether process pid is alive and works in the data folder. A server and its children all do; a
// zombie works nowhere, and a process that got a dead server's number works elsewhere.
func worksIn(pid int, data string) bool {
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	return err == nil && cwd == data
}

// workersIn lists the processes that work in the data folder.
func workersIn(data string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() && worksIn(pid, data) {
			out = append(out, pid)
		}
	}
	return out
}
