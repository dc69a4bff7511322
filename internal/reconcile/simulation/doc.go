// Package simulation holds the processor to its guarantee in random histories.
//
// A history is drawn (history_test.go): what becomes of some orders at the
// gateway, what it pushes and what it forgets to push, what order services
// announce, and what breaks meanwhile. It is played (play_test.go) in virtual
// time: the real processor, in several processes, takes its steps one at a time,
// in an order drawn from a seed, against fakes that pass the real servers'
// conformance suites. Then finance's questions are asked (audit_test.go): is
// anything lost, doubled, or untrue?
//
// The package is tests only. A failing history is shrunk and printed with its
// seed; -rapid.seed plays it again.
package simulation
