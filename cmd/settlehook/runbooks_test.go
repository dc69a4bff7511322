package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// command is a call of ours in a page: in a block, or in the text.
var command = regexp.MustCompile("(?m)(?:^ *|`)(settlehook [a-z][^`|\n]*)")

// Whoever is woken copies the commands of a runbook: each has to be one that the
// tool takes. They are parsed as a call is, and not run.
func TestCommandsOfRunbooksParse(t *testing.T) {
	merchants := filepath.Join(t.TempDir(), "merchants.yaml")
	if err := os.WriteFile(merchants, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MERCHANTS_FILE", merchants)
	pages, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d runbooks, %v", len(pages), err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			if err := parse(words(m[1])[1:]); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(page), m[1], err)
			}
		}
	}
	if found < 40 {
		t.Errorf("%d commands in %d runbooks: has their form changed?", found, len(pages))
	}
}

// words splits a line as a shell does that knows single quotes alone.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

func parse(args []string) error {
	exited := false
	parser, err := kong.New(&cli{}, kong.Vars{"version": version}, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) { exited = true }))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	if exited {
		return nil // --help
	}
	return err
}
