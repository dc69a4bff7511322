package monitoring_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/testserver"
)

const runbookBase = "https://github.com/settlehook/settlehook/blob/main/docs/runbooks/"

// cases is a file of 'promtool test rules'.
type cases struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string `yaml:"name"`
		Interval    string `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		PromQL []any `yaml:"promql_expr_test"`
		Alerts []struct {
			Name     string `yaml:"alertname"`
			At       string `yaml:"eval_time"`
			Expected []struct {
				Labels map[string]string `yaml:"exp_labels"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

func TestRulesAreValid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeRules(t, dir, true)
	promtool(t, append([]string{"check", "rules", "--lint-fatal"}, glob(t, filepath.Join(dir, "*.yaml"))...)...)
}

// promtool compares annotations too, which would have every case repeat every
// text: they are taken out, and TestAlertsSayWhatToDo looks at them.
func TestRulesBehave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeRules(t, filepath.Join(dir, "rules"), false)
	for _, path := range glob(t, "testdata/*.yaml") {
		name := filepath.Base(path)
		write(t, filepath.Join(dir, name), read(t, path))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			promtool(t, "test", "rules", filepath.Join(dir, name))
		})
	}
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testserver.Binary(t, "promtool"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
}

// seen is what the cases show of one alert of one severity.
type seen struct {
	firing, quiet int
	labels        map[string]bool // of every alert that fires
}

// An alert that no case sees firing may be dead, and one that no case sees quiet
// may fire always. A case in which none of its metrics is there shows neither.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	shown := shownByCases(t)
	for _, a := range alerts(t) {
		s := shown[a.Alert+" "+a.Labels["severity"]]
		if s.firing == 0 || s.quiet == 0 {
			t.Errorf("%s (%s): %d cases see it firing, %d quiet; testdata needs one of each",
				a.Alert, a.Labels["severity"], s.firing, s.quiet)
		}
	}
}

func shownByCases(t *testing.T) map[string]seen {
	t.Helper()
	all := alerts(t)
	shown := make(map[string]seen)
	for _, path := range glob(t, "testdata/*.yaml") {
		var file cases
		decodeYAML(t, path, &file)
		for _, test := range file.Tests {
			var inputs []string
			for _, s := range test.InputSeries {
				inputs = append(inputs, namesIn(s.Series)...)
			}
			for _, at := range test.Alerts {
				known := false
				for _, a := range all {
					if a.Alert != at.Name {
						continue
					}
					known = true
					key, severity := a.Alert+" "+a.Labels["severity"], a.Labels["severity"]
					s := shown[key]
					if s.labels == nil {
						s.labels = make(map[string]bool)
					}
					fires := false
					for _, expected := range at.Expected {
						if expected.Labels["severity"] == severity {
							fires = true
							for label := range expected.Labels {
								s.labels[label] = true
							}
						}
					}
					switch {
					case fires:
						s.firing++
					case overlap(inputs, sources(t, a.Expr)):
						s.quiet++
					}
					shown[key] = s
				}
				if !known {
					t.Errorf("%s: case %q is about %s, which is no alert", path, test.Name, at.Name)
				}
			}
		}
	}
	return shown
}

// sources are the metrics behind an expression, through recorded series.
func sources(t *testing.T, expr string) []string {
	t.Helper()
	var found []string
	for _, name := range namesIn(expr) {
		recorded := false
		for _, r := range rules(t) {
			if r.Record == name && !slices.Contains(namesIn(r.Expr), name) {
				recorded = true
				found = append(found, sources(t, r.Expr)...)
			}
		}
		if !recorded {
			found = append(found, name)
		}
	}
	return found
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

var templateLabel = regexp.MustCompile(`\$labels\.([a-z_]+)`)

// Whoever is woken reads what it means and where to look.
func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	shown := shownByCases(t)
	for _, a := range alerts(t) {
		if diff := cmp.Diff([]string{"severity"}, keys(a.Labels)); diff != "" || !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) {
			t.Errorf("%s: labels %v, want severity page or ticket alone", a.Alert, a.Labels)
		}
		if diff := cmp.Diff([]string{"description", "runbook_url", "summary"}, keys(a.Annotations)); diff != "" {
			t.Errorf("%s: annotations (-want +got):\n%s", a.Alert, diff)
		}
		if want := runbookBase + a.Alert + ".md"; a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url %s, want %s", a.Alert, a.Annotations["runbook_url"], want)
		}
		if !strings.HasPrefix(a.Alert, "Settlehook") {
			t.Errorf("%s: other systems' alerts are in the same Alertmanager; want the prefix Settlehook", a.Alert)
		}
		for _, m := range templateLabel.FindAllStringSubmatch(a.Annotations["summary"]+a.Annotations["description"], -1) {
			if !shown[a.Alert+" "+a.Labels["severity"]].labels[m[1]] {
				t.Errorf("%s (%s) names its label %s, which it does not have in any case", a.Alert, a.Labels["severity"], m[1])
			}
		}
	}
}

func keys(m map[string]string) []string {
	var found []string
	for key := range m {
		found = append(found, key)
	}
	slices.Sort(found)
	return found
}
