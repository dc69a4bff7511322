package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// NATS is an embedded NATS server with JetStream on files.
type NATS struct {
	server *server.Server
	lock   *os.File
}

// readyTimeout is generous: it is a few milliseconds, but a large store takes
// its time to recover.
const readyTimeout = time.Minute

// StartNATS starts a server on the store in dir, which one process may use at
// a time. It doesn't listen: connections come from within the process
// ([NATS.Option]). Where listen is a host and port, it also listens there, so
// that other programs can look in.
//
// Every write is synced: one machine has no replica that could fill in what a
// power failure took.
func StartNATS(dir, listen string) (*NATS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: "settlehook-embedded", JetStream: true, StoreDir: dir, SyncAlways: true,
		NoSigs: true, DontListen: listen == "", MaxPayload: maxPayload,
	}
	if listen != "" {
		if o.Host, o.Port, err = splitHostPort(listen); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		if o.Port == 0 {
			o.Port = server.RANDOM_PORT // 0 would be the server's own default
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded NATS: %w", err), lock.Close())
	}
	if err := start(s); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.Join(err, lock.Close())
	}
	return &NATS{server: s, lock: lock}, nil
}

func start(s *server.Server) error {
	fatal := &fatalLog{}
	s.SetLogger(fatal, false, false)
	s.Start()
	if reason := fatal.said(); strings.HasPrefix(reason, "Error listening") {
		return &AddressError{reason}
	} else if reason != "" {
		return fmt.Errorf("embedded NATS: %s", reason)
	}
	if !s.ReadyForConnections(readyTimeout) {
		return fmt.Errorf("embedded NATS is not ready after %s", readyTimeout)
	}
	return nil
}

// AddressError says that the server can't listen where it should.
type AddressError struct{ reason string }

func (e *AddressError) Error() string { return "embedded NATS: " + e.reason }

// fatalLog keeps why the server could not start, which it only logs: an
// address in use, a store it can't write. All of it is said within Start; what
// the server says while it runs comes out in its clients' errors.
type fatalLog struct {
	mu     sync.Mutex
	reason string
}

func (l *fatalLog) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}

// Fatalf implements server.Logger, as the methods below, which drop the text.
func (l *fatalLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == "" {
		l.reason = fmt.Sprintf(format, v...)
	}
}
func (*fatalLog) Errorf(string, ...any)  {}
func (*fatalLog) Warnf(string, ...any)   {}
func (*fatalLog) Noticef(string, ...any) {}
func (*fatalLog) Debugf(string, ...any)  {}
func (*fatalLog) Tracef(string, ...any)  {}

// maxPayload is the server's default, written down: an event with its evidence
// is a few kilobytes.
const maxPayload = 1 << 20

// Option connects a client within the process.
func (n *NATS) Option() nats.Option { return nats.InProcessServer(n.server) }

// URL is where other programs reach it; empty when it does not listen.
func (n *NATS) URL() string {
	if n.server.Addr() == nil {
		return ""
	}
	return n.server.ClientURL()
}

// Stop stops the server once everything is on disk.
func (n *NATS) Stop() error {
	n.server.Shutdown()
	n.server.WaitForShutdown()
	return n.lock.Close()
}

// ErrInUse says that another process uses the data folder.
var ErrInUse = errors.New("another settlehook uses this data folder; stop it, or name another folder with --data")

// lockDir keeps a second process out: two servers on one store would destroy
// it.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, ErrInUse), f.Close())
	}
	return f, nil
}
