// Package cases is what a person does about cases that settlehook does not
// decide: open reviews, parked callbacks and refused ones. It knows no terminal.
package cases
