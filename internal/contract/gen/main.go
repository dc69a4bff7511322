// Command gen writes docs/asyncapi.json, and with -publish the copy that is
// published. Run it with "make generate" and "make publish-contract".
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/settlehook/settlehook/internal/contract"
)

func main() {
	samples := flag.String("samples", "", "folder with an event of each type")
	out := flag.String("out", "", "file to write")
	publish := flag.Bool("publish", false, "refuse what breaks the contract that the file holds")
	flag.Parse()
	if err := run(os.DirFS(*samples), *out, *publish); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(samples fs.FS, out string, publish bool) error {
	text, err := contract.AsyncAPI(samples)
	if err != nil {
		return err
	}
	if publish {
		if err := harmless(out, text); err != nil {
			return err
		}
	}
	return os.WriteFile(out, text, 0o600)
}

// harmless refuses what would break readers of what was published before.
func harmless(published string, text []byte) error {
	old, err := os.ReadFile(filepath.Clean(published))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	broken, err := contract.Breaking(old, text)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("this breaks the contract that %s publishes; give what changes its meaning a new version (docs/events.md, Versions):\n%s",
			published, strings.Join(broken, "\n"))
	}
	return nil
}
