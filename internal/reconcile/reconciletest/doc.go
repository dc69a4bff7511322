// Package reconciletest holds what tests of reconciling need: fakes of
// everything a processor leans on, faults to inject into every step, turns to
// interleave processors exactly, and the conformance suites that keep the fakes
// and the real adapters the same.
//
// A [World] is the outside of the workers: gateway, ledger, orders, claims,
// trail and time. A [Worker] is one process in it, with a [Hook] that can make
// each step fail unapplied, fail applied, or end in a crash.
package reconciletest
