// Package e2e tests the programs as processes, against nats-server and
// redis-server as processes, with the sandbox gateway pushing real callbacks.
// What it asserts is the ledger: nothing lost, nothing doubled, amounts equal to
// the gateway's.
package e2e
