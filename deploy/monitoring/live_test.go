package monitoring_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// expression is PromQL that somebody relies on.
type expression struct{ where, promql string }

// expressions are those of rules, dashboards and runbooks.
func expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	for _, r := range rules(t) {
		all = append(all, expression{r.Alert + r.Record, r.Expr})
	}
	for _, d := range dashboards(t) {
		all = append(all, d.expressions(t)...)
	}
	for name, page := range pages(t) {
		for _, query := range queriesOf(page) {
			all = append(all, expression{name + ".md", query})
		}
	}
	return all
}

// TestAgainstRealPrometheus: a Prometheus that scrapes receiver, worker and
// sweeper knows every metric that alerts, dashboards and runbooks name, with the labels
// they select and group by; its rules are healthy; and it can run every query.
func TestAgainstRealPrometheus(t *testing.T) {
	t.Parallel()
	i := startInstallation(t)
	p := startPrometheus(t, i.targets)
	await(t, "every program is scraped", func() error { // before there is traffic, or nothing is seen to rise
		if n, err := p.query("up == 1"); err != nil || n != len(i.targets) {
			return fmt.Errorf("%d of %d, %w", n, len(i.targets), err)
		}
		return nil
	})
	i.traffic(300)
	i.redis.Kill() // what is counted of its failures is there only then
	i.traffic(20)

	wanted := make(map[string]string) // where each metric is named first
	for _, e := range expressions(t) {
		for _, name := range namesIn(e.promql) {
			if _, known := wanted[name]; !known && name != "ALERTS" {
				wanted[name] = e.where
			}
		}
	}
	missing := func() error {
		names, err := p.names()
		if err != nil {
			return err
		}
		var missing []string
		for name, where := range wanted {
			if !slices.Contains(names, name) {
				missing = append(missing, name+" ("+where+")")
			}
		}
		slices.Sort(missing)
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d metrics are in no scrape:\n  %s", len(missing), len(wanted), strings.Join(missing, "\n  "))
		}
		return nil
	}
	if err := wait(time.Minute, missing); err != nil {
		t.Error(err)
	}
	await(t, "every rule is evaluated without an error", func() error {
		bad, err := p.unhealthy()
		if err == nil && len(bad) > 0 {
			err = fmt.Errorf("%s", strings.Join(bad, "\n"))
		}
		return err
	})
	for _, e := range expressions(t) {
		p.runs(e)
	}
	// A bucket that is written otherwise would leave the objective without data.
	for _, objective := range []string{"namespace:settlehook_callbacks_decided_late:ratio_rate5m", "namespace:settlehook_pushes_unanswered:ratio_rate5m"} {
		if n, err := p.query(objective); n != 1 || err != nil {
			t.Errorf("%s: %d series, %v", objective, n, err)
		}
	}
}

// runs asserts that an expression runs, and that the labels it selects and groups
// by are labels of its metrics.
func (p *prometheus) runs(e expression) {
	p.t.Helper()
	if _, err := p.query(e.promql); err != nil {
		p.t.Errorf("%s: %v\n%s", e.where, err, e.promql)
	}
	var all []string
	for _, name := range namesIn(e.promql) {
		if name == "ALERTS" {
			return // Prometheus's own, with the labels of whatever fires
		}
		labels := p.labels(name)
		if len(labels) == 0 {
			return // reported as missing
		}
		all = append(all, labels...)
		for _, label := range matchersIn(e.promql)[name] {
			if !slices.Contains(labels, label) {
				p.t.Errorf("%s selects %s by %s, which is none of its labels %v", e.where, name, label, labels)
			}
		}
	}
	for _, label := range groupingsIn(e.promql) {
		if !slices.Contains(all, label) {
			p.t.Errorf("%s groups by %s, which none of its metrics has: %v", e.where, label, namesIn(e.promql))
		}
	}
}
