package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/go-redis/v9"
)

// ErrOpen says that Redis failed a moment ago and was not asked.
var ErrOpen = errors.New("redis failed a moment ago and is left alone")

// The fuse's bounds: a few failures in a row stop the asking for a second. An
// absent Redis then costs a time-out now and then, not one on every callback.
const (
	fuseFailures = 5
	fusePause    = time.Second
)

// fuse is a circuit breaker on every command of a client, so that all users of
// one Redis share what one of them learned.
type fuse struct {
	breaker circuitbreaker.CircuitBreaker[any]
}

// newFuse tells changed whenever it stops or begins asking Redis.
func newFuse(changed func(available bool)) *fuse {
	return &fuse{breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(fuseFailures).
		// One success closes it, and so one command at a time tries: without
		// this, five would run into a time-out after every pause.
		WithSuccessThreshold(1).
		WithDelay(fusePause).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			switch { // trying in vain, once a second, is no news
			case e.OldState == circuitbreaker.ClosedState:
				changed(false)
			case e.NewState == circuitbreaker.ClosedState:
				changed(true)
			}
		}).Build()}
}

func (f *fuse) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (f *fuse) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := f.guard(ctx, func(ctx context.Context) error { return next(ctx, cmd) })
		if errors.Is(err, ErrOpen) {
			cmd.SetErr(err)
		}
		return err
	}
}

func (f *fuse) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := f.guard(ctx, func(ctx context.Context) error { return next(ctx, cmds) })
		if errors.Is(err, ErrOpen) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// guarded marks the context of a command that has its permit. A command that
// needs a new connection sends the handshake's commands through the same hooks:
// they are part of it, and would find no permit left where one command tries
// whether Redis is back.
type guarded struct{}

func (f *fuse) guard(ctx context.Context, do func(context.Context) error) error {
	if ctx.Value(guarded{}) != nil {
		return do(ctx)
	}
	if !f.breaker.TryAcquirePermit() {
		return fmt.Errorf("%w (for %s)", ErrOpen, f.breaker.RemainingDelay().Round(time.Millisecond))
	}
	err := do(context.WithValue(ctx, guarded{}, true))
	switch {
	case answered(err):
		f.breaker.RecordSuccess()
	case !errors.Is(err, context.Canceled), f.breaker.IsHalfOpen():
		f.breaker.RecordFailure()
	default:
		// A caller who gave up is no sign of Redis' health. Only the one that
		// tries Redis again must say how it went: without an answer.
	}
	return err
}

// answered tells a Redis that answered, an error reply or "no such key"
// included, from an absent one.
func answered(err error) bool {
	var reply redis.Error
	return err == nil || errors.As(err, &reply)
}
