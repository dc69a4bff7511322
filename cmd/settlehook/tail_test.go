package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// printed returns once a file has that many lines:
//
//	printed out 2
func printed(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := []byte(nil)
	until(ts, "lines of "+args[0], want, func() int {
		text, err = os.ReadFile(ts.MkAbs(args[0]))
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Check(err)
		}
		return strings.Count(string(text), "\n")
	})
}

// followed returns once a stream has that many consumers:
//
//	followed PARKED 2
func followed(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	js := connect(ts)
	until(ts, "consumers of "+args[0], want, func() int {
		ctx, cancel := testContext()
		defer cancel()
		s, err := js.Stream(ctx, args[0])
		ts.Check(err)
		return s.CachedInfo().State.Consumers
	})
}

// until waits for a number.
func until(ts *testscript.TestScript, what string, want int, count func() int) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	got := count()
	for ; got != want; got = count() {
		if time.Now().After(deadline) {
			ts.Fatalf("%d %s, want %d", got, what, want)
		}
		<-tick.C
	}
}
