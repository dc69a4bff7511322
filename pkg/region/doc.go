// Package region holds what the gateway asks of create calls in each region:
// which parameters it requires, and what they must look like (gateway page,
// "Region rules"). It only looks at text. What it refuses would be refused by
// the gateway, or would send money astray, so it is checked before anything is
// sent; what it lets through may still be refused.
//
// Amounts are in major currency units. No error quotes a value, since most of
// what is checked here is about a person.
package region
