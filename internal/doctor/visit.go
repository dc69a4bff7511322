package doctor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/natsmon"
	"github.com/settlehook/settlehook/internal/stream"
)

// visit is one look at an installation: what several checks need is opened once,
// when the first of them asks.
type visit struct {
	o Options

	merchants *shared[*config.Merchants]
	nats      *shared[*link]
	user      *shared[user]
	streams   *shared[streams]
	servers   *shared[[]natsmon.Server]
	redis     *shared[redis.UniversalClient]
}

func newVisit(ctx context.Context, o Options) *visit {
	v := &visit{o: o}
	v.merchants = share(ctx, v.readMerchants)
	v.nats = share(ctx, v.connect)
	v.user = share(ctx, v.whoami)
	v.streams = share(ctx, v.readStreams)
	v.servers = share(ctx, v.askServers)
	v.redis = share(ctx, v.openRedis)
	return v
}

func (v *visit) close() {
	v.nats.release(func(l *link) { l.nc.Close() })
	v.redis.release(func(c redis.UniversalClient) { _ = c.Close() })
}

// shared is made when it is first asked for, once.
type shared[T any] struct {
	open  func(context.Context) (T, error)
	ctx   context.Context //nolint:containedctx // of the visit: what one check makes outlives that check
	once  sync.Once
	done  chan struct{}
	value T
	err   error
}

func share[T any](ctx context.Context, open func(context.Context) (T, error)) *shared[T] {
	return &shared[T]{open: open, ctx: ctx, done: make(chan struct{})}
}

func (s *shared[T]) get(ctx context.Context) (T, error) {
	s.once.Do(func() {
		go func() {
			defer close(s.done)
			s.value, s.err = s.open(s.ctx)
		}()
	})
	select {
	case <-s.done:
		return s.value, s.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// release gives back what was made, also where that is still under way.
func (s *shared[T]) release(give func(T)) {
	begun := true
	s.once.Do(func() { begun = false })
	if !begun {
		return
	}
	go func() {
		<-s.done
		if s.err == nil {
			give(s.value)
		}
	}()
}

// link is the connection to NATS.
type link struct {
	nc *nats.Conn
	js jetstream.JetStream
}

func (v *visit) connect(context.Context) (*link, error) {
	c := v.o.Settings.NATS
	c.ConnectTimeout = min(c.ConnectTimeout, v.o.Timeout/3)
	nc, err := stream.Connect(c, "settlehook doctor", zap.NewNop(), func(error) {})
	if err != nil {
		return nil, &trouble{natsTrouble(c, err)}
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(c.PublishTimeout))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &link{nc, js}, nil
}

func natsTrouble(c config.NATS, err error) Finding {
	f := fail("check that NATS runs at "+c.URL.String()+" and that this machine may reach it, then NATS_URL", "%v", err)
	f.Check = checkNATS
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
		f.Mend = "put the user and password of a role into NATS_URL (nats://operator:PASSWORD@…), or name NATS_CREDS"
	}
	return f
}

// streams are what the servers say of our streams.
type streams map[string]*jetstream.StreamInfo

// readPatience bounds the look at one stream: one without a leader must not hold
// up the others.
const readPatience = 5 * time.Second

func (v *visit) readStreams(ctx context.Context) (streams, error) {
	l, err := v.nats.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.jetStreamOn(ctx, l); err != nil {
		return nil, err
	}
	var (
		mu      sync.Mutex
		reading sync.WaitGroup
		found   = streams{}
		failed  error
	)
	for _, name := range stream.Names() {
		reading.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, min(readPatience, v.o.Timeout/3))
			defer cancel()
			info, err := readStream(ctx, l.js, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			found[name] = info
		})
	}
	reading.Wait()
	return found, failed
}

// readStream returns nil where there is no such stream. It asks again while a
// leader is being elected.
func readStream(ctx context.Context, js jetstream.JetStream, name string) (*jetstream.StreamInfo, error) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := js.Stream(ctx, name)
		switch {
		case err == nil:
			return s.CachedInfo(), nil
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f := fail(startServers, "stream %s can't be read: %v", name, err)
			f.Check = checkReplicas
			return nil, &trouble{f}
		}
	}
}

// stream returns one stream that must be there.
func (v *visit) stream(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	all, err := v.streams.get(ctx)
	if err != nil {
		return nil, err
	}
	if all[name] == nil {
		return nil, &trouble{all.missing(name)}
	}
	return all[name], nil
}

func (all streams) missing(name string) Finding {
	f := fail("settlehook setup", "stream %s is missing: nothing works without it", name)
	if name == stream.Payments && all[stream.Callbacks] != nil {
		f.Mend = "restore it from a backup before anything else (deploy/k8s/README.md): with an empty one everything would be told again"
	}
	f.Check = checkTopology
	return f
}

func (v *visit) monitor() *natsmon.Client {
	return natsmon.NewClient(natsmon.Config{
		URLs: v.o.Settings.Monitoring.URLs, Timeout: min(natsmon.DefaultTimeout, v.o.Timeout/3), Now: v.o.Now,
	})
}

func (v *visit) askServers(ctx context.Context) ([]natsmon.Server, error) {
	return v.monitor().Servers(ctx)
}
