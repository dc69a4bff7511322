package reconciletest

import (
	"fmt"
	"sync"
)

// Step names a call that a processor makes to its outside.
type Step string

// The steps.
const (
	StepClaim       Step = "claim"
	StepQuery       Step = "query"
	StepAppend      Step = "append"
	StepDone        Step = "done"
	StepRelease     Step = "release"
	StepForget      Step = "forget"
	StepLast        Step = "last"
	StepOpenReviews Step = "open reviews"
	StepSubmitted   Step = "submitted"
	StepNewest      Step = "newest callback"
)

// Fault is what goes wrong with a step.
type Fault uint8

// The faults. A processor reads open reviews and submitted orders beside its
// query, in a goroutine of its own: nothing can recover a crash there, so those
// steps and the reads they make take no crash.
const (
	None        Fault = iota
	Unapplied         // the step fails, and has had no effect
	Applied           // the step has its effect, and fails all the same
	CrashBefore       // the process ends before the step
	CrashAfter        // the process ends when the step has had its effect
)

func (f Fault) String() string {
	return [...]string{"none", "unapplied", "applied", "crash before", "crash after"}[f]
}

// Hook is asked at every step what goes wrong. It may also hold the step up:
// see [Turns].
type Hook func(Step) Fault

// NoFault is the hook of a world where everything works.
func NoFault(Step) Fault { return None }

// Nth makes the nth call (from 1) of a step go wrong, and nothing else.
func Nth(step Step, n int, fault Fault) Hook {
	var mu sync.Mutex
	calls := 0
	return func(s Step) Fault {
		mu.Lock()
		defer mu.Unlock()
		if s != step {
			return None
		}
		if calls++; calls == n {
			return fault
		}
		return None
	}
}

// Always makes every call of the steps go wrong.
func Always(fault Fault, steps ...Step) Hook {
	return func(s Step) Fault {
		for _, step := range steps {
			if s == step {
				return fault
			}
		}
		return None
	}
}

// Record calls seen at every step, before the hook decides.
func (h Hook) Record(seen func(Step)) Hook {
	return func(s Step) Fault {
		seen(s)
		return h(s)
	}
}

// Crash is what a process panics with that a fault ends.
type Crash struct {
	Step  Step
	Fault Fault
}

func (c Crash) String() string { return fmt.Sprintf("%s %s", c.Fault, c.Step) }

// injected is the error of a step that a fault failed.
type injected struct {
	step  Step
	fault Fault
}

func (e *injected) Error() string { return fmt.Sprintf("injected: %s failed %s", e.step, e.fault) }

// take runs one step under a hook.
func take[T any](hook Hook, step Step, do func() (T, error)) (T, error) {
	var zero T
	fault := hook(step)
	switch fault {
	case Unapplied:
		return zero, &injected{step, fault}
	case CrashBefore:
		panic(Crash{step, fault})
	}
	v, err := do()
	switch fault {
	case Applied:
		return zero, &injected{step, fault}
	case CrashAfter:
		panic(Crash{step, fault})
	}
	return v, err
}

// act is take for a step that brings nothing but an error.
func act(hook Hook, step Step, do func() error) error {
	_, err := take(hook, step, func() (struct{}, error) { return struct{}{}, do() })
	return err
}
