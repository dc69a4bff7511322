package subscribe

import (
	"math/rand/v2"
	"time"
)

// delay is the pause before the next attempt at a message: MinDelay doubled with
// each attempt, up to MaxDelay, less up to a fifth, so that what failed together
// does not come back together. Sequence and attempt are the seed: the same
// message waits as long in each process and each test.
func (c Config) delay(sequence, attempt uint64) time.Duration {
	d := c.MinDelay
	for i := uint64(1); i < attempt && d < c.MaxDelay; i++ {
		d *= 2
	}
	d = min(d, c.MaxDelay)
	jitter := rand.New(rand.NewPCG(sequence, attempt)) //nolint:gosec // spreads retries, guards nothing
	return d - time.Duration(jitter.Int64N(int64(d)/5+1))
}
