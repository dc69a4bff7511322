// Package orders is the way into settlehook's stream ORDERS: an order service
// registers each order there before it creates it at the gateway, so that what
// was paid is compared with what was asked (match three-way), and takes the
// registration back when the gateway definitely refused the order.
//
// A registration is a statement that others act on, so it is made once: the
// stream keeps the first message of each subject, and nobody can change or
// delete it. What a call cannot know from its answer it reads back from the
// stream's leader.
//
// # Attempts that race
//
// Several attempts at one order may run at once, and what one of them sent may
// arrive late. Each message says which was the order's last when it was decided
// on, over both flows, and the server refuses it when another came since:
//
//	submitted    registered: nothing was there before
//	repeated     a further attempt may create it: right after submitted
//	withdrawn    no attempt may create it any more: right after submitted
//
// So of repeated and withdrawn there is one at most. [Book.Submit] lets an
// attempt go to the gateway only as the order's first or with repeated stored,
// and [Book.Withdraw] succeeds only while the first attempt is the only one: an
// order that may live keeps its registration, and an order id that is used up
// names no order. This holds among all who write so; docs/events.md has it for
// other languages.
//
// # Connection
//
// The connection is the caller's. One that is made with
// nats.ReconnectBufSize(-1) publishes nothing after the call that wanted it has
// failed. An account with permissions of its own needs to publish on
// orders.v1.>, $JS.API.STREAM.INFO.ORDERS and $JS.API.STREAM.MSG.GET.ORDERS.
package orders
