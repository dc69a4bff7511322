package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tlsfiles"
)

// Receiver takes callbacks in.
type Receiver struct {
	*program
	cfg       config.Receiver
	link      *link
	merchants *config.MerchantsSource
	clock     func() time.Time
	handler   *receiver.Handler
	listener  net.Listener
	server    *http.Server
}

// NewReceiver wires a receiver, connects it and listens. It refuses to start on
// streams that break a guarantee.
func NewReceiver(ctx context.Context, cfg config.Receiver, o Options) (*Receiver, error) {
	p, err := newProgram("receiver", cfg.Admin.Addr, o)
	if err != nil {
		return nil, err
	}
	r := &Receiver{program: p, cfg: cfg, clock: o.clock()}
	if err := r.wire(ctx, o); err != nil {
		return nil, p.abandon(err)
	}
	return r, nil
}

func (r *Receiver) wire(ctx context.Context, o Options) (err error) {
	if err := r.trace(r.cfg.Tracing, "receiver", r.cfg.General.Installation); err != nil {
		return err
	}
	if r.merchants, err = config.NewMerchantsSource(r.cfg.Merchants.Path,
		config.SourceOptions{Logger: r.log, Poll: r.cfg.Merchants.Poll}); err != nil {
		return err
	}
	registerStale(r.admin.registry, r.merchants)
	if r.link, err = connect(r.cfg.NATS, "receiver", o); err != nil {
		return err
	}
	r.stopper.onStop("close NATS", time.Second, r.link.close)
	r.stopper.onStop("flush", 2*time.Second, r.link.flush)
	if err := verifyTopology(ctx, r.link.js, r.cfg.Topology); err != nil {
		return err
	}
	if r.handler, err = receiver.New(receiver.Options{
		HTTP: r.cfg.HTTP, Quarantine: r.cfg.Quarantine, PublishTimeout: r.cfg.NATS.PublishTimeout,
		Store: stream.NewCallbackLog(r.link.js), Keeper: stream.NewQuarantineLog(r.link.js),
		Merchants: r.merchants.Current, Clock: r.clock, Log: r.log, Metrics: r.admin.registry, Tracer: r.tracer,
	}); err != nil {
		return err
	}
	if err := r.listen(ctx); err != nil {
		return err
	}
	r.parts = append(
		r.parts,
		r.merchants.Run,
		func(ctx context.Context) error {
			return watchTopology(ctx, r.link.js, r.cfg.Topology, r.log)
		},
		r.link.wait,
		func(context.Context) error { return r.serve() },
	)
	return nil
}

func (r *Receiver) listen(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", r.cfg.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("listen on HTTP_ADDR: %w", err)
	}
	if r.listener, err = r.guard(l); err != nil {
		_ = l.Close()
		return err
	}
	r.server = receiver.NewServer(r.cfg.HTTP, r.handler, r.log)
	r.stopper.onStop("drain", drainBound(r.cfg.General.ShutdownTimeout), func(ctx context.Context) error {
		return stopServer(ctx, r.server, r.listener)
	})
	r.stopper.onStop("linger", r.cfg.HTTP.Linger+time.Second, r.linger)
	return nil
}

// linger goes on receiving for HTTP_LINGER, since nobody who pushes or routes
// can know yet that the receiver is about to go. One that ends with an error
// may not be able to keep what it promises, and receives nothing more.
func (r *Receiver) linger(ctx context.Context) error {
	if r.failed() {
		r.handler.Refuse()
		return nil
	}
	r.handler.Drain()
	over := time.NewTimer(r.cfg.HTTP.Linger)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
	return nil
}

// guard bounds the listener, and speaks TLS on it where a certificate is set.
func (r *Receiver) guard(l net.Listener) (net.Listener, error) {
	secure, err := tlsfiles.Server(tlsfiles.Files{
		Cert: r.cfg.HTTP.TLSCert, Key: r.cfg.HTTP.TLSKey, ClientCA: r.cfg.HTTP.TLSClientCA,
	}, r.clock, r.log)
	if err != nil {
		return nil, err
	}
	return receiver.Listen(l, r.cfg.HTTP, secure, r.admin.registry)
}

func (r *Receiver) serve() error {
	if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Addr is where it receives callbacks.
func (r *Receiver) Addr() string { return r.listener.Addr().String() }

// Run receives until ctx ends, and then answers what it has in hand.
func (r *Receiver) Run(ctx context.Context) error {
	r.log.Info("receiver started", zap.String("addr", r.Addr()), zap.Int("merchants", r.merchants.Current().Len()))
	return r.run(ctx, r.cfg.General.ShutdownTimeout)
}
