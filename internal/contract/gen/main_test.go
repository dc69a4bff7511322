package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is published is replaced by what only adds, and by nothing else.
func TestPublish(t *testing.T) {
	samples := os.DirFS(filepath.Join("..", "..", "..", "pkg", "events", "testdata"))
	out := filepath.Join(t.TempDir(), "asyncapi.json")
	publish := func() error { return run(samples, out, true) }
	change := func(old, text string) string {
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(b), old, text, 1)
		if changed == string(b) {
			t.Fatalf("it has no %s", old)
		}
		if err := os.WriteFile(out, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if err := publish(); err != nil {
		t.Fatalf("nothing is published: %v", err)
	}
	before := change(`"livemode": {`, `"gone": {}, "livemode": {`)
	if err := publish(); err == nil || !strings.Contains(err.Error(), "data gone: it is gone") {
		t.Errorf("a field that goes is published: %v", err)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != before {
		t.Errorf("what is refused was written (%v)", err)
	}
	if err := run(samples, out, false); err != nil {
		t.Fatal(err)
	}
	change(`"description": "The bank's reference of the payment`, `"description": "A reference of the payment`)
	if err := publish(); err != nil {
		t.Errorf("other words are refused: %v", err)
	}
}
