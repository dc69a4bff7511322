package config_test

import (
	"maps"
	"testing"

	"github.com/settlehook/settlehook/internal/config"
)

func doctorEnv(more map[string]string) map[string]string {
	env := map[string]string{"INSTALLATION": "test", "NATS_URL": "nats://nats:4222", "MERCHANTS_FILE": "/merchants.yaml"}
	maps.Copy(env, more)
	return env
}

func TestLoadDoctor(t *testing.T) {
	cfg, contradictions, err := config.LoadDoctor(doctorEnv(map[string]string{
		"NATS_MONITOR_URLS": "http://nats:8222, https://other/base/", "PUBLIC_URL": "https://pay.example.com/",
		"HTTP_TLS_CERT": "/only/where/the/receiver/runs", "HTTP_TLS_KEY": "/only/where/the/receiver/runs",
	}))
	if err != nil || len(contradictions) > 0 {
		t.Fatal(err, contradictions)
	}
	urls := cfg.Monitoring.URLs
	if len(urls) != 2 || urls[0].String() != "http://nats:8222" || urls[1].String() != "https://other/base" {
		t.Errorf("NATS_MONITOR_URLS: got %v", urls)
	}
	if cfg.Public.URL.String() != "https://pay.example.com" || !cfg.Redis.URL.IsZero() {
		t.Errorf("got %q, Redis %q", cfg.Public.URL, cfg.Redis.URL)
	}
}

func TestLoadDoctorFaults(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"NATS_URL": ""}, "NATS_URL: not set; name the NATS servers, for example NATS_URL=nats://nats:4222"},
		{map[string]string{"NATS_MONITOR_URLS": "nats:8222"}, `NATS_MONITOR_URLS="nats:8222": has an entry that is not the address of a monitoring port; write each like http://nats:8222`},
		{map[string]string{"NATS_MONITOR_URLS": "http://"}, `NATS_MONITOR_URLS="http://": has an entry that is not the address of a monitoring port; write each like http://nats:8222`},
		{map[string]string{"PUBLIC_URL": "pay.example.com"}, `PUBLIC_URL="pay.example.com": is not a base address; write it like https://pay.example.com`},
		{map[string]string{"PUBLIC_URL": "https://pay.example.com?a"}, `PUBLIC_URL="https://pay.example.com?a": is not a base address; write it like https://pay.example.com`},
	} {
		if _, _, err := config.LoadDoctor(doctorEnv(test.env)); err == nil || err.Error() != test.want {
			t.Errorf("%v: got %v, want %s", test.env, err, test.want)
		}
	}
}

// TestLoadDoctorContradictions tells what would keep a program from starting,
// once, and goes on.
func TestLoadDoctorContradictions(t *testing.T) {
	cfg, contradictions, err := config.LoadDoctor(doctorEnv(map[string]string{
		"CLAIM_LEASE": "40s", "HTTP_WRITE_TIMEOUT": "11s", "PAYMENTS_MAX_AGE": "45d",
	}))
	if err != nil || cfg.General.Installation != "test" {
		t.Fatal(err)
	}
	var got []string
	for _, f := range contradictions {
		got = append(got, f.Where)
	}
	want := []string{`PAYMENTS_MAX_AGE="45d"`, `HTTP_WRITE_TIMEOUT="11s"`, `CLAIM_LEASE="40s"`}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
