package reconcile_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws enough cases that every branch of a decision meets facts it
// has to refuse: the default of 100 does not. -rapid.checks draws more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10000"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}
