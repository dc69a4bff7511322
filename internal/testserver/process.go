package testserver

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a server or program that runs as a process, with an address that
// stays the same over restarts.
type Process struct {
	Name string // of the binary
	Addr string // host:port on loopback
	// Monitor is where a server of a cluster says how it is, host:port; empty for
	// the others.
	Monitor string

	t       testing.TB
	start   func() *exec.Cmd
	ready   func() bool
	watched []string

	mu   sync.Mutex // of what a restart changes
	cmd  *exec.Cmd
	out  *output
	gone chan struct{}
	up   bool // it was ready since its last start
	seen []string
}

// readyTimeout bounds the start of a server on a busy machine. One that was
// killed under load has a lot to read before it answers.
const readyTimeout = 2 * time.Minute

// A supervisor's patience with a program that ends at once.
const (
	mostLaunches  = 200
	relaunchPause = 200 * time.Millisecond
)

func newProcess(t testing.TB, addr string, start func() *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Addr: addr, t: t, start: start}
	p.ready = p.accepts
	p.Start()
	t.Cleanup(p.Kill)
	return p
}

// Program starts one of our programs, and returns once it says that it is ready
// at the admin address. Lines of its output that have one of the watched texts
// are kept ([Process.Seen]).
func Program(t testing.TB, binary, admin string, env []string, watched ...string) *Process {
	t.Helper()
	p := &Process{Addr: admin, t: t, watched: watched, start: func() *exec.Cmd {
		cmd := exec.Command(binary)
		cmd.Env = env
		return cmd
	}}
	p.ready = p.saysReady
	p.Start()
	t.Cleanup(p.Kill)
	return p
}

// Start starts the server, and returns once it is ready. One that ends instead,
// since it misses another server, is started again, as whatever supervises it
// would.
func (p *Process) Start() {
	p.t.Helper()
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	gone := p.launch()
	for ended := 0; !p.ready(); {
		select {
		case <-deadline.C:
			p.t.Fatalf("%s is not ready after %s (it ended %d times):\n%s", p.Name, readyTimeout, ended, p.Output())
		case <-gone:
			if ended++; ended > mostLaunches {
				p.t.Fatalf("%s ends at once, again and again:\n%s", p.Name, p.Output())
			}
			<-time.After(relaunchPause)
			gone = p.launch()
		case <-tick.C:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = true
}

func (p *Process) launch() (gone chan struct{}) {
	p.t.Helper()
	cmd, out, gone := p.start(), &output{watched: p.watched}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	// A test that dies must not leave its servers behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() { _ = cmd.Wait(); close(gone) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		p.seen = append(p.seen, p.out.Seen()...)
	}
	p.Name, p.cmd, p.out, p.gone, p.up = cmd.Path, cmd, out, gone, false
	return gone
}

func (p *Process) accepts() bool {
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func (p *Process) saysReady() bool {
	res, err := http.Get("http://" + p.Addr + "/readyz")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Kill ends the server at once (SIGKILL), and returns when it is gone.
func (p *Process) Kill() { p.End(syscall.SIGKILL) }

// End sends a signal that ends the server, and returns when it is gone.
func (p *Process) End(s syscall.Signal) {
	p.mu.Lock()
	cmd, gone := p.cmd, p.gone
	p.up = false
	p.mu.Unlock()
	if cmd == nil || cmd.Process == nil {
		return
	}
	_ = cmd.Process.Signal(s)
	<-gone
}

// Pause stops the server where it is (SIGSTOP): its connections stay open and
// nobody answers. Continue lets it go on.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Continue lets a paused server go on.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// Died reports whether the server was ready and ended by itself since.
func (p *Process) Died() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gone:
		if p.up {
			return fmt.Errorf("%s ended by itself (%s):\n%s", p.Name, p.cmd.ProcessState, p.out)
		}
	default:
	}
	return nil
}

// Output is what the server has printed last since its last start.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Seen are the lines with a watched text, of all starts.
func (p *Process) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(append([]string(nil), p.seen...), p.out.Seen()...)
}
