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
// The connection is the caller's. One that is made with
// nats.ReconnectBufSize(-1) publishes nothing after the call that wanted it has
// failed. An account with permissions of its own needs to publish on
// orders.v1.>, $JS.API.STREAM.INFO.ORDERS and $JS.API.STREAM.MSG.GET.ORDERS.
package orders
