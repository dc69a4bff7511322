// Package events is what a downstream service imports to read settlehook's
// settlement events: the CloudEvents 1.0 envelope, the typed data of each
// outcome, the subjects, the ids and the JSON Schemas. It does no I/O.
//
// # Reading
//
// [Decode] turns the body of a message into an [Event] or says exactly why it
// can't. What it returns has been held to the contract, so a consumer only has
// to choose:
//
//	event, err := events.Decode(msg.Data())
//	if err != nil {
//		return err // see Decode for the errors worth telling apart
//	}
//	switch data := event.Data.(type) {
//	case events.Settled:
//		return ledger.Book(ctx, event.ID, data.Direction, data.Net, data.Currency)
//	case events.Reversed:
//		return ledger.Book(ctx, event.ID, data.Direction, data.Net, data.Currency)
//	case events.Failed, events.Expired:
//		return orders.Release(ctx, data.Common().OrderID)
//	case events.Review, events.Resolved:
//		return nil // for people
//	}
//
// # Subjects
//
// Final outcomes are published on
//
//	payments.v1.<outcome>.<flow>.<merchant>.<order>
//
// where the outcome is settled, failed, reversed or expired, and the flow is
// collect or pay. Reviews and what closes them have one token more, the case:
//
//	payments.v1.review.<flow>.<merchant>.<order>.<reason>-<hash8>
//	payments.v1.resolved.<flow>.<merchant>.<order>.<reason>-<hash8>
//
// So a consumer picks what it wants by wildcard:
//
//	payments.v1.settled.>                    all that settled
//	payments.v1.*.collect.m1001.*            all final outcomes of one merchant's collections
//	payments.v1.*.*.m1001.<order>            what became of one order
//	payments.v1.review.>                     everything that waits for a person
//
// Every byte of a merchant or order id outside [A-Za-z0-9_-] is written as % and
// two uppercase hex digits ([EscapeToken]), so order "A.1" is "A%2E1". The event
// itself carries the ids as they are.
//
// # Once, by event id
//
// JetStream delivers at least once. The same outcome of the same order always
// has the same [Event.ID], <merchant>/<order>/<outcome>, no matter how often, by
// whom or why it was delivered: store the id in the transaction that books the
// event, under a unique constraint, and a second delivery changes nothing.
//
// # Supersession
//
// The events of an order form one chain, whose order the server enforces. When
// an event replaces what was said before, Supersedes holds the id of that event:
// a settled collection may supersede its failed or expired, a reversed supersedes
// its settled. Undo what was done for the superseded event, or, where money was
// booked, book the reversal beside it: a reversed event has the opposite
// direction and the same net. Deliveries of one order may be seen out of order by
// parallel consumers; an event whose Supersedes is unknown to you is newer
// than what you have.
//
// # Amounts
//
// Amounts are decimal strings in major units, exact, with at least the digits
// ISO 4217 gives the currency. They are never negative: Direction says which way
// the balance at the gateway moves, and Net by how much. An absent amount is
// unknown, never zero; [Amount.Known] tells. LiveMode is false when no real money
// moved.
//
// # Compatibility
//
// Fields may be added to a type; [Decode] and the schemas let them pass. A
// change of meaning gets a new type. [Schema] returns the JSON Schema an event's
// dataschema names.
package events
