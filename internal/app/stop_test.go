package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// scripted is a step of a test: it takes so long, or for ever, and returns err.
type scripted struct {
	name        string
	bound, took time.Duration
	deaf        bool // does not notice the end of its time
	err         error
}

// protocol is the order in which steps began.
type protocol struct {
	mu    sync.Mutex
	steps []string
}

func (p *protocol) add(step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, step)
}

func (p *protocol) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.steps)
}

func (s scripted) run(begun *protocol) func(context.Context) error {
	return func(ctx context.Context) error {
		begun.add(s.name)
		t := time.NewTimer(s.took)
		defer t.Stop()
		if s.deaf {
			<-t.C
			return s.err
		}
		select {
		case <-t.C:
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestStopperRunsStepsInReverseAndBoundsEach(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		total time.Duration
		steps []scripted
		want  []string
		err   string
		took  time.Duration
	}{
		{
			name: "none", total: time.Second,
		},
		{
			name: "last added first", total: time.Minute,
			steps: []scripted{{name: "close", bound: time.Second}, {name: "drain", bound: 10 * time.Second, took: 3 * time.Second}, {name: "unready", bound: time.Second}},
			want:  []string{"unready", "drain", "close"}, took: 3 * time.Second,
		},
		{
			name: "an error does not keep the others from stopping", total: time.Minute,
			steps: []scripted{{name: "close", bound: time.Second, err: broken}, {name: "drain", bound: time.Second, err: broken}},
			want:  []string{"drain", "close"}, err: "drain: broken\nclose: broken",
		},
		{
			name: "a step that outlives its bound is left behind", total: time.Minute,
			steps: []scripted{{name: "close", bound: time.Second}, {name: "drain", bound: 2 * time.Second, took: time.Hour, deaf: true}},
			want:  []string{"drain", "close"}, err: "drain: not done after 2s", took: 2 * time.Second,
		},
		{
			name: "one that notices says the same", total: time.Minute,
			steps: []scripted{{name: "close", bound: time.Second}, {name: "drain", bound: 2 * time.Second, took: time.Hour}},
			want:  []string{"drain", "close"}, err: "drain: not done after 2s", took: 2 * time.Second,
		},
		{
			name: "all together are bounded", total: 5 * time.Second,
			steps: []scripted{
				{name: "close", bound: time.Second, took: 100 * time.Millisecond},
				{name: "drain", bound: time.Minute, took: time.Hour},
				{name: "stop intake", bound: 2 * time.Second, took: time.Second, err: broken},
			},
			want: []string{"stop intake", "drain", "close"},
			err:  "stop intake: broken\ndrain: not done after 4s\nclose: not done after 0s", took: 5 * time.Second,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun protocol
				s := &stopper{log: zap.NewNop()}
				for _, step := range tc.steps {
					s.onStop(step.name, step.bound, step.run(&begun))
				}
				start := time.Now()
				err := s.stop(tc.total)
				if took := time.Since(start); took != tc.took {
					t.Errorf("took %s, want %s", took, tc.took)
				}
				synctest.Wait()
				if diff := cmp.Diff(tc.want, begun.list()); diff != "" {
					t.Errorf("order of the steps (-want +got):\n%s", diff)
				}
				text := ""
				if err != nil {
					text = err.Error()
				}
				if text != tc.err {
					t.Errorf("error %q, want %q", text, tc.err)
				}
				<-time.After(2 * time.Hour) // the bubble's: what was left behind comes to its end
				if err := s.stop(tc.total); err != nil || len(begun.list()) != len(tc.want) {
					t.Errorf("stopping again ran %v, %v", begun.list(), err)
				}
			})
		})
	}
}

func TestStopperNamesEveryStepInTheLog(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	s := &stopper{log: zap.New(core)}
	s.onStop("close NATS", time.Second, func(context.Context) error { return nil })
	s.onStop("drain", time.Second, func(context.Context) error { return errors.New("cut off") })
	_ = s.stop(time.Minute)
	var got []string
	for _, e := range logs.FilterMessage("stopping").All() {
		fields := e.ContextMap()
		step, _ := fields["step"].(string)
		if err, failed := fields["error"].(string); failed {
			step += ": " + err
		}
		got = append(got, step)
	}
	if diff := cmp.Diff([]string{"drain: cut off", "close NATS"}, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestDrainLeavesTimeForTheStepsAfterIt(t *testing.T) {
	for total, want := range map[time.Duration]time.Duration{
		25 * time.Second: 23 * time.Second, 8 * time.Second: 6 * time.Second, 4 * time.Second: 3 * time.Second, time.Second: 750 * time.Millisecond,
	} {
		if got := drainBound(total); got != want {
			t.Errorf("of %s: %s, want %s", total, got, want)
		}
	}
}
