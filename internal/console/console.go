package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/operator"
)

// Config is what a console is made of.
type Config struct {
	Desk        *operator.Desk
	Listen      string // host:port; port 0 is any that is free
	AllowRemote bool   // beyond loopback
	// Login is called with the address that logs a browser in: at start, and anew
	// each time that one was used.
	Login func(url string)
	Clock func() time.Time // nil: the machine's
}

// Errors of an address to listen on: beyond loopback, where nobody allowed that, and
// none at all.
var (
	ErrRemote  = errors.New("is reached from other machines")
	ErrAddress = errors.New("is not an address to listen on; write it like 127.0.0.1:8070")
)

// Bounds of requests. Nothing that a person does here takes longer, and nothing
// that a page sends is larger.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	answerTimeout   = 45 * time.Second // of a page, with all that it reads
	writeTimeout    = answerTimeout + 15*time.Second
	idleTimeout     = 2 * time.Minute
	stopTimeout     = 3 * time.Second
	maxHeader       = 16 << 10
	maxForm         = 64 << 10
	maxStreams      = 32 // live pages at once
	gatewayTimeout  = 10 * time.Second
	shownAtMost     = 100 // rows of a list
	redrivenAtMost  = shownAtMost
	previewsAtMost  = 100
	previewValidity = 15 * time.Minute
)

// Console serves the pages.
type Console struct {
	desk     *operator.Desk
	clock    func() time.Time
	listener net.Listener
	guard    *guard
	feed     *feed
	figures  *figures
	standing *standing
	previews *previews
	streams  chan struct{} // a token for each live page
}

// New listens; Run serves. Errors: [ErrRemote], [ErrAddress], or what says why the
// address can't be had.
func New(ctx context.Context, c Config) (*Console, error) {
	if err := CheckAddress(c.Listen, c.AllowRemote); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	local := isLoopback(host)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	k := &Console{
		desk: c.Desk, clock: c.Clock, listener: l, guard: newGuard(host, l.Addr(), local, c.Login, c.Clock),
		figures: newFigures(c.Clock), standing: newStanding(c.Desk, c.Clock), previews: newPreviews(c.Clock),
		streams: make(chan struct{}, maxStreams),
	}
	k.feed = newFeed(c.Desk.JS, k.figures)
	return k, nil
}

// CheckAddress says what is wrong with an address to listen on: [ErrAddress] or
// [ErrRemote].
func CheckAddress(listen string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(listen)
	switch {
	case err != nil:
		return fmt.Errorf("%q %w", listen, ErrAddress)
	case !allowRemote && !isLoopback(host):
		return fmt.Errorf("%s %w", listen, ErrRemote)
	}
	return nil
}

// Addr is the address it listens on.
func (c *Console) Addr() string { return c.listener.Addr().String() }

// Local reports whether only this machine reaches it.
func (c *Console) Local() bool { return c.guard.local }

// isLoopback reports whether only this machine reaches a host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Run serves until ctx ends; requests in hand are finished, live pages are cut off.
func (c *Console) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: c.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
	all, running := errgroup.WithContext(ctx)
	all.Go(func() error { return c.feed.run(running) })
	all.Go(func() error {
		if err := server.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	all.Go(func() error {
		<-running.Done()
		c.feed.end()
		stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer stop()
		if err := server.Shutdown(stopping); err != nil {
			return server.Close()
		}
		return nil
	})
	c.guard.offer()
	return all.Wait()
}

// Handler serves the pages, guarded.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, show func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if r.Method == http.MethodPost {
				// What was asked for is done to its end, though the browser has gone on.
				ctx = context.WithoutCancel(ctx)
			}
			ctx, cancel := context.WithTimeout(ctx, answerTimeout)
			defer cancel()
			r = r.WithContext(ctx)
			if err := show(w, r); err != nil {
				c.problem(w, r, err)
			}
		})
	}
	page("GET /{$}", c.showLive)
	mux.HandleFunc("GET /flow", c.streamFlow)
	page("GET /orders", c.showOrders)
	page("GET /reviews", c.listReviews)
	page("GET /review", c.showReview)
	page("POST /review/ask", c.askAboutReview)
	page("POST /review/preview", c.previewReview)
	page("POST /review/resolve", c.resolveReview)
	page("GET /parked", c.listParked)
	page("GET /parked/{sequence}", c.showParked)
	page("POST /parked/redrive", c.redriveParked)
	page("POST /parked/drop", c.dropParked)
	page("GET /quarantine", c.listQuarantine)
	page("GET /quarantine/{sequence}", c.showQuarantined)
	page("POST /quarantine/redrive", c.redriveQuarantined)
	page("/", func(http.ResponseWriter, *http.Request) error { return errNoPage })
	return c.guard.around(mux)
}
