package app

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// skewed is by how much clocks may differ before somebody should mend them:
// synchronised ones differ by milliseconds.
const skewed = 2 * time.Second

// watchClock follows the servers' clock. The time of this machine stands in
// events, as the booking date too, so it is said aloud where it can't be right.
func (f *fleet) watchClock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.NATS.PublishTimeout)
	defer cancel()
	skew, err := f.server.Measure(ctx)
	if err != nil {
		return // the next round measures again
	}
	f.metrics.skew.Set(skew.Ahead.Seconds())
	if skew.Beyond(skewed) {
		f.log.Error("the clock of this machine and that of the NATS server differ; synchronise both (NTP), since booking dates come from this one",
			zap.Duration("ahead", skew.Ahead), zap.Duration("give_or_take", skew.GiveOrTake))
	}
}
