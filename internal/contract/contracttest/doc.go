// Package contracttest holds what tests emit to the published schemas. The fakes
// of the ledger call it for every event, and testserver for every stream of a
// test's NATS before the test ends.
package contracttest
