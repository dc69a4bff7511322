package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/settlehook/settlehook/internal/config"
)

const withSecretFile = `merchants:
  - {id: m1, currency: INR, region: none, gateway: https://gateway.example, rate: 1, keys: [{id: k, secretFile: secret}]}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// replace puts a new file in the place of the old one, as careful writers do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	must(t, os.Rename(path+".new", path))
}

// follow starts a source and returns it with its subscription.
func follow(t *testing.T, path string, opts config.SourceOptions) (*config.MerchantsSource, <-chan struct{}) {
	t.Helper()
	opts.Settle = time.Millisecond
	source, err := config.NewMerchantsSource(path, opts)
	must(t, err)
	changed, cancel := source.Subscribe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- source.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return source, changed
}

// until waits for changes until one brings what is wanted.
func until(t *testing.T, changed <-chan struct{}, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s never came", what)
		}
	}
}

func secretOf(set *config.Merchants, id string) string {
	m, ok := set.Get(id)
	if !ok {
		return ""
	}
	return string(m.Keyring.SigningKey().Secret)
}

// A Kubernetes volume: the files are links into ..data, which is a link to a
// dated folder, and an update swaps ..data.
func TestReloadBySymlinkSwap(t *testing.T) {
	dir := t.TempDir()
	volume := func(name, secret string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "merchants.yaml"), withSecretFile)
		write(t, filepath.Join(dir, name, "secret"), secret)
	}
	swap := func(name string) {
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	volume("..first", "old\n")
	volume("..second", "new\n")
	swap("..first")
	for _, name := range []string{"merchants.yaml", "secret"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}

	source, changed := follow(t, filepath.Join(dir, "merchants.yaml"), config.SourceOptions{Poll: time.Hour})
	before := source.Current()
	if got := secretOf(before, "m1"); got != "old" {
		t.Fatalf("secret = %q", got)
	}
	swap("..second")
	until(t, changed, "the new secret", func() bool { return secretOf(source.Current(), "m1") == "new" })
	if got := secretOf(before, "m1"); got != "old" {
		t.Errorf("a set in use was changed: secret = %q", got)
	}
}

func TestReloadOfSecretFileInAnotherFolder(t *testing.T) {
	dir, secrets := t.TempDir(), t.TempDir()
	path, secret := filepath.Join(dir, "merchants.yaml"), filepath.Join(secrets, "secret")
	write(t, path, strings.Replace(withSecretFile, "secretFile: secret", "secretFile: "+secret, 1))
	write(t, secret, "old")
	source, changed := follow(t, path, config.SourceOptions{Poll: time.Hour})
	replace(t, secret, "new")
	until(t, changed, "the new secret", func() bool { return secretOf(source.Current(), "m1") == "new" })
}

// Behind a link to another folder no watch tells of the change.
func TestReloadByPolling(t *testing.T) {
	dir, real := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "merchants.yaml")
	write(t, filepath.Join(real, "merchants.yaml"), minimal)
	must(t, os.Symlink(filepath.Join(real, "merchants.yaml"), path))
	source, changed := follow(t, path, config.SourceOptions{Poll: 5 * time.Millisecond})
	replace(t, filepath.Join(real, "merchants.yaml"), strings.Replace(minimal, "s3cr3t", "new", 1))
	until(t, changed, "the new secret", func() bool { return secretOf(source.Current(), "m1") == "new" })
}

func TestFaultyFileIsRefusedAndStale(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "merchants.yaml")
	write(t, path, minimal)
	core, logs := observer.New(zapcore.InfoLevel)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	source, changed := follow(t, path, config.SourceOptions{
		Poll: time.Hour, Logger: zap.New(core), Now: func() time.Time { return at },
	})
	first := source.Current()
	stale := func() bool { _, err := source.Stale(); return err != nil }
	fresh := func() bool { return !stale() }

	replace(t, path, strings.Replace(minimal, "rate: 10", "rate: 0", 1))
	until(t, changed, "the refusal", stale)
	since, err := source.Stale()
	want := path + `:6: merchant m1: rate: "0" is not a rate; write order queries per second from 0.01 to 10000, with at most three decimals`
	if !since.Equal(at) || err.Error() != want {
		t.Errorf("Stale() = %v, %v", since, err)
	}
	if source.Current() != first {
		t.Error("a faulty file changed the merchants")
	}
	refused := logs.FilterLevelExact(zapcore.ErrorLevel).All()
	if len(refused) != 1 {
		t.Fatalf("%d errors were logged, want 1", len(refused))
	}
	if diff := cmp.Diff([]any{want}, refused[0].ContextMap()["faults"]); diff != "" {
		t.Errorf("logged faults (-want +got):\n%s", diff)
	}

	// Gone is as faulty as wrong, and the time of the first refusal stays.
	must(t, os.Remove(path))
	until(t, changed, "the second refusal", func() bool { _, err := source.Stale(); return err != nil && err.Error() != want })
	if since, _ := source.Stale(); !since.Equal(at) || source.Current() != first {
		t.Errorf("stale since %v", since)
	}

	// What was in force before is in force still, and good again.
	replace(t, path, minimal)
	until(t, changed, "the file as it was", fresh)
	if source.Current() != first {
		t.Error("the same file made another set")
	}

	replace(t, path, strings.Replace(minimal, "id: m1", "id: m2", 1))
	until(t, changed, "the other merchant", func() bool { _, ok := source.Current().Get("m2"); return ok })
	if since, err := source.Stale(); !since.IsZero() || err != nil {
		t.Errorf("Stale() = %v, %v", since, err)
	}
	warned := logs.FilterMessageSnippet("merchants were removed").All()
	if len(warned) != 1 || !cmp.Equal(warned[0].ContextMap()["removed"], []any{"m1"}) {
		t.Errorf("the removal was logged as %v", warned)
	}
	for _, entry := range logs.All() {
		if strings.Contains(entry.Message, "s3cr3t") || strings.Contains(strings.Join(texts(entry), " "), "s3cr3t") {
			t.Errorf("a secret was logged: %v", entry)
		}
	}
}

func texts(entry observer.LoggedEntry) []string {
	var all []string
	for _, field := range entry.Context {
		all = append(all, field.String)
	}
	return all
}

func TestFirstReadingMustBeGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "merchants.yaml")
	write(t, path, "merchants: []\n")
	source, err := config.NewMerchantsSource(path, config.SourceOptions{})
	if source != nil || err == nil || err.Error() != path+":1: merchants: the list is empty; list at least one merchant" {
		t.Errorf("%v, %v", source, err)
	}
}
