//go:build !linux

package pg

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing where the system cannot; the next Start stops a server that lost its parent.
func dieWithParent(*syscall.SysProcAttr) {}

// worksIn reports whether process pid is a living server of the data folder, as its command line tells.
func worksIn(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "stat=,command=", "-p", strconv.Itoa(pid)).Output()
	line := strings.TrimSpace(string(out))
	return err == nil && !strings.HasPrefix(line, "Z") && strings.Contains(line, data)
}

// workersIn lists the server of the data folder, if it lives. Its children end with it; here they cannot be told
// from those of another server.
func workersIn(data string) []int {
	if pid := postmasterPID(data); pid != 0 && worksIn(pid, data) {
		return []int{pid}
	}
	return nil
}
