package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestThreatModelNamesRealTests: each test that the page leans on exists.
func TestThreatModelNamesRealTests(t *testing.T) {
	t.Parallel()
	declared := make(map[string]bool)
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, path := range files(t, "_test.go") {
		for _, m := range declaration.FindAllStringSubmatch(read(t, path), -1) {
			declared[m[1]] = true
		}
	}
	page := read(t, "docs/threat-model.md")
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(page, -1)
	if len(named) < 50 {
		t.Fatalf("the page names %d tests: has its form changed?", len(named))
	}
	for _, m := range named {
		if !declared[m[1]] {
			t.Errorf("docs/threat-model.md names %s, which is no test", m[1])
		}
	}
	for _, role := range []string{"receiver", "worker", "sweep", "order-service", "downstream", "operator", "finance", "setup", "recovery"} {
		if !strings.Contains(page, "`"+role+"`") {
			t.Errorf("docs/threat-model.md does not say what %s can do", role)
		}
	}
}
