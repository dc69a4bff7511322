package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEditsApply keeps the table true to the source: each text to take away
// stands there once.
func TestEditsApply(t *testing.T) {
	for _, p := range protections {
		bodies := map[string]string{}
		for _, e := range p.edits {
			body, seen := bodies[e.file]
			if !seen {
				b, err := os.ReadFile(filepath.Join("..", "..", e.file))
				if err != nil {
					t.Fatal(err)
				}
				body = string(b)
			}
			edited, err := e.apply(body)
			if err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
			bodies[e.file] = edited
		}
		if len(p.tests) == 0 {
			t.Errorf("%s: no test is named", p.name)
		}
	}
}
