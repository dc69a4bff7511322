package redisconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// The client's pool ends its own watch for a server that is gone within a
// second of being closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// reply is an error that Redis answered with.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// asker runs commands through a fuse, to a Redis that answers err.
type asker struct {
	*fuse
	asked int
}

func (a *asker) ask(ctx context.Context, err error) error {
	return a.ProcessHook(func(context.Context, redis.Cmder) error {
		a.asked++
		return err
	})(ctx, redis.NewStatusCmd(ctx, "ping"))
}

// fail makes n commands in a row go without an answer.
func (a *asker) fail(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := a.ask(t.Context(), io.EOF); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want the command's own error", err)
		}
	}
}

func (a *asker) expectOpen(t *testing.T, want bool) {
	t.Helper()
	before := a.asked
	err := a.ask(t.Context(), nil)
	if errors.Is(err, ErrOpen) != want || (a.asked == before) != want {
		t.Fatalf("open: got %v, asked: %v; want open: %v", err, a.asked != before, want)
	}
}

func TestFuseOpensAfterFiveFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{fuse: newFuse(func(bool) {})}
		a.fail(t, fuseFailures-1)
		a.expectOpen(t, false) // an answer: counted anew
		a.fail(t, fuseFailures-1)
		a.expectOpen(t, false)
		a.fail(t, fuseFailures)
		a.expectOpen(t, true)
		if err := a.ask(t.Context(), nil); err.Error() != "redis failed a moment ago and is left alone (for 1s)" {
			t.Errorf("got %q", err)
		}
		pass(fusePause - time.Nanosecond)
		a.expectOpen(t, true)
		pass(time.Nanosecond)
		a.expectOpen(t, false) // answered: closed again
		a.fail(t, fuseFailures-1)
		a.expectOpen(t, false)
	})
}

// TestFuseTriesWithOneCommand: while one command finds out, no other waits for
// its time-out too; a failure opens the fuse for another pause.
func TestFuseTriesWithOneCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{fuse: newFuse(func(bool) {})}
		a.fail(t, fuseFailures)
		for range 3 {
			pass(fusePause)
			answer, ended := make(chan error), make(chan error)
			go func() {
				ended <- a.guard(t.Context(), func(context.Context) error { return <-answer })
			}()
			synctest.Wait()
			for range 100 {
				a.expectOpen(t, true)
			}
			answer <- io.EOF
			if err := <-ended; !errors.Is(err, io.EOF) {
				t.Fatalf("the one that tried: %v", err)
			}
			a.expectOpen(t, true)
		}
		pass(fusePause)
		a.expectOpen(t, false)
		a.expectOpen(t, false)
	})
}

func TestFuseCountsOnlyWhatWentUnanswered(t *testing.T) {
	for name, err := range map[string]error{
		"no such key":             redis.Nil,
		"no such key, wrapped":    fmt.Errorf("get: %w", redis.Nil),
		"an error reply":          reply("WRONGTYPE Operation against a key holding the wrong kind of value"),
		"an error reply, wrapped": fmt.Errorf("get: %w", reply("LOADING Redis is loading the dataset in memory")),
		"a caller who gave up":    context.Canceled,
		"the same, wrapped":       fmt.Errorf("get: %w", context.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			a := &asker{fuse: newFuse(func(bool) {})}
			for range 10 * fuseFailures {
				if got := a.ask(t.Context(), err); got != err {
					t.Fatalf("got %v, want %v", got, err)
				}
			}
			a.expectOpen(t, false)
		})
	}
	for name, err := range map[string]error{
		"a broken connection":  io.EOF,
		"a time-out":           context.DeadlineExceeded,
		"the pool's time-out":  redis.ErrPoolTimeout,
		"a dial that found no": errors.New("dial tcp 127.0.0.1:1: connect: connection refused"),
	} {
		t.Run(name, func(t *testing.T) {
			a := &asker{fuse: newFuse(func(bool) {})}
			for range fuseFailures {
				_ = a.ask(t.Context(), err)
			}
			a.expectOpen(t, true)
		})
	}
}

// TestFuseIgnoresACallerWhoGaveUp: neither for Redis nor against it, except
// that the one who tries must not be the last who ever may.
func TestFuseIgnoresACallerWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{fuse: newFuse(func(bool) {})}
		a.fail(t, fuseFailures-1)
		_ = a.ask(t.Context(), context.Canceled)
		a.fail(t, 1) // the fifth
		a.expectOpen(t, true)
		pass(fusePause)
		_ = a.ask(t.Context(), context.Canceled)
		a.expectOpen(t, true)
		pass(fusePause)
		a.expectOpen(t, false)
	})
}

// TestFuseLetsHandshakesThrough: the commands of a connection's handshake come
// through the same hooks, inside of the command that needs the connection.
func TestFuseLetsHandshakesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{fuse: newFuse(func(bool) {})}
		withHandshake := func(err error) error {
			return a.guard(t.Context(), func(ctx context.Context) error {
				return errors.Join(err, a.ask(ctx, err))
			})
		}
		for range fuseFailures - 1 {
			_ = withHandshake(io.EOF) // one failure, not two
		}
		a.expectOpen(t, false)
		for range fuseFailures {
			_ = withHandshake(io.EOF)
		}
		a.expectOpen(t, true)
		pass(fusePause)
		if err := withHandshake(nil); err != nil {
			t.Fatalf("the command that tries: %v", err)
		}
		a.expectOpen(t, false)
	})
}

func TestFusePipelinesCarryTheError(t *testing.T) {
	a := &asker{fuse: newFuse(func(bool) {})}
	a.fail(t, fuseFailures)
	ctx := t.Context()
	cmds := []redis.Cmder{redis.NewStatusCmd(ctx, "set", "k", "v"), redis.NewIntCmd(ctx, "del", "k"), redis.NewStringCmd(ctx, "get", "k")}
	err := a.ProcessPipelineHook(func(context.Context, []redis.Cmder) error {
		t.Error("Redis was asked")
		return nil
	})(ctx, cmds)
	if !errors.Is(err, ErrOpen) {
		t.Errorf("the pipeline: got %v", err)
	}
	for _, cmd := range cmds {
		if !errors.Is(cmd.Err(), ErrOpen) {
			t.Errorf("%s: got %v", cmd.Name(), cmd.Err())
		}
	}
}

// pass lets time pass in a synctest bubble, where it costs none.
func pass(d time.Duration) { <-time.After(d) }

// TestFuseTellsOfChanges: once when Redis is gone, once when it is back, and not
// of every attempt between.
func TestFuseTellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		a := &asker{fuse: newFuse(func(available bool) { told = append(told, available) })}
		gone := errors.New("gone for the test")
		for range 3 {
			for range 2 * fuseFailures {
				_ = a.ask(t.Context(), gone)
			}
			pass(fusePause)
		}
		_ = a.ask(t.Context(), nil)
		if !slices.Equal(told, []bool{false, true}) {
			t.Errorf("told %v", told)
		}
	})
}
