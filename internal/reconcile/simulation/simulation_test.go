package simulation

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// How many histories are played, and in how many rows of their own.
const (
	atLeast = 20_000
	shards  = 4
)

// TestMain plays enough histories; -rapid.checks says how many in each shard.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", strconv.Itoa(atLeast/shards)); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestHistories plays at least 20,000 random histories, asks finance's questions
// after each, and says what happened in them.
func TestHistories(t *testing.T) {
	all := &tally{n: map[string]int{}}
	t.Run("random", func(t *testing.T) {
		for i := range shards {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) {
					h := histories.Draw(rt, "history")
					p := perform(t, h, variant{}, false)
					a := p.audit()
					if len(a.found) > 0 {
						rt.Fatal(report(perform(t, h, variant{}, true), a.found))
					}
					all.add(p, a)
				})
			})
		}
	})
	if t.Failed() {
		return
	}
	t.Logf("what happened:\n%s", all)
	if n := all.n["histories"]; n < atLeast {
		t.Errorf("%d histories, want %d", n, atLeast)
	}
	for _, what := range all.missing() {
		t.Errorf("no history came to: %s", what)
	}
}

// report is a history that went wrong, for a person.
func report(p *play, found []violation) string {
	var s strings.Builder
	for _, v := range found {
		fmt.Fprintf(&s, "%s: %s\n", v.invariant, v.text)
	}
	fmt.Fprintf(&s, "history: %+v\n", p.h)
	for _, line := range p.trace {
		s.WriteString(line + "\n")
	}
	return s.String()
}
