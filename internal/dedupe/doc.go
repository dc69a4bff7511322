// Package dedupe keeps the claims and done marks that spare order queries for
// repeated pushes, in Redis.
//
// # Protocol
//
// A key is one piece of work (an order, its flow, what the callback says).
//
//	claim    SET key claim:<token> NX GET PX lease   nil: owned · claim:…: held · done:<seq>: done
//	done     SET key done:<seq> PX ttl               whoever holds it: the ledger has the event
//	release  if GET key = claim:<token> then DEL key
//	attempts HINCRBY key:attempts <reason>, PEXPIRE  conclusive looks spent
//
// The token names one delivery: a claim whose lease ran out and was taken by
// another can't be released by its first owner. Done is written only after the
// event is stored, so a crash at any point leaves at worst a claim that ends
// with its lease.
//
// Redis is an optimisation. [Guard] wraps a [Store] so that a store that does
// not answer costs a query and a bounded wait, never a callback.
package dedupe
