package up

import (
	"context"
	"fmt"
	"sync"
)

// parts run side by side, and each is stopped by itself. The end of one is the
// end of all: end is called.
type parts struct {
	base context.Context //nolint:containedctx // what every part's own context comes from
	end  func()

	mu   sync.Mutex
	errs []error
}

// start runs a part. stop ends its context and returns once it has ended.
func (p *parts) start(name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(p.base)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.end()
		if err := run(ctx); err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.errs = append(p.errs, fmt.Errorf("%s: %w", name, err))
		}
	}()
	return func() { cancel(); <-done }
}
