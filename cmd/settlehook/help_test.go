package main

import (
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command's help shows how it is called.
func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	parser, err := newParser(streams{strings.NewReader(""), io.Discard, io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if n, is := node.(*kong.Node); is && n.Type == kong.CommandNode {
			commands++
			if !hasExample(n.Detail, n.Path()) {
				t.Errorf("settlehook %s --help has no line of an example: four spaces and the command", n.Path())
			}
		}
		return next(nil)
	})
	if err != nil || commands < 20 {
		t.Errorf("%d commands: %v", commands, err)
	}
}

// hasExample finds an indented line that calls the command.
func hasExample(help, path string) bool {
	for line := range strings.Lines(help) {
		if text, indented := strings.CutPrefix(line, "    "); indented && strings.Contains(text+" ", "settlehook "+path) {
			return true
		}
	}
	return false
}
