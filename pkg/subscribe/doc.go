// Package subscribe reads settlement events from NATS JetStream: what a
// downstream service runs to book, release or reverse orders. It brings typed,
// checked events ([events.Decode]) from the stream [Stream] through a durable pull
// consumer, and acknowledges each once its [Handler] is done with it.
//
//	err := subscribe.Run(ctx, js, subscribe.Config{
//		Durable: "bookkeeping",
//		Filters: []string{"payments.v1.settled.>", "payments.v1.reversed.>"},
//	}, func(ctx context.Context, d subscribe.Delivery) error {
//		return ledger.Book(ctx, d.Event) // once by d.Event.ID, see below
//	})
//
// # Once, by event id
//
// An event comes at least once. It comes again when the handler failed, when the
// service died between its transaction and the acknowledgement, and when an
// acknowledgement was lost on its way. So insert [events.Event.ID] under a unique
// constraint in the transaction that books; where it stands already, return nil.
// The example of [Run] shows it. Remembering ids anywhere else than in that
// transaction (a cache, another database) loses or doubles money in a crash.
//
// # Order
//
// Events of one order are handled one at a time, first deliveries in the order
// of the stream; different orders run in parallel (Config.Parallel). One thing
// turns events of an order around: a redelivery. While a failed event waits for
// its next attempt, a later event of its order may be handled. It says so itself:
// its Supersedes names the event that no longer holds, so keep the ids that were
// superseded, and skip their effect when they come late. The example
// "Supersession" shows it. Where that is too much, set InFlight to 1: then the
// whole stream comes strictly in order, redeliveries included, one event at a
// time, and an event that fails holds up all behind it. Several instances may
// share a durable; between them only InFlight 1 keeps the order.
//
// # What can't be read
//
// The stream only holds events that settlehook checked, so a message that
// [events.Decode] refuses is a fault that a person has to look at, or an event of
// a newer settlehook. Neither is ever acknowledged unasked: see
// Config.OnUndecodable and Config.OnUnknownType.
//
// # Replay
//
// The position of a durable is kept by the server. To read again, take a new
// durable name and [StartAt] a time: everything stored since comes, in order, with
// the ids it had before, so what is booked stays booked once.
//
// # Connection
//
// The connection is the caller's. Connect with nats.MaxReconnects(-1), so that a
// server that is away for long is waited for. The user "downstream" of
// deploy/nats/permissions.conf may do all that is needed here, with
// nats.CustomInboxPrefix("_INBOX_downstream").
//
// For tests without a server see package eventstest.
package subscribe
