// Package up is everything in one process: embedded NATS with a file store, an
// embedded stand-in for Redis, receiver, worker, and, if asked for, the sandbox
// gateway with traffic.
package up
