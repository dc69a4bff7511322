// Package receiver is the HTTP side of settlehook: it takes the gateway's
// callbacks in, answers success for those that are stored, and keeps the
// evidence of those it refuses.
//
// The way of a request is the list in way.go; every stage is in the file of
// its idea. Two promises hold whatever happens:
//
//   - success is never answered without a PubAck from CALLBACKS. No PubAck, a
//     drain or a panic is a 503: the gateway pushes again, and a callback that
//     was stored after all is recognised by its message id.
//   - Only configured flows and merchants become subject tokens or metric
//     labels; everything else is [stream.Unknown].
//
// # Refusals
//
// A refusal is one short line for the sender, one log line, one count with its
// reason, and the body in QUARANTINE within the budget of its class:
//
//	404  no such path, flow or merchant; source not allowed   unknown
//	405  method other than POST                               malformed
//	413  body over 16 KiB                                     malformed
//	415  neither JSON nor a form, or encoded (gzip)           malformed
//	400  body cut off or too slow; not a callback             malformed
//	401  no key of the merchant gives the signature           signature
//	429  over a limit; too many bodies at once of one source  not kept
//	503  not stored; no room to store; too slow under load    not kept
//
// A source that a merchant's allowFrom leaves out gets the answer of an unknown
// merchant: a stranger must not be able to find out which merchants there are.
// What is refused for our own sake (429, 503) is not kept: the sender pushes
// it again, and keeping it would write down the very flood a limit sheds.
//
// The evidence is the body of a bad signature, and at most the first 2 KiB of
// any other, also where the refusal came before the body was read. It is stored before the refusal is answered,
// so that a sender that was told no can be looked up; whether that works never
// changes the answer.
//
// Requests that are not HTTP (a malformed request line, headers over 8 KiB)
// are answered by net/http and reach nothing here.
//
// # Bounds
//
// Whatever is sent, memory and goroutines end at bounds, and none of them can be
// used up by who has no key:
//
//	connections           listener.go  the one longest without work gives way
//	… of one source       listener.go  closed at once
//	header bytes, lines   server.go, conn.go
//	bodies being read     room.go      the slowest gives way; a share per source
//	callbacks stored      room.go      verified ones only; 503 before the body
//	evidence being kept   evidence.go  a number of each kind; not kept beyond
//	evidence in the end   evidence.go  budgets by class, merchant and sender
package receiver
