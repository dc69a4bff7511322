package monitoring_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	section = regexp.MustCompile(`(?m)^## (.*)$`)
	promql  = regexp.MustCompile("(?s)```promql\n(.*?)```")
)

// pages are the runbooks by the name of their alert.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, path := range glob(t, filepath.Join(runbooks, "*.md")) {
		if name := strings.TrimSuffix(filepath.Base(path), ".md"); name != "README" {
			found[name] = string(read(t, path))
		}
	}
	return found
}

// queriesOf are the queries that a runbook gives, one on each line.
func queriesOf(page string) []string {
	var all []string
	for _, block := range promql.FindAllStringSubmatch(page, -1) {
		all = append(all, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return all
}

func TestEveryAlertHasItsRunbook(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, a := range alerts(t) {
		want = append(want, a.Alert)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for name, page := range pages(t) {
		got = append(got, name)
		if !strings.HasPrefix(page, "# "+name+"\n") {
			t.Errorf("%s.md does not begin with its name", name)
		}
		var sections []string
		for _, m := range section.FindAllStringSubmatch(page, -1) {
			sections = append(sections, m[1])
		}
		if diff := cmp.Diff([]string{"What it means", "Look", "Causes, the likely ones first", "Over when", "Escalate"}, sections); diff != "" {
			t.Errorf("%s.md: sections (-want +got):\n%s", name, diff)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts, and their runbooks (-alerts +pages):\n%s", diff)
	}
}
