// Package finance says what finance is handed: the lines of an export and their
// columns, control totals, closed booking periods, and the statement that holds a
// period against the gateway. It does no I/O: what it is given decides what it
// says.
package finance
