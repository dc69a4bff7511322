package soak

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/test/ledgercheck"
)

// report is what a run did and found.
type report struct {
	name            string
	seed            uint64
	rounds, kills   int
	stops           int
	done            map[string]int
	pushes, taken   int64
	stored          int
	orders, events  int
	queries, giveUp int64
	told            map[string]int
	lost, doubled   int
	wrong, open     int
	service         service
	loaded, took    time.Duration
}

func newReport(name string, s size, g *loadGateway, c *chaos, a *audit, loaded, took time.Duration) *report {
	return &report{
		name: name, seed: s.seed, rounds: c.all, kills: c.kills, stops: c.stops, done: c.done,
		pushes: g.pushes.Load(), taken: g.taken.Load(), stored: a.stored, orders: a.orders, events: a.events,
		queries: g.queries.Load(), giveUp: g.lost.Load(), told: a.told,
		lost: len(a.faults[ledgercheck.Lost]), doubled: len(a.faults[ledgercheck.Doubled]), wrong: len(a.faults[ledgercheck.Wrong]), open: a.open,
		service: service{longest: g.service.longest, total: g.service.total, gaps: g.service.gaps}, loaded: loaded, took: took,
	}
}

func (r *report) log(t *testing.T) {
	t.Helper()
	t.Logf("%s", strings.Join(columns, " | "))
	t.Logf("%s", strings.Join(r.cells(), " | "))
	t.Logf("%.0f callbacks/s; told: %v", float64(r.taken)/r.loaded.Seconds(), r.told)
	var acts []string
	for _, name := range slices.Sorted(maps.Keys(r.done)) {
		acts = append(acts, fmt.Sprintf("%s %d", name, r.done[name]))
	}
	t.Logf("acts: %s", strings.Join(acts, "; "))
}

// columns of the table in docs/reliability.md.
var columns = []string{
	"run", "date", "versions", "seed", "rounds", "kills", "stops", "flushes", "pushes", "callbacks answered success", "stored",
	"orders", "events", "lost", "doubled", "wrong", "open for the sweep", "load", "without service: total, gaps, longest",
}

func (r *report) cells() []string {
	n := func(v any) string { return fmt.Sprint(v) }
	return []string{
		r.name, time.Now().UTC().Format("2006-01-02"), versions(), n(r.seed), n(r.rounds), n(r.kills), n(r.stops), n(r.done["flush redis"]),
		n(r.pushes), n(r.taken), n(r.stored), n(r.orders), n(r.events), n(r.lost), n(r.doubled), n(r.wrong), n(r.open),
		fmt.Sprintf("%s at %.0f/s", r.loaded.Round(time.Second), float64(r.taken)/r.loaded.Seconds()),
		fmt.Sprintf("%s, %d, %s", r.service.total.Round(100*time.Millisecond), r.service.gaps, r.service.longest.Round(100*time.Millisecond)),
	}
}

// versions are of what ran.
func versions() string {
	return strings.Join([]string{
		version("git", "describe", "--tags", "--always", "--dirty"), runtime.Version(),
		version(serverBinary("nats-server"), "-v"), version(serverBinary("redis-server"), "--version"),
	}, ", ")
}

func serverBinary(name string) string {
	path := testserver.Root() + "/.cache/bin/" + name
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return name
}

// version is what a program says about itself, in two words at most.
func version(name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Dir = testserver.Root()
	out, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	words := strings.Fields(string(out))
	for i, w := range words {
		if v, ok := strings.CutPrefix(w, "v="); ok { // Redis server v=7.0.15 sha=…
			return "Redis " + v
		}
		if i == 1 && strings.HasPrefix(words[0], "nats-server") {
			return "nats-server " + w
		}
	}
	return strings.Join(words[:min(2, len(words))], " ")
}
