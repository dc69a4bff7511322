// Package app is the receiver and the worker as embeddable programs: New wires
// one, Run runs it until its context ends, and stops it in named, bounded
// steps. The commands are thin mains over it, and tests run the same code.
package app
