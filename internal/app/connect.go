package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// Options are what an embedding program brings.
type Options struct {
	Logger *zap.Logger
	// NATS are extra options of the connection, such as an in-process server.
	NATS []nats.Option
	// Admin is the operator's listener of an embedding program, which serves
	// it, says when it is ready, and stops it. Nil: the program has its own.
	Admin *Admin
	// Clock is time.Now unless a test brings another.
	Clock func() time.Time
}

func (o Options) clock() func() time.Time {
	if o.Clock != nil {
		return o.Clock
	}
	return time.Now
}

// link is a program's connection to NATS. When it is closed for good, the
// program has to end: closed receives the reason.
type link struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	closed chan error
}

func connect(c config.NATS, program string, o Options) (*link, error) {
	l := &link{closed: make(chan error, 1)}
	var err error
	if l.nc, l.js, err = Connect(c, program, o.Logger, func(err error) { l.closed <- err }, o.NATS...); err != nil {
		return nil, err
	}
	return l, nil
}

// Connect opens a program's connection to the streams. closed is called when
// it is closed for good.
func Connect(c config.NATS, program string, log *zap.Logger, closed func(error), extra ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := stream.Connect(c, "settlehook "+program, log, closed, extra...)
	switch {
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return nil, nil, fmt.Errorf("%w; is NATS running there, and is NATS_URL right?", err)
	case errors.Is(err, nats.ErrAuthorization):
		return nil, nil, fmt.Errorf("%w; do the servers know this user, with this very password or credentials?", err)
	case err != nil:
		return nil, nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(c.PublishTimeout))
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("open JetStream: %w", err)
	}
	return nc, js, nil
}

// flush sends what is still in the connection's buffer, acknowledgements
// among them.
func (l *link) flush(ctx context.Context) error {
	if !l.nc.IsConnected() {
		return nil
	}
	return l.nc.FlushWithContext(ctx)
}

func (l *link) close(context.Context) error {
	l.nc.Close()
	return nil
}

// wait returns when the connection is closed for good, with the reason, or
// when ctx ends.
func (l *link) wait(ctx context.Context) error {
	select {
	case err := <-l.closed:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	return nil // in a stop it is we who close it
}
