// Package testserver starts the real servers that tests run against: NATS in
// process or as a process, Redis as a process. A server that is missing fails
// the test with the command to use; nothing is skipped.
package testserver
