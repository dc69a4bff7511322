package consumers

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// service is an example as a process, which is started again and again.
type service struct {
	t       *testing.T
	command []string
	journal string
	env     []string
	cmd     *exec.Cmd
	gone    chan struct{}
	out     *output
}

// newService prepares an example. It connects as the user downstream, by the
// environment; the journal survives its restarts.
func newService(t *testing.T, l *ledger, command ...string) *service {
	t.Helper()
	s := &service{t: t, journal: filepath.Join(t.TempDir(), "journal.jsonl"), out: &output{}}
	s.command = slices.Concat(command, []string{"--journal", s.journal})
	s.env = append(os.Environ(), "NATS_URL="+l.servers.URL("downstream"), "NATS_INBOX_PREFIX="+testserver.InboxPrefix("downstream"))
	t.Cleanup(func() {
		s.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s printed last:\n%s", command[0], s.out.tail())
		}
	})
	return s
}

func (s *service) start(flags ...string) {
	s.t.Helper()
	s.cmd = exec.Command(s.command[0], slices.Concat(s.command[1:], flags)...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(s.t, s.cmd.Start())
	s.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) { _ = cmd.Wait(); close(gone) }(s.cmd, s.gone)
}

// end sends a signal and returns the exit code.
func (s *service) end(signal syscall.Signal) int {
	if s.cmd == nil || s.cmd.Process == nil {
		return 0
	}
	_ = s.cmd.Process.Signal(signal)
	return s.wait()
}

// wait returns the exit code once the process has ended.
func (s *service) wait() int {
	select {
	case <-s.gone:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("the service has not ended after %s", patience)
		<-s.gone
	}
	return s.cmd.ProcessState.ExitCode()
}

// eventually waits while the service runs.
func (s *service) eventually(what string, is func() bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		select {
		case <-s.gone:
			s.t.Fatalf("the service ended by itself, and not yet: %s", what)
		default:
		}
		return is()
	})
}

// booked are the lines of the journal.
func (s *service) booked() []string {
	s.t.Helper()
	text, err := os.ReadFile(s.journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(s.t, err)
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if len(whole) == 0 {
		return nil
	}
	return lines(string(whole))
}

// output keeps what a service prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// tail is the end of it, for a failed test.
func (o *output) tail() string {
	text := o.String()
	return text[max(0, len(text)-4<<10):]
}
