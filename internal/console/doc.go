// Package console is the local web page of support and operators: what comes in
// and goes out, what became of an order, and the cases that need a person, with
// what the commands do about them.
//
// It serves whoever holds the login that was printed at start, on the person's own
// machine, under the person's own credentials: it can do what they can, and opens
// no port of the installation. guard.go says whom it refuses. All of its state is in
// memory, and the streams are its only source.
package console
