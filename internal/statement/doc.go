// Package statement reads what a statement of a period is made of: submitted
// orders and events from the streams, the gateway's side from its order query or
// from a bill, movements from a file. internal/finance compares them.
package statement
