package consumers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/subscribe/eventstest"
)

// The commands that the README shows, as it shows them, by the user downstream.
func TestNATSCommands(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := newCLI(t)
	connect := inline(t, "nats context save downstream ")
	connect = strings.Replace(connect, "URL", "nats://"+l.servers[0].Addr, 1)
	connect = strings.Replace(connect, "PASSWORD", testserver.Password("downstream"), 1)
	c.run(connect)

	commands := block(t, "nats sub ")
	if n := len(commands); n != 5 {
		t.Fatalf("%d commands, want 5: %q", n, commands)
	}
	first, second := eventstest.Settled(eventstest.Order("first")), eventstest.Settled(eventstest.Order("second"))
	l.publish(eventstest.Failed(eventstest.Order("other")), first)
	watched := watch(t, l, c, commands[0])
	l.publish(second)
	watched(second.ID)

	c.run(commands[1])
	if out := c.run(commands[2]); !strings.Contains(out, first.ID) || strings.Contains(out, second.ID) {
		t.Errorf("%s gives\n%s\nwant the event %s alone", commands[2], out, first.ID)
	}
	if out := c.run(commands[2]); !strings.Contains(out, second.ID) {
		t.Errorf("%s again gives\n%s\nwant the event %s", commands[2], out, second.ID)
	}
	eventually(t, "both are acknowledged", func() bool { return l.done("finance") })
	sameDurable(t, l, "finance", nil)

	begin := time.Now().Add(-24 * time.Hour)
	c.run(commands[3])
	if out := c.run(commands[4]); !strings.Contains(out, first.ID) {
		t.Errorf("%s gives\n%s\nwant the event %s again", commands[4], out, first.ID)
	}
	sameDurable(t, l, "finance-again", &begin)
}

// sameDurable holds a durable to what the README says of it: settled events, each
// acknowledged before the next one comes, all of them or from a time.
func sameDurable(t *testing.T, l *ledger, name string, begin *time.Time) {
	t.Helper()
	cons, err := l.js.Consumer(within(t), stream.Payments, name)
	must(t, err)
	got := cons.CachedInfo().Config
	type durable struct {
		Filter  string
		Ack     jetstream.AckPolicy
		Pending int
		Deliver jetstream.DeliverPolicy
		Target  string
	}
	want := durable{"payments.v1.settled.>", jetstream.AckExplicitPolicy, 1, jetstream.DeliverAllPolicy, ""}
	if begin != nil {
		want.Deliver = jetstream.DeliverByStartTimePolicy
		if start := got.OptStartTime; start == nil || start.Before(begin.Add(-patience)) || start.After(begin.Add(patience)) {
			t.Errorf("%s begins at %v, want %v", name, start, begin)
		}
	}
	if diff := cmp.Diff(want, durable{got.FilterSubject, got.AckPolicy, got.MaxAckPending, got.DeliverPolicy, got.DeliverSubject}); diff != "" {
		t.Errorf("durable %s (-want +got):\n%s", name, diff)
	}
}

// watch runs a command that does not end, and returns once it reads the stream.
// What it returns waits for a text and ends it.
func watch(t *testing.T, l *ledger, c *cli, command string) (until func(text string)) {
	t.Helper()
	s, err := l.js.Stream(within(t), stream.Payments)
	must(t, err)
	before := s.CachedInfo().State.Consumers
	cmd, out := c.command(command), &output{}
	cmd.Stdout, cmd.Stderr = out, out
	must(t, cmd.Start())
	eventually(t, command+" reads", func() bool {
		info, err := s.Info(within(t))
		must(t, err)
		return info.State.Consumers > before
	})
	return func(text string) {
		t.Helper()
		eventually(t, command+" shows "+text, func() bool { return strings.Contains(out.String(), text) })
		must(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait()
	}
}

// cli is the nats command with settings of its own.
type cli struct {
	t   *testing.T
	env []string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	bin, err := filepath.Abs(filepath.Dir(testserver.Binary(t, "nats")))
	must(t, err)
	home := t.TempDir()
	return &cli{t, append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+home, "XDG_CONFIG_HOME="+home)}
}

func (c *cli) command(line string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Env = c.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run returns what a command prints. It has to succeed.
func (c *cli) run(line string) string {
	c.t.Helper()
	out, err := c.command(line).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testserver.Root(), "README.md"))
	must(t, err)
	return string(text)
}

// block are the lines of the README's block of commands that begins so.
func block(t *testing.T, begin string) []string {
	t.Helper()
	_, rest, found := strings.Cut(readme(t), "```sh\n"+begin)
	text, _, ended := strings.Cut(begin+rest, "```")
	if !found || !ended {
		t.Fatalf("README.md has no block that begins with %q", begin)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

// inline is the command in the text of the README that begins so.
func inline(t *testing.T, begin string) string {
	t.Helper()
	_, rest, found := strings.Cut(readme(t), "`"+begin)
	text, _, ended := strings.Cut(rest, "`")
	if !found || !ended {
		t.Fatalf("README.md has no command %q", begin)
	}
	return begin + text
}
