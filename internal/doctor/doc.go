// Package doctor looks at a running installation as an operator would, and says
// what is wrong with the command that mends it. It changes nothing: it stores no
// message, makes no consumer and leaves nothing at the receiver. The one trace
// is that each question to a gateway takes its turn in the merchant's rate.
//
//   - doctor.go runs the checks side by side; checks.go lists them.
//   - visit.go holds what several checks need: connections, what the streams are.
//   - every other file is one check.
package doctor
