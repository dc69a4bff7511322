// Package shop is the other side of the sandbox gateway: a merchant's order
// service that creates orders over the gateway's API, with pkg/gateway and its
// registrations like a real one, and leaves it to the sandbox what payers and
// banks make of them.
//
// Which orders it makes follows from its seed and run alone.
package shop
