package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// stopper stops a program in named steps, each with its own bound, the last
// one added first: what was started on top of something stops before it.
type stopper struct {
	log   *zap.Logger
	steps []stopStep
}

type stopStep struct {
	name  string
	bound time.Duration
	run   func(ctx context.Context) error
}

// onStop adds a step. A step that outlives its bound is left behind with an
// error, and the next one begins.
func (s *stopper) onStop(name string, bound time.Duration, run func(ctx context.Context) error) {
	s.steps = append(s.steps, stopStep{name, bound, run})
}

// stop runs the steps within total. It returns what went wrong.
func (s *stopper) stop(total time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), total)
	defer cancel()
	var errs []error
	for i := len(s.steps) - 1; i >= 0; i-- {
		step := s.steps[i]
		begun := time.Now()
		err := s.runStep(ctx, step)
		s.log.Info("stopping", zap.String("step", step.name), zap.Duration("took", time.Since(begun)), zap.Error(err))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.name, err))
		}
	}
	s.steps = nil
	return errors.Join(errs...)
}

// drainBound is the drain's share of the time for the whole stop
// (SHUTDOWN_TIMEOUT covers all steps): the short steps after it need theirs.
func drainBound(total time.Duration) time.Duration {
	return total - min(afterDrain, total/4)
}

const afterDrain = 2 * time.Second

func (s *stopper) runStep(ctx context.Context, step stopStep) error {
	ctx, cancel := context.WithTimeout(ctx, step.bound)
	defer cancel()
	begun := time.Now()
	done := make(chan error, 1)
	go func() { done <- step.run(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	// A step that notices the end of its time and one that does not are late
	// alike, and whichever select saw first must not change the words.
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not done after %s", time.Since(begun).Round(time.Millisecond))
	}
	return err
}
