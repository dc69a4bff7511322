// Package story tells what became of an order, of all that the streams hold of it:
// for support, who is asked "where is order X?".
//
// [Tell] makes a timeline of each merchant's order of that id, in the order in
// which the servers stored things, and a summary of where it stands now. It reads
// nothing by itself.
package story
