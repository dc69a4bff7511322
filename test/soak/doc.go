// Package soak runs the real programs against the real servers while processes
// are killed and stopped, servers forget, networks break and gateways lie, and
// holds the ledger to the gateways' books afterwards (docs/reliability.md).
//
// The bounded runs are tests like any other; 'make soak' runs as long as asked.
package soak
