//go:build k8s

package k8s

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a part of the cluster, with its output in a file of the test.
type process struct {
	t    testing.TB
	name string
	log  string
	cmd  *exec.Cmd
	gone chan struct{}
	told bool // to stop
}

// start starts a program, and returns once it is ready. It ends with the test,
// after everything that was started later; a failed test shows what it printed
// last.
func start(t testing.TB, cmd *exec.Cmd, ready func() bool) *process {
	t.Helper()
	name := filepath.Base(cmd.Path)
	p := &process{t: t, name: name, log: filepath.Join(t.TempDir(), name+".log"), cmd: cmd, gone: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	// A test that dies must not leave its cluster behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(p.gone) }()
	t.Cleanup(p.end)
	await(t, name+" is ready", func() bool {
		if p.ended() {
			t.Fatalf("%s ended: %s\n%s", name, cmd.ProcessState, p.tail())
		}
		return ready()
	}, p.tail)
	return p
}

func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// end kills it: nothing of it is needed again, and a graceful stop waits for
// clients. That it ended before is a failure of the test.
func (p *process) end() {
	if p.ended() && !p.told {
		p.t.Errorf("%s ended by itself: %s", p.name, p.cmd.ProcessState)
	}
	_ = p.cmd.Process.Kill()
	<-p.gone
	if p.t.Failed() {
		p.t.Logf("%s said last:\n%s", p.name, p.tail())
	}
}

// stop ends it gracefully, as a node does with a pod.
func (p *process) stop(grace time.Duration) (exitCode int) {
	p.told = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(grace, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.gone
	return p.cmd.ProcessState.ExitCode()
}

// mostTail is how much of a log is shown.
const mostTail = 6 << 10

func (p *process) tail() string {
	all, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all = all[max(0, len(all)-mostTail):]
	if _, rest, cut := bytes.Cut(all, []byte("\n")); cut {
		return string(rest)
	}
	return string(all)
}
