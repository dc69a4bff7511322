package monitoring_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dashboardFile is what the tests look at in a Grafana dashboard.
type dashboardFile struct {
	file        string
	UID         string `json:"uid"`
	Title       string
	Description string
	Links       []struct {
		Type, URL   string
		Tags        []string
		IncludeVars bool `json:"includeVars"`
	}
	Tags       []string
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	FieldConfig struct {
		Defaults struct{ Unit string }
	} `json:"fieldConfig"`
	Datasource struct{ UID string }
	Targets    []struct {
		Expr         string
		RefID        string `json:"refId"`
		LegendFormat string `json:"legendFormat"`
		Exemplar     bool
		Datasource   struct{ UID string }
	}
}

func dashboards(t *testing.T) []dashboardFile {
	t.Helper()
	var all []dashboardFile
	for _, path := range glob(t, filepath.Join(component, "dashboards", "*.json")) {
		d := dashboardFile{file: filepath.Base(path)}
		decodeJSON(t, path, &d)
		all = append(all, d)
	}
	return all
}

// labelValues is how a variable asks for its choices.
var labelValues = regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`)

// grafana are Grafana's variables, as it would fill them in.
var grafana = strings.NewReplacer("$__rate_interval", "2m", "$__range", "1h", "$__interval", "1m", "$namespace", ".*", "$merchant", ".*")

// expressions are the queries of panels and variables, as Prometheus gets them.
func (d dashboardFile) expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Query)
		if m == nil {
			t.Errorf("%s: variable %s asks %s", d.file, v.Name, v.Query)
			continue
		}
		all = append(all, expression{d.file + " variable " + v.Name, "count by (" + m[2] + ") (" + grafana.Replace(m[1]) + ")"})
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := grafana.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s, %s: a variable that the test does not know: %s", d.file, p.Title, expr)
			}
			all = append(all, expression{d.file + " " + p.Title, expr})
		}
	}
	return all
}

// Whoever looks at a panel at night reads what it shows and in which unit.
func TestPanelsExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, d := range dashboards(t) {
		ids := make(map[int]bool)
		for _, p := range d.Panels {
			if ids[p.ID] {
				t.Errorf("%s: two panels have id %d", d.file, p.ID)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
				t.Errorf("%s: panel %q: title, description, unit %q, query or data source is missing", d.file, p.Title, p.FieldConfig.Defaults.Unit)
			}
			for _, target := range p.Targets {
				if target.RefID == "" || target.Datasource.UID != "${datasource}" {
					t.Errorf("%s: panel %q: a query has no name or another data source", d.file, p.Title)
				}
				if quantile := strings.Contains(target.Expr, "histogram_quantile"); quantile != target.Exemplar {
					t.Errorf("%s: panel %q: quantile %t, exemplars %t", d.file, p.Title, quantile, target.Exemplar)
				}
				if !strings.Contains(target.Expr, `namespace=~"$namespace"`) {
					t.Errorf("%s: panel %q mixes the namespaces: %s", d.file, p.Title, target.Expr)
				}
			}
		}
	}
}

func TestDashboardsBelongTogether(t *testing.T) {
	t.Parallel()
	var uids []string
	for _, d := range dashboards(t) {
		uids = append(uids, d.UID)
		if !slices.Contains(d.Tags, "settlehook") || d.Title == "" || d.Description == "" {
			t.Errorf("%s: tags %v, title %q, description %q", d.file, d.Tags, d.Title, d.Description)
		}
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
		}
		if diff := cmp.Diff([]string{"datasource", "namespace", "merchant"}, variables); diff != "" {
			t.Errorf("%s: variables (-want +got):\n%s", d.file, diff)
		}
		others, help := false, false
		for _, link := range d.Links {
			others = others || link.Type == "dashboards" && slices.Contains(link.Tags, "settlehook") && link.IncludeVars
			help = help || link.URL+"/" == runbookBase
		}
		if !others || !help {
			t.Errorf("%s: links to the other dashboards %t, to the runbooks %t", d.file, others, help)
		}
	}
	if diff := cmp.Diff([]string{"settlehook-money", "settlehook-overview", "settlehook-receiver", "settlehook-worker"}, uids); diff != "" {
		t.Errorf("dashboards (-want +got):\n%s", diff)
	}
}

// The component carries every file, and names none that is not there.
func TestComponentNamesEveryFile(t *testing.T) {
	t.Parallel()
	var k struct {
		APIVersion         string `yaml:"apiVersion"`
		Kind               string
		Resources          []string
		ConfigMapGenerator []struct {
			Name    string
			Files   []string
			Options struct {
				DisableNameSuffixHash bool `yaml:"disableNameSuffixHash"`
				Labels, Annotations   map[string]string
			}
		} `yaml:"configMapGenerator"`
	}
	decodeYAML(t, filepath.Join(component, "kustomization.yaml"), &k)
	if k.Kind != "Component" || len(k.ConfigMapGenerator) != 1 || k.ConfigMapGenerator[0].Options.Labels["grafana_dashboard"] != "1" {
		t.Errorf("the kustomization is %+v", k)
	}
	named := slices.Concat(k.Resources, k.ConfigMapGenerator[0].Files)
	var there []string
	for _, pattern := range []string{"*.yaml", "rules/*.yaml", "dashboards/*.json"} {
		for _, path := range glob(t, filepath.Join(component, pattern)) {
			if name, err := filepath.Rel(component, path); err == nil && name != "kustomization.yaml" {
				there = append(there, name)
			}
		}
	}
	slices.Sort(named)
	slices.Sort(there)
	if diff := cmp.Diff(there, named); diff != "" {
		t.Errorf("files, and what the kustomization names (-files +named):\n%s", diff)
	}
}
