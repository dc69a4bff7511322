package testserver

import (
	"os/exec"
	"testing"
)

// Prometheus starts one with this configuration file, whose data the test's end
// takes away.
func Prometheus(t testing.TB, config string) *Process {
	t.Helper()
	binary, addr, dir := Binary(t, "prometheus"), FreeAddr(t), t.TempDir()
	return newProcess(t, addr, func() *exec.Cmd {
		return exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+dir, "--web.listen-address="+addr, "--log.level=warn")
	})
}
