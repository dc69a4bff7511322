// Command docgen writes docs/configuration.md from the structs of
// internal/config: their tags and comments. Run it with
// "go generate ./internal/config".
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	source := flag.String("source", ".", "folder of package config")
	out := flag.String("out", "", "file to write")
	flag.Parse()
	if err := run(*source, *out); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(source, out string) error {
	text, err := render(source)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(text), 0o600)
}
