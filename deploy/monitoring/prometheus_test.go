package monitoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// prometheus is a real one, which scrapes every second.
type prometheus struct {
	t    *testing.T
	addr string
}

// target is a program as the PodMonitor shows it to Prometheus.
type target struct{ component, addr string }

// startPrometheus starts one with our rules.
func startPrometheus(t *testing.T, targets []target) *prometheus {
	t.Helper()
	dir := t.TempDir()
	writeRules(t, filepath.Join(dir, "rules"), true)
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules/*.yaml]\nscrape_configs:\n  - job_name: settlehook\n    static_configs:\n")
	for i, one := range targets {
		fmt.Fprintf(&config, "      - {targets: [%q], labels: {component: %s, namespace: settlehook, pod: %s-%d}}\n", one.addr, one.component, one.component, i)
	}
	file := filepath.Join(dir, "prometheus.yaml")
	write(t, file, []byte(config.String()))
	p := &prometheus{t: t, addr: testserver.Prometheus(t, file).Addr}
	await(t, "Prometheus is ready", func() error {
		res, err := http.Get("http://" + p.addr + "/-/ready")
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return nil
	})
	return p
}

// get asks the API, and decodes the data of its answer.
func (p *prometheus) get(path string, query url.Values, into any) error {
	res, err := http.Get("http://" + p.addr + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// names are those of all series that were ever scraped or recorded.
func (p *prometheus) names() ([]string, error) {
	var names []string
	err := p.get("label/__name__/values", nil, &names)
	return names, err
}

// labels are those that the series of a metric have.
func (p *prometheus) labels(metric string) []string {
	p.t.Helper()
	var names []string
	if err := p.get("labels", url.Values{"match[]": {metric}}, &names); err != nil {
		p.t.Errorf("labels of %s: %v", metric, err)
	}
	return names
}

// query runs one and returns how many series it gives.
func (p *prometheus) query(expr string) (int, error) {
	var data struct {
		Result []json.RawMessage `json:"result"`
	}
	err := p.get("query", url.Values{"query": {expr}}, &data)
	return len(data.Result), err
}

// unhealthy are the rules that have not been evaluated without an error.
func (p *prometheus) unhealthy() ([]string, error) {
	var data struct {
		Groups []struct {
			Name  string
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.get("rules", nil, &data); err != nil {
		return nil, err
	}
	if len(data.Groups) == 0 {
		return nil, errors.New("no group of rules is loaded")
	}
	var bad []string
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				bad = append(bad, fmt.Sprintf("%s: %s is %s: %s", g.Name, r.Name, r.Health, r.LastError))
			}
		}
	}
	slices.Sort(bad)
	return bad, nil
}

// patience bounds every wait on a busy machine.
const patience = 2 * time.Minute

// await waits until there is no error any more.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	if err := wait(patience, try); err != nil {
		t.Fatalf("not within %s: %s: %v", patience, what, err)
	}
}

// wait returns the last error when the time is over.
func wait(longest time.Duration, try func() error) error {
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return err
		case <-tick.C:
		}
	}
}
