package testserver

import (
	"bytes"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a server that runs as a process, with an address that stays the
// same over restarts.
type Process struct {
	Addr string // host:port on loopback

	t     testing.TB
	start func() *exec.Cmd
	cmd   *exec.Cmd
	out   *lockedBuffer
	gone  chan struct{}
}

// readyTimeout bounds the start of a server on a busy machine.
const readyTimeout = 30 * time.Second

func newProcess(t testing.TB, addr string, start func() *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Addr: addr, t: t, start: start}
	p.Start()
	t.Cleanup(p.Kill)
	return p
}

// Start starts the server, and returns once it accepts connections.
func (p *Process) Start() {
	p.t.Helper()
	p.out = &lockedBuffer{}
	p.cmd = p.start()
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	// A test that dies must not leave its servers behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.cmd.Path, err)
	}
	p.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) { _ = cmd.Wait(); close(gone) }(p.cmd, p.gone)
	p.awaitReady()
}

func (p *Process) awaitReady() {
	p.t.Helper()
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.gone:
			p.t.Fatalf("%s ended at once:\n%s", p.cmd.Path, p.out)
		case <-deadline.C:
			p.t.Fatalf("%s is not ready after %s:\n%s", p.cmd.Path, readyTimeout, p.out)
		case <-tick.C:
		}
		if c, err := net.Dial("tcp", p.Addr); err == nil {
			_ = c.Close()
			return
		}
	}
}

// Kill ends the server at once (SIGKILL), and returns when it is gone.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// Output is what the server has printed since its last start.
func (p *Process) Output() string { return p.out.String() }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
