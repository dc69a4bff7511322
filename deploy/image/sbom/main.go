// Command sbom writes the software bill of materials of Go programs, as
// CycloneDX JSON, from what the linker has written into them: exactly the
// modules that are linked, and nothing that is not.
//
//	sbom -version 0.1.0 -created 1764000000 -out settlehook.cdx.json receiver worker settlehook
//
// The same programs and flags give the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	version := flags.String("version", "dev", "version of the product")
	created := flags.Int64("created", 0, "when its sources were made, in seconds since 1970 (SOURCE_DATE_EPOCH)")
	out := flags.String("out", "", "the file to write; its folder is made")
	if err := flags.Parse(args); err != nil {
		return err
	}
	programs := make([]program, flags.NArg())
	for i, path := range flags.Args() {
		var err error
		if programs[i], err = readProgram(path); err != nil {
			return err
		}
	}
	bom, err := describe(product{version: *version, created: time.Unix(*created, 0)}, programs)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, specVersion); err != nil {
		return fmt.Errorf("encode the bill of materials: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(*out), 0o755); err != nil { //nolint:gosec // it is published
		return err
	}
	return os.WriteFile(*out, text.Bytes(), 0o644) //nolint:gosec // it is published
}
