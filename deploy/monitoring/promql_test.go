package monitoring_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is left of an expression without these, and without what is called like
// a function, are the names of its metrics. Whether it is PromQL at all is for
// Prometheus to say.
var (
	promqlText      = regexp.MustCompile(`"(?:\\.|[^"\\])*"`)
	promqlMatchers  = regexp.MustCompile(`\{[^}]*\}`)
	promqlRange     = regexp.MustCompile(`\[[^\]]*\]|\boffset\s+-?[0-9smhdwy]+`)
	promqlGrouping  = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	promqlWord      = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	promqlSelector  = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	promqlMatcher   = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)`)
	promqlOperators = []string{"and", "or", "unless", "bool", "on", "group_left", "group_right"}
)

// namesIn are the metrics that an expression names.
func namesIn(expr string) []string {
	for _, noise := range []*regexp.Regexp{promqlText, promqlMatchers, promqlRange, promqlGrouping} {
		expr = noise.ReplaceAllString(expr, " ")
	}
	var names []string
	for _, word := range promqlWord.FindAllString(expr, -1) {
		if strings.HasSuffix(word, "(") || slices.Contains(promqlOperators, strings.TrimSpace(word)) {
			continue
		}
		names = append(names, strings.TrimSpace(word))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// matchersIn are the labels that an expression selects each of its metrics by.
func matchersIn(expr string) map[string][]string {
	selected := make(map[string][]string)
	bare := promqlText.ReplaceAllString(expr, `""`) // a text may hold braces
	for _, m := range promqlSelector.FindAllStringSubmatch(bare, -1) {
		for _, label := range promqlMatcher.FindAllStringSubmatch(m[2], -1) {
			selected[m[1]] = append(selected[m[1]], label[1])
		}
	}
	return selected
}

// groupingsIn are the labels that an expression groups or joins by.
func groupingsIn(expr string) []string {
	var labels []string
	for _, m := range promqlGrouping.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

func TestNamesIn(t *testing.T) {
	t.Parallel()
	const expr = `sum by (namespace, merchant) (increase(a_total{reason=~"b{2}|c", d!="e"}[1h] offset 1d)) > 0.5
		unless on (namespace) max(level:f:rate5m) or (time() - g_seconds) > 3600 and h`
	if diff := cmp.Diff([]string{"a_total", "g_seconds", "h", "level:f:rate5m"}, namesIn(expr)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{"a_total": {"reason", "d"}}, matchersIn(expr)); diff != "" {
		t.Errorf("matchers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"merchant", "namespace"}, groupingsIn(expr)); diff != "" {
		t.Errorf("groupings (-want +got):\n%s", diff)
	}
}
