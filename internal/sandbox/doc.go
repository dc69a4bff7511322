// Package sandbox is a stand-in for the payment gateway: the order query and
// the callbacks of the documented API over one state machine of orders.
//
// It keeps books of everything it did (every push with its time and answer,
// every query answered), which is what a test compares the ledger with. Orders
// are created over the admin port, from Go, or by the seeded traffic
// generator; the same seed and run make the same orders.
//
// How it is laid out: an order's life is a pure state machine (order.go); the
// books hold all orders (books.go); courses and push series put their steps on
// one agenda that a bounded pool works off (agenda.go, course.go, push.go);
// HTTP handlers are thin (query.go, admin.go); server.go ties them together.
//
// Time passes TimeScale times as fast as the clock's: with 60 a minute of the
// gateway takes a second. Every duration an order's script or the push
// schedule names is in the gateway's time.
package sandbox
