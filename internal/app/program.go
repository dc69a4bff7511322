package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/tracing"
)

// program is what receiver and worker share: parts that run side by side, and
// a graceful stop in steps.
type program struct {
	log      *zap.Logger
	admin    *Admin
	ownAdmin bool
	stopper  stopper
	tracer   *tracing.Tracer // nil: off
	parts    []func(ctx context.Context) error
	broken   atomic.Bool // it stops since a part has failed
}

func newProgram(name, addr string, o Options) (*program, error) {
	p := &program{log: o.Logger, admin: o.Admin, stopper: stopper{log: o.Logger}}
	if p.admin != nil {
		registerBuild(p.admin.registry, name)
		return p, nil
	}
	a, err := NewAdmin(addr)
	if err != nil {
		return nil, err
	}
	p.admin, p.ownAdmin = a, true
	registerBuild(a.registry, name)
	p.part(func(context.Context) error { return a.Serve() })
	p.stopper.onStop("close the operator's listener", time.Second, a.Stop)
	return p, nil
}

// trace opens tracing, if it is on. What waits to be sent is sent after
// everything that makes spans has ended.
func (p *program) trace(cfg config.Tracing, name, installation string) (err error) {
	if p.tracer, err = tracing.Open(cfg, name, installation, p.log); err != nil || p.tracer == nil {
		return err
	}
	p.stopper.onStop("flush traces", 2*flushTraces, func(ctx context.Context) error {
		// Its own end comes before the step's: a collector that sits on a request
		// is no failure of the stop.
		ctx, cancel := context.WithTimeout(ctx, flushTraces)
		defer cancel()
		if err := p.tracer.Close(ctx); err != nil {
			p.log.Warn("the last spans are lost: the collector did not take them in time", zap.Error(err))
		}
		return nil
	})
	return nil
}

// flushTraces bounds what a collector can add to a stop.
const flushTraces = 700 * time.Millisecond

// part adds something that runs until its context ends. One that fails stops
// the program.
func (p *program) part(run func(ctx context.Context) error) { p.parts = append(p.parts, run) }

// AdminAddr is the operator's address.
func (p *program) AdminAddr() string { return p.admin.Addr() }

// run runs the parts until ctx ends or one of them fails, and then stops in
// steps: unready first, so that no new work comes, then the others.
func (p *program) run(ctx context.Context, total time.Duration) error {
	if p.ownAdmin {
		p.stopper.onStop("unready", time.Second, func(context.Context) error { p.admin.SetReady(false); return nil })
		p.admin.SetReady(true)
	}
	parts, partsCtx := errgroup.WithContext(ctx)
	for _, part := range p.parts {
		parts.Go(func() error { return part(partsCtx) })
	}
	<-partsCtx.Done()
	p.broken.Store(ctx.Err() == nil)
	p.log.Info("stopping", zap.Duration("within", total))
	stopErr := p.stopper.stop(total)
	err := p.awaitParts(parts)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, stopErr)
}

// failed reports whether it stops because a part has failed, not because it was
// told to.
func (p *program) failed() bool { return p.broken.Load() }

// awaitParts waits for the parts, which have nothing left to do once the steps
// are through: one that hangs all the same must not keep the process.
func (p *program) awaitParts(parts *errgroup.Group) error {
	done := make(chan error, 1)
	go func() { done <- parts.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(partsTimeout):
		return fmt.Errorf("a part did not end within %s of the last step", partsTimeout)
	}
}

const partsTimeout = 2 * time.Second

// abandon undoes what New has started when a later part of New fails.
func (p *program) abandon(err error) error {
	p.Close()
	return err
}

// Close undoes New for a program that is not going to run. After Run it does
// nothing. It says nothing: whoever gives up on the program says why.
func (p *program) Close() {
	p.stopper.log = zap.NewNop()
	_ = p.stopper.stop(abandonTimeout)
}

const abandonTimeout = 5 * time.Second
