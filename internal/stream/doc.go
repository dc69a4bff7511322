// Package stream is everything NATS: the declared topology, the publisher of
// callbacks, the ledger, the consumer.
//
//   - topology.go declares the streams and consumers, once; setup.go makes them,
//     verify.go refuses a topology that breaks a guarantee.
//   - connect.go holds the connection options that guarantees hang on.
//   - callbacks.go and quarantine.go are the receiver's writes.
//   - ledger.go, orders.go, trail.go and acknowledge.go (PARKED) are the worker's.
//   - consumer.go pulls one merchant's callbacks; acknowledge.go is the only
//     caller of ack and nak.
package stream
