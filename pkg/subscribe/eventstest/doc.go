// Package eventstest helps services that read settlement events to test
// themselves without a server: builders of valid sample events, and a [Source]
// that hands them to a handler the way JetStream does, with repeats and in a
// changed order.
//
//	order := []eventstest.Option{eventstest.Order("A.17"), eventstest.Amount("1000", "12.50")}
//	source := eventstest.NewSource(1)
//	source.Publish(eventstest.Settled(order...), eventstest.Reversed(order...))
//	err := source.Drain(ctx, subscribe.Config{Durable: "bookkeeping"}, service.Handle)
//	// every event was handled at least once; was each booked once?
//
// Run the same test with several seeds: each gives another course, and the same
// one every time.
package eventstest
