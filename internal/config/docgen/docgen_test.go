package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

func TestDocumentIsCurrent(t *testing.T) {
	want, err := render("..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what the structs say; run \"go generate ./internal/config\" (-want +got):\n%s", diff)
	}
}

func TestExampleIsValid(t *testing.T) {
	read := func(path string) ([]byte, error) { return []byte("secret of " + path + "\n"), nil }
	merchants, err := config.ParseMerchants("/etc/settlehook/merchants.yaml", []byte(example), read)
	if err != nil {
		t.Fatal(err)
	}
	if merchants.Len() != 2 {
		t.Errorf("the example has %d merchants, want 2", merchants.Len())
	}
}

func TestUndocumentedSettingFails(t *testing.T) {
	dir := t.TempDir()
	source := "package config\n\n// General is it.\ntype General struct {\n\tName string `env:\"NAME\"`\n}\n"
	if err := os.WriteFile(dir+"/general.go", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	types, err := structs(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &renderer{types: types}
	r.group("General")
	if len(r.errs) != 1 || r.errs[0].Error() != "General.Name has no name or no comment" {
		t.Errorf("errors = %v", r.errs)
	}
}

func TestEverySettingIsInTheDocument(t *testing.T) {
	text, err := render("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HTTP_ADDR", "ADMIN_ADDR", "NATS_URL", "NATS_CREDS", "REDIS_URL", "MERCHANTS_FILE", "INSTALLATION", "WORKER_ROLES", "MAX_WORKERS", "LOG_LEVEL", "LOG_FORMAT"} {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("%s has no row", name)
		}
	}
}
