// Package tracing makes the spans of a callback's way, from the push to the
// event, and carries its trace through NATS in the W3C's headers.
//
// A nil [Tracer] is tracing that is off: nothing is made, nothing is sent along,
// nothing is allocated. There is no global provider. Where a trace begins or
// goes on in another process (a request, a delivery, a turn of the sweep) a
// Tracer is needed; every other span belongs to the one in its context.
//
// Nothing here can hold up or fail what it looks at: spans wait in a bounded
// queue, and those that find it full are lost.
package tracing
