package up

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/embedded"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/tail"
	"github.com/settlehook/settlehook/pkg/orders"
)

// Config is what runs together.
type Config struct {
	Up      config.Up
	DataDir string
	// NATSListen is where the embedded NATS listens for other programs; empty:
	// nowhere.
	NATSListen string
	Sandbox    *Sandbox // nil: against the real gateways of the merchants file
	Out        io.Writer
	Log        *zap.Logger
	// Started is called once everything runs.
	Started func(Running)
}

// Running says where everything is.
type Running struct {
	Receiver, Admin              string // host:port
	NATS                         string // URL, empty when it does not listen
	SandboxAPI, SandboxAdmin     string // URLs, empty without a sandbox
	MerchantsFile, DataDirectory string
}

// Run starts everything, and stops it in the reverse order when ctx ends.
func Run(ctx context.Context, c Config) (err error) {
	if c.Sandbox != nil {
		// What the gateway does within an hour is over in a minute: whoever
		// watches sees the sweep find it.
		c.Up.Sweep = c.Up.Sweep.Faster(c.Sandbox.TimeScale)
	}
	s, err := start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return s.run(ctx, c)
}

// stack is what stands below receiver and worker.
type stack struct {
	nats     *embedded.NATS
	redis    *embedded.Redis
	nc       *nats.Conn
	js       jetstream.JetStream
	tail     *tail.Tail
	admin    *app.Admin
	receiver *app.Receiver
	worker   *app.Worker
	sandbox  *sandbox.Server
	shop     *shop.Shop
}

func start(ctx context.Context, c Config) (_ *stack, err error) {
	s := &stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.nats, err = embedded.StartNATS(filepath.Join(c.DataDir, "nats"), c.NATSListen); err != nil {
		return nil, err
	}
	if s.redis, err = embedded.StartRedis(); err != nil {
		return nil, err
	}
	if err = c.Up.Redis.URL.UnmarshalText([]byte(s.redis.URL())); err != nil {
		return nil, err
	}
	if s.nc, s.js, err = app.Connect(c.Up.NATS, "up", c.Log, func(error) {}, s.nats.Option()); err != nil {
		return nil, err
	}
	if c.Sandbox != nil && c.Sandbox.OwnMerchants {
		if err = writeSandboxMerchants(c.Up.Merchants.Path, c.Sandbox.Addr); err != nil {
			return nil, err
		}
	}
	merchants, err := config.LoadMerchants(c.Up.Merchants.Path)
	if err != nil {
		return nil, err
	}
	if err = app.Setup(ctx, s.js, c.Up.Topology, c.Up.Sweep, merchants); err != nil {
		return nil, err
	}
	if s.tail, err = tail.Open(ctx, s.js, c.Out, tail.Options{}); err != nil {
		return nil, err
	}
	return s, s.startPrograms(ctx, c, merchants)
}

func (s *stack) startPrograms(ctx context.Context, c Config, merchants *config.Merchants) (err error) {
	if s.admin, err = app.NewAdmin(c.Up.Admin.Addr); err != nil {
		return err
	}
	o := app.Options{Logger: c.Log, NATS: []nats.Option{s.nats.Option()}, Admin: s.admin}
	receiver := c.Up.Receiver()
	receiver.HTTP.Linger = 0 // there is no other receiver to go to
	if s.receiver, err = app.NewReceiver(ctx, receiver, o); err != nil {
		return err
	}
	if s.worker, err = app.NewWorker(ctx, c.Up.Worker(), o); err != nil {
		return err
	}
	if c.Sandbox == nil {
		return nil
	}
	book := orders.NewBook(s.js, c.Up.NATS.PublishTimeout)
	notify := "http://" + loopback(s.receiver.Addr())
	if s.sandbox, err = startSandbox(*c.Sandbox, merchants, book, c.Up.General.Installation, notify, c.Log); err != nil {
		return err
	}
	s.shop, err = NewShop(Shop{
		Gateway: s.sandbox, Merchants: merchants.All(), Notify: notify, Installation: c.Up.General.Installation,
		Orders: book, Seed: c.Sandbox.Seed, Log: c.Log.Named("shop"),
	})
	return err
}

// run runs everything until ctx ends or a part fails. The sandbox ends first,
// then the receiver, then the worker, and what is said last is still seen.
func (s *stack) run(ctx context.Context, c Config) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	p := &parts{end: end, base: context.WithoutCancel(ctx)}
	stopTail := p.start("tail", s.tail.Run)
	stopWorker := p.start("worker", s.worker.Run)
	stopReceiver := p.start("receiver", s.receiver.Run)
	awaitAdmin := p.start("operator's listener", func(context.Context) error { return s.admin.Serve() })
	stopTraffic := func() {}
	s.admin.SetReady(true)
	if c.Started != nil {
		c.Started(s.running(c))
	}
	if s.sandbox != nil {
		stopTraffic = p.start("traffic", func(ctx context.Context) error {
			err := traffic(ctx, s.shop, *c.Sandbox, c.Log)
			if err == nil {
				<-ctx.Done() // all orders are made; the rest goes on
			}
			return err
		})
	}

	<-ctx.Done()
	s.admin.SetReady(false)
	stopTraffic()
	if s.sandbox != nil {
		_ = s.sandbox.Close()
	}
	stopReceiver()
	stopWorker()
	stopTail()
	s.stopAdmin()
	awaitAdmin()
	return errors.Join(p.errs...)
}

// adminStop bounds the last requests of the operator's.
const adminStop = 2 * time.Second

func (s *stack) stopAdmin() {
	ctx, cancel := context.WithTimeout(context.Background(), adminStop)
	defer cancel()
	_ = s.admin.Stop(ctx)
}

func (s *stack) running(c Config) Running {
	r := Running{
		Receiver: loopback(s.receiver.Addr()), Admin: loopback(s.admin.Addr()), NATS: s.nats.URL(),
		MerchantsFile: c.Up.Merchants.Path, DataDirectory: c.DataDir,
	}
	if s.sandbox != nil {
		r.SandboxAPI, r.SandboxAdmin = s.sandbox.URL(), s.sandbox.AdminURL()
	}
	return r
}

// stop frees what start has taken, in the reverse order.
func (s *stack) stop() error {
	if s.sandbox != nil {
		_ = s.sandbox.Close()
	}
	if s.worker != nil {
		s.worker.Close()
	}
	if s.receiver != nil {
		s.receiver.Close()
	}
	if s.admin != nil {
		s.stopAdmin()
	}
	if s.nc != nil {
		s.nc.Close()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.nats != nil {
		return s.nats.Stop()
	}
	return nil
}
