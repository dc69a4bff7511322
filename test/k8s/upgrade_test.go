//go:build k8s

package k8s

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// upgrade: what is installed is applied again, with another setting, and with
// another version, and never does the setup Job stand in the way, which can't be
// changed. A new image under the old Job's name would.
func (c *cluster) upgrade(what combination) {
	c.t.Helper()
	again := render(c.t, what)
	c.apply(again)
	deploy := copyOfDeploy(c.t)
	base := filepath.Join(deploy, "k8s", "base")
	edit(c.t, filepath.Join(base, "config.env"), regexp.MustCompile(`LOG_LEVEL=info`), "LOG_LEVEL=debug")
	c.apply(renderFrom(c.t, deploy, what))

	image := regexp.MustCompile(`image: \S*settlehook[@:]\S+`)
	next := func() string {
		return image.ReplaceAllString(renderFrom(c.t, deploy, what), "image: registry.example/settlehook:99.0.0")
	}
	if _, err := c.try(next(), "apply", "--server-side", "-f", "-"); err == nil || !strings.Contains(err.Error(), "immutable") {
		c.t.Errorf("a Job is changed: %v", err)
	}
	edit(c.t, filepath.Join(base, "setup.yaml"), regexp.MustCompile(`settlehook-setup-v[0-9-]+`), "settlehook-setup-v99-0-0")
	c.apply(next())
	c.rolledOut(objects(c.t, next()))
}

// edit changes a file, which has to have what is changed.
func edit(t testing.TB, path string, what *regexp.Regexp, into string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !what.Match(text) {
		t.Fatalf("%s has no %s", path, what)
	}
	writeFile(t, path, what.ReplaceAll(text, []byte(into)))
}
