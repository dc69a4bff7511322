// Package embedded runs the servers of the all-in-one program inside its
// process: NATS with a file store and synced writes, and a stand-in for Redis.
// The receiver and the worker don't link it (a test holds that).
package embedded
