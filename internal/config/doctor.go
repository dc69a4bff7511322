package config

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Monitoring is where the NATS servers say how they are.
type Monitoring struct {
	// The servers' monitoring ports, separated by commas, each like
	// http://nats:8222. A name with several addresses (a headless Service) is
	// asked at each. Only there a server says how soon a write is on its disk
	// (sync_interval). Empty: that is not checked.
	URLs MonitorURLs `env:"NATS_MONITOR_URLS"`
}

func (*Monitoring) check(*faults) {}

// MonitorURLs is a list of monitoring ports.
type MonitorURLs []*url.URL

// UnmarshalText reads the list.
func (m *MonitorURLs) UnmarshalText(text []byte) error {
	var list MonitorURLs
	for part := range strings.SplitSeq(string(text), ",") {
		u, err := webAddress(strings.TrimSpace(part))
		if err != nil {
			return errors.New("has an entry that is not the address of a monitoring port; write each like http://nats:8222")
		}
		list = append(list, u)
	}
	*m = list
	return nil
}

// Public is where the world reaches the receiver.
type Public struct {
	// Base URL under which gateways reach the receiver, as in the notifyUrl of
	// orders without /callbacks/…, such as https://pay.example.com. Empty: it is
	// not tried.
	URL WebURL `env:"PUBLIC_URL"`
}

func (*Public) check(*faults) {}

// WebURL is an http or https address. The zero value is unset.
type WebURL struct{ text string }

// UnmarshalText reads it.
func (w *WebURL) UnmarshalText(text []byte) error {
	u, err := webAddress(string(text))
	if err != nil {
		return errors.New("is not a base address; write it like https://pay.example.com")
	}
	w.text = u.String()
	return nil
}

// IsZero reports whether it is unset.
func (w WebURL) IsZero() bool { return w.text == "" }

// String is the address without a slash at its end; empty where it is unset.
func (w WebURL) String() string { return w.text }

// webAddress reads a base address. Credentials are refused: it is printed.
func webAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
		!slices.Contains([]string{"http", "https"}, u.Scheme) {
		return nil, errors.New("not a base address") // the parser's error may quote a password
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

// Doctor is the configuration of "settlehook doctor", which looks at a running
// installation: give it the environment of the worker. What REDIS_URL,
// NATS_MONITOR_URLS and PUBLIC_URL name is checked where they are set.
type Doctor struct {
	General    General
	Log        Log
	NATS       NATS
	Merchants  MerchantsFile
	Topology   Topology
	Redis      Redis
	Reconcile  Reconcile
	Sweep      Sweep
	Monitoring Monitoring
	Public     Public
}

// receiversFiles are only where the receiver runs.
var receiversFiles = []string{"HTTP_TLS_CERT", "HTTP_TLS_KEY", "HTTP_TLS_CLIENT_CA"}

// LoadDoctor reads the configuration of "settlehook doctor". The error holds
// every [Fault] of what is missing or can't be read. Settings that can be read
// but contradict each other are findings: contradictions holds those that would
// keep the receiver or the worker from starting.
func LoadDoctor(environ map[string]string) (cfg Doctor, contradictions []*Fault, err error) {
	fs := load(environ, &cfg, "REDIS_URL")
	if err := fs.err(); err != nil {
		return Doctor{}, nil, err
	}
	environ = maps.Clone(environ)
	for _, name := range receiversFiles {
		delete(environ, name)
	}
	_, asReceiver := LoadReceiver(environ)
	fs = load(environ, &Worker{}, "REDIS_URL")
	worker := Worker{
		General: cfg.General, NATS: cfg.NATS, Merchants: cfg.Merchants, Topology: cfg.Topology,
		Redis: cfg.Redis, Reconcile: cfg.Reconcile, Sweep: cfg.Sweep, Admin: Admin{Addr: ":0"},
	}
	_, asWorker := finish(&worker, fs, checkReconciling,
		&worker.General, &worker.NATS, &worker.Merchants, &worker.Topology, &worker.Redis, &worker.Reconcile, &worker.Sweep)
	seen := map[Fault]bool{}
	for _, f := range append(Faults(asReceiver), Faults(asWorker)...) {
		if !seen[*f] {
			seen[*f] = true
			contradictions = append(contradictions, f)
		}
	}
	return cfg, contradictions, nil
}
