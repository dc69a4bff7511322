//go:build k8s

package k8s

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// guide is deploy/k8s/README.md. A command that is not in it any more fails the
// test that follows it.
type guide struct {
	t    testing.TB
	text string
}

func readGuide(t testing.TB) guide {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return guide{t, string(text)}
}

// section is what stands under a heading.
func (g guide) section(heading string) string {
	g.t.Helper()
	_, after, found := strings.Cut(g.text, "\n## "+heading+"\n")
	if !found {
		g.t.Fatalf("the README has no section %q", heading)
	}
	before, _, _ := strings.Cut(after, "\n## ")
	return before
}

var shellBlocks = regexp.MustCompile("(?s)```sh\n(.*?)```")

// block is the block of commands that holds a text.
func (g guide) block(heading, holds string) string {
	g.t.Helper()
	for _, found := range shellBlocks.FindAllStringSubmatch(g.section(heading), -1) {
		if strings.Contains(found[1], holds) {
			return found[1]
		}
	}
	g.t.Fatalf("no commands under %q have %q", heading, holds)
	return ""
}

// command is the one line of a block that holds a text.
func (g guide) command(heading, holds string) string {
	g.t.Helper()
	for line := range strings.Lines(g.block(heading, holds)) {
		if strings.Contains(line, holds) {
			return strings.TrimSpace(line)
		}
	}
	g.t.Fatalf("no line under %q has %q", heading, holds)
	return ""
}

// inText is the command within a sentence that begins with this.
func (g guide) inText(heading, begins string) string {
	g.t.Helper()
	found := regexp.MustCompile("`(" + regexp.QuoteMeta(begins) + "[^`]*)`").FindStringSubmatch(g.section(heading))
	if found == nil {
		g.t.Fatalf("no command under %q begins with %q", heading, begins)
	}
	return found[1]
}

// bookedOrder is an order in the sandbox's books.
type bookedOrder struct {
	ID       string   `json:"orderId"`
	Merchant string   `json:"merchant"`
	Accepted bool     `json:"accepted"` // its last state
	Pushes   []booked `json:"pushes"`
}

// booked is a push in the sandbox's books.
type booked struct {
	At         time.Time `json:"at"`
	HTTPStatus int       `json:"httpStatus"`
	Answer     string    `json:"answer"`
	Error      string    `json:"error"`
	Mischief   []string  `json:"mischief"`
	Accepted   bool      `json:"accepted"`
}

// toBeRefused are the mischiefs that a push is not meant to survive, or is not even
// sent with; any other is meant to be answered success.
var toBeRefused = []string{"push-missing", "push-none", "push-forged", "push-collision"}

// refused reports whether a push was not taken that should have been.
func (b booked) refused() bool {
	return !b.Accepted && !slices.ContainsFunc(b.Mischief, func(m string) bool { return slices.Contains(toBeRefused, m) })
}

// readBooks reads the sandbox's books, one order a line.
func readBooks(books string) (orders []bookedOrder, err error) {
	for line := range strings.Lines(books) {
		var order bookedOrder
		if err := json.Unmarshal([]byte(line), &order); err != nil {
			return nil, err
		}
		orders = append(orders, order)
	}
	return orders, nil
}
