// Package orderapi asks a merchant's gateway about an order, within the rate
// that all workers share, and stops asking a gateway that is down.
package orderapi
