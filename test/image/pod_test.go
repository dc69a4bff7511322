//go:build k8s

package image

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/settlehook/settlehook/test/image/builder"
)

// pod runs the image's programs as a kubelet does with the manifests' security
// context: 65532, no privilege to get any, and a root that is read-only, in a
// mount namespace of its own. The network is the host's.
type pod struct {
	t       *testing.T
	root    string // of the image
	secrets string // what is mounted at /etc/settlehook/merchants
	env     []string
}

// enter is run in the new namespace, as root: $1 is the image's root, $2 the
// secrets. Everything else that root may do is dropped before the change of root.
const enter = `set -e
root=$1 secrets=$2; shift 2
mount --bind "$root" "$root"
mount --bind "$secrets" "$root/etc/settlehook/merchants"
mount -o remount,bind,ro "$root/etc/settlehook/merchants"
mount -o remount,bind,ro "$root"
setpriv=$(command -v setpriv) chroot=$(command -v chroot)
PATH=/usr/local/bin exec "$setpriv" --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  "$chroot" --userspec=65532:65532 --groups=65532 "$root" "$@"`

func (p *pod) command(args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"--mount", "--", "sh", "-c", enter, "sh", p.root, p.secrets}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program to its end.
func (p *pod) run(args ...string) (said string, code int) {
	p.t.Helper()
	cmd := p.command(args...)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// service is a program that stays.
type service struct {
	t    *testing.T
	cmd  *exec.Cmd
	said bytes.Buffer // once gone is closed
	gone chan struct{}
}

// start starts a program and returns once the health check passes.
func (p *pod) start(health []string, program string) *service {
	p.t.Helper()
	s := &service{t: p.t, cmd: p.command(program), gone: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.gone) }()
	p.t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.gone })
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		said, code := p.run(health...)
		if code == 0 && said == "ready" {
			return s
		}
		select {
		case <-s.gone:
			p.t.Fatalf("%s ended:\n%s", program, &s.said)
		case <-deadline.C:
			p.t.Fatalf("%s does not pass its health check, which says %q with exit code %d", program, said, code)
		case <-tick.C:
		}
	}
}

// stop stops it as a kubelet does, and expects it to end well.
func (s *service) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	<-s.gone
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("%s ended with %d:\n%s", s.cmd.Args, code, &s.said)
	}
}

// unprivileged expects the process to be 65532 and nothing more, now or later.
func (s *service) unprivileged() {
	s.t.Helper()
	status := map[string]string{}
	for line := range strings.Lines(builder.ReadFile(s.t, filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		status[name] = strings.Join(strings.Fields(value), " ")
	}
	const id, none = "65532 65532 65532 65532", "0000000000000000"
	for name, want := range map[string]string{
		"Uid": id, "Gid": id, "Groups": "65532", "CapEff": none, "CapPrm": none, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1",
	} {
		if status[name] != want {
			s.t.Errorf("%s is %q, want %q", name, status[name], want)
		}
	}
}

// readOnly tries to write into every folder that the process sees, as root, whom
// only a read-only file system stops.
func (s *service) readOnly() {
	s.t.Helper()
	root := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "root") + "/"
	folders := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		folders++
		f, err := os.Create(filepath.Join(path, "written"))
		if err == nil {
			_ = f.Close()
		}
		if !errors.Is(err, syscall.EROFS) {
			s.t.Errorf("writing to /%s: %v, want a read-only file system", strings.TrimPrefix(path, root), err)
		}
		return nil
	})
	if err != nil || folders < 5 {
		s.t.Errorf("tried %d folders: %v", folders, err)
	}
}
