package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const ours = "example.org/shop"

func made(name string, deps ...*debug.Module) program {
	return program{name: name, sha256: strings.Repeat("0", 64), info: &debug.BuildInfo{
		GoVersion: "go1.26.8 X:nodwarf5", Path: ours + "/cmd/" + name, Main: debug.Module{Path: ours}, Deps: deps,
		Settings: []debug.BuildSetting{{Key: "-ldflags", Value: "-X main.path=/home/me"}, {Key: "GOOS", Value: "linux"}},
	}}
}

func TestDescribe(t *testing.T) {
	a := &debug.Module{Path: "github.com/Up/a", Version: "v1.2.0+incompatible", Sum: "h1:a="}
	b := &debug.Module{Path: "b.org/b", Version: "v1.0.0", Replace: &debug.Module{Path: "c.org/c", Version: "v2.0.0", Sum: "h1:c="}}
	bom, err := describe(product{version: "0.1.0", created: time.Unix(1_700_000_000, 0)}, []program{made("one", a, b), made("two", a)})
	if err != nil {
		t.Fatal(err)
	}
	if bom.SerialNumber != "" || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("serial number %q, time %q", bom.SerialNumber, bom.Metadata.Timestamp)
	}
	uses := map[string][]string{}
	for _, d := range *bom.Dependencies {
		uses[d.Ref] = *d.Dependencies
	}
	const shop = "pkg:golang/example.org/shop@0.1.0"
	want := map[string][]string{
		shop:              {shop + "#cmd/one", shop + "#cmd/two"},
		shop + "#cmd/one": {"pkg:golang/c.org/c@v2.0.0", "pkg:golang/github.com/up/a@v1.2.0%2Bincompatible", "pkg:golang/std@1.26.8"},
		shop + "#cmd/two": {"pkg:golang/github.com/up/a@v1.2.0%2Bincompatible", "pkg:golang/std@1.26.8"},
	}
	if diff := cmp.Diff(want, uses); diff != "" {
		t.Errorf("what uses what (-want +got):\n%s", diff)
	}
	var named []string
	for _, c := range *bom.Components {
		line := string(c.Type) + " " + c.Name + " " + c.Version
		for _, p := range deref(c.Properties) {
			line += " " + p.Name + "=" + p.Value
		}
		named = append(named, line)
	}
	if diff := cmp.Diff([]string{
		"application one 0.1.0 go:build:GOOS=linux",
		"application two 0.1.0 go:build:GOOS=linux",
		"library c.org/c v2.0.0 go:sum=h1:c=",
		"library github.com/Up/a v1.2.0+incompatible go:sum=h1:a=",
		"library std 1.26.8",
	}, named); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

func deref(p *[]cyclonedx.Property) []cyclonedx.Property {
	if p == nil {
		return nil
	}
	return *p
}

func TestDescribeRefuses(t *testing.T) {
	other := made("two")
	other.info.Main.Path = "example.org/other"
	a, forged := &debug.Module{Path: "a", Version: "v1", Sum: "h1:a="}, &debug.Module{Path: "a", Version: "v1", Sum: "h1:b="}
	for want, programs := range map[string][]program{
		"no program is given": nil,
		"one is given twice":  {made("one"), made("one")},
		"two is of module example.org/other, not of " + ours:        {made("one"), other},
		"pkg:golang/a@v1 has another content in two than in others": {made("one", a), made("two", forged)},
	} {
		if _, err := describe(product{}, programs); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestSchema writes the bill of materials of a real program twice, and holds it
// to the standard's own schema.
func TestSchema(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "share", "sbom.json")
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "sbom"), ".")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	args := []string{"-version", "0.1.0", "-created", "1700000000", "-out", out, filepath.Join(dir, "sbom")}
	var texts [2][]byte
	for i := range texts {
		if err := run(args); err != nil {
			t.Fatal(err)
		}
		var err error
		if texts[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(texts[0]), string(texts[1])); diff != "" {
		t.Errorf("the second time it is another:\n%s", diff)
	}
	var document map[string]any
	if err := json.Unmarshal(texts[0], &document); err != nil {
		t.Fatal(err)
	}
	schema := schema(t)
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	if text := string(texts[0]); !strings.Contains(text, "pkg:golang/github.com/cyclonedx/cyclonedx-go@v") ||
		!strings.Contains(text, `"pkg:golang/std@`+strings.TrimPrefix(runtime.Version(), "go")+`"`) {
		t.Errorf("the program's library or Go is missing:\n%s", text)
	}
	document["components"].([]any)[0].(map[string]any)["type"] = "programme"
	if err := schema.Validate(document); err == nil {
		t.Error("the schema takes everything")
	}
}

// schema is the one that comes with the library.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(dir)), "schema")
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const base = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		f, err := os.Open(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jsonschema.UnmarshalJSON(f)
		_ = f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := compiler.AddResource(base+name, text); err != nil {
			t.Fatal(err)
		}
	}
	s, err := compiler.Compile(base + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUnreadableProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-out", path + ".json", path}); err == nil || !strings.HasPrefix(err.Error(), "read the build information of "+path) {
		t.Errorf("error %v", err)
	}
}
