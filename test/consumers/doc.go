// Package consumers tests what downstream services are shown: the examples as
// processes, and the commands of the README, against a nats-server with the
// declared streams, as the user that deploy/nats gives them.
package consumers
