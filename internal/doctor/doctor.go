package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/config"
)

// Status is what a check found.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warn    Status = "warn" // it works, and somebody should look
	Fail    Status = "fail" // it does not work, or what is promised does not hold
	Skipped Status = "skipped"
)

// Finding is one thing that a check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Says is one line: what is so, or why it was not checked.
	Says string `json:"says"`
	// Mend is the command or the setting that changes it; empty where nothing
	// has to be.
	Mend string `json:"mend,omitempty"`
}

// Options say what is looked at, and how.
type Options struct {
	Settings config.Doctor
	// Contradictions are the faults of the settings (see [config.LoadDoctor]).
	Contradictions []*config.Fault
	// Checks are the names of the checks to run; empty: all.
	Checks []string
	// Timeout bounds all of it; 0 means DefaultTimeout.
	Timeout time.Duration
	// Patience is how long a callback may wait to be decided; 0 means
	// DefaultPatience.
	Patience time.Duration
	// Now is time.Now, and Roots the system's authorities, unless a test brings
	// its own.
	Now   func() time.Time
	Roots *x509.CertPool
}

// The defaults of Options.
const (
	DefaultTimeout = 30 * time.Second
	// DefaultPatience is more than a worker takes to start at a scaled-down
	// installation, and to look at a callback eight times.
	DefaultPatience = 5 * time.Minute
)

// Run runs the checks at the same time and returns what they found, in the order
// of [Checks]; each finds something. One that does not end in time fails alone.
func Run(ctx context.Context, o Options) []Finding {
	o.Timeout, o.Patience = cmp.Or(o.Timeout, DefaultTimeout), cmp.Or(o.Patience, DefaultPatience)
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	var chosen []check
	for _, c := range all() {
		if len(o.Checks) == 0 || slices.Contains(o.Checks, c.name) {
			chosen = append(chosen, c)
		}
	}
	v := newVisit(ctx, o)
	defer v.close()
	found := make([][]Finding, len(chosen))
	var running sync.WaitGroup
	for i, c := range chosen {
		running.Go(func() { found[i] = v.bounded(ctx, c) })
	}
	running.Wait()
	return slices.Concat(found...)
}

// bounded runs a check, and goes on without it when the time is over.
func (v *visit) bounded(ctx context.Context, c check) []Finding {
	done := make(chan []Finding, 1)
	go func() { done <- v.run(ctx, c) }()
	select {
	case found := <-done:
		return found
	case <-ctx.Done():
	}
	// One that heeds the context ends now, and knows more.
	grace := time.NewTimer(timeoutGrace)
	defer grace.Stop()
	select {
	case found := <-done:
		return found
	case <-grace.C:
		if errors.Is(ctx.Err(), context.Canceled) {
			return []Finding{{Check: c.name, Status: Skipped, Says: "interrupted"}}
		}
		return []Finding{{
			Check: c.name, Status: Fail, Says: fmt.Sprintf("did not end within %s", v.o.Timeout),
			Mend: fmt.Sprintf("settlehook doctor --only %s --timeout %s", c.name, 4*v.o.Timeout),
		}}
	}
}

const timeoutGrace = 200 * time.Millisecond

// run runs a check to its end. What it could not find out is a finding, too.
func (v *visit) run(ctx context.Context, c check) []Finding {
	if denied := v.denied(ctx, c); denied != "" && v.chosen(checkPermissions) {
		return []Finding{{Check: c.name, Status: Skipped, Says: "this user may not ask " + denied + ": see " + checkPermissions}}
	}
	found, err := c.run(ctx, v)
	if err != nil {
		found = append(found, v.failed(c, err))
	}
	for i := range found {
		found[i].Check = c.name
	}
	return found
}

// trouble is the error of something that several checks need. It is the finding
// of one of them.
type trouble struct{ Finding }

func (t *trouble) Error() string { return t.Says }

// failed words an error. What another check reports is not reported twice.
func (v *visit) failed(c check, err error) Finding {
	var t *trouble
	switch {
	case errors.As(err, &t) && t.Check != c.name && v.chosen(t.Check):
		return Finding{Status: Skipped, Says: "can't be told: see " + t.Check}
	case errors.As(err, &t):
		return Finding{Status: t.Status, Says: t.Says, Mend: t.Mend}
	case errors.Is(err, context.DeadlineExceeded):
		return Finding{
			Status: Fail, Says: fmt.Sprintf("no answer in time: %v", err),
			Mend: fmt.Sprintf("settlehook doctor --only %s --timeout %s", c.name, 4*v.o.Timeout),
		}
	default:
		return Finding{Status: Fail, Says: err.Error(), Mend: "settlehook doctor --only " + c.name}
	}
}

// chosen reports whether a check runs.
func (v *visit) chosen(name string) bool {
	return len(v.o.Checks) == 0 || slices.Contains(v.o.Checks, name)
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Says: fmt.Sprintf(format, args...)}
}

func skipped(mend, format string, args ...any) Finding {
	return Finding{Status: Skipped, Says: fmt.Sprintf(format, args...), Mend: mend}
}

func warn(mend, format string, args ...any) Finding {
	return Finding{Status: Warn, Says: fmt.Sprintf(format, args...), Mend: mend}
}

func fail(mend, format string, args ...any) Finding {
	return Finding{Status: Fail, Says: fmt.Sprintf(format, args...), Mend: mend}
}
