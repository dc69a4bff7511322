// Package contract is what settlehook promises to machines, as documents:
// docs/asyncapi.json for the subjects, and the OpenAPI documents of the receiver
// and the sandbox gateway beside it. The first is generated from pkg/events and
// the streams' declarations, the others are written by hand and held to the real
// servers by the tests. [Breaking] says what a change would break.
//
// No program is made of this package: its generator and the tests are.
package contract

//go:generate go run ./gen -samples ../../pkg/events/testdata -out ../../docs/asyncapi.json
