// Package sandbox is a stand-in for the payment gateway: its four endpoints, its
// callbacks and a cashier page, over one state machine of orders, with every
// mischief that gateways of this family are known for (mischief.go).
//
// It keeps books of everything it did (every state and push, every query
// answered, every mischief), which is what a test compares the ledger with.
// Orders are created over the API, over the admin port, or from Go; the same
// seed and run do the same to the same orders.
//
// How it is laid out: an order's life is a pure state machine (order.go); the
// books hold all orders, movements and balances (books.go, movement.go,
// balance.go), and a bill is made of them (bill.go); fates, courses and push
// series put their steps on one agenda that a bounded pool works off (agenda.go,
// fate.go, course.go, push.go, companions.go), and letter.go writes the
// callbacks; HTTP handlers are thin, one file per endpoint (collect.go, pay.go,
// query.go, balance.go, admin.go); server.go ties them together.
//
// Time passes TimeScale times as fast as the clock's: with 60 a minute of the
// gateway takes a second. Every duration an order's script or the push
// schedule names is in the gateway's time.
package sandbox
