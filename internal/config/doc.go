// Package config holds every setting of the receiver, the worker and the
// settlehook command: environment variables, and the merchants file with its
// hot reload.
//
// Loading is all or nothing. [LoadReceiver], [LoadWorker], [LoadSetup] and
// [LoadUp] take the environment as a map and either return a configuration
// that has been checked as a whole, contradictions between settings included,
// or every fault found at once, one line each (a [Fault]) that names the
// variable or file:line and says what to do.
//
// The comment on a field is its documentation: docs/configuration.md is
// generated from the structs in this package by "go generate
// ./internal/config", and a test holds it true.
//
// Nothing here prints a secret. Values that carry one ([NATSURL], [RedisURL],
// sign.Secret) show themselves redacted with every fmt verb and in JSON.
package config

//go:generate go run ./docgen -out ../../docs/configuration.md
