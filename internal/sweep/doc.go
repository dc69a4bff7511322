// Package sweep finds what no callback told: orders whose pushes were all lost,
// and outcomes that changed without a word.
//
// Every registration of an order (stream ORDERS) has its turn in a row of tiers,
// each a constant delay after the server stored it, and every outcome one
// look-back. Because the delay is constant, a stream is in due order already: a
// message whose turn has not come goes back to the server until then. So there
// is no table of timers, no leader, and nothing in memory that a crash loses.
//
// [Plan] says when a turn comes, [Tier.Handle] takes a message whose turn may
// have come to the processor, and [Floor] says up to where CALLBACKS may be
// purged when it runs full. What it asks and decides is internal/reconcile's
// (Processor.Sweep, Decide); durables and acknowledgements are internal/stream's.
package sweep
