package e2e

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// program is the receiver or a worker as a process.
type program struct {
	t           *testing.T
	name        string
	http, admin string
	env         []string
	cmd         *exec.Cmd
	gone        chan struct{}
	out         *output
	user        *syscall.Credential // nil: the test's
}

// startProgram starts a program and returns once it is ready.
func startProgram(t *testing.T, name string, env map[string]string) *program {
	t.Helper()
	return startProgramAs(t, name, env, nil)
}

// startProgramAs is startProgram as another user, in a folder that nobody can
// write to.
func startProgramAs(t *testing.T, name string, env map[string]string, user *syscall.Credential) *program {
	t.Helper()
	p := &program{t: t, name: name, http: testserver.FreeAddr(t), admin: testserver.FreeAddr(t), out: &output{}, user: user}
	p.env = append(p.env, "HTTP_ADDR="+p.http, "ADMIN_ADDR="+p.admin)
	for key, value := range env {
		p.env = append(p.env, key+"="+value)
	}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(filepath.Join(binaries, p.name))
	p.cmd.Env, p.cmd.Stderr, p.cmd.Stdout = p.env, p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: p.user}
	if p.user != nil {
		p.cmd.Dir = unwritable(p.t)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) { _ = cmd.Wait(); close(gone) }(p.cmd, p.gone)
	await(p.t, p.name+" ready", func() bool {
		select {
		case <-p.gone:
			p.t.Fatalf("%s ended:\n%s", p.name, p.tail())
		default:
		}
		res, err := http.Get("http://" + p.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, func() { p.t.Log(p.tail()) })
}

// kill ends it at once, as a power failure would.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// stop ends it gracefully and returns its exit code.
func (p *program) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	late := time.AfterFunc(stopPatience, func() { _ = p.cmd.Process.Signal(syscall.SIGQUIT) }) // dumps where it hangs
	defer late.Stop()
	<-p.gone
	return p.cmd.ProcessState.ExitCode()
}

// stopPatience is more than a graceful stop with nothing in hand takes.
const stopPatience = 15 * time.Second

func (p *program) tail() string { return p.out.tail(64 << 10) }

// said reports whether it printed text since it was first started.
func (p *program) said(text string) bool {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return bytes.Contains(p.out.b.Bytes(), []byte(text))
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.b.Bytes()
	return string(b[max(0, len(b)-n):])
}
