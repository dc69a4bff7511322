package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/sandbox/cashier"
)

// stopTimeout bounds how long Close waits for requests under way. A connection
// over which nothing has come yet counts as one for its first five seconds, and
// clients open some in reserve: what is left then is cut off.
const stopTimeout = 2 * time.Second

// Server is a sandbox gateway. Orders can be created and changed from New on;
// it listens and pushes between Start and Close.
type Server struct {
	cfg       Config
	log       *zap.Logger
	now       func() time.Time
	merchants map[string]*merchant // by id
	byAccount map[string]*merchant
	books     *books
	hooks     *hooks
	agenda    *agenda
	numbers   *numbers
	imp       *imp

	transport  http.RoundTripper
	pushClient *http.Client

	mu       sync.Mutex
	notify   string // base for merchants without one of their own
	started  bool
	api      *listener
	admin    *listener
	stopWork context.CancelFunc
	work     sync.WaitGroup

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
	failed    chan error
}

// New checks cfg and returns a sandbox that neither listens nor pushes yet.
// It fails with one line that says what to change.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	byID, byAccount, err := checkMerchants(cfg.Merchants)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, now: cfg.Now, merchants: byID, byAccount: byAccount,
		books: newBooks(cfg.MaxOrders), hooks: newHooks(), agenda: newAgenda(cfg.Now),
		numbers: newNumbers(cfg.Seed, cfg.Run), notify: strings.TrimRight(cfg.NotifyBase, "/"),
		transport: cfg.Transport, closing: make(chan struct{}), failed: make(chan error, 2),
	}
	if s.transport == nil {
		s.transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: cfg.Pushers, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		}
	}
	s.imp = newImp(cfg.Mischief, s.numbers)
	for id, m := range byID {
		s.books.balances[id] = Balance{m.Balance, m.Balance}
	}
	s.pushClient = &http.Client{
		Transport: s.transport,
		// A redirect is an answer like any other that is not the acknowledgement.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// Start binds both addresses, serves and begins to push. The addresses are
// known when it returns.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return errors.New("sandbox: it was started before")
	}
	api, err := s.listen(s.cfg.Addr, s.apiHandler())
	if err != nil {
		return err
	}
	if s.cfg.TLS != nil {
		api.socket = tls.NewListener(api.socket, s.cfg.TLS)
	}
	admin, err := s.listen(s.cfg.AdminAddr, s.adminHandler())
	if err != nil {
		return errors.Join(err, api.socket.Close())
	}
	s.started, s.api, s.admin = true, api, admin
	for _, l := range []*listener{api, admin} {
		s.work.Go(func() {
			if err := l.server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("sandbox: serving %s: %w", l.addr(), err)
			}
		})
	}
	s.startWork()
	s.log.Info("sandbox gateway is up", zap.String("api", api.addr()), zap.String("admin", admin.addr()),
		zap.Float64("timeScale", s.cfg.TimeScale), zap.Uint64("seed", s.cfg.Seed), zap.String("run", s.cfg.Run))
	return nil
}

// startWork begins to work the agenda off: courses and pushes.
func (s *Server) startWork() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopWork = cancel
	s.work.Go(func() { s.agenda.run(ctx, s.cfg.Pushers) })
}

// Run starts the sandbox and serves until ctx ends, then closes it. It returns
// nil after a clean stop.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Start(); err != nil {
		return err
	}
	var failure error
	select {
	case <-ctx.Done():
	case <-s.closing:
	case failure = <-s.failed:
	}
	return errors.Join(failure, s.Close())
}

// Close ends pushes, courses and queries under way, and returns when all of
// it has stopped. Books can still be read. Calling it again does nothing more.
func (s *Server) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Server) close() error {
	s.mu.Lock()
	s.started = true // Start after Close is refused
	listeners, stopWork := []*listener{s.api, s.admin}, s.stopWork
	s.mu.Unlock() // what is under way may need it to come to its end
	close(s.closing)
	if stopWork != nil {
		stopWork()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, l := range listeners {
		if l == nil {
			continue
		}
		err := l.server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = l.server.Close()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sandbox: stopping %s: %w", l.addr(), err))
		}
	}
	s.work.Wait()
	if own, ok := s.transport.(*http.Transport); ok && s.cfg.Transport == nil {
		own.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

// Addr is the bound address of the gateway's API, "" before Start.
func (s *Server) Addr() string { return s.bound(func() *listener { return s.api }) }

// AdminAddr is the bound address of the admin port, "" before Start.
func (s *Server) AdminAddr() string { return s.bound(func() *listener { return s.admin }) }

// URL is the gateway's base URL, for a merchant's configuration on this machine:
// an address that is not any particular one is reached over loopback.
func (s *Server) URL() string {
	scheme := "http://"
	if s.cfg.TLS != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return scheme + net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + s.Addr()
}

// AdminURL is the admin port's base URL.
func (s *Server) AdminURL() string { return "http://" + s.AdminAddr() }

func (s *Server) bound(which func() *listener) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := which(); l != nil {
		return l.addr()
	}
	return ""
}

// SetNotifyBase sets the receiver's address for the merchants that have none
// of their own: with free ports it is known only after both sides listen.
func (s *Server) SetNotifyBase(base string) error {
	if err := checkBase(base); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = strings.TrimRight(base, "/")
	return nil
}

func (s *Server) notifyBase(merchantID string) string {
	if own := s.merchants[merchantID].NotifyBase; own != "" {
		return strings.TrimRight(own, "/")
	}
	return s.notifyDefault()
}

func (s *Server) notifyDefault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notify
}

// after is the clock's time when d of the gateway's time has passed.
func (s *Server) after(from time.Time, d Duration) time.Time {
	return from.Add(time.Duration(float64(d) / s.cfg.TimeScale))
}

func (s *Server) merchantIDs() []string { return slices.Sorted(maps.Keys(s.merchants)) }

// apiHandler serves what a merchant sees of the gateway.
func (s *Server) apiHandler() http.Handler {
	mux := http.NewServeMux()
	for path, handle := range map[string]func(http.ResponseWriter, *http.Request, apiCall){
		"/collect/create": s.handleCollect,
		"/pay/create":     s.handlePay,
		"/order/query":    s.handleQuery,
		"/order/balance":  s.handleBalance,
	} {
		mux.HandleFunc("POST "+path, s.endpoint(path, handle))
	}
	mux.Handle("/cashier/", cashier.Handler(desk{s}))
	return mux
}

// local refuses requests under another name than this machine's own: a page in a
// browser could have its own name lead here.
func (s *Server) local(next http.Handler) http.Handler {
	if s.cfg.AllowPublic {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this sandbox answers to localhost and loopback addresses only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// listener is one bound address with its HTTP server.
type listener struct {
	socket net.Listener
	server *http.Server
}

func (s *Server) listen(addr string, handler http.Handler) (*listener, error) {
	socket, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: cannot listen on %s (is another one running there?): %w", addr, err)
	}
	// A probe that only connects is a handshake that fails, every few seconds.
	quiet, err := zap.NewStdLogAt(s.log, zap.DebugLevel)
	if err != nil {
		return nil, err
	}
	return &listener{socket: socket, server: &http.Server{
		Handler: s.local(handler), ErrorLog: quiet, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}, nil
}

func (l *listener) addr() string { return l.socket.Addr().String() }
