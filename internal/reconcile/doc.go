// Package reconcile decides what a callback means and tells downstream once.
//
// Two halves, both free of I/O:
//
//   - [Decide] is pure: the gateway's answer, the order's last event, the
//     submitted order and the callback go in, an outcome with a named reason
//     comes out. It is the table "Order states" of the gateway page.
//   - [Processor] is the order of the steps around it: claim, query, decide,
//     emit, mark done. It owns the interfaces of what it needs ([Claims],
//     [Gateway], [Ledger], [Orders]); adapters implement them.
//
// The processor never acknowledges a message. It returns a [Result], and the
// stream consumer maps that to ack, nak or park in one place.
package reconcile
