package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/testserver"
)

// process is a program of ours that runs as it is shipped.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	said bytes.Buffer // on standard error
	gone chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func startProcess(t *testing.T, program string, env map[string]string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(filepath.Join(programs, program)), gone: make(chan struct{})}
	p.cmd.Env = []string{}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stderr = p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.gone) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.gone })
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.gone:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%s does not end; it said:\n%s", p.cmd.Path, p.stderr())
		return -1
	}
}

// logged reports whether a line of the log has this message and, if given,
// this step.
func (p *process) logged(message, step string) bool {
	for line := range strings.Lines(p.stderr()) {
		var entry struct{ Msg, Step string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message && (step == "" || entry.Step == step) {
			return true
		}
	}
	return false
}

// busyWorker is a worker's process with one callback in hand.
func busyWorker(t *testing.T) (*site, *process) {
	t.Helper()
	s := newSite(t, merchant{id: "m1"})
	s.env["ADMIN_ADDR"] = testserver.FreeAddr(t)
	p := startProcess(t, "worker", s.env)
	s.gateway.pause()
	s.push("m1", "A1")
	eventually(t, "the question", func() bool { return s.gateway.waiting() == 1 })
	return s, p
}

func TestFirstSignalFinishesWhatIsInHand(t *testing.T) {
	s, p := busyWorker(t)
	p.signal(syscall.SIGTERM)
	eventually(t, "the intake stopped", func() bool { return p.logged("stopping", "stop intake") })
	s.gateway.release()
	if code := p.wait(); code != ExitOK {
		t.Errorf("exit code %d; it said:\n%s", code, p.stderr())
	}
	if !p.logged("ended", "") || p.logged("ended with an error", "") {
		t.Errorf("it said:\n%s", p.stderr())
	}
	if n := s.settled("m1"); n != 1 {
		t.Errorf("%d settled", n)
	}
	if strings.Contains(p.stderr(), "key-of-m1") {
		t.Error("the secret is in the log")
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	s, p := busyWorker(t)
	p.signal(os.Interrupt)
	eventually(t, "the intake stopped", func() bool { return p.logged("stopping", "stop intake") })
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != exitAtOnce {
		t.Errorf("exit code %d; it said:\n%s", code, p.stderr())
	}
	if p.logged("stopping", "drain") || s.gateway.waiting() == 0 && s.settled("m1") != 0 {
		t.Errorf("it waited for the callback; it said:\n%s", p.stderr())
	}
}

func TestProgramsSayWhatIsWrongWithTheirConfiguration(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	good := s.env
	with := func(changes ...string) map[string]string {
		env := map[string]string{}
		for name, value := range good {
			env[name] = value
		}
		for i := 0; i < len(changes); i += 2 {
			env[changes[i]] = changes[i+1]
		}
		return env
	}
	faulty := filepath.Join(t.TempDir(), "merchants.yaml")
	if err := os.WriteFile(faulty, []byte("merchants:\n  - {id: m1, currency: INR, region: none, gateway: http://gateway.example, rate: 1, keys: [{id: k, secret: hush}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, program string
		env           map[string]string
		want          []string
	}{
		{
			name: "nothing is set", program: "worker", env: map[string]string{},
			want: []string{
				"worker: INSTALLATION: not set; give this installation a name of letters, digits, _ and -, for example INSTALLATION=prod",
				"worker: NATS_URL: not set; name the NATS servers, for example NATS_URL=nats://nats:4222",
				"worker: MERCHANTS_FILE: not set; give the path of the merchants file, for example MERCHANTS_FILE=/etc/settlehook/merchants.yaml",
				"worker: REDIS_URL: not set; name the Redis server, for example REDIS_URL=redis://redis:6379/0",
			},
		},
		{
			name: "a lease that its work outlives", program: "worker", env: with("QUERY_TIMEOUT", "20s", "SHUTDOWN_TIMEOUT", "40s"),
			want: []string{`worker: CLAIM_LEASE="25s": must exceed RATE_WAIT_MAX (5s) + QUERY_TIMEOUT (20s) + NATS_PUBLISH_TIMEOUT (4s), or a callback would be claimed twice while it is in work; raise it or shorten the others`},
		},
		{
			name: "an answer that could be cut off", program: "receiver", env: with("HTTP_WRITE_TIMEOUT", "5s"),
			want: []string{`receiver: HTTP_WRITE_TIMEOUT="5s": must exceed HTTP_READ_TIMEOUT (10s) + NATS_PUBLISH_TIMEOUT (4s), or the answer to a stored callback could be cut off; raise it`},
		},
		{
			name: "a merchants file with faults", program: "receiver", env: with("MERCHANTS_FILE", faulty),
			want: []string{
				"receiver: " + faulty + ":2: merchant m1: gateway: http:// would show requests and answers to anyone on the way; use https:// (http only to a loopback address)",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startProcess(t, tc.program, tc.env)
			if code := p.wait(); code != ExitUsage {
				t.Errorf("exit code %d", code)
			}
			if diff := cmp.Diff(tc.want, strings.Split(strings.TrimSpace(p.stderr()), "\n")); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramThatCannotReachNATSSaysWhere(t *testing.T) {
	for name, test := range map[string]struct{ addr, says string }{
		"nobody is there":  {testserver.FreeAddr(t), "nats: no servers available for connection; is NATS running there, and is NATS_URL right?"},
		"another password": {testserver.NATSWithRoles(t)[0].Addr, "nats: Authorization Violation; do the servers know this user, with this very password or credentials?"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, merchant{id: "m1"})
			s.env["NATS_URL"] = "nats://worker:hush-hush@" + test.addr
			p := startProcess(t, "worker", s.env)
			if code := p.wait(); code != ExitFailed {
				t.Errorf("exit code %d", code)
			}
			var last struct{ Msg, Error string }
			lines := strings.Split(strings.TrimSpace(p.stderr()), "\n")
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
				t.Fatalf("%v in:\n%s", err, p.stderr())
			}
			if want := "connect to NATS at nats://[redacted]@" + test.addr + ": " + test.says; last.Msg != "ended with an error" || last.Error != want {
				t.Errorf("said %q, %q, want %q", last.Msg, last.Error, want)
			}
			if strings.Contains(p.stderr(), "hush-hush") {
				t.Error("the password is in the log")
			}
		})
	}
}

func TestPrintErrorBeginsEveryLineWithTheProgram(t *testing.T) {
	var b bytes.Buffer
	PrintError(&b, "worker", errors.Join(errors.New("one"), errors.New("two")))
	if want := "worker: one\nworker: two\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
